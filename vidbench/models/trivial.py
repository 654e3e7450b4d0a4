"""The trivial models that bound the scores of generation and of every kind of prediction: `real` from above, `copy`, `static` and `noise` from below."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from vidbench.models.interface import InputError, ModelTask, SampleRequest, VideoModel


def _no_checkpoint(name: str, checkpoint: Path | None) -> None:
    if checkpoint is not None:
        raise InputError(f"The model '{name}' has no weights: omit ':{checkpoint}'.")


class TrivialModel(VideoModel):
    """A bound that does the same whether it generates, predicts, rolls out or is given actions, which it ignores."""

    @property
    def trained_on(self) -> tuple[str, ...]:
        """See `VideoModel.trained_on`; nothing."""
        return ()

    def act(self, request: SampleRequest) -> np.ndarray:
        """See `vidbench.models.interface.ActionModel.act`."""
        return self.sample(request)

    def rollout(self, request: SampleRequest) -> Iterator[np.ndarray]:
        """See `vidbench.models.interface.RolloutModel.rollout`; all frames at once."""
        yield self.sample(request)

    @abstractmethod
    def sample(self, request: SampleRequest) -> np.ndarray:
        """See `VideoModel.sample`."""


class HeldOutModel(TrivialModel):
    """A bound that uses the held-out clips, which the harness passes to `bind`."""

    name: str
    reads_prompts = True  # a held-out clip shows what its caption says

    def __init__(self, task: ModelTask) -> None:
        self._task = task
        self._read: Callable[[np.ndarray], np.ndarray] | None = None

    @classmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> HeldOutModel:
        """See `VideoModel.load`; there is no checkpoint."""
        _no_checkpoint(cls.name, checkpoint)
        return cls(task)

    @classmethod
    def check_sampling(cls, checkpoint: Path | None, task: ModelTask) -> None:
        """See `VideoModel.check_sampling`."""
        _no_checkpoint(cls.name, checkpoint)

    def bind(self, read: Callable[[np.ndarray], np.ndarray]) -> None:
        """Set the reader of held-out clips: int64 indices ``[N]`` to uint8 ``[N, T, H, W, 3]``."""
        self._read = read

    def _clips(self, indices: np.ndarray) -> np.ndarray:
        if self._read is None:
            raise InputError(f"The model '{self.name}' needs held-out clips from the harness: use `vidbench evaluate`.")
        return self._read(indices)


class RealModel(HeldOutModel):
    """Held-out real clips, each once: the score of a perfect model at this number of samples."""

    name = "real"

    def sample(self, request: SampleRequest) -> np.ndarray:
        """Return the held-out clip of each index; for prediction, the frames that really followed the context."""
        return self._clips(request.indices)[:, self._task.context_frames :]


class StaticModel(HeldOutModel):
    """The first frame of each held-out clip, frozen: real content without motion.

    For prediction this is the first context frame, so that the scene jumps back to it and freezes (`CopyModel` repeats
    the last one).
    """

    name = "static"

    def sample(self, request: SampleRequest) -> np.ndarray:
        """Return the first frame of the held-out clip of each index, ``num_frames`` times."""
        clips = self._clips(request.indices) if request.context_NTHWC is None else request.context_NTHWC
        return np.repeat(clips[:, :1], request.num_frames, axis=1)


class CopyModel(TrivialModel):
    """The last context frame, repeated: a prediction without motion."""

    @classmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> CopyModel:
        """See `VideoModel.load`.

        Raises:
            InputError: the task has no context frames.
        """
        cls.check_sampling(checkpoint, task)
        return cls()

    @classmethod
    def check_sampling(cls, checkpoint: Path | None, task: ModelTask) -> None:
        """See `VideoModel.check_sampling`.

        Raises:
            InputError: the task has no context frames.
        """
        _no_checkpoint("copy", checkpoint)
        if task.context_frames == 0:
            raise InputError(
                f"The model 'copy' repeats a context frame, but the task '{task.name}' has none: use 'noise'."
            )

    def sample(self, request: SampleRequest) -> np.ndarray:
        """Return the last context frame, ``num_frames`` times."""
        if request.context_NTHWC is None:
            raise InputError("The model 'copy' needs context frames: use a prediction task.")
        return np.repeat(request.context_NTHWC[:, -1:], request.num_frames, axis=1)


class NoiseModel(TrivialModel):
    """Independent uniform pixels, 0 to 255: neither content nor motion."""

    reads_prompts = True  # as every bound, it is defined for every task

    def __init__(self, task: ModelTask) -> None:
        self._task = task

    @classmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> NoiseModel:
        """See `VideoModel.load`."""
        _no_checkpoint("noise", checkpoint)
        return cls(task)

    @classmethod
    def check_sampling(cls, checkpoint: Path | None, task: ModelTask) -> None:
        """See `VideoModel.check_sampling`."""
        _no_checkpoint("noise", checkpoint)

    def sample(self, request: SampleRequest) -> np.ndarray:
        """Return uniform noise from each sample's own seed."""
        shape = (request.num_frames, self._task.height, self._task.width, 3)
        return np.stack(
            [np.random.Generator(np.random.Philox(int(s))).integers(0, 256, shape, np.uint8) for s in request.seeds]
        )
