"""Statistics files: the reference moments that a task's metrics need, and their provenance.

A safetensors file with three tensors for each network output that a Fréchet distance of the task uses,
``NETWORK/OUTPUT/count`` (int64 ``[]``), ``.../mean`` (float64 ``[D]``) and ``.../scatter`` (float64 ``[D, D]``, the sum of
outer products of centred features; the unbiased covariance is ``scatter / (count - 1)``), and one metadata entry,
``vidbench``, which is a `Provenance` as JSON and, since version 2, contains the digest of the whole file (`vidmetrics.sealed`). The
scatter is stored rather than the covariance because it is what is
accumulated: a score from the file is bitwise equal to one from the clips.

A file comes from somebody else: it is parsed without unpickling, and everything in it is checked before use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vidbench.errors import InputError
from vidbench.files import arrays_sha256, write_bytes
from vidbench.json_models import InvalidDocumentError, model_from_json
from vidbench.results.schema import (
    BoundRecord,
    EntriesRecord,
    EnvironmentRecord,
    NetworkRecord,
    SplitRecord,
    TaskRecord,
)
from vidbench.tasks.limits import MOST_LABEL, MOST_SAMPLES
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.formats.faults import UnreadableError, real_kind
from vidmetrics.formats.tensor_archives import safetensors_content
from vidmetrics.metric_objects.statistics_files import FORMAT
from vidmetrics.regular_files import why_no_file
from vidmetrics.sealed import (
    METADATA,
    UNSEALED,
    DamagedFileError,
    check_seal,
    read_content,
    safetensors_metadata,
    sealed,
)
from vidmetrics.statistics.moments import Moments

_KEY = "vidbench"
_FORMAT = "vidbench-statistics"
_PARTS = ("count", "mean", "scatter")
# A valid scatter is symmetric and positive semi-definite up to rounding; float64 sums over millions of rows stay far below.
_ROUNDING = 1e-8
AGAIN = "get the file again from its source"
"""What to do about a damaged file, as the end of a sentence."""

Outputs = dict[tuple[str, str], Moments]
"""Moments by network and output."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BoundsRecord(_Frozen):
    """Scores of the task's bounds against these statistics."""

    num_samples: int = Field(ge=2, le=MOST_SAMPLES, description="Number of samples behind each score.")
    bounds: dict[str, BoundRecord] = Field(description="By model, as `bounds` in a result.")


class Provenance(_Frozen):
    """Where the statistics come from, and what a run needs to know about the missing data."""

    format: Literal["vidbench-statistics"] = Field(default="vidbench-statistics", description="Name of the format.")
    version: Literal[1, 2] = Field(default=2, description="Version of the format; files of version 1 have no `seal`.")
    seal: str = Field(
        default=UNSEALED,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the file with 64 zeros in its place; absent in files of version 1.",
    )
    task: TaskRecord = Field(description="The protocol.")
    reference: SplitRecord = Field(description="The reference set.")
    evaluation: SplitRecord = Field(description="The held-out clips, used for the floor.")
    class_names: tuple[str, ...] = Field(description="Class names in label order; empty if the data has none.")
    evaluation_labels: tuple[Annotated[int, Field(ge=0, le=MOST_LABEL)], ...] | None = Field(
        description="Label of each held-out clip, if samples get these labels."
    )
    evaluation_ids: tuple[str, ...] | None = Field(description="Name of each of these clips.")
    scan_sha256: str | None = Field(description="Manifest hash of the scan of both splits; null without a scan.")
    networks: dict[str, NetworkRecord] = Field(description="The networks.")
    bounds: BoundsRecord | None = Field(description="Scores of the bounds; null if they were not computed.")
    environment: EnvironmentRecord = Field(description="Where it was computed.")
    entries: EntriesRecord = Field(
        default_factory=EntriesRecord, description="What else the data folder held; absent in files of version 1."
    )
    tensors_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of names, types, shapes and values.")

    @model_validator(mode="after")
    def _consistent(self) -> Provenance:
        for name, split in (("reference", self.reference), ("evaluation", self.evaluation)):
            if not 0 <= split.num_clips <= MOST_SAMPLES or not 0 <= split.coverage <= 1:
                raise ValueError(
                    f"{name} has {split.num_clips} clips and the coverage {split.coverage:g}, which cannot be"
                )
        labels, ids = self.evaluation_labels, self.evaluation_ids
        if (labels is None) != (ids is None) or (labels is not None and ids is not None and len(labels) != len(ids)):
            raise ValueError("evaluation_labels and evaluation_ids are not of the same clips")
        if labels and max(labels) >= len(self.class_names):
            raise ValueError(
                f"evaluation_labels has the class {max(labels)}, and there are {len(self.class_names)} classes"
            )
        return self


def outputs_needed(metrics: Iterable[MetricDefinition]) -> tuple[tuple[str, str], ...]:
    """Return each network output whose moments a metric needs, once, in the order of the metrics.

    Raises:
        InputError: a metric needs the features of single real clips.
    """
    needed: dict[tuple[str, str], None] = {}
    for metric in metrics:
        if metric.needs_reference == "features":
            raise InputError(
                f"The metric '{metric.id}' needs the features of every real clip, and a statistics file contains only means "
                "and covariances: use a task without it, or the data itself with --data DIR."
            )
        if metric.needs_reference == "moments":
            needed[metric.network, metric.output] = None
    return tuple(needed)


