"""The result record: a number together with everything needed to recompute or to doubt it.

`Result` is the schema of ``result.json``; it is published as ``docs/result.schema.json`` and refuses unknown keys.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vidbench.errors import InputError, first_problem
from vidbench.files import write_text

SCHEMA_VERSION = 2
_OLDEST_READ = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TaskRecord(_Record):
    """Which protocol."""

    name: str
    version: int
    fingerprint: str = Field(description="SHA-256 over every field of the task that decides the number.")


class ModelRecord(_Record):
    """Which model."""

    name: str = Field(description="As given to --model, without the checkpoint; 'samples' for scored files.")
    checkpoint_sha256: str | None = Field(description="Digest of the weights, null for a model without weights.")
    code_sha256: str | None = Field(description="Digest of the Python files of the model's package.")
    num_parameters: int | None
    samples_sha256: str | None = Field(default=None, description="Digest of the scored files, null for a model.")


class MetricRecord(_Record):
    """One number."""

    value: float = Field(description="The metric; the mean over the runs where the task repeats.")
    interval: tuple[float, float] | None = Field(
        description="95 % interval over the generated clips at this N, the real side held fixed; docs/metrics.md says how. "
        "Where the task repeats, Student's interval of the mean over its runs."
    )
    runs: tuple[float, ...] | None = Field(
        default=None, description="The value of each run of num_samples, null where the task does not repeat."
    )
    num_samples: int = Field(description="Samples behind the value; where the task repeats, of each run.")
    num_reference: int | None = Field(description="Real clips compared with; null for metrics that use none.")
    higher_is_better: bool
    network: str = Field(description="Key into `networks`; empty for metrics that compare frames without one.")
    floor: float | None = Field(description="The same metric for the task's floor model at the same N.")
    ceiling: float | None = Field(description="The same metric for the task's ceiling model at the same N.")

    @property
    def spread(self) -> float | None:
        """Standard deviation over the runs (n-1), what papers print behind ±; None without at least two."""
        return statistics.stdev(self.runs) if self.runs and len(self.runs) > 1 else None


class BoundRecord(_Record):
    """What a trivial model, or real data, scores on the task at the same number of samples."""

    what: str = Field(description="Its clips, in words.")
    values: dict[str, float] = Field(description="By metric id; empty where it could not be measured.")
    absent: str | None = Field(description="Why it could not be measured.")


class TruncatedMetric(_Record):
    """One number at one truncation."""

    value: float
    interval: tuple[float, float] | None


class TruncationRecord(_Record):
    """The task's metrics with narrowed latents; never the score itself."""

    sigma: float = Field(description="Standard deviation of the truncated latents.")
    metrics: dict[str, TruncatedMetric]


class GrowthRecord(_Record):
    """A metric at growing numbers of samples, nested random subsets of the run's own (of the first, where there are several), the real side held fixed."""

    counts: tuple[int, ...]
    values: tuple[float, ...]
    num_fitted: int = Field(description="How many of the largest counts the line in 1/n goes through.")
    at_infinity: float | None = Field(description="Where that line meets 1/n = 0.")
    reason: str | None = Field(description="Why there is no line, or no curve.")


class SplitRecord(_Record):
    """One split of the data as it was used."""

    split: str
    num_clips: int
    coverage: float = Field(description="Share of the official clips that were present.")
    sha256: str = Field(description="Digest of the clips: names and bytes of the files, clip plan, resize.")


class EnvironmentRecord(_Record):
    """Where it ran, as far as it may touch the last digits."""

    vidbench: str
    python: str
    torch: str
    numpy: str
    platform: str
    device: str


class StatisticsRecord(_Record):
    """A file of reference statistics that stood for the reference clips."""

    sha256: str = Field(description="Digest of the file.")
    environment: EnvironmentRecord = Field(description="Where it was made.")


class DataRecord(_Record):
    """The real clips."""

    manifest_sha256: str = Field(
        description="After a scan the hash of its manifest, which is that of the decoded frames; otherwise over both splits."
    )
    manifest: Literal["scan", "splits"] = Field(
        default="splits",
        description="'scan': `vidbench data scan` went through these files, and none changed since; 'splits': no scan was "
        "done, and the hash is that of the two digests below.",
    )
    coverage: float = Field(description="The smaller of the two coverages.")
    reference: SplitRecord
    evaluation: SplitRecord
    imported: StatisticsRecord | None = Field(
        default=None, description="File that the reference statistics came from; null where they were computed here."
    )


class NetworkRecord(_Record):
    """One measuring network."""

    weights_sha256: str
    proven: bool = Field(description="True where the weights are known to be the published ones.")
    preprocessing: str
    precision: str


class ExecutionRecord(_Record):
    """How it ran; none of this changes the number."""

    finished: str = Field(description="UTC, ISO 8601.")
    seconds: float
    batch_size: int
    num_processes: int


class Result(_Record):
    """The outcome of `vidbench evaluate` or `vidbench score`."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=_OLDEST_READ, le=SCHEMA_VERSION)
    task: TaskRecord
    model: ModelRecord
    metrics: dict[str, MetricRecord]
    data: DataRecord
    networks: dict[str, NetworkRecord]
    bounds: dict[str, BoundRecord] = Field(
        default_factory=dict, description="By bounding model; since schema version 2."
    )
    truncation: tuple[TruncationRecord, ...] = Field(
        default=(), description="The task's truncation sweep, for models that offer it; since schema version 2."
    )
    against_count: dict[str, GrowthRecord] = Field(
        default_factory=dict, description="By metric id, the score against the number of samples; since version 2."
    )
    environment: EnvironmentRecord
    seed: int
    official: bool
    reasons: tuple[str, ...] = Field(description="Why it is not official; empty where it is.")
    execution: ExecutionRecord

    def to_json(self) -> str:
        """The record as a JSON document."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False)

    def write(self, path: Path) -> None:
        """Write the record whole."""
        write_text(path, self.to_json() + "\n")


def read_result(path: Path) -> Result:
    """Read a result file.

    Raises:
        InputError: missing, not JSON, or not of this schema; names the file and the key.
    """
    if not path.is_file():
        raise InputError(f"The result file {path} does not exist: give the path of a result.json.")
    try:
        return Result.model_validate_json(path.read_bytes())
    except ValidationError as error:
        place, what = first_problem(error)
        raise InputError(f"The result file {path} is not valid at '{place}': {what}.") from None


def json_schema() -> dict[str, Any]:
    """The JSON schema of ``result.json``."""
    return Result.model_json_schema()
