"""FaceForensics, cropped to the face: videos as Latte publishes them, or the folders of frames that StyleGAN-V's script writes.

::

    root/[preprocess_ffs/]SPLIT/videos/NAME.avi
    root/[preprocess_ffs/]SPLIT/NAME/NNNNNN.jpg

The originals (``SPLIT/original``, ``mask``, ``altered``) are refused: generation papers crop each video by its mask, and another
crop is other data. There are no labels and no list.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidbench.data.folders.inventory import composed, take_inventory
from vidbench.data.folders.suffixes import LOSSY_IMAGE_SUFFIXES, VIDEO_SUFFIXES
from vidbench.data.layouts.frame_files import each_once, videos_or_folders
from vidbench.data.layouts.listing import Listing, split_folder
from vidbench.errors import InputError

DATASET = "faceforensics"
_UNCROPPED = ("original", "altered", "mask")


def find_faceforensics(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Find the cropped videos of a split, each named by its file or folder.

    Args:
        root: the folder that contains the splits, or ``preprocess_ffs``.
        split: ``"train"``, ``"val"`` or ``"test"``.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is missing, holds the uncropped originals, no video, or both videos and frames, or an entry
            should be read and cannot be.
    """
    inner = root / "preprocess_ffs"
    folder = split_folder(inner if inner.is_dir() else root, split)
    for name in _UNCROPPED:
        if (folder / name).is_dir():
            raise InputError(
                f"The folder '{folder / name}' holds uncropped videos of FaceForensics, and the tasks are of faces cropped by their "
                "masks; crop them with StyleGAN-V's src/scripts/preprocess_ffs.py into 'SPLIT/NAME/NNNNNN.jpg'."
            )
    found = take_inventory(folder, VIDEO_SUFFIXES | LOSSY_IMAGE_SUFFIXES, depth=1, ignore=ignore)
    videos = videos_or_folders(found)
    if not videos:
        raise InputError(
            f"The split folder '{folder}' contains neither 'videos/NAME.avi' nor 'NAME/000000.jpg'; check --data or fetch the data."
        )
    sources, duplicates = each_once(videos, lambda path: composed(path.name if path.is_dir() else path.stem))
    return Listing(
        DATASET,
        (),
        dict.fromkeys(sources),
        sources,
        f"cropped videos in '{folder}'",
        duplicates=duplicates,
        unused=found.unused,
    )
