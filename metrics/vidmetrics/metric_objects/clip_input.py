"""Clips as people have them: arrays and tensors in three layouts, lists of clips, and iterables of batches."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.metric_objects.pixel_values import DarkClips, ValueRange, as_uint8, check_range

Layout: TypeAlias = Literal["NTHWC", "NTCHW", "NCTHW"]
"""Order of the axes: clips, time, height, width, channels."""

Clips: TypeAlias = Any
"""One array or tensor of clips, a list of clips, or an iterable of batches, e.g. a DataLoader."""


def check_layout(layout: str) -> Layout:
    """Return a layout that is known.

    Raises:
        InputError: it is not.
    """
    for known in get_args(Layout):
        if layout == known:
            return known  # type: ignore[no-any-return]
    raise InputError(f"layout={layout!r} is not known; use layout='NTHWC', 'NTCHW' or 'NCTHW'.")


def uint8_batches(
    clips: Clips, layout: str | None, value_range: ValueRange | None, whose: str
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield clips uint8 ``[n, T, H, W, 3]`` in their order, from any accepted form.

    A 5-D array or tensor is one set of clips. A list, or any other iterable, holds clips (4-D), batches of clips (5-D), or tuples
    of which the first element is one of these, as a DataLoader yields them.

    Args:
        clips: the clips.
        layout: order of their axes, ``"NTHWC"`` for None.
        value_range: range of floats, see `vidmetrics.metric_objects.pixel_values`.
        whose: the clips in messages, such as ``"real clips"``.

    Raises:
        InputError: another form, or axes or values whose meaning is not said.

    Warns:
        UserWarning: all levels from 0 to 255 that the clips have are 0 and 1.
    """
    value_range = check_range(value_range)
    order = check_layout("NTHWC" if layout is None else layout)
    count, dark = 0, DarkClips()
    for batch in _batches(clips, whose):
        arranged = _arranged(batch, order, layout is not None, whose)
        levels = np.ascontiguousarray(as_uint8(arranged, value_range, whose, count))
        dark.look_at(arranged, value_range)
        yield levels
        count += len(batch)
    if sentence := dark.sentence(whose):
        warnings.warn(sentence, stacklevel=3)  # at the call of `update`


class LabelsInTurn:
    """Labels of the clips of one call, given out batch by batch.

    Args:
        labels: integers of at least 0, one for each clip; None for clips without labels.
        whose: the clips in messages.

    Raises:
        InputError: they are not.
    """

    def __init__(self, labels: Any, whose: str) -> None:
        self._whose = whose
        self._given: list[int] | None = None
        self._taken = 0
        if labels is None:
            return
        given = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
        if given.ndim != 1 or given.dtype.kind not in "iu" or (given < 0).any():
            raise InputError(
                f"The labels of the {whose} are {given.dtype} {list(given.shape)}, and one integer of at least 0 is needed for each clip."
            )
        self._given = [int(label) for label in given]

    def of_next(self, count: int) -> list[int] | None:
        """Return the labels of the next clips, or None without labels.

        Raises:
            InputError: there are too few.
        """
        if self._given is None:
            return None
        self._taken += count
        if self._taken > len(self._given):
            raise self._miscounted("at least ")
        return self._given[self._taken - count : self._taken]

    def check_all_taken(self) -> None:
        """Refuse labels that belong to no clip.

        Raises:
            InputError: there are such.
        """
        if self._given is not None and self._taken != len(self._given):
            raise self._miscounted("")

    def _miscounted(self, least: str) -> InputError:
        labels = len(self._given or ())
        return InputError(f"There are {labels} labels for {least}{self._taken} {self._whose}; give one for each clip.")


def _is_array(clips: Any) -> bool:
    return hasattr(clips, "ndim") and hasattr(clips, "shape") and hasattr(clips, "dtype")


def _batches(clips: Any, whose: str) -> Iterator[Any]:
    """Yield 5-D arrays."""
    if _is_array(clips):
        yield _five(clips, whose)
        return
    if isinstance(clips, str | bytes | os.PathLike):
        raise InputError(f"The {whose} are the path {os.fspath(clips)!r}; vidbench.measure reads folders and files.")
    if isinstance(clips, Mapping) or not isinstance(clips, Iterable):
        raise InputError(
            f"The {whose} are of type {type(clips).__name__}; pass an array, a list of clips or an iterable of batches."
        )
    for number, item in enumerate(clips):
        yield _of_item(item, f"item {number} of the {whose}")


def _of_item(item: Any, which: str) -> Any:
    if isinstance(item, Mapping):
        raise InputError(
            f"The {which} is a mapping with the keys {', '.join(map(repr, item))}; pass (batch[KEY] for batch in loader)."
        )
    if isinstance(item, tuple | list):
        arrays = [part for part in item if _is_array(part) and len(part.shape) >= 4]
        if not item or not _is_array(item[0]) or len(item[0].shape) < 4:
            raise InputError(f"The {which} is a {type(item).__name__} that does not begin with clips; pass the clips.")
        if len(arrays) > 1:
            raise InputError(
                f"The {which} is a {type(item).__name__} of {len(arrays)} arrays of clips, and which of them to measure is not "
                "said; pass (batch[INDEX] for batch in loader), or one array of all clips."
            )
        item = item[0]
    if not _is_array(item):
        raise InputError(f"The {which} is of type {type(item).__name__}; pass arrays or tensors of clips.")
    return item[None] if len(item.shape) == 4 else _five(item, which)


def _five(clips: Any, which: str) -> Any:
    if len(clips.shape) == 5:
        return clips
    hint = "a single clip is clips[None]" if len(clips.shape) == 4 else "clips have five axes"
    raise InputError(f"The {which} have shape {list(clips.shape)}, and [N, T, H, W, 3] is needed; {hint}.")


def _arranged(clips: Any, layout: Layout, said: bool, whose: str) -> Any:
    """Return clips with their axes in the order NTHWC."""
    shape = list(clips.shape)
    if 0 in shape[1:]:
        raise InputError(f"The {whose} have shape {shape}, with an axis of length 0; pass clips with frames.")
    axis = layout.index("C")
    if shape[axis] != 3:
        others = [known for known in get_args(Layout) if shape[known.index("C")] == 3]
        advice = "RGB clips are needed"
        if others:
            advice = f"pass {' or '.join(f'layout={other!r}' for other in others)}, if that is the order of their axes"
        origin = "which is what layout means unless it is said" if not said else "as said"
        raise InputError(
            f"The {whose} have shape {shape}, and layout={layout!r}, {origin}, has the three channels in axis {axis}; {advice}."
        )
    if layout == "NTHWC":
        return clips
    order = [layout.index(axis) for axis in "NTHWC"]
    return clips.permute(order) if hasattr(clips, "permute") else np.transpose(np.asarray(clips), order)
