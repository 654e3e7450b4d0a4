"""The manifest of generated clips on disk: the published schema of the exchange format, and its reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vidbench.errors import InputError
from vidbench.json_models import model_from_json
from vidbench.tasks.limits import (
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_FRAMES,
    MOST_LABEL,
    MOST_PIXELS,
    MOST_SAMPLES,
    MOST_SEED,
    MOST_VERSION,
)
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.regular_files import read_regular

MANIFEST_NAME = "manifest.json"
FORMAT_NAME: Final = "vidbench-samples"
FORMAT_VERSION: Final = 1

# A plain file name: no path separator of any system, no drive, no leading dot, so never a file outside the folder.
_PLAIN_NPY = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.npy$"
_SHA256 = r"^[0-9a-f]{64}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Shard(_Frozen):
    """One ``.npy`` file of consecutive samples."""

    file: str = Field(pattern=_PLAIN_NPY, description="Plain file name, in the folder of the manifest.")
    num_samples: int = Field(ge=1, le=MOST_SAMPLES, description="Samples in the file.")
    sha256: str = Field(pattern=_SHA256, description="Digest of the file's bytes.")


class TaskStamp(_Frozen):
    """The task that the samples were generated for."""

    name: str = Field(max_length=LONGEST_NAME, description="Name of the task.")
    version: int | None = Field(default=None, ge=1, le=MOST_VERSION, description="Version of the task, if known.")
    fingerprint: str = Field(pattern=_SHA256, description="Fingerprint of the task file.")


class Answers(_Frozen):
    """Which clips the samples belong to, in order; copied from the export and checked against the data when scored.

    Fields that do not apply to a task are null: a generation task with balanced labels names no clips at all.
    """

    split: str = Field(description="Split of the held-out clips.")
    data_sha256: str | None = Field(
        default=None,
        pattern=_SHA256,
        description="Digest of that split: names and bytes of its files, clip plan, resize.",
    )
    ids: tuple[str, ...] | None = Field(
        default=None, description="Clip that each sample belongs to: video and clip number."
    )
    context_sha256: tuple[Annotated[str, Field(pattern=_SHA256)], ...] | None = Field(
        default=None,
        description="SHA-256 of the frames that the model was given for each sample (context frames, or the clip to reconstruct), uint8 "
        "[T, H, W, 3] in C order.",
    )
    prompts: tuple[Annotated[str, Field(max_length=LONGEST_TEXT)], ...] | None = Field(
        default=None, description="Text that each sample was generated from, if the task gives one."
    )
    class_names: tuple[str, ...] | None = Field(
        default=None, description="Classes in label order, if there are labels."
    )
    seed: int | None = Field(
        default=None, ge=0, le=MOST_SEED, description="Seed that the seeds of the samples are derived from, if known."
    )


class SamplesManifest(_Frozen):
    """Content of a folder of samples. Every shard is uint8 RGB ``[N, T, H, W, 3]``, 0 to 255, C order."""

    format: Literal["vidbench-samples"] = Field(description="Name of the format.")
    version: Literal[1] = Field(description="Version of the format.")
    num_samples: int = Field(ge=1, le=MOST_SAMPLES, description="Samples in all shards together.")
    num_frames: int = Field(
        ge=1, le=MOST_FRAMES, description="Frames per sample; for prediction the predicted ones only."
    )
    height: int = Field(ge=1, le=MOST_PIXELS, description="Frame height in pixels.")
    width: int = Field(ge=1, le=MOST_PIXELS, description="Frame width in pixels.")
    dtype: Literal["uint8"] = Field(description="Type of the values.")
    labels: tuple[Annotated[int, Field(ge=0, le=MOST_LABEL)], ...] | None = Field(
        default=None, description="Class of each sample, in order, if known."
    )
    task: TaskStamp | None = Field(default=None, description="Task that the samples were generated for, if known.")
    answers: Answers | None = Field(default=None, description="Clips that the samples belong to, if known.")
    shards: tuple[Shard, ...] = Field(min_length=1, description="The files, in the order of the samples.")

    @model_validator(mode="after")
    def _consistent(self) -> SamplesManifest:
        total = sum(shard.num_samples for shard in self.shards)
        if total != self.num_samples:
            raise ValueError(f"num_samples is {self.num_samples} but the shards hold {total}")
        if self.labels is not None and len(self.labels) != self.num_samples:
            raise ValueError(f"num_samples is {self.num_samples} but there are {len(self.labels)} labels")
        for name in ("ids", "context_sha256", "prompts"):
            listed = getattr(self.answers, name, None)
            if listed is not None and len(listed) != self.num_samples:
                raise ValueError(f"num_samples is {self.num_samples} but answers.{name} has {len(listed)} entries")
        names = [shard.file for shard in self.shards]
        if len(set(names)) != len(names):
            raise ValueError("a shard file is listed twice")
        return self


def read_manifest(path: Path) -> SamplesManifest:
    """Read and check a manifest; the shards themselves are not opened.

    Raises:
        InputError: the file is unreadable or violates the schema; names the file and the first wrong field.
    """
    try:
        return model_from_json(SamplesManifest, read_regular(path))
    except OSError as error:
        raise InputError(f"The manifest '{path}' cannot be read ({error.strerror}); check the folder.") from error
    except UnreadableError as error:
        raise InputError(
            f"The manifest '{path}' is not valid {FORMAT_NAME} version {FORMAT_VERSION} ({error.clause}); write the samples "
            "again or correct it."
        ) from error
