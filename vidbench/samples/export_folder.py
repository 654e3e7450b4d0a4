"""What `vidbench data export` writes, and reading it where there is a sampler but no data set.

::

    export.json             task, seeds, labels, and what the samples will answer; written last
    context/                the given frames of a prediction task: the exchange format, or a folder of PNG files per clip
    targets/                the frames that really followed, where they were asked for
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vidbench.errors import InputError, first_problem
from vidbench.models.interface import SampleRequest
from vidbench.samples.exchange import SampleSource, SampleWriter, open_samples
from vidbench.samples.manifest import Answers, TaskStamp
from vidbench.samples.pairing import context_digests

EXPORT_NAME = "export.json"
CONTEXT, TARGETS = "context", "targets"
FORMAT_NAME: Final = "vidbench-export"
FORMAT_VERSION: Final = 1


class ExportManifest(BaseModel):
    """The content of ``export.json``. ``task`` and ``answers`` belong into the manifest of the samples, unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["vidbench-export"] = Field(description="Name of the format.")
    version: Literal[1] = Field(description="Version of the format.")
    task: TaskStamp = Field(description="The task.")
    num_samples: int = Field(ge=1, description="Samples to make.")
    num_frames: int = Field(ge=1, description="Frames of a sample; the given ones are not among them.")
    context_frames: int = Field(ge=0, description="Frames given with each sample.")
    height: int = Field(ge=1, description="Frame height in pixels.")
    width: int = Field(ge=1, description="Frame width in pixels.")
    seeds: tuple[int, ...] = Field(description="One 64-bit seed per sample, for samplers that take one.")
    labels: tuple[int, ...] | None = Field(description="Class of each sample, where the task hands out labels.")
    answers: Answers = Field(description="The clips that the samples answer.")

    @model_validator(mode="after")
    def _consistent(self) -> ExportManifest:
        for name, values in (("seeds", self.seeds), ("labels", self.labels)):
            if values is not None and len(values) != self.num_samples:
                raise ValueError(f"num_samples is {self.num_samples} but there are {len(values)} {name}")
        return self


class Export:
    """An export on disk: batches to answer, and a writer for the answers.

    Attributes:
        folder: where it lies.
        manifest: the content of ``export.json``.
    """

    def __init__(self, folder: Path) -> None:
        """Read ``export.json``; clips are opened when they are asked for.

        Raises:
            InputError: the folder is no export, or its file breaks the schema.
        """
        self.folder = folder
        self.manifest = _read(folder / EXPORT_NAME)

    @cached_property
    def context(self) -> SampleSource | None:
        """Given frames by index, or None for a generation task."""
        return open_samples(self.folder / CONTEXT) if self.manifest.context_frames else None

    @cached_property
    def targets(self) -> SampleSource | None:
        """The frames that followed, by index, or None where they were not exported."""
        return open_samples(self.folder / TARGETS) if (self.folder / TARGETS).is_dir() else None

    def batches(self, batch_size: int = 32) -> Iterator[SampleRequest]:
        """Yield everything that a sampler is to answer, in order.

        Args:
            batch_size: samples per request.

        Raises:
            InputError: given frames are missing, or are not those that were exported.
        """
        manifest, context = self.manifest, self.context
        if context is not None and context.num_samples != manifest.num_samples:
            raise InputError(
                f"The folder '{self.folder / CONTEXT}' holds {context.num_samples} clips where '{EXPORT_NAME}' says "
                f"{manifest.num_samples}; copy the whole export again."
            )
        for start in range(0, manifest.num_samples, batch_size):
            indices = np.arange(start, min(start + batch_size, manifest.num_samples))
            chosen = slice(start, start + batch_size)
            yield SampleRequest(
                indices=indices,
                seeds=np.array(manifest.seeds[chosen], dtype=np.uint64),
                labels=None if manifest.labels is None else np.array(manifest.labels[chosen], dtype=np.int64),
                context_NTHWC=None if context is None else self._read_context(context, indices),
                num_frames=manifest.num_frames,
            )

    def writer(self, folder: Path) -> SampleWriter:
        """Return a writer of samples that carries forward what they answer; give it the batches in their order.

        Args:
            folder: where to write the samples, in the exchange format.
        """
        manifest = self.manifest
        return SampleWriter(
            folder,
            num_frames=manifest.num_frames,
            height=manifest.height,
            width=manifest.width,
            task=manifest.task,
            answers=manifest.answers,
        )

    def _read_context(self, context: SampleSource, indices: np.ndarray) -> np.ndarray:
        frames_NTHWC = context.read(indices)
        said = self.manifest.answers.context_sha256 or ()
        for index, found in zip(indices.tolist(), context_digests(frames_NTHWC), strict=True):
            if index >= len(said) or said[index] != found:
                raise InputError(
                    f"The given frames of clip {index} in '{self.folder / CONTEXT}' are not those that were exported; copy "
                    "the whole export again."
                )
        return frames_NTHWC


def open_export(folder: str | Path) -> Export:
    """Open what `vidbench data export` wrote; see `Export` for what it offers and raises."""
    return Export(Path(folder))


def _read(path: Path) -> ExportManifest:
    try:
        return ExportManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"There is no export at '{path.parent}' ({error.strerror}: '{path.name}'); give its folder."
        ) from error
    except ValidationError as error:
        place, what = first_problem(error)
        raise InputError(
            f"The file '{path}' is not one of {FORMAT_NAME} version {FORMAT_VERSION} ({place}: {what}); export again."
        ) from error
