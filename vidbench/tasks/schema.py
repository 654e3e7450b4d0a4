"""The frozen schema of task files: everything that determines a score, and nothing else does."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from vidbench.errors import problem_text
from vidbench.kinds import BOUND_NAMES, KINDS, Kind, Name, implied_kind
from vidbench.tasks.clip_spec import ClipSpec, PixelConvention, PlanSpec
from vidbench.tasks.datasets import DATASETS
from vidbench.tasks.limits import (
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_FRAMES,
    MOST_METRICS,
    MOST_NOTES,
    MOST_REPEATS,
    MOST_SAMPLES,
    MOST_SEED,
    MOST_VERSION,
)
from vidbench.tasks.spec import Spec
from vidmetrics.errors import unknown_name

__all__ = [
    "ClipSpec",
    "Codec",
    "DataSpec",
    "EvaluationSpec",
    "Note",
    "PixelConvention",
    "PlanSpec",
    "ReferenceSpec",
    "Status",
    "Task",
]

# A folder name without a path in it: a task cannot lead out of the data folder.
_Split = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME)]
_Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class DataSpec(Spec):
    """The real videos, and the role of each split."""

    _always_hashed = frozenset(["min_coverage"])

    dataset: str = Field(
        description="Dataset: 'shapes' and 'shapes-crossing' are embedded generators; the others read a folder (docs/data.md)."
    )
    train_split: _Split = Field(description="Split that models train on.")
    reference_split: _Split = Field(description="Split of the reference set.")
    evaluation_split: _Split = Field(description="Held-out split: context frames, labels of samples, and the floor.")
    min_coverage: float = Field(
        default=1.0, ge=0, le=1, description="Share of the official clips required for an official result."
    )

    actions: bool = Field(
        default=False,
        description="Whether models get what was done between each frame and the next; only for datasets that record it.",
    )
    frozen: str = Field(
        default="",
        pattern=r"^(20[0-9]{2})?$",
        description="Year of the frozen list that the splits are held to; `TASK@YEAR` sets it (docs/data.md).",
    )
    frozen_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$", description="Digest of that list.")

    @property
    def action_size(self) -> int:
        """Numbers of one action; 0 if models get none."""
        return DATASETS[self.dataset].action_size if self.actions else 0

    @property
    def embedded(self) -> bool:
        """Whether vidbench generates the clips, so that no folder is read."""
        return DATASETS[self.dataset].embedded

    @field_validator("dataset")
    @classmethod
    def _known(cls, dataset: str) -> str:
        if dataset not in DATASETS:
            raise ValueError(unknown_name("dataset", dataset, DATASETS).rstrip("."))
        return dataset


class ReferenceSpec(Spec):
    """The reference set."""

    num_clips: int | Literal["all"] = Field(description="Number of real clips from the start of the plan, or 'all'.")
    clips: PlanSpec = Field(default=PlanSpec(), description="How the clip plan differs from `clips`.")
    paired: bool = Field(
        default=False,
        description="True: the reference set is the held-out clips themselves, the true ones of the contexts or labels that a model gets; "
        "a task that does not say so may have them too.",
    )

    @field_validator("num_clips")
    @classmethod
    def _enough(cls, num_clips: int | str) -> int | str:
        if isinstance(num_clips, int) and not 2 <= num_clips <= MOST_SAMPLES:
            raise ValueError(f"{num_clips} is not a number of clips; give 2 to {MOST_SAMPLES:,}, or 'all'")
        return num_clips


Codec = Literal["none", "h264-crf25"]


class EvaluationSpec(Spec):
    """The samples and how they are scored."""

    _always_hashed = frozenset(["seed", "precision", "floor", "ceiling"])

    num_samples: int = Field(ge=2, le=MOST_SAMPLES, description="Number of samples, each scored once.")
    samples_per_context: int = Field(
        default=1,
        ge=1,
        le=MOST_SAMPLES,
        description="Samples for the context frames of each evaluation clip, in consecutive order.",
    )
    contexts: Literal["pooled", "averaged"] = Field(
        default="pooled",
        description="With several samples of a context: 'pooled' compares all of them with the reference set; 'averaged' is the mean of "
        "the scores of the first, the second, and so on, of every context.",
    )
    codec: Codec = Field(
        default="none",
        description="Codec that clips of both sides pass through before they are scored: 'h264-crf25' is libx264 at crf 25, 4:2:0; never "
        "official, because its bytes depend on the version of the encoder.",
    )
    repeats: int = Field(
        default=1,
        ge=1,
        le=MOST_REPEATS,
        description="Independent runs of num_samples each; the score is their mean, with its spread.",
    )
    seed: int = Field(default=0, ge=0, le=MOST_SEED, description="Seed of the samples.")
    labels: Literal["balanced", "evaluation", "none"] = Field(
        description="'balanced': class i mod C for sample i; 'evaluation': label of the i-th evaluation clip."
    )
    prompts: Literal["none", "first", "drawn"] = Field(
        default="none",
        description="Text that sample i is generated from: a caption of the i-th evaluation clip's video, the first in the data "
        "('first') or one drawn with the seed of the samples ('drawn').",
    )
    metrics: tuple[_Name, ...] = Field(
        min_length=1, max_length=MOST_METRICS, description="Metric ids, in the order of the table."
    )
    precision: tuple[Literal["exact", "fast"], ...] = Field(
        default=("exact",), max_length=2, description="Precisions of the feature extractors that count as official."
    )
    floor: _Name = Field(default="real", description="Registered model whose scores are those of real data.")
    ceiling: _Name = Field(default="noise", description="Registered model whose scores every method should beat.")
    window_frames: int = Field(
        default=0,
        ge=0,
        le=MOST_FRAMES,
        description="Length of the windows of predicted frames in which every metric is also computed, as a curve against time; "
        "it divides their number. 0 for no windows.",
    )
    truncation_sweep: tuple[float, ...] = Field(
        default=(),
        max_length=MOST_METRICS,
        description="Standard deviations of truncated latents, 0 < sigma <= 1, at which models that support truncation are "
        "also measured; the score itself is the one without truncation.",
    )

    @field_validator("metrics")
    @classmethod
    def _each_once(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [id for id in dict.fromkeys(ids) if ids.count(id) > 1]:
            raise ValueError(f"'{twice[0]}' is listed twice")
        return ids

    @field_validator("floor", "ceiling")
    @classmethod
    def _no_code(cls, name: str) -> str:
        # A task is data: it cannot name Python code or a file, which its fingerprint would not cover.
        if ":" in name or "/" in name:
            raise ValueError(f"'{name}' is not the name of a registered model; a task cannot name code or a checkpoint")
        return name


class Note(Spec):
    """Where a choice of the protocol comes from."""

    what: str = Field(max_length=LONGEST_TEXT, description="The choice, in words.")
    origin: Literal["published", "ours"] = Field(description="Fixed by a paper, or chosen by vidbench.")
    source: str = Field(
        default="", max_length=LONGEST_TEXT, description="Paper, table or file; for our own choices the reason."
    )


Status = Literal["active", "deprecated", "broken"]

# Fields that describe a protocol without changing it.
_WORDS = frozenset({"title", "description", "notes", "status", "successor", "reason", "unranked"})


class Task(Spec):
    """A protocol as data. Tasks with the same fingerprint give the same scores."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=LONGEST_NAME, description="Name users type.")
    version: int = Field(ge=1, le=MOST_VERSION, description="Raised whenever the protocol changes.")
    title: str = Field(max_length=LONGEST_TEXT, description="One line for listings.")
    description: str = Field(default="", max_length=LONGEST_TEXT, description="The protocol in words.")
    data: DataSpec
    clips: ClipSpec
    reference: ReferenceSpec
    evaluation: EvaluationSpec
    kind: Name | None = Field(
        default=None,
        description="What a model does: 'generate' clips, 'predict' what follows context frames, 'rollout' for many frames that are scored "
        "against time too, 'act' on actions given with the context frames, or 'reconstruct' the clip that it is given; by default "
        "'predict' with context frames, else 'generate'.",
    )
    notes: tuple[Note, ...] = Field(default=(), max_length=MOST_NOTES)
    status: Status = Field(
        default="active",
        description="'deprecated': results stay official, and new work should use `successor`; 'broken': the score does not say "
        "what it should, so that results are unofficial.",
    )
    successor: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9.-]*)?$",
        max_length=LONGEST_NAME,
        description="Task to use instead of a deprecated or broken one.",
    )
    reason: str = Field(default="", max_length=LONGEST_TEXT, description="Why the task is deprecated or broken.")
    unranked: str = Field(
        default="",
        max_length=LONGEST_TEXT,
        description="Why the leaderboard shows results of the task without ranks; empty if they are ranked.",
    )

    @field_validator("kind")
    @classmethod
    def _declared(cls, kind: Name | None, info: ValidationInfo) -> Name | None:
        # Two files that differ in a declaration of the default are one protocol, with one fingerprint.
        clips = info.data.get("clips")
        return None if clips is None or kind == implied_kind(clips.context_frames) else kind

    @property
    def does(self) -> Kind:
        """The kind of the task."""
        return KINDS[self.kind or implied_kind(self.clips.context_frames)]

    @property
    def given_frames(self) -> int:
        """Number of frames of its held-out clip that a model is given for each sample."""
        return self.does.given_frames(self.clips.num_frames, self.clips.context_frames)

    @property
    def predicted_frames(self) -> int:
        """Number of frames that a model returns per sample."""
        return self.clips.num_frames - self.clips.context_frames

    @property
    def time_windows(self) -> tuple[range, ...]:
        """The windows of predicted frames, on which every metric is also computed, in the order of time; empty without windows.

        They neither overlap nor leave a predicted frame out.
        """
        length, clips = self.evaluation.window_frames, self.clips
        firsts = range(clips.context_frames, clips.num_frames, length) if length else ()
        return tuple(range(first, first + length) for first in firsts)

    @property
    def reference_clips(self) -> ClipSpec:
        """The clip plan of the reference set."""
        changes = self.reference.clips.model_dump(exclude_none=True)
        return ClipSpec.model_validate({**self.clips.model_dump(), **changes})

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that determines the score: all fields but the words about it (title, notes, status and so on)."""
        fields = self.identity(_WORDS)
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if self.clips.context_frames >= self.clips.num_frames:
            raise ValueError("clips.context_frames must be smaller than clips.num_frames")
        if (self.status == "active") == bool(self.reason) or (self.status == "active" and self.successor):
            raise ValueError("a deprecated or broken task has a reason, and an active one neither reason nor successor")
        if self.evaluation.prompts != "none" and not DATASETS[self.data.dataset].captions:
            raise ValueError(f"evaluation.prompts are captions, and the data '{self.data.dataset}' has none")
        if self.evaluation.prompts != "none" and self.evaluation.labels == "balanced":
            raise ValueError(
                "evaluation.labels of a task with prompts is 'evaluation' or 'none': sample i belongs to evaluation clip i"
            )
        self._refuse_other_kind()
        self._refuse_impossible_future()
        if self.evaluation.contexts == "averaged" and self.evaluation.samples_per_context == 1:
            raise ValueError("evaluation.contexts 'averaged' needs evaluation.samples_per_context above 1")
        if self.evaluation.codec != "none" and (self.clips.height % 2 or self.clips.width % 2):
            raise ValueError("evaluation.codec needs an even clips.height and clips.width")
        if self.reference.paired and not self._is_paired:
            raise ValueError(
                "reference.paired compares samples with the true clips of their own contexts or labels: the reference split is the "
                "evaluation split, reference.num_clips the number of its clips in a run, and there is no reference.clips"
            )
        if self.evaluation.num_samples * self.evaluation.repeats > MOST_SAMPLES:
            raise ValueError(f"evaluation.num_samples times evaluation.repeats must be at most {MOST_SAMPLES:,}")
        if self.evaluation.num_samples % self.evaluation.samples_per_context:
            raise ValueError("evaluation.num_samples must be a multiple of evaluation.samples_per_context")
        if self.data.embedded and self.clips.pixels != "exact":
            raise ValueError(f"the embedded {self.data.dataset} are not decoded, so clips.pixels must be 'exact'")
        if bool(self.data.frozen) != bool(self.data.frozen_sha256) or (self.data.frozen and self.data.embedded):
            raise ValueError(
                "data.frozen and data.frozen_sha256 belong together, and to data that is read from a folder"
            )
        if self.data.embedded and self._has_own_plan:
            raise ValueError(
                f"the embedded {self.data.dataset} have no videos to plan clips from: omit the keys of the clip plan"
            )
        try:
            reference_clips = self.reference_clips
        except ValidationError as error:
            raise ValueError(f"reference.clips: {problem_text(error.errors()[0])}") from None
        if self.reference.num_clips == "all" and reference_clips.draw == "replacement":
            raise ValueError(
                "reference.num_clips must be a number with draw 'replacement', since such a plan never ends"
            )
        if self.reference.num_clips == "all" and reference_clips.order == "balanced":
            raise ValueError(
                "reference.num_clips must be a number with order 'balanced', which takes equal parts of it"
            )
        if self.data.frozen and (self.clips.depends_on_lengths or reference_clips.depends_on_lengths):
            raise ValueError("a frozen list has no lengths of videos, on which min_frames and starts 'disjoint' depend")
        sweep = self.evaluation.truncation_sweep
        if len(set(sweep)) < len(sweep) or not all(0 < sigma <= 1 for sigma in sweep):
            raise ValueError("evaluation.truncation_sweep must contain distinct numbers above 0 and up to 1")
        return self

    def _refuse_other_kind(self) -> None:
        """Refuse what does not go with the kind of the task."""
        does, evaluation = self.does, self.evaluation
        if self.kind is not None and bool(self.clips.context_frames) != (does.given == "context"):
            needs = "clips.context_frames above 0" if does.given == "context" else "no clips.context_frames"
            raise ValueError(f"kind '{does.name}' needs {needs}, and they are {self.clips.context_frames}")
        if evaluation.labels not in does.labels:
            allowed = " or ".join(f"'{each}'" for each in does.labels)
            raise ValueError(
                f"evaluation.labels of a {does.noun} task is {allowed}: {does.given_words} determine the class"
            )
        for key in ("floor", "ceiling"):
            name = getattr(evaluation, key)
            if name == "copy" and does.given == "nothing":
                raise ValueError(
                    f"evaluation.{key} 'copy' repeats a context frame, so it needs clips.context_frames > 0"
                )
            if name in BOUND_NAMES.difference(does.bounds):
                raise ValueError(f"evaluation.{key} '{name}' bounds no {does.noun}; choose of {', '.join(does.bounds)}")
        if evaluation.samples_per_context > 1 and not does.several:
            raise ValueError("evaluation.samples_per_context above 1 needs clips.context_frames > 0")
        if evaluation.truncation_sweep and not does.truncates:
            raise ValueError(f"evaluation.truncation_sweep truncates latents, which a {does.noun} task does not draw")
        if does.given == "clip":
            same = self.data.reference_split == self.data.evaluation_split and self.reference.clips == PlanSpec()
            if not same or self.reference.num_clips != evaluation.num_samples:
                raise ValueError(
                    f"the reference set of a {does.noun} task is the clips that are given: data.reference_split is "
                    "data.evaluation_split, reference.num_clips is evaluation.num_samples, and reference.clips is empty"
                )

    def _refuse_impossible_future(self) -> None:
        """Refuse windows that do not fill the predicted frames, actions that are not there, and kinds without what they are about."""
        does, window, frames = self.does, self.evaluation.window_frames, self.predicted_frames
        if does.in_windows and not window:
            raise ValueError(f"a {does.noun} task is scored against time, so it needs evaluation.window_frames")
        if does.by_actions and not self.data.actions:
            raise ValueError(f"a {does.noun} task gives models actions, so it needs data.actions = true")
        if window and (does.given != "context" or window >= frames or frames % window):
            raise ValueError(
                "evaluation.window_frames needs context frames, and divides the number of predicted frames into at least 2 windows"
            )
        if window and self.evaluation.contexts == "averaged":
            raise ValueError(
                "evaluation.window_frames is of all samples together, so evaluation.contexts is not 'averaged'"
            )
        if self.data.actions and not self.data.action_size:
            raise ValueError(f"data.actions needs a dataset with actions, and '{self.data.dataset}' has none")
        if self.data.actions and does.method == "sample":
            raise ValueError("data.actions needs kind 'act' or 'rollout'")
        if self.data.actions and (self.clips.stride, self.clips.short_stride) != (1, None):
            raise ValueError("data.actions needs clips.stride 1, since an action leads to the next frame")

    @property
    def _is_paired(self) -> bool:
        contexts = self.evaluation.num_samples // self.evaluation.samples_per_context
        same = self.data.reference_split == self.data.evaluation_split and self.reference.clips == PlanSpec()
        return same and self.reference.num_clips == contexts

    @property
    def _has_own_plan(self) -> bool:
        sizes = {
            "num_frames",
            "context_frames",
            "stride",
            "height",
            "width",
            "resize",
            "crop",
            "clips_per_video",
            "seed",
            "pixels",
        }
        fields = ClipSpec.model_fields
        own = any(getattr(self.clips, name) != fields[name].default for name in set(fields) - sizes)
        return own or self.reference.clips != PlanSpec()
