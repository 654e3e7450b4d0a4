"""The order of the frames in a folder, and what their names say: a frame that is there twice, or a missing one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from vidbench.data.folders.inventory import composed
from vidbench.data.folders.suffixes import IMAGE_SUFFIXES
from vidbench.errors import InputError

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(path: Path) -> tuple[list[str | int], str]:
    """Return a sort key that puts ``frame_2`` before ``frame_10``; ties are broken by the name itself."""
    name = composed(path.name)
    return _parts(name), name


def ordered_frames(folder: Path, images: Sequence[Path]) -> list[Path]:
    """Return the frames of a clip in natural order.

    Where frames are named alike but for one number, the numbers must rise in equal steps.

    Args:
        folder: the folder, for error messages.
        images: its images.

    Raises:
        InputError: there are no images, a frame is there twice (as PNG and as JPEG, or as ``1`` and ``01``), a number is missing, or images
            with numbers have unlike names.
    """
    if not images:
        raise InputError(
            f"The sample '{folder}' has no frames ({', '.join(sorted(IMAGE_SUFFIXES))}); remove or fill it."
        )
    frames = sorted(images, key=natural_key)
    stems = [_parts(composed(path.stem)) for path in frames]
    first_with: dict[tuple[str | int, ...], Path] = {}
    for path, parts in zip(frames, stems, strict=True):
        twin = first_with.setdefault(tuple(parts), path)
        if twin is not path:
            raise InputError(f"The frame '{twin}' is there twice, also as '{path.name}'; keep one.")
    _refuse_unlike(frames, stems)
    _refuse_gap(folder, frames, stems)
    return frames


def _parts(name: str) -> list[str | int]:
    """Split a name into text and numbers; text is at even places."""
    return [int(part) if place % 2 else part for place, part in enumerate(_DIGITS.split(name))]


def _refuse_unlike(frames: Sequence[Path], stems: Sequence[list[str | int]]) -> None:
    """Refuse an image among numbered frames that is not named like them, such as a cover picture."""
    texts = [parts[::2] for parts in stems]
    if not any(len(text) > 1 for text in texts):
        return
    usual = max(texts, key=texts.count)
    for path, text in zip(frames, texts, strict=True):
        if text != usual:
            like = next(frame for frame, other in zip(frames, texts, strict=True) if other == usual)
            raise InputError(
                f"The image '{path}' is not named like the frames of its folder ('{like.name}'), so its place is unclear; "
                "rename or remove it, or leave it out with --ignore."
            )


def _refuse_gap(folder: Path, frames: Sequence[Path], stems: Sequence[list[str | int]]) -> None:
    numbers = [parts[1::2] for parts in stems]
    varying = [place for place in range(len(numbers[0])) if len({row[place] for row in numbers}) > 1]
    if len(varying) != 1:
        return  # several numbers in a name, such as a scene and a frame, or a time stamp: no order can be checked
    values = [int(row[varying[0]]) for row in numbers]
    steps = [after - before for before, after in pairwise(values)]
    usual = min(steps)
    for place, step in enumerate(steps):
        if step != usual:
            raise InputError(
                f"The frames in '{folder}' have a gap: '{frames[place + 1].name}' follows '{frames[place].name}', where "
                f"{values[place] + usual} is expected; add the missing frames, or number the frames without a gap."
            )
