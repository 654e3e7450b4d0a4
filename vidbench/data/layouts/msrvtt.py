"""MSR-VTT as published: 10,000 clips of web videos, 20 captions each.

::

    root/…/train_val_videodatainfo.json     videos with their split, "train" or "validate", and sentences
    root/…/test_videodatainfo.json          the same of the split "test"
    root/…/MSRVTT_data.json                 what mirrors give instead: all three splits in one
    root/…/video7010.mp4                    below videos/, TestVideo/ or the like

The files of annotations may be in the data folder or in a sub-folder of it. Captions keep the order of the file; white space in
them becomes single spaces. There are no labels: the field ``category`` numbers 20 topics, which the published protocols do not use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidbench.data.folders.inventory import composed, fault_of_name, is_present
from vidbench.data.layouts.listing import Listing, as_sources, by_name, find_videos, not_listed, quoted, visible
from vidbench.errors import InputError
from vidbench.tasks.limits import LONGEST_TEXT
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.regular_files import read_regular

SPLITS = ("train", "validate", "test")
ALL_SPLITS = "MSRVTT_data.json"
_FILES = {
    "train": "train_val_videodatainfo.json",
    "validate": "train_val_videodatainfo.json",
    "test": "test_videodatainfo.json",
}
_NAME = re.compile(r"video[0-9]{1,9}")
_DEPTH = 3


def find_msrvtt(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Read the annotations of a split and find its videos.

    Args:
        root: the folder that contains annotations and videos, directly or in sub-folders.
        split: one of `SPLITS`.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: there is no such split, its file is missing or damaged, a video of it has no caption, none of its videos is on
            disk, or an entry should be read and cannot be.
    """
    if split not in SPLITS:
        raise InputError(f"MSR-VTT has no split '{split}': use one of {', '.join(SPLITS)}.")
    if not root.is_dir():
        raise InputError(
            f"The data folder '{root}' does not exist: name that of MSR-VTT, with --data DIR when running a task."
        )
    path = _annotations(root, split)
    captions = _read_split(path, split)
    found = find_videos(root, _DEPTH, ignore, known=frozenset({*_FILES.values(), ALL_SPLITS}))
    videos = [(composed(file.stem), file) for file in found.files]
    files, duplicates = by_name((name, file) for name, file in videos if name in captions)
    if not files:
        raise InputError(
            f"None of the {len(captions)} videos of the split '{split}' in '{path}' is below '{root}'; files must be named like "
            f"'{next(iter(captions))}.mp4', so check --data."
        )
    return Listing(
        "msrvtt",
        (),
        dict.fromkeys(captions),
        as_sources(files),
        f"split '{split}' of '{path}'",
        duplicates=duplicates,
        unused=not_listed(found, sum(name not in captions for name, _ in videos)),
        captions=captions,
    )


def _annotations(root: Path, split: str) -> Path:
    folders = (root, *(path for path in visible(root) if path.is_dir()))
    for name in (_FILES[split], ALL_SPLITS):
        for folder in folders:
            if is_present(folder / name):
                return folder / name
    present = quoted(path.name for folder in folders for path in visible(folder) if path.suffix == ".json")
    raise InputError(
        f"There is neither '{_FILES[split]}' nor '{ALL_SPLITS}' in '{root}' or a folder in it (found: {present}); put the official "
        "annotations there."
    )


def _read_split(path: Path, split: str) -> dict[str, tuple[str, ...]]:
    """Return the captions of each video of a split, in the order of the file."""
    advice = "fetch the official annotations again"
    try:
        document = parse_json(read_regular(path), f"The file '{path}'")
    except (OSError, UnreadableError) as error:
        raise InputError(f"The annotations '{path}' cannot be read ({error}); {advice}.") from error
    videos, sentences = (_rows(document, part, path) for part in ("videos", "sentences"))
    captions: dict[str, list[str]] = {}
    for number, video in enumerate(videos):
        name = video.get("video_id")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or video.get("split") not in SPLITS:
            raise InputError(
                f"Entry {number} of 'videos' in '{path}' has no video_id like 'video7010' or no known split; {advice}."
            )
        if name in captions:
            raise InputError(f"The annotations '{path}' name the video '{name}' twice; {advice}.")
        if video["split"] == split:
            captions[name] = []
    for number, sentence in enumerate(sentences):
        name, text = sentence.get("video_id"), sentence.get("caption")
        text = " ".join(text.split()) if isinstance(text, str) else ""
        if not isinstance(name, str) or not 0 < len(text) <= LONGEST_TEXT or fault_of_name(text):
            raise InputError(
                f"Entry {number} of 'sentences' in '{path}' has no video_id, or no caption of printable text with at most "
                f"{LONGEST_TEXT:,} characters; {advice}."
            )
        if name in captions:
            captions[name].append(text)
    silent = [name for name, texts in captions.items() if not texts]
    if silent or not captions:
        what = f"no caption of the video '{silent[0]}'" if silent else f"no video of the split '{split}'"
        raise InputError(f"The annotations '{path}' have {what}; {advice}.")
    return {name: tuple(texts) for name, texts in captions.items()}


def _rows(document: Any, part: str, path: Path) -> list[dict[str, Any]]:
    rows = document.get(part) if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            f"The annotations '{path}' have no list '{part}' of objects; fetch the official annotations again."
        )
    return rows
