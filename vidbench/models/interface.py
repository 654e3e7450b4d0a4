"""The model interface: everything needed to plug a video model into vidbench.

A model is loaded once per process, with a checkpoint (or none), the task and a device, and then called for batches: for samples, or
for clips to reconstruct, by the kind of the task (`vidbench.kinds`). Clips are uint8 RGB ``[N, T, H, W, 3]`` at this interface, labels
are int64 ``[N]``.

Two ways to plug in:

* an entry point in the group ``vidbench.models`` that refers to a subclass of `VideoModel` or `Reconstructor`;
* ``--model package.module:callable``, where ``callable(checkpoint, task, device)`` returns any object with a
  ``sample(request)`` or ``reconstruct(request)`` method (such a subclass is accepted too).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vidbench.kinds import implied_kind
from vidmetrics.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = [
    "ActionModel",
    "InputError",
    "Model",
    "ModelTask",
    "NoCheckpointError",
    "ReconstructRequest",
    "Reconstructor",
    "RolloutModel",
    "SampleRequest",
    "TrainRequest",
    "TrainingClips",
    "VideoModel",
]


class NoCheckpointError(InputError):
    """A model fits a task and has no checkpoint for it: what `Model.check_sampling` and `Model.load` raise then.

    The message is what is missing, a semicolon, and the command that brings it. A run that lacks other things too lists it
    with them.
    """


@dataclass(frozen=True)
class ModelTask:
    """The task as models see it: shapes and classes, but not how samples are scored.

    Attributes:
        name: the task's name, e.g. ``"shapes-gen"``.
        num_frames: length of a whole clip, context frames included.
        context_frames: number of context frames at the start of a clip; 0 for generation.
        height: frame height in pixels.
        width: frame width in pixels.
        class_names: names of the classes in label order; empty if the task has no labels.
        gives_prompts: whether every sample comes with a text, `SampleRequest.prompts`.
        kind: what the task asks of a model, a name in `vidbench.kinds.KINDS`; empty for what its context frames imply.
        action_size: numbers of one action; 0 if the task gives none.
    """

    name: str
    num_frames: int
    context_frames: int
    height: int
    width: int
    class_names: tuple[str, ...]
    gives_prompts: bool = False
    kind: str = ""
    action_size: int = 0

    def __post_init__(self) -> None:
        """Fill in the kind that the context frames imply."""
        if not self.kind:
            object.__setattr__(self, "kind", implied_kind(self.context_frames))

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 if the task has no labels."""
        return len(self.class_names)

    @property
    def predicted_frames(self) -> int:
        """Number of frames to generate: all for generation, those after the context for prediction."""
        return self.num_frames - self.context_frames


@dataclass(frozen=True)
class SampleRequest:
    """A request for one batch of samples.

    Attributes:
        indices: int64 ``[N]``, the index of each sample in the evaluation.
        seeds: uint64 ``[N]``, one seed per sample; the only source of randomness a model may use.
        labels: int64 ``[N]``, or None if the task has no labels.
        context_NTHWC: uint8 ``[N, context_frames, H, W, 3]`` or None for generation.
        num_frames: number of frames to generate, context frames not counted.
        prompts: the text of each sample, ``N`` strings; None if the task gives none. Only tasks of text ask for it, and only of
            models whose `VideoModel.reads_prompts` is true.
        truncation: standard deviation of the latents, 0 < sigma <= 1, or None for the model's full distribution. Only
            set for models whose `VideoModel.offers_truncation` is true.
        actions_NKA: float32 ``[N, context_frames + num_frames - 1, action_size]``, what was done between each frame and the next
            of the whole clip: row t leads from frame t to frame t + 1, so that row ``context_frames - 1`` leads to the first
            predicted frame. None if the task gives no actions.
    """

    indices: np.ndarray
    seeds: np.ndarray
    labels: np.ndarray | None
    context_NTHWC: np.ndarray | None
    num_frames: int
    truncation: float | None = None
    prompts: tuple[str, ...] | None = None
    actions_NKA: np.ndarray | None = None


