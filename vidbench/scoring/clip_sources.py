"""Sources of the clips to measure: a dataset, a model, or samples on disk, behind one interface.

A source returns complete clips by index (for prediction tasks, context frames first) and has a hashable identity: features
are reused only for the same identity.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.data.prompts import sample_prompts
from vidbench.errors import InputError
from vidbench.files import digest
from vidbench.models.choice import ModelChoice
from vidbench.models.evidence import FileWatch, ModelEvidence, gather_evidence, watched
from vidbench.models.interface import ModelTask, SampleRequest
from vidbench.models.trivial import HeldOutModel
from vidbench.results.schema import ModelRecord
from vidbench.samples.arrays import ArraySamples, DirectReading, ShardedSamples
from vidbench.samples.clip_folder import MOST_READERS
from vidbench.samples.exchange import SampleSource
from vidbench.samples.pairing import refuse_other_context
from vidbench.scoring.keyed_clips import ContextClips
from vidbench.scoring.seeds import sample_seeds
from vidbench.tasks.schema import Task
from vidmetrics.catalog.training_data import checked_names
from vidmetrics.statistics.clip_keys import Keys

if TYPE_CHECKING:
    from vidmetrics.networks.network import Clips


class ClipSource(Protocol):
    """Clips by index.

    Attributes:
        identity: JSON-able; everything that determines the bytes of the clips.
        most_readers: threads that may call `read` at a time, ahead of their use; 0 if only the caller's may.
    """

    @property
    def most_readers(self) -> int:
        """See the class."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the bytes of the clips, JSON-able."""
        ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``."""
        ...


@dataclass(frozen=True)
class DatasetSource:
    """Real clips, in the order of their clip plan."""

    dataset: ClipDataset

    most_readers = 1  # a dataset keeps what it decoded

    @property
    def identity(self) -> dict[str, Any]:
        """Digest of the dataset."""
        return {"source": "dataset", "sha256": self.dataset.identity_sha256}

    def read(self, indices: np.ndarray) -> np.ndarray:
        """See `ClipSource.read`."""
        return self.dataset.read(indices)


def model_task(task: Task, class_names: tuple[str, ...]) -> ModelTask:
    """Return the part of a task that a model sees; class names only if the task is class-conditional."""
    return ModelTask(
        name=task.name,
        num_frames=task.clips.num_frames,
        context_frames=task.clips.context_frames,
        height=task.clips.height,
        width=task.clips.width,
        class_names=class_names if task.evaluation.labels != "none" else (),
        gives_prompts=task.evaluation.prompts != "none",
    )


def sample_labels(task: Task, indices: np.ndarray, evaluation: ClipDataset) -> np.ndarray | None:
    """Return the labels of samples, int64 ``[N]``, or None if the task is not class-conditional.

    Raises:
        InputError: the task needs labels and the data has none.
    """
    if task.evaluation.labels == "none":
        return None
    balanced = task.evaluation.labels == "balanced"
    if not evaluation.class_names or (evaluation.labels is None and not balanced):
        raise InputError(
            f"The task '{task.name}' is class-conditional, but its data has no labels: set evaluation.labels to 'none'."
        )
    if evaluation.labels is None or balanced:
        return indices % len(evaluation.class_names)
    return evaluation.labels[indices]


@dataclass(frozen=True)
class ModelSource:
    """Samples of a model, by index.

    Attributes:
        model: any object with ``sample(request)``.
        model_identity: name, checkpoint digest and code digest of the model.
        task: the protocol.
        evaluation: the held-out clips that provide context frames and labels.
        seed: seed of the run.
        truncation: standard deviation of the latents; None for the model's own distribution.
        evidence: what decides its clips; None for a model that is not kept.
        sampling: the files opened while it was sampled.
    """

    model: Any
    model_identity: dict[str, Any]
    task: Task
    evaluation: ClipDataset
    seed: int
    truncation: float | None = None
    evidence: ModelEvidence | None = None
    sampling: FileWatch = field(default_factory=FileWatch)

    most_readers = 0  # models promise nothing about threads, and the files that they open are watched by thread

    def doubt(self) -> str | None:
        """Check that no file of the model has changed; return why its features cannot be reused by later runs, or None.

        Raises:
            InputError: a file that the model read has changed since.
        """
        if self.evidence is None:
            return None
        self.evidence.check()
        # The clips that these models show are in the identity.
        return None if isinstance(self.model, HeldOutModel) else self.evidence.doubt(self.sampling)

    @property
    def identity(self) -> dict[str, Any]:
        """Model, seed, truncation, shape, labels and digest of the held-out clips."""
        truncated = {} if self.truncation is None else {"truncation": self.truncation}
        return {
            **truncated,
            "source": "model",
            "model": self.model_identity,
            "seed": self.seed,
            "clips": self.task.clips.identity(),
            "labels": self.task.evaluation.labels,
            **({} if self.task.evaluation.prompts == "none" else {"prompts": self._prompts_rule}),
            "classes": list(self.evaluation.class_names),
            # With balanced labels, only the models `real` and `static` read the held-out clips.
            "evaluation": self.evaluation.identity_sha256,
        }

    def read(self, indices: np.ndarray) -> np.ndarray:
        """See `ClipSource.read`.

        Raises:
            InputError: the model returned the wrong shape or dtype.
        """
        return in_host_memory(self.read_in_place(indices))

    def read_in_place(self, indices: np.ndarray) -> Clips:
        """Return clips as `read` does, but where the model made them: a torch tensor stays on its device.

        Raises:
            InputError: the model returned the wrong shape or dtype.
        """
        context = None if self._contexts is None else self._contexts.context(indices)
        request = SampleRequest(
            indices=indices,
            seeds=sample_seeds(self.seed, indices),
            labels=sample_labels(self.task, indices, self.evaluation),
            context_NTHWC=context,
            num_frames=self.task.predicted_frames,
            truncation=self.truncation,
            prompts=sample_prompts(self.task, indices, self.evaluation),
        )
        with watched(self.sampling):
            samples = self.model.sample(request)
        clips = self.task.clips
        expected = (len(indices), self.task.predicted_frames, clips.height, clips.width, 3)
        if not _are_uint8(samples) or tuple(samples.shape) != expected:
            got = f"{getattr(samples, 'dtype', type(samples).__name__)} {list(getattr(samples, 'shape', []))}"
            raise InputError(
                f"The model '{self.model_identity['name']}' returned {got}, and the task '{self.task.name}' requires a "
                f"numpy uint8 array {list(expected)}: frames in 0..255, axes [N, T, H, W, 3]; a torch tensor may take its place."
            )
        if context is None:
            return samples
        if isinstance(samples, np.ndarray):
            return np.concatenate([context, samples], axis=1)
        import torch

        return torch.cat([torch.from_numpy(context).to(samples.device), samples], dim=1)

    @property
    def _prompts_rule(self) -> list[str | int]:
        return [self.task.evaluation.prompts, self.task.evaluation.seed]

    def context_keys(self, indices: np.ndarray) -> Keys | None:
        """Return the keys of the clips that samples continue, uint64 ``[N]``; None if they continue none."""
        return None if self._contexts is None else self._contexts.keys(indices)

    @cached_property
    def _contexts(self) -> ContextClips | None:
        frames = self.task.clips.context_frames
        return ContextClips(self.evaluation, frames) if frames else None


def in_host_memory(clips_NTHWC: Clips) -> np.ndarray:
    """Return clips as an array; only those on a device are copied."""
    return clips_NTHWC if isinstance(clips_NTHWC, np.ndarray) else clips_NTHWC.detach().cpu().numpy()


def _are_uint8(samples: Any) -> bool:
    if isinstance(samples, np.ndarray):
        return samples.dtype == np.uint8
    # A model that returns tensors has imported torch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(samples, torch.Tensor) and samples.dtype == torch.uint8


def open_model(
    choice: ModelChoice, task: Task, evaluation: ClipDataset, *, seed: int, num_samples: int, device: str
) -> tuple[ModelSource, ModelRecord]:
    """Load a model for a task; returns the source of its samples and its record in the result.

    Args:
        choice: the model as the user named it.
        task: the protocol.
        evaluation: the held-out clips.
        seed: seed of the samples.
        num_samples: number of samples.
        device: torch device.

    Raises:
        InputError: the model cannot be loaded, or it shows held-out clips and there are fewer clips than samples.
    """
    loading = FileWatch()
    with watched(loading):
        model = choice.load(model_task(task, evaluation.class_names), device)
    if isinstance(model, HeldOutModel):
        if evaluation.num_clips < num_samples:
            raise InputError(
                f"The split '{task.data.evaluation_split}' has only {evaluation.num_clips} real clips for {num_samples} "
                "samples: lower --num-samples or complete the data folder."
            )
        model.bind(evaluation.read)
    checkpoint_sha256 = getattr(model, "checkpoint_sha256", None)
    evidence = gather_evidence(choice.factory, loading, choice.checkpoint, declared=checkpoint_sha256 is not None)
    record = ModelRecord(
        name=choice.name,
        checkpoint_sha256=checkpoint_sha256,
        code_sha256=evidence.code_sha256,
        num_parameters=getattr(model, "num_parameters", None),
        trained_on=checked_names(getattr(model, "trained_on", None), choice.name),
        files_sha256=evidence.files_sha256,
    )
    identity = record.model_dump(mode="json", include={"name", "checkpoint_sha256", "code_sha256", "files_sha256"})
    sampling = FileWatch(earlier=loading.earlier)
    return ModelSource(model, identity, task, evaluation, seed, evidence=evidence, sampling=sampling), record


@dataclass(frozen=True)
class FilesSource:
    """Samples on disk, generated elsewhere; the context frames they record are checked as they are read."""

    samples: SampleSource
    task: Task
    evaluation: ClipDataset

    @property
    def most_readers(self) -> int:
        """See `ClipSource`; the held-out clips that provide context frames are read by one."""
        return 1 if self.task.clips.context_frames else MOST_READERS

    @property
    def _context_sha256(self) -> tuple[str, ...] | None:
        answers = self.samples.manifest.answers if self.samples.manifest else None
        return answers.context_sha256 if answers and self.task.clips.context_frames else None

    @property
    def identity(self) -> dict[str, Any]:
        """Digest of the samples and, for prediction tasks, of the clips that provide context frames."""
        return {
            "source": "samples",
            "sha256": self.samples.identity_sha256,
            "context_frames": self.task.clips.context_frames,
            "context_sha256": None if self._context_sha256 is None else digest(self._context_sha256),
            "evaluation": self.evaluation.identity_sha256 if self.task.clips.context_frames else None,
        }

    @property
    def direct(self) -> DirectReading | None:
        """How clips are read into memory of the caller, if that is quicker than `read`."""
        samples = self.samples
        if self.task.clips.context_frames or not isinstance(samples, ShardedSamples | ArraySamples):
            return None
        return DirectReading((samples.num_frames, samples.height, samples.width, 3), samples.read)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """See `ClipSource.read`.

        Raises:
            InputError: a sample continues other context frames than those of the data.
        """
        samples = self.samples.read(indices)
        if self._contexts is None:
            return samples
        context_NTHWC = self._contexts.context(indices)
        if self._context_sha256 is not None:
            refuse_other_context(self._context_sha256, indices, context_NTHWC)
        return np.concatenate([context_NTHWC, samples], axis=1)

    def context_keys(self, indices: np.ndarray) -> Keys | None:
        """See `ModelSource.context_keys`."""
        return None if self._contexts is None else self._contexts.keys(indices)

    @cached_property
    def _contexts(self) -> ContextClips | None:
        frames = self.task.clips.context_frames
        return ContextClips(self.evaluation, frames) if frames else None
