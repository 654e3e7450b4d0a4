"""The key of each measured clip, which draws its group in the intervals (`vidmetrics.statistics.clip_keys`).

The key of a sample that continues or reconstructs a real clip is that of the real clip, so that all models have the same groups there and none can
choose them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidmetrics.statistics.clip_keys import Keys, clip_keys


class GivenClips:
    """The real clips that models see a part of: this part, and their keys. A batch of clips is read once for both.

    Args:
        clips: the held-out clips, by sample.
        num_frames: number of frames that models are given, from the start of each clip.
    """

    def __init__(self, clips: ClipDataset, num_frames: int) -> None:
        self._clips, self._num_frames = clips, num_frames
        self._last: tuple[bytes, np.ndarray] | None = None

    def frames(self, indices: np.ndarray) -> np.ndarray:
        """Return the frames that a model is given, uint8 ``[N, num_frames, H, W, 3]``, for int64 indices ``[N]``."""
        # A copy, because a model may change what it is given.
        return self._read(indices)[:, : self._num_frames].copy()

    def keys(self, indices: np.ndarray) -> Keys:
        """Return the keys of the real clips, uint64 ``[N]``, for int64 indices ``[N]``."""
        return clip_keys(self._read(indices))

    def _read(self, indices: np.ndarray) -> np.ndarray:
        wanted, last = np.asarray(indices, np.int64).tobytes(), self._last
        if last is None or last[0] != wanted:
            last = self._last = wanted, self._clips.read(indices)
        return last[1]


def keys_of(source: Any, clips_NTHWC: Any, indices: np.ndarray) -> Callable[[], Keys]:
    """Start on the keys of clips that a source has returned, and return what waits for them, uint64 ``[N]``.

    Clips in the memory of a GPU are on their way to the host while the GPU computes; they are hashed by the call that waits.

    Args:
        source: the source; one whose model sees a part of real clips has ``given_keys``.
        clips_NTHWC: uint8 clips, an array or a torch tensor on any device, that do not change.
        indices: their indices, int64 ``[N]``.
    """
    of_given = getattr(source, "given_keys", None)
    keys = None if of_given is None else of_given(indices)
    if keys is None and not isinstance(clips_NTHWC, np.ndarray) and clips_NTHWC.device.type == "cuda":
        return _keys_from_gpu(clips_NTHWC)
    if keys is None:
        on_host = clips_NTHWC if isinstance(clips_NTHWC, np.ndarray) else clips_NTHWC.detach().cpu().numpy()
        keys = clip_keys(on_host)
    return lambda: keys


def _keys_from_gpu(clips_NTHWC: Any) -> Callable[[], Keys]:
    import torch

    on_host = torch.empty(clips_NTHWC.shape, dtype=clips_NTHWC.dtype, pin_memory=True)
    on_host.copy_(clips_NTHWC.detach(), non_blocking=True)
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(clips_NTHWC.device))

    def wait() -> Keys:
        copied.synchronize()
        return clip_keys(on_host.numpy())

    return wait
