"""Sources of the clips to measure: a dataset, a model, or samples on disk, behind one interface.

A source returns complete clips by index (for prediction tasks, context frames first) and has a hashable identity: features
are reused only for the same identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vidbench.data.clip_dataset import ClipDataset, clips_with_actions
from vidbench.data.prompts import sample_prompts
from vidbench.errors import InputError
from vidbench.files import digest
from vidbench.models.choice import ModelChoice
from vidbench.models.evidence import FileWatch, ModelEvidence, gather_evidence, watched
from vidbench.models.interface import ModelTask, ReconstructRequest, SampleRequest
from vidbench.models.trivial import HeldOutModel
from vidbench.results.schema import ModelRecord
from vidbench.samples.arrays import ArraySamples, DirectReading, ShardedSamples
from vidbench.samples.clip_folder import MOST_READERS
from vidbench.samples.exchange import SampleSource
from vidbench.samples.pairing import refuse_other_context
from vidbench.scoring.keyed_clips import GivenClips
from vidbench.scoring.rollouts import collected, in_host_memory, is_uint8
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
        kind=task.does.name,
        num_frames=task.clips.num_frames,
        context_frames=task.clips.context_frames,
        height=task.clips.height,
        width=task.clips.width,
        class_names=class_names if task.evaluation.labels != "none" else (),
        gives_prompts=task.evaluation.prompts != "none",
        action_size=task.data.action_size,
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
        model: any object with the method that the kind of the task calls.
        model_identity: name, checkpoint digest and code digest of the model.
        task: the protocol.
        evaluation: the held-out clips that provide context frames and labels.
        seed: seed of the run.
        truncation: standard deviation of the latents; None for the model's own distribution.
        actions_of: index of the sample whose actions each sample gets, int64 ``[num_samples]``; None for its own.
        evidence: what decides its clips; None for a model that is not kept.
        sampling: the files opened while it was sampled.
    """

    model: Any
    model_identity: dict[str, Any]
    task: Task
    evaluation: ClipDataset
    seed: int
    truncation: float | None = None
    actions_of: np.ndarray | None = None
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
            **({} if self.task.kind is None else {"kind": self.task.kind}),
            **self._actions_identity,
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
        given = None if self._given is None else self._given.frames(indices)
        method = self.task.does.method
        request = _REQUESTS[method](self, indices, given)
        clips = self.task.clips
        expected = (len(indices), self.task.predicted_frames, clips.height, clips.width, 3)
        with watched(self.sampling):
            samples = getattr(self.model, method)(request)
            if method == "rollout":
                samples = collected(samples, expected, self.model_identity["name"], self.task.name)
        if not is_uint8(samples) or tuple(samples.shape) != expected:
            got = f"{getattr(samples, 'dtype', type(samples).__name__)} {list(getattr(samples, 'shape', []))}"
            raise InputError(
                f"The model '{self.model_identity['name']}' returned {got}, and the task '{self.task.name}' requires a "
                f"numpy uint8 array {list(expected)}: frames in 0..255, axes [N, T, H, W, 3]; a torch tensor may take its place."
            )
        if given is None or not clips.context_frames:
            return samples
        if isinstance(samples, np.ndarray):
            return np.concatenate([given, samples], axis=1)
        import torch

        return torch.cat([torch.from_numpy(given).to(samples.device), samples], dim=1)

    @property
    def _prompts_rule(self) -> list[str | int]:
        return [self.task.evaluation.prompts, self.task.evaluation.seed]

    def given_frames(self, indices: np.ndarray) -> np.ndarray | None:
        """Return what the model is given of held-out clips, uint8 ``[N, T, H, W, 3]``; None if nothing. The last batch is not read again."""
        return None if self._given is None else self._given.frames(indices)

    def given_keys(self, indices: np.ndarray) -> Keys | None:
        """Return the keys of the clips that the model sees a part of, uint64 ``[N]``; None if it is given none."""
        return None if self._given is None else self._given.keys(indices)

    def actions(self, indices: np.ndarray) -> np.ndarray | None:
        """Return the actions that the model is given, float32 ``[N, K, A]``; None if the task gives none."""
        if not self.task.data.actions:
            return None
        of = indices if self.actions_of is None else self.actions_of[indices]
        return clips_with_actions(self.evaluation).actions(of)

    @property
    def _actions_identity(self) -> dict[str, Any]:
        if not self.task.data.actions:
            return {}
        of = None if self.actions_of is None else digest(self.actions_of.tolist())
        return {"actions": clips_with_actions(self.evaluation).actions_sha256, "actions_of": of}

    @cached_property
    def _given(self) -> GivenClips | None:
        frames = self.task.given_frames
        return GivenClips(self.evaluation, frames) if frames else None