def statistics_tensors(moments: Outputs) -> dict[str, np.ndarray]:
    """Return the tensors of a statistics file by name."""
    return {
        f"{network}/{output}/{part}": tensor
        for (network, output), of_output in moments.items()
        for part, tensor in of_output.to_tensors().items()
    }


def write_statistics(path: Path, tensors: Mapping[str, np.ndarray], provenance: Provenance) -> str:
    """Write a file whole; returns its sha256. The same statistics give the same bytes."""
    from safetensors.numpy import save

    content = sealed(save(dict(tensors), metadata={_KEY: provenance.model_dump_json()}))
    write_bytes(path, content)
    return sha256(content).hexdigest()


@dataclass(frozen=True)
class StatisticsFile:
    """A statistics file, read once.

    Attributes:
        path: where it is.
        sha256: digest of the file.
        provenance: what it says about itself.
        tensors: its arrays, of any shape and content.
    """

    path: Path
    sha256: str
    provenance: Provenance
    tensors: Mapping[str, np.ndarray]


def read_statistics(path: Path) -> StatisticsFile:
    """Read a statistics file and its provenance.

    Raises:
        InputError: the file does not exist, is not safetensors, is not a statistics file, or was changed after it was
            written.
    """
    if not path.is_file():
        raise InputError(f"The statistics file {path} {why_no_file(path)}: give the path of a .safetensors file.")
    try:
        content = read_content(path)
        metadata = safetensors_metadata(content)
        # Arrays over bytes that are already read: a tensor cannot be larger than the file.
        tensors = safetensors_content(content)
    except (DamagedFileError, UnreadableError) as error:
        kind = real_kind(path)
        clause = error.clause if isinstance(error, UnreadableError) else str(error)
        reason = f"it is {kind}" if kind else clause
        raise InputError(f"The file {path} is not readable as safetensors ({reason}): {AGAIN}.") from None
    if _KEY not in metadata:
        # A bit of the key alone may have changed, and metadata without a key is another file's.
        if any(_FORMAT in value for value in metadata.values()):
            raise InputError(f"The statistics file {path} was changed after it was written: {AGAIN}.")
        if FORMAT in metadata.get(METADATA, ""):
            raise InputError(
                f"The file {path} holds statistics of clips for `vidbench measure --real-statistics`: a task needs those of "
                "`vidbench data statistics --task TASK`."
            )
        raise InputError(
            f"The file {path} is safetensors, but not a statistics file: create one with `vidbench data statistics`."
        )
    try:
        provenance = model_from_json(Provenance, metadata[_KEY].encode())
    except InvalidDocumentError as error:
        sentence = f"The statistics file {path} is not valid at '{error.place}' ({error.problem}): {AGAIN}."
        raise InputError(sentence) from None
    # A file of version 1 has a digest of its tensors alone.
    if provenance.version > 1:
        try:
            check_seal(content)
        except DamagedFileError:
            raise InputError(f"The statistics file {path} was changed after it was written: {AGAIN}.") from None
    return StatisticsFile(path, sha256(content).hexdigest(), provenance, tensors)


def read_moments(file: StatisticsFile, expected: Mapping[tuple[str, str], tuple[int, int]]) -> Outputs:
    """Check the moments of a file.

    Args:
        file: the file.
        expected: number of features and number of rows, by network and output.

    Raises:
        InputError: a tensor is missing, unexpected, of the wrong shape or type, not finite, not a scatter matrix, from the
            wrong number of rows, or changed after it was written.
    """
    path, tensors = file.path, file.tensors
    shapes: dict[str, list[int]] = {}
    for (network, output), (dim, _) in expected.items():
        shapes |= dict(zip((f"{network}/{output}/{part}" for part in _PARTS), ([], [dim], [dim, dim]), strict=True))
    if set(tensors) != set(shapes):
        odd = sorted(set(tensors) ^ set(shapes))[0]
        raise InputError(f"The tensor '{odd}' is missing or unexpected in the statistics file {path}: {AGAIN}.")
    for name, shape in shapes.items():
        got = list(tensors[name].shape)
        if got != shape:
            raise InputError(f"The tensor '{name}' in {path} has shape {got} where {shape} is required: {AGAIN}.")
    if arrays_sha256(tensors) != file.provenance.tensors_sha256:
        raise InputError(f"The statistics file {path} was changed after it was written: {AGAIN}.")
    return {
        (network, output): _checked(tensors, f"{network}/{output}", rows, path)
        for (network, output), (_, rows) in expected.items()
    }


def _checked(tensors: Mapping[str, np.ndarray], prefix: str, rows: int, path: Path) -> Moments:
    try:
        moments = Moments.from_tensors({part: tensors[f"{prefix}/{part}"] for part in _PARTS})
    except InputError as error:
        raise InputError(f"The statistics '{prefix}' in {path} are invalid: {error}") from None
    if moments.count != rows:
        raise InputError(
            f"The statistics '{prefix}' in {path} are of {moments.count} rows where the provenance requires {rows}: {AGAIN}."
        )
    scatter = tensors[f"{prefix}/scatter"]
    scale = float(np.abs(scatter).max())
    symmetric = float(np.abs(scatter - scatter.T).max()) <= _ROUNDING * scale
    if not symmetric or float(np.linalg.eigvalsh(scatter)[0]) < -_ROUNDING * scale:
        raise InputError(f"The scatter of '{prefix}' in {path} is not a scatter matrix: {AGAIN}.")
    return moments
