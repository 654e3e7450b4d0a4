"""TaiChi-HD as its authors' script writes it: clips of YouTube videos, cropped to the person, as videos or as folders of frames.

::

    root/[frames/]SPLIT/ID#SSSSSS#EEEEEE.mp4             frames S to E of video ID
    root/[frames/]SPLIT/ID#SSSSSS#EEEEEE[.mp4]/NNNN.jpg  or .png
    root/taichi-metadata.csv                             video_id,start,end,bbox,fps,width,height,partition

With the list next to the splits it alone decides which clips are official; YouTube has lost many of them, and a clip without its
file lowers the coverage. Without it the published counts say how many are missing. There are no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidbench.data.folders.inventory import composed, is_present, take_inventory
from vidbench.data.folders.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from vidbench.data.layouts.frame_files import each_once, videos_or_folders
from vidbench.data.layouts.kinetics import read_csv_list
from vidbench.data.layouts.listing import Listing, not_listed, refuse_cell, split_folder
from vidbench.errors import InputError

DATASET = "taichi-hd"
LIST_NAME = "taichi-metadata.csv"
# Rows of the list, AliaksandrSiarohin/first-order-model at c027484, data/taichi-loading.
OFFICIAL_COUNTS = {"train": 3049, "test": 285}
_COLUMNS = ("video_id", "start", "end", "partition")


def find_taichi_hd(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Find the clips of a split, each named ``ID#SSSSSS#EEEEEE``.

    Args:
        root: the folder that contains the splits, or ``frames``.
        split: ``"train"`` or ``"test"``.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is missing, holds no clip, or both videos and frames, the list is unreadable or names a clip
            twice, or an entry should be read and cannot be.
    """
    inner = root / "frames"
    folder = split_folder(inner if inner.is_dir() else root, split)
    found = take_inventory(folder, VIDEO_SUFFIXES | IMAGE_SUFFIXES, depth=1, ignore=ignore)
    # The authors' script gives folders of frames the name of the video.
    sources, duplicates = each_once(videos_or_folders(found), lambda path: composed(path.name.removesuffix(".mp4")))
    if not sources:
        raise InputError(
            f"The split folder '{folder}' contains neither videos nor folders of frames; check --data or fetch the data."
        )
    official = OFFICIAL_COUNTS.get(split)
    if not is_present(root / LIST_NAME):
        return Listing(
            DATASET,
            (),
            dict.fromkeys(sources),
            sources,
            f"names in '{folder}' (published: {official or 'unknown'} clips)",
            num_official=official,
            duplicates=duplicates,
            unused=found.unused,
        )
    names = _read_list(root / LIST_NAME, split)
    here = {name: source for name, source in sources.items() if name in names}
    if not here:
        raise InputError(
            f"None of the {len(names)} clips of split '{split}' in '{root / LIST_NAME}' is in '{folder}'; files must be named like "
            f"'{next(iter(names))}.mp4', so check --data."
        )
    return Listing(
        DATASET,
        (),
        dict.fromkeys(names),
        here,
        f"list '{root / LIST_NAME}'",
        duplicates=tuple(each for each in duplicates if each.video_id in names),
        unused=not_listed(found, len(sources) - len(here)),
    )


def _read_list(path: Path, split: str) -> dict[str, None]:
    """Return the names of the clips of a split, in the order of the list."""
    table = read_csv_list(path)
    for column in _COLUMNS:
        if column not in table.columns:
            raise InputError(f"The list '{path}' has no column '{column}'; it requires {', '.join(_COLUMNS)}.")
    names: dict[str, None] = {}
    rows = zip(*(table[column] for column in _COLUMNS), strict=True)
    for line, (video_id, start, end, partition) in enumerate(rows, start=2):
        refuse_cell(video_id, f"Line {line} of the list '{path}'")
        if not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit() and int(start) < int(end)):
            raise InputError(f"Line {line} of the list '{path}' has no first and last frame; fetch the published list.")
        name = f"{composed(video_id)}#{int(start):06d}#{int(end):06d}"
        if partition != split:
            continue
        if name in names:
            raise InputError(f"The list '{path}' names the clip '{name}' twice, again in line {line}; keep one.")
        names[name] = None
    if not names:
        raise InputError(f"The list '{path}' names no clip of split '{split}'; fetch the published list.")
    return names