def _sample_request(source: ModelSource, indices: np.ndarray, given_NTHWC: np.ndarray | None) -> SampleRequest:
    return SampleRequest(
        indices=indices,
        seeds=sample_seeds(source.seed, indices),
        labels=sample_labels(source.task, indices, source.evaluation),
        context_NTHWC=given_NTHWC,
        num_frames=source.task.predicted_frames,
        truncation=source.truncation,
        prompts=sample_prompts(source.task, indices, source.evaluation),
        actions_NKA=source.actions(indices),
    )


def _reconstruct_request(
    source: ModelSource, indices: np.ndarray, given_NTHWC: np.ndarray | None
) -> ReconstructRequest:
    if given_NTHWC is None:
        raise ValueError("a reconstruction is of a clip")
    return ReconstructRequest(indices=indices, seeds=sample_seeds(source.seed, indices), clips_NTHWC=given_NTHWC)


# By the method of a model that gets it; see `vidbench.kinds`.
_REQUESTS: Mapping[str, Callable[[ModelSource, np.ndarray, np.ndarray | None], Any]] = {
    "sample": _sample_request,
    "rollout": _sample_request,
    "act": _sample_request,
    "reconstruct": _reconstruct_request,
}


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
    """Samples on disk, generated elsewhere; the frames that they say were given are checked as they are read."""

    samples: SampleSource
    task: Task
    evaluation: ClipDataset

    @property
    def most_readers(self) -> int:
        """See `ClipSource`; the held-out clips that models see a part of are read by one."""
        return 1 if self.task.given_frames else MOST_READERS

    @property
    def _context_sha256(self) -> tuple[str, ...] | None:
        answers = self.samples.manifest.answers if self.samples.manifest else None
        return answers.context_sha256 if answers and self.task.given_frames else None

    @property
    def identity(self) -> dict[str, Any]:
        """Digest of the samples and, where models see a part of clips, of these clips."""
        return {
            "source": "samples",
            "sha256": self.samples.identity_sha256,
            "context_frames": self.task.clips.context_frames,
            "context_sha256": None if self._context_sha256 is None else digest(self._context_sha256),
            "evaluation": self.evaluation.identity_sha256 if self.task.given_frames else None,
        }

    @property
    def direct(self) -> DirectReading | None:
        """How clips are read into memory of the caller, if that is quicker than `read`."""
        samples = self.samples
        if self.task.given_frames or not isinstance(samples, ShardedSamples | ArraySamples):
            return None
        return DirectReading((samples.num_frames, samples.height, samples.width, 3), samples.read)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """See `ClipSource.read`.

        Raises:
            InputError: a sample was made from other frames than those of the data.
        """
        samples = self.samples.read(indices)
        if self._given is None:
            return samples
        given_NTHWC = self._given.frames(indices)
        if self._context_sha256 is not None:
            refuse_other_context(self._context_sha256, indices, given_NTHWC, self.task.does)
        return np.concatenate([given_NTHWC, samples], axis=1) if self.task.clips.context_frames else samples

    def given_keys(self, indices: np.ndarray) -> Keys | None:
        """See `ModelSource.given_keys`."""
        return None if self._given is None else self._given.keys(indices)

    @cached_property
    def _given(self) -> GivenClips | None:
        frames = self.task.given_frames
        return GivenClips(self.evaluation, frames) if frames else None
