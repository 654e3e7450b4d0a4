"""The frozen schema of a task file: everything that decides a number, and nothing else decides it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataSpec(_Frozen):
    """Which real videos, and which of their splits play which part."""

    dataset: Literal["shapes", "kinetics", "kinetics-600", "ucf101", "bair-image-aux1", "bair-image-main", "folder"] = (
        Field(
            description="Reader: 'shapes' is the embedded moving-shapes generator; the others read a folder (docs/data.md)."
        )
    )
    train_split: str = Field(description="Split that models train on.")
    reference_split: str = Field(description="Split whose clips make the real statistics.")
    evaluation_split: str = Field(description="Held-out split: given frames, labels of samples, and the floor.")
    min_coverage: float = Field(
        default=1.0, ge=0, le=1, description="Share of the official clips that must be present for an official result."
    )


class ClipSpec(_Frozen):
    """Which frames of which video make a clip, and at what size."""

    num_frames: int = Field(ge=1, description="Length of a clip in frames, given frames included.")
    context_frames: int = Field(default=0, ge=0, description="Real frames given to the model; 0 for generation.")
    stride: int = Field(default=1, ge=1, description="Take every stride-th frame of the video.")
    height: int = Field(ge=1, description="Frame height in pixels.")
    width: int = Field(ge=1, description="Frame width in pixels.")
    resize: Literal["none", "pil-bilinear", "pil-bicubic", "pil-lanczos", "pil-box"] = Field(
        description="Antialiased kernel from the decoded size to the task's; 'none' refuses videos of another size."
    )
    crop: Literal["none", "center"] = Field(
        description="'center' takes the largest central window of the task's aspect ratio before the resize."
    )
    clips_per_video: int = Field(default=1, ge=1, description="Clips drawn from each video; starts come from the seed.")
    seed: int = Field(default=0, ge=0, description="Seed of the clip plan.")


class ReferenceSpec(_Frozen):
    """The real side of the comparison."""

    num_clips: int | Literal["all"] = Field(description="Number of real clips, the first of the plan, or all of it.")


class EvaluationSpec(_Frozen):
    """The generated side of the comparison."""

    num_samples: int = Field(ge=2, description="Number of samples, each scored once.")
    seed: int = Field(default=0, ge=0, description="Seed of the samples.")
    labels: Literal["balanced", "evaluation", "none"] = Field(
        description="'balanced': class i mod C for sample i; 'evaluation': label of the i-th evaluation clip."
    )
    metrics: tuple[str, ...] = Field(min_length=1, description="Metric ids, in the order of the table.")
    precision: tuple[Literal["exact", "fast"], ...] = Field(
        default=("exact",), description="Precisions of the measuring networks that count as official."
    )
    floor: str = Field(default="real", description="Model whose scores are as good as real data gets.")
    ceiling: str = Field(default="noise", description="Model whose scores every method should beat.")
    truncation_sweep: tuple[float, ...] = Field(
        default=(),
        description="Standard deviations of truncated latents, 0 < sigma <= 1, at which models that offer it are measured "
        "too; the score itself is the one without truncation.",
    )


class Note(_Frozen):
    """Where a choice of the protocol comes from."""

    what: str = Field(description="The choice, in words.")
    origin: Literal["published", "ours"] = Field(description="Fixed by a paper, or chosen by vidbench.")
    source: str = Field(default="", description="Paper, table or file; for our own choices the reason.")


class Task(_Frozen):
    """A protocol as data. Two tasks with the same fingerprint give the same numbers."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", description="Name users type.")
    version: int = Field(ge=1, description="Raised whenever the protocol changes.")
    title: str = Field(description="One line for listings.")
    description: str = Field(default="", description="The protocol in words.")
    data: DataSpec
    clips: ClipSpec
    reference: ReferenceSpec
    evaluation: EvaluationSpec
    notes: tuple[Note, ...] = ()

    @property
    def kind(self) -> Literal["generation", "prediction"]:
        """Class-conditional or unconditional generation, or prediction from given frames."""
        return "prediction" if self.clips.context_frames else "generation"

    @property
    def predicted_frames(self) -> int:
        """Frames a model produces per sample."""
        return self.clips.num_frames - self.clips.context_frames

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides the number: all fields but title, description and notes."""
        fields: dict[str, Any] = self.model_dump(mode="json", exclude={"title", "description", "notes"})
        if not self.evaluation.truncation_sweep:
            # Tasks from before there were sweeps keep their fingerprint.
            del fields["evaluation"]["truncation_sweep"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if self.clips.context_frames >= self.clips.num_frames:
            raise ValueError("clips.context_frames must be smaller than clips.num_frames")
        if self.kind == "prediction" and self.evaluation.labels == "balanced":
            raise ValueError(
                "evaluation.labels of a prediction task is 'evaluation' or 'none': the given frames decide"
            )
        if self.evaluation.ceiling == "copy" and self.kind != "prediction":
            raise ValueError("evaluation.ceiling 'copy' repeats a given frame, so it needs clips.context_frames > 0")
        sweep = self.evaluation.truncation_sweep
        if len(set(sweep)) < len(sweep) or not all(0 < sigma <= 1 for sigma in sweep):
            raise ValueError("evaluation.truncation_sweep holds different numbers above 0 and up to 1")
        return self
