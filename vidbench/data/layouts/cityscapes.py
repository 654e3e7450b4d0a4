"""Cityscapes sequences as published (``leftImg8bit_sequence_trainvaltest.zip``): 30 PNG frames around each annotated image.

::

    root/[leftImg8bit_sequence/]SPLIT/CITY/CITY_SSSSSS_FFFFFF_leftImg8bit.png

``SSSSSS`` is the recording and ``FFFFFF`` the frame in it. All snippets of a city are in one folder, and a recording may hold many. A
snippet is named as its annotated image, the 20th of its 30 frames. There are no labels and no list: the published counts say how
many snippets are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vidbench.data.folders.inventory import composed, take_inventory
from vidbench.data.layouts.frame_files import FrameFiles
from vidbench.data.layouts.listing import FrameSource, Listing, split_folder
from vidbench.errors import InputError

DATASET = "cityscapes"
NUM_FRAMES = 30
# Snippets, one for each annotated image.
OFFICIAL_COUNTS = {"train": 2975, "val": 500, "test": 1525}
_ANNOTATED = 19
_NAME = re.compile(r"(?P<city>[^_]+)_(?P<recording>\d{6})_(?P<frame>\d{6})_leftImg8bit\.png")


def find_cityscapes(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Find the snippets of a split.

    Args:
        root: the folder that contains ``leftImg8bit_sequence``, or that folder itself.
        split: ``"train"``, ``"val"`` or ``"test"``.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is missing or holds no frames, a frame is not named as published, or an entry should be read
            and cannot be. A snippet that lacks frames is on the list; reading it is refused.
    """
    inner = root / "leftImg8bit_sequence"
    folder = split_folder(inner if inner.is_dir() else root, split)
    found = take_inventory(folder, {".png"}, depth=1, ignore=ignore)
    recordings: dict[tuple[Path, str], dict[int, str]] = {}
    for path in found.files:
        named = _NAME.fullmatch(path.name)
        if named is None or path.parent.name != named["city"]:
            raise InputError(
                f"The file '{path}' is not named like 'aachen/aachen_000000_000019_leftImg8bit.png', so its place is unknown; "
                f"fetch it under its published name, or leave it out with --ignore '{path.name}'."
            )
        recordings.setdefault((path.parent, f"{named['city']}_{named['recording']}"), {})[int(named["frame"])] = (
            path.name
        )
    if not recordings:
        raise InputError(
            f"There are no files like 'aachen/aachen_000000_000019_leftImg8bit.png' in '{folder}': name the folder above with "
            "--data DIR."
        )
    sources: dict[str, FrameSource] = {}
    for (city, recording), names in sorted(recordings.items()):
        for first, frames in _snippets(names):
            files = tuple(names[frame] for frame in frames)
            name = composed(f"{recording}_{first + _ANNOTATED:06d}")
            sources[name] = FrameFiles(city / files[0], city, files, NUM_FRAMES)
    official = OFFICIAL_COUNTS.get(split)
    return Listing(
        DATASET,
        (),
        dict.fromkeys(sources),
        sources,
        f"file names in '{folder}' (published: {official or 'unknown'} snippets)",
        num_official=official,
        unused=found.unused,
    )


def _snippets(numbers: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
    """Yield the snippets of a recording: each begins at the first frame behind the one before and spans 30 numbers."""
    snippet: list[int] = []
    for number in sorted(numbers):
        if snippet and number >= snippet[0] + NUM_FRAMES:
            yield snippet[0], snippet
            snippet = []
        snippet.append(number)
    yield snippet[0], snippet
