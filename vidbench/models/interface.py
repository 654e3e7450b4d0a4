"""The model interface: everything a third party needs to plug a video model into vidbench.

A model is loaded once per process with a checkpoint (or none), the task and a device. It is then asked for
batches. Clips are uint8 RGB ``[N, T, H, W, 3]`` at this border, labels are int64 ``[N]``.

Two ways to plug in:

* an entry point in the group ``vidbench.models`` that names a subclass of `VideoModel`;
* ``--model package.module:callable``, where ``callable(checkpoint, task, device)`` returns any object with a
  ``sample(request)`` method (a `VideoModel` subclass is accepted too).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from vidmetrics.errors import InputError

__all__ = ["InputError", "ModelTask", "SampleRequest", "TrainRequest", "TrainingClips", "VideoModel"]


@dataclass(frozen=True)
class ModelTask:
    """What a model is told about the task: the shape of its work, and nothing about how it is scored.

    Attributes:
        name: the task's name, e.g. ``"shapes-gen"``.
        num_frames: length of a whole clip, given frames included.
        context_frames: how many real frames are given at the start; 0 for class-conditional generation.
        height: frame height in pixels.
        width: frame width in pixels.
        class_names: names of the classes in label order; empty where the task has no labels.
    """

    name: str
    num_frames: int
    context_frames: int
    height: int
    width: int
    class_names: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 where the task has no labels."""
        return len(self.class_names)

    @property
    def predicted_frames(self) -> int:
        """Number of frames a model must produce: all of them for generation, the rest for prediction."""
        return self.num_frames - self.context_frames


@dataclass(frozen=True)
class SampleRequest:
    """One batch of samples asked of a model.

    Attributes:
        indices: int64 ``[N]``, the position of each sample in the evaluation.
        seeds: uint64 ``[N]``, one seed per sample; the only randomness a model may use.
        labels: int64 ``[N]`` or None where the task has no labels.
        context_NTHWC: uint8 ``[N, context_frames, H, W, 3]`` or None for generation.
        num_frames: how many frames to produce, the given ones not counted.
        truncation: standard deviation of the latents, 0 < sigma <= 1, or None for the model's own full distribution.
            Only asked of models whose `VideoModel.offers_truncation` is true.
    """

    indices: np.ndarray
    seeds: np.ndarray
    labels: np.ndarray | None
    context_NTHWC: np.ndarray | None
    num_frames: int
    truncation: float | None = None


class TrainingClips(Protocol):
    """Real training clips of a task, drawn by step so that a resumed training sees what an unbroken one sees."""

    num_videos: int

    def draw(self, step: int, batch_size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the batch of a step: clips uint8 ``[N, T, H, W, 3]`` and labels int64 ``[N]`` (or None).

        A pure function of the data, the seed of the training, ``step`` and ``batch_size``. Safe to call from a thread.
        """
        ...


@dataclass(frozen=True)
class TrainRequest:
    """One training, asked of a model that offers it.

    Attributes:
        task: what to learn.
        clips: where real clips come from.
        output: folder for checkpoints, log and samples; a training found there is resumed.
        steps: train until this many generator (or model) steps have been made in all; None for the model's default.
        seed: seed of the weights, the latents and the order of the data.
        device: a torch device string, e.g. ``"cpu"`` or ``"cuda"``.
        settings: ``--set key=value`` pairs, as text; an unknown key is an `InputError`.
        progress: called as ``progress(done, total, text)`` once per step; prints nothing to stdout.
        say: called with a sentence for the person who waits, e.g. what an automatic setting became.
        measure_every: steps between measurements; None where none are wanted.
        measure: called with a model that samples as it would be loaded now; returns the task's metrics by id, on few
            samples: points of a training curve, not results.

    Under torchrun ``train`` is called by every process, with torch.distributed started and one device each; only the
    first may write, and only there is anything shown.
    """

    task: ModelTask
    clips: TrainingClips
    output: Path
    steps: int | None
    seed: int
    device: str
    settings: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[int, int, str], None] = lambda done, total, text: None
    say: Callable[[str], None] = lambda text: None
    measure_every: int | None = None
    measure: Callable[[VideoModel], Mapping[str, float]] = lambda model: {}


class VideoModel(ABC):
    """A video model under evaluation.

    Sample ``i`` must depend on the checkpoint, its seed, its label and its context alone, never on the other samples
    of its batch: the score may not depend on the batch size.
    """

    offers_truncation: bool = False
    """Whether `SampleRequest.truncation` narrows the latents of this model."""

    @classmethod
    @abstractmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> VideoModel:
        """Load the model for a task.

        Args:
            checkpoint: a file or folder of the model's own format, or None for its default for this task.
            task: the task it will be asked to do.
            device: a torch device string.

        Raises:
            InputError: the checkpoint is missing, of another model, or made for another task shape.
        """

    @abstractmethod
    def sample(self, request: SampleRequest) -> np.ndarray:
        """Return uint8 ``[N, request.num_frames, H, W, 3]``: for prediction, the predicted frames only."""

    @property
    def checkpoint_sha256(self) -> str | None:
        """Digest of the weights in use, or None for a model without weights. Part of every result."""
        return None

    @property
    def num_parameters(self) -> int | None:
        """Number of weights used for sampling, or None where there are none."""
        return None

    @classmethod
    def train(cls, request: TrainRequest) -> Path:
        """Train (or go on training) and return the checkpoint to load; models without training refuse."""
        raise InputError(
            f"The model '{cls.__name__}' offers no training; choose one that `vidbench models list` marks."
        )
