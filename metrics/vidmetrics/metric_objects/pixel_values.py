"""The one door through which clips of other types become uint8: floats are rounded to nearest, and nothing is clipped."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

ValueRange: TypeAlias = tuple[float, float]
"""The values of black and of white, such as ``(0, 1)``."""

RANGES: tuple[ValueRange, ...] = ((0, 1), (-1, 1), (0, 255))
"""Ranges that floats may be in."""

_AT_ONCE = 1 << 22
"""Values that are converted at once, in float64: 32 MB."""


def check_range(value_range: ValueRange | None) -> ValueRange | None:
    """Return a range of floats as one of `RANGES`, or None.

    Raises:
        InputError: another range.
    """
    if value_range is None:
        return None
    try:
        given = tuple(float(end) for end in value_range)
    except (TypeError, ValueError):
        given = ()
    for known in RANGES:
        if given == known:
            return known
    raise InputError(f"value_range={value_range!r} is not one that floats are converted from; use {_CHOICES}.")


_CHOICES = "value_range=(0, 1), (-1, 1) or (0, 255)"


def as_uint8(clips: Any, value_range: ValueRange | None, whose: str, first: int = 0) -> npt.NDArray[np.uint8]:
    """Return clips as uint8 on the host; uint8 stays as it is, floats are mapped from their range to 0 to 255 and rounded to nearest.

    Args:
        clips: an array or a torch tensor on any device, uint8 or real floating point, one clip or more along its first axis.
        value_range: range of floats, from black to white; uint8 needs none.
        whose: the clips in messages, such as ``"generated clips"``.
        first: index of the first clip, for messages.

    Raises:
        InputError: another dtype, floats without a range, or a value that is not finite or outside the range.
    """
    on_gpu = _is_tensor(clips) and clips.device.type == "cuda" and clips.is_floating_point()
    # Floats on a GPU are converted there: a quarter of their bytes, or less, comes to the host.
    values = clips.detach() if on_gpu and value_range is not None else _on_host(clips)
    if values.dtype == np.uint8:
        return np.asarray(values)
    if not on_gpu and values.dtype.kind != "f":
        raise InputError(
            f"The {whose} have dtype {values.dtype}, and uint8 from 0 to 255 or floats are needed; convert them first, "
            "such as clips.astype(numpy.uint8) if they are levels already."
        )
    if value_range is None:
        seen = f" from {np.nanmin(values):.4g} to {np.nanmax(values):.4g}" if values.size else ""
        raise InputError(
            f"The {whose} are {values.dtype}{seen}, and nothing says which levels of uint8 they mean; pass {_CHOICES}."
        )
    levels_of = _tensor_levels if on_gpu else _array_levels
    out = np.empty(tuple(values.shape), np.uint8)
    # One clip or less at a time: float64 needs eight times the memory of uint8.
    for index in range(len(values)):
        flat, target = values[index].reshape(-1), out[index].reshape(-1)
        for start in range(0, len(flat), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            target[part] = levels_of(flat[part], value_range, f"{whose[:-1]} {first + index}")
    return out


class DarkClips:
    """Whether clips that go by have no value above 1 where white is 255; looks no further once there is one."""

    def __init__(self) -> None:
        self._least, self._most, self._dtype = np.inf, -np.inf, ""

    def look_at(self, clips: Any, value_range: ValueRange | None) -> None:
        """Look at clips that `as_uint8` took, along their first axis."""
        self._dtype = str(clips.dtype).removeprefix("torch.")
        if self._dtype != "uint8" and value_range != (0, 255):
            self._most = np.inf
        for index in range(len(clips)):
            if self._most > 1:
                break
            clip = clips[index]
            self._least, self._most = min(self._least, float(clip.min())), max(self._most, float(clip.max()))

    def sentence(self, whose: str) -> str | None:
        """Return a sentence if all values are from 0 to 1, and not one alone, such as black; else None."""
        if not self._least < self._most <= 1:
            return None
        if self._dtype == "uint8":
            return (
                f"The {whose} are uint8 with the levels 0 and 1 alone, and white is 255: if they were floats from 0 to 1, pass those with "
                "value_range=(0, 1)."
            )
        return (
            f"The {whose} are {self._dtype} from {self._least:.4g} to {self._most:.4g}, and with value_range=(0, 255) white is 255: if it is 1 "
            "in these clips, pass value_range=(0, 1)."
        )


def _array_levels(part: npt.NDArray[Any], value_range: ValueRange, which: str) -> npt.NDArray[np.uint8]:
    values, (low, high) = part.astype(np.float64), value_range
    _refuse_outside(float(values.min()), float(values.max()), bool(np.isfinite(values).all()), value_range, which)
    return np.rint((values - low) * (255 / (high - low))).astype(np.uint8)


def _tensor_levels(part: Any, value_range: ValueRange, which: str) -> npt.NDArray[np.uint8]:
    """Return the same of a tensor, computed where it is; both steps are rounded as IEEE 754 says, and ties go to even."""
    values, (low, high) = part.double(), value_range
    _refuse_outside(float(values.min()), float(values.max()), bool(values.isfinite().all()), value_range, which)
    import torch

    levels = ((values - low) * (255 / (high - low))).round().to(torch.uint8)
    return np.asarray(levels.cpu().numpy())


def _is_tensor(clips: Any) -> bool:
    return hasattr(clips, "detach") and hasattr(clips, "cpu")


def _on_host(clips: Any) -> npt.NDArray[Any]:
    if _is_tensor(clips):
        clips = clips.detach().cpu()
        # numpy has no bfloat16; float32 has all its values.
        clips = clips.float() if str(clips.dtype) == "torch.bfloat16" else clips
        return np.asarray(clips.numpy())
    return np.asarray(clips)


def _refuse_outside(least: float, most: float, finite: bool, value_range: ValueRange, which: str) -> None:
    low, high = value_range
    if finite and low <= least and most <= high:
        return
    if not finite:
        raise InputError(f"The {which} has NaN or infinite values; look at the model that made it.")
    worst = least if low - least > most - high else most
    texts = (f"{worst:.{digits}g}" for digits in (7, 9, 17))  # short, of a float32, of a float64
    text = next(text for text in texts if not low <= float(text) <= high)
    raise InputError(
        f"The {which} has the value {text}, outside value_range=({low:g}, {high:g}); name the range that the clips "
        "have, or clamp them yourself if the overshoot is meant to be cut."
    )
