"""Exports of `vidbench data export`, for samplers without access to the dataset.

::

    export.json             task, seeds, labels, and the clips that the samples belong to; written last
    actions.npy             actions float32 [N, K, A] of a task with actions: what leads from each frame to the next
    context/                context frames of a prediction task, clips of a reconstruction task: the exchange format, or a folder of PNG
                            files per clip
    targets/                the frames that really followed, if requested
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vidbench.errors import InputError
from vidbench.files import file_sha256
from vidbench.json_models import model_from_json
from vidbench.models.interface import SampleRequest
from vidbench.samples.exchange import SampleSource, SampleWriter, open_samples
from vidbench.samples.manifest import Answers, TaskStamp
from vidbench.samples.pairing import context_digests
from vidbench.tasks.limits import MOST_FRAMES, MOST_LABEL, MOST_PIXELS, MOST_SAMPLES
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.formats.npy_files import map_npy
from vidmetrics.regular_files import read_regular

EXPORT_NAME = "export.json"
CONTEXT, TARGETS, ACTIONS = "context", "targets", "actions.npy"
FORMAT_NAME: Final = "vidbench-export"
FORMAT_VERSION: Final = 1


class ExportManifest(BaseModel):
    """The content of ``export.json``. Copy ``task`` and ``answers`` unchanged into the manifest of the samples."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["vidbench-export"] = Field(description="Name of the format.")
    version: Literal[1] = Field(description="Version of the format.")
    task: TaskStamp = Field(description="The task.")
    num_samples: int = Field(ge=1, le=MOST_SAMPLES, description="Number of samples to generate.")
    num_frames: int = Field(ge=1, le=MOST_FRAMES, description="Frames per sample, without context frames.")
    context_frames: int = Field(
        ge=0, le=MOST_FRAMES, description="Frames given per sample: context frames, or the whole clip to reconstruct."
    )
    height: int = Field(ge=1, le=MOST_PIXELS, description="Frame height in pixels.")
    width: int = Field(ge=1, le=MOST_PIXELS, description="Frame width in pixels.")
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**64)], ...] = Field(
        description="One 64-bit seed per sample, for samplers that use one."
    )
    labels: tuple[Annotated[int, Field(ge=0, le=MOST_LABEL)], ...] | None = Field(
        description="Class of each sample, if the task has labels."
    )
    answers: Answers = Field(description="The clips that the samples belong to.")
    actions_sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="Digest of `actions.npy`, if the task gives actions."
    )

    @model_validator(mode="after")
    def _consistent(self) -> ExportManifest:
        for name, values in (("seeds", self.seeds), ("labels", self.labels)):
            if values is not None and len(values) != self.num_samples:
                raise ValueError(f"num_samples is {self.num_samples} but there are {len(values)} {name}")
        if self.answers.prompts is not None and len(self.answers.prompts) != self.num_samples:
            raise ValueError(f"num_samples is {self.num_samples} but there are {len(self.answers.prompts)} prompts")
        return self


class Export:
    """An export on disk: batches of requests, and a writer for the samples.

    Attributes:
        folder: its path.
        manifest: the content of ``export.json``.
    """

    def __init__(self, folder: Path) -> None:
        """Read ``export.json``; clips are opened on first use.

        Raises:
            InputError: the folder is not an export, or its file violates the schema.
        """
        self.folder = folder
        self.manifest = _read(folder / EXPORT_NAME)

    @cached_property
    def context(self) -> SampleSource | None:
        """Context frames by index, or None for a generation task."""
        return open_samples(self.folder / CONTEXT) if self.manifest.context_frames else None

    @cached_property
    def actions(self) -> np.ndarray | None:
        """Actions of all samples, float32 ``[N, K, A]`` as in `vidbench.models.interface.SampleRequest`; None without any.

        Raises:
            InputError: the file is missing, or another than that of the export.
        """
        wanted, path = self.manifest.actions_sha256, self.folder / ACTIONS
        if wanted is None:
            return None
        if not path.is_file() or file_sha256(path) != wanted:
            raise InputError(
                f"The actions in '{path}' {'differ from the exported ones' if path.is_file() else 'are missing'}; copy the whole "
                "export again."
            )
        return map_npy(path)

    @cached_property
    def targets(self) -> SampleSource | None:
        """The frames that really followed, by index, or None if they were not exported."""
        return open_samples(self.folder / TARGETS) if (self.folder / TARGETS).is_dir() else None

    def batches(self, batch_size: int = 32) -> Iterator[SampleRequest]:
        """Yield all requests, in order.

        Args:
            batch_size: samples per request.

        Raises:
            InputError: context frames are missing or differ from the exported ones.
        """
        manifest, context = self.manifest, self.context
        prompts = manifest.answers.prompts
        if context is not None and context.num_samples != manifest.num_samples:
            raise InputError(
                f"The folder '{self.folder / CONTEXT}' has {context.num_samples} clips but '{EXPORT_NAME}' says "
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
                prompts=None if prompts is None else prompts[chosen],
                actions_NKA=None if self.actions is None else np.array(self.actions[chosen]),
            )

    def writer(self, folder: Path) -> SampleWriter:
        """Return a writer that records which clips the samples belong to; add the batches in order.

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
                    f"The context frames of clip {index} in '{self.folder / CONTEXT}' differ from the exported ones; copy "
                    "the whole export again."
                )
        return frames_NTHWC


def open_export(folder: str | Path) -> Export:
    """Open the output of `vidbench data export`; see `Export` for errors.

    >>> from vidbench.exports import open_export
    >>> export = open_export("export")  # written by: vidbench data export --task tiny.toml --output export
    >>> export.manifest.num_samples
    64
    """
    return Export(Path(folder))


def _read(path: Path) -> ExportManifest:
    try:
        return model_from_json(ExportManifest, read_regular(path))
    except OSError as error:
        raise InputError(
            f"There is no export at '{path.parent}' ({error.strerror}: '{path.name}'); give the folder of one."
        ) from error
    except UnreadableError as error:
        raise InputError(
            f"The file '{path}' is not valid {FORMAT_NAME} version {FORMAT_VERSION} ({error.clause}); export again."
        ) from error
