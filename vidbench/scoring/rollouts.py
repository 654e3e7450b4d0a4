"""What a model returns: frames in memory of the host or of a device, at once or, from a rollout, a few at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from vidbench.errors import InputError

if TYPE_CHECKING:
    from vidmetrics.networks.network import Clips


def collected(chunks: Iterable[Any], shape: tuple[int, ...], model: str, task: str) -> np.ndarray:
    """Return the frames of a rollout, uint8 ``[N, T, H, W, 3]``; of a chunk that was copied nothing is kept.

    Args:
        chunks: uint8 ``[N, t, H, W, 3]`` in the order of time, arrays or torch tensors on any device.
        shape: what they add up to.
        model: name of the model, for messages.
        task: name of the task, for messages.

    Raises:
        InputError: it yields nothing of the kind, or too many or too few frames; the model is stopped at the first such chunk.
    """
    frames_NTHWC, done = np.empty(shape, np.uint8), 0
    subject, advice = f"The model '{model}'", "yield uint8 [N, t, H, W, 3], a few frames at a time in the order of time"
    if not isinstance(chunks, Iterable) or isinstance(chunks, np.ndarray):
        raise InputError(
            f"{subject} returned {_described(chunks)} from rollout(request), which is a generator: {advice}, and no array of all frames."
        )
    for chunk in chunks:
        size = tuple(getattr(chunk, "shape", ()))
        if not is_uint8(chunk) or len(size) != 5 or not size[1] or (size[0], *size[2:]) != (shape[0], *shape[2:]):
            raise InputError(
                f"{subject} yielded {_described(chunk)} after {done} frames, and the task '{task}' requires chunks "
                f"[{shape[0]}, t, {shape[2]}, {shape[3]}, 3]: {advice}."
            )
        if done + size[1] > shape[1]:
            raise InputError(
                f"{subject} yielded {done + size[1]} frames, and the task '{task}' has {shape[1]} to predict: stop at request.num_frames."
            )
        frames_NTHWC[:, done : done + size[1]] = in_host_memory(chunk)
        done += size[1]
    if done < shape[1]:
        raise InputError(
            f"{subject} yielded {done} frames, and the task '{task}' has {shape[1]} to predict: yield more until there are request.num_frames."
        )
    return frames_NTHWC


def in_host_memory(clips_NTHWC: Clips) -> np.ndarray:
    """Return clips as an array; only those on a device are copied."""
    return clips_NTHWC if isinstance(clips_NTHWC, np.ndarray) else clips_NTHWC.detach().cpu().numpy()


def is_uint8(samples: Any) -> bool:
    """Return whether something is an array or a torch tensor of bytes."""
    if isinstance(samples, np.ndarray):
        return samples.dtype == np.uint8
    # A model that returns tensors has imported torch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(samples, torch.Tensor) and samples.dtype == torch.uint8


def _described(found: Any) -> str:
    return f"{getattr(found, 'dtype', type(found).__name__)} {list(getattr(found, 'shape', []))}"