@dataclass(frozen=True)
class ReconstructRequest:
    """A request for the reconstructions of one batch of clips.

    Attributes:
        indices: int64 ``[N]``, the index of each clip in the evaluation.
        seeds: uint64 ``[N]``, one seed per clip; the only source of randomness a model may use.
        clips_NTHWC: uint8 ``[N, num_frames, H, W, 3]``, the real clips.
    """

    indices: np.ndarray
    seeds: np.ndarray
    clips_NTHWC: np.ndarray


class TrainingClips(Protocol):
    """Real training clips of a task, drawn by step, so that a resumed run sees the same batches as an uninterrupted one."""

    num_videos: int

    def draw(self, step: int, batch_size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the batch of a step: clips uint8 ``[N, T, H, W, 3]`` and labels int64 ``[N]`` (or None).

        A pure function of the data, the seed of the run, ``step`` and ``batch_size``. Thread-safe.
        """
        ...


@dataclass(frozen=True)
class TrainRequest:
    """A request for one training run.

    Attributes:
        task: the task to train for.
        clips: the training clips.
        output: folder for checkpoints, log and samples; a run found there is resumed.
        steps: total number of generator (or model) steps to reach; None for the model's default.
        seed: seed of the weights, the latents and the order of the data.
        device: a torch device string, e.g. ``"cpu"`` or ``"cuda"``.
        settings: ``--set key=value`` pairs, as text; raise `InputError` for an unknown key.
        progress: call as ``progress(done, total, text)`` once per step; prints nothing to stdout.
        say: call with a sentence for the user, e.g. the value chosen for an automatic setting.
        record: call on rank 0 as ``record(step, {name: value})`` with the losses and other numbers of a step; they go where
            ``--log`` says, by default nowhere.
        measure_every: steps between measurements; None for no measurements.
        rank: rank of this process, 0 to ``world_size - 1``.
        world_size: processes of this run; the launcher's variables were checked, so read these and not the environment.
        agree: call as ``agree(what, value)`` with a JSON-able value that must be the same on all ranks, e.g. the step that
            was found in ``output``; raises `InputError` on every rank if it is not.
        from_main: call with a function; returns its JSON-able result on rank 0 to every rank.
        visible: call with a function that returns whether something that another rank wrote is there; waits as long as a
            network file system may take to show it, and returns False if it does not.
        data_sha256: digest of the training data, to store with a training state; empty if it is unknown.
        measure: call with a model in its current state; returns the task's metrics by id, computed on few samples: points
            of a training curve, not results.

    Under torchrun every process calls ``train``, with torch.distributed initialised and one device each; only rank 0 may
    write or show anything.
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
    record: Callable[[int, Mapping[str, float]], None] = lambda step, numbers: None
    rank: int = 0
    world_size: int = 1
    agree: Callable[[str, Any], None] = lambda what, value: None
    from_main: Callable[[Callable[[], Any]], Any] = lambda make: make()
    visible: Callable[[Callable[[], bool]], bool] = lambda is_there: is_there()
    data_sha256: str = ""
    measure_every: int | None = None
    measure: Callable[[Model], Mapping[str, float]] = lambda model: {}


class Model(ABC):
    """A model under evaluation, of any kind: what `VideoModel` and `Reconstructor` have in common."""

    kinds: tuple[str, ...] | None = None
    """Kinds of task that the model is for, names in `vidbench.kinds.KINDS`; None for all whose method it has."""

    training_steps: int | None = None
    """Steps that `train` reaches if a request names none; `vidbench rehearse` tells what they take."""

    @classmethod
    @abstractmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> Model:
        """Load the model for a task.

        Args:
            checkpoint: a file or folder in the model's own format, or None for its default for this task.
            task: the task to sample for.
            device: a torch device string.

        Raises:
            InputError: the checkpoint is missing, belongs to another model, or does not fit the shapes of the task.
        """

    @property
    def checkpoint_sha256(self) -> str | None:
        """Digest of the weights in use, or None for a model without weights; stored in every result."""
        return None

    @property
    def num_parameters(self) -> int | None:
        """Number of parameters used for sampling, or None for a model without weights."""
        return None

    @property
    def trained_on(self) -> tuple[str, ...] | None:
        """What the weights have seen, pre-training included, or None if it is not known; stored in every result.

        Names like ``"kinetics-600/train"``, or ``"webvid-10m"`` if no split is known; empty for a model without training. A result
        whose model has seen held-out clips is flagged on a leaderboard.
        """
        return None

    @classmethod
    def check_sampling(cls, checkpoint: Path | None, task: ModelTask) -> None:
        """Refuse what `load` would refuse of these arguments; called before data is read. The default refuses nothing.

        Args:
            checkpoint: as for `load`.
            task: the task without its class names, which may depend on the data.

        Raises:
            InputError: the model does not fit the task, or the checkpoint is missing or damaged.
        """
        return

    @classmethod
    def check_training(
        cls,
        task: ModelTask,
        *,
        output: Path,
        steps: int | None,
        seed: int,
        device: str,
        settings: Mapping[str, str],
    ) -> None:
        """Refuse what `train` would refuse of these arguments; called before data is read. The default refuses nothing.

        Args:
            task: the task without its class names, which may depend on the data.
            output: as in `TrainRequest`, like the following.
            steps: total number of steps to reach.
            seed: seed of the run.
            device: torch device.
            settings: ``--set key=value`` pairs.

        Raises:
            InputError: the model does not fit the task, a setting is unknown or invalid, or a run found in ``output`` cannot be
                resumed with these arguments.
        """
        return

    @classmethod
    def rehearsal_settings(cls, device: str) -> tuple[Mapping[str, str], float]:
        """Return settings with which a step of training is quick, for `vidbench rehearse`; the default has none.

        Args:
            device: torch device.

        Returns:
            ``--set`` pairs, and how many times as many clips a step has without them.
        """
        return {}, 1.0

    @classmethod
    def train(cls, request: TrainRequest) -> Path:
        """Train, or resume training, and return the checkpoint to load; the default refuses."""
        raise InputError(
            f"The model '{cls.__name__}' cannot be trained; choose one that `vidbench models list` marks as trainable."
        )


class VideoModel(Model):
    """A video model under evaluation: it generates clips, or predicts what follows context frames.

    Sample ``i`` must depend only on the checkpoint, its seed, its label and its context frames, never on the other samples
    of its batch: scores must not depend on the batch size.
    """

    reads_prompts: bool = False
    """Whether the model generates from `SampleRequest.prompts`; a task of text refuses one that does not."""

    offers_truncation: bool = False
    """Whether the model supports `SampleRequest.truncation`."""

    @abstractmethod
    def sample(self, request: SampleRequest) -> np.ndarray | torch.Tensor:
        """Return samples uint8 ``[N, request.num_frames, H, W, 3]``; for prediction, the predicted frames only.

        An array, or a torch tensor of the same values, which goes to the networks from the device that it is on.
        """


class RolloutModel(Model):
    """A model that continues a clip for many frames, and returns them as it makes them.

    A rollout must depend only on the checkpoint, its seed, its label, its context frames and its actions, never on the other samples of
    its batch.
    """

    @abstractmethod
    def rollout(self, request: SampleRequest) -> Iterator[np.ndarray | torch.Tensor]:
        """Yield the predicted frames in the order of time, uint8 ``[N, t, H, W, 3]``, until there are ``request.num_frames``.

        A chunk may have any number of frames, and an array or tensor that was yielded may be used again for the next.
        ``request.actions_NKA`` is there if the task gives actions.
        """


class ActionModel(Model):
    """A model that predicts frames from context frames and from what is done between them.

    A sample must depend only on the checkpoint, its seed, its label, its context frames and its actions, never on the other samples of
    its batch.
    """

    @abstractmethod
    def act(self, request: SampleRequest) -> np.ndarray | torch.Tensor:
        """Return the predicted frames uint8 ``[N, request.num_frames, H, W, 3]``, given ``request.actions_NKA`` too.

        An array, or a torch tensor of the same values, which goes to the networks from the device that it is on.
        """


class Reconstructor(Model):
    """A model that is given clips and returns them as well as it can: a tokenizer, an autoencoder or a codec.

    A reconstruction must depend only on the checkpoint, its clip and its seed, never on the other clips of its batch.
    """

    @abstractmethod
    def reconstruct(self, request: ReconstructRequest) -> np.ndarray | torch.Tensor:
        """Return reconstructions uint8 ``[N, num_frames, H, W, 3]``, in the shape of ``request.clips_NTHWC``.

        An array, or a torch tensor of the same values, which goes to the networks from the device that it is on.
        """
