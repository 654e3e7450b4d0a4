"""SkyTimelapse as published: one folder of JPEG frames per clip, in the folder of the YouTube video that it was cut from.

::

    root/[sky_timelapse/]sky_train/ID/ID_K/ID_frames_NNNNNNNN.jpg    clip K of video ID
    root/[sky_timelapse/]sky_test/ID/ID_K/…
    root/train/ID_K/…                                                the same without the upper folder, as evaluation code wants it

There are no labels and no list. The archive holds clips of 2 frames and folders without any (``z6Yr7KDZhm0``): these are counted as
empty, and a clip that is shorter than those of a task is left to the task and the scan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from vidbench.data.folders.inventory import composed, take_inventory
from vidbench.data.folders.suffixes import LOSSY_IMAGE_SUFFIXES
from vidbench.data.layouts.frame_files import clip_folders, each_once
from vidbench.data.layouts.listing import Listing, split_folder
from vidbench.errors import InputError

DATASET = "sky-timelapse"
# Clips, by the readme of the archive.
OFFICIAL_COUNTS = {"train": 2392, "test": 225}
_CLIP = re.compile(r".+_\d+")
_DEPTH = 2


def find_sky_timelapse(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Find the clips of a split, each named by its folder, ``ID_K``.

    Args:
        root: the folder that contains the splits, or ``sky_timelapse``.
        split: ``"train"`` or ``"test"``, in a folder of that name or of the archive's name for it.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is missing or holds no frames, a clip is not named like those of the archive, or an entry should
            be read and cannot be.
    """
    inner = root / "sky_timelapse"
    above = inner if inner.is_dir() else root
    published = above / f"sky_{split}"
    if published.is_dir() and (above / split).is_dir():
        raise InputError(f"The split '{split}' is in both '{published}' and '{above / split}'; keep one.")
    folder = published if published.is_dir() else split_folder(above, split)
    found = take_inventory(folder, LOSSY_IMAGE_SUFFIXES, depth=_DEPTH, ignore=ignore)
    clips = clip_folders(folder, found.files)
    if not clips:
        raise InputError(
            f"The split folder '{folder}' contains no frames (.jpg) in folders of clips; check --data or fetch the data."
        )
    for path in clips:
        if _CLIP.fullmatch(path.name) is None:
            raise InputError(
                f"The folder '{path}' is not named like a clip of SkyTimelapse ('07U1fSrk9oI_1'); rename it, or leave it out with "
                f"--ignore '{path.name}'."
            )
    sources, duplicates = each_once(clips, lambda path: composed(path.name))
    official = OFFICIAL_COUNTS.get(split)
    return Listing(
        DATASET,
        (),
        dict.fromkeys(sources),
        sources,
        f"folders of frames in '{folder}' (published: {official or 'unknown'} clips)",
        num_official=official,
        duplicates=duplicates,
        unused=found.unused,
    )
