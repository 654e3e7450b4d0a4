"""The result record: the scores with everything needed to reproduce or question them.

`Result` is the schema of ``result.json``; it is published as ``docs/result.schema.json`` and rejects unknown keys.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vidbench.errors import InputError
from vidbench.files import write_text
from vidbench.json_models import InvalidDocumentError, model_from_json
from vidbench.results.meaning import cautions, meanings
from vidbench.results.real_clips import FloorSets, NearestRecord
from vidbench.results.time_curves import TimeCurve
from vidbench.tasks.schema import PixelConvention
from vidmetrics.regular_files import read_regular, why_no_file

SCHEMA_VERSION = 3
RESULT_NAME = "result.json"
_OLDEST_READ = 1
_LARGEST_BYTES = 64 << 20


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Version(BaseModel):
    """The only key that every version has, with one that only a measurement has; a later version may have any others."""

    schema_version: int = 0
    not_measured: Any = None


class TaskRecord(_Record):
    """The protocol."""

    name: str
    version: int
    fingerprint: str = Field(description="SHA-256 of every field of the task that affects the scores.")


class ModelRecord(_Record):
    """The model."""

    name: str = Field(description="As passed to --model, without the checkpoint; 'samples' for scored files.")
    checkpoint_sha256: str | None = Field(description="Digest of the weights; null for a model without weights.")
    code_sha256: str | None = Field(
        description="Digest of the Python files of the model's package or module, and of those that they import from outside "
        "installed packages."
    )
    num_parameters: int | None
    samples_sha256: str | None = Field(default=None, description="Digest of the scored files; null for a model.")
    files_sha256: str | None = Field(
        default=None,
        description="Digest of the other files that the model read when it was loaded; null if there were none, and before "
        "schema version 3.",
    )
    not_reused: str | None = Field(
        default=None,
        description="Why later runs do not reuse the features of the model: what decides its clips cannot be known; null if "
        "it can. Since schema version 3.",
    )
    trained_on: tuple[str, ...] | None = Field(
        default=None,
        description="What the model declares that it was trained on, as DATASET/SPLIT or DATASET; empty for a model without "
        "training, null if it declares nothing. Since schema version 3.",
    )


class MetricRecord(_Record):
    """One metric."""

    value: float = Field(description="The score; the mean over runs if the task repeats.")
    interval: tuple[float, float] | None = Field(
        description="95 % confidence interval over the generated clips at this N, with the reference set fixed (see "
        "docs/intervals.md). If the task repeats, Student's interval of the mean over runs."
    )
    runs: tuple[float, ...] | None = Field(
        default=None, description="The value of each run; null if the task does not repeat."
    )
    averaged: tuple[float, ...] | None = Field(
        default=None,
        description="The values that `value` is the mean of, one for the j-th samples of all contexts, run after run; null unless the "
        "task averages over the samples of a context. Since schema version 3.",
    )
    leave_one_out: tuple[float, ...] | None = Field(
        default=None,
        description="The value without each of the groups of samples (docs/intervals.md), for the interval of a difference; null if "
        "the task repeats, or the metric has none. Since schema version 3.",
    )
    groups_sha256: str | None = Field(
        default=None,
        description="Digest of which clip is in which of these groups; equal for two results whose groups correspond. Since schema "
        "version 3.",
    )
    num_samples: int = Field(description="Number of samples; per run if the task repeats.")
    num_reference: int | None = Field(description="Number of reference clips; null for metrics without a reference.")
    higher_is_better: bool
    network: str = Field(description="Key into `networks`; empty for frame metrics without a network.")
    floor: float | None = Field(description="Score of the task's floor model at the same N.")
    ceiling: float | None = Field(description="Score of the task's ceiling model at the same N.")

    @property
    def spread(self) -> float | None:
        """Sample standard deviation over the runs (n-1), as papers print after ±; None with fewer than two."""
        return statistics.stdev(self.runs) if self.runs and len(self.runs) > 1 else None


class BoundRecord(_Record):
    """Scores of a trivial model, or of real clips, on the task at the same number of samples."""

    what: str = Field(description="What the clips are.")
    values: dict[str, float] = Field(description="By metric id; empty if it could not be measured.")
    absent: str | None = Field(description="Why it could not be measured.")
    sets: dict[str, FloorSets] = Field(
        default_factory=dict,
        description="By metric id: the scores of several disjoint sets of such clips, of which `values` has the first; only "
        "of real clips. Since schema version 3.",
    )


class TruncatedMetric(_Record):
    """One metric of samples that were made in another way than those of the score, such as at one truncation."""

    value: float
    interval: tuple[float, float] | None


class TruncationRecord(_Record):
    """The task's metrics with truncated latents; never the score itself."""

    sigma: float = Field(description="Standard deviation of the truncated latents.")
    metrics: dict[str, TruncatedMetric]


class GrowthRecord(_Record):
    """A metric at increasing numbers of samples: nested random subsets of the samples (of the first run if there are several), with the reference set fixed."""

    counts: tuple[int, ...]
    values: tuple[float, ...]
    num_fitted: int = Field(description="How many of the largest counts the line in 1/n is fitted to.")
    at_infinity: float | None = Field(description="Value of the line at 1/n = 0.")
    at_infinity_interval: tuple[float, float] | None = Field(
        default=None,
        description="95 % confidence interval of `at_infinity` over the generated clips. Since schema version 3.",
    )
    reason: str | None = Field(description="Why there is no line or no curve.")


class SplitRecord(_Record):
    """One split of the data, as used."""

    split: str
    num_clips: int
    coverage: float = Field(description="Share of the official clips that were available.")
    sha256: str = Field(description="Digest of the clips: names and bytes of the files, clip plan, resize.")


class EnvironmentRecord(_Record):
    """Software and hardware that can affect the last digits."""

    vidbench: str
    python: str
    torch: str
    numpy: str
    platform: str
    device: str


class StatisticsRecord(_Record):
    """A file of reference statistics used instead of the reference clips."""

    sha256: str = Field(description="Digest of the file.")
    environment: EnvironmentRecord = Field(description="Where it was computed.")


class OverlapRecord(_Record):
    """What `vidbench data overlap` found between the training split of the task and the split of its held-out clips."""

    searched: Literal["names", "bytes", "frames"] = Field(
        description="How far it looked, each with those before it: 'names' of videos and their recordings, 'bytes' of files, 'frames' "
        "at thumbnails of 8x8 pixels (docs/data.md has what they cannot see)."
    )
    training: int = Field(description="Number of videos of the training split that were on disk.")
    held_out: int = Field(description="Number of videos of the split of the held-out clips that were on disk.")
    shared: int = Field(description="How many of the latter were recognised in the training split.")
    kinds: dict[str, int] = Field(description="Number of pairs by what they were recognised by.")
    not_compared: int = Field(description="Number of videos that could not be read, and so were compared by name only.")


class DataRecord(_Record):
    """The real clips."""

    manifest_sha256: str = Field(
        description="After a scan: hash of its manifest, which covers the decoded frames. Otherwise: hash over both splits."
    )
    manifest: Literal["scan", "splits"] = Field(
        default="splits",
        description="'scan': `vidbench data scan` decoded these files, and none has changed since. 'splits': no scan, and "
        "the hash is over the two digests below.",
    )
    coverage: float = Field(description="The smaller of the two coverages.")
    reference: SplitRecord
    evaluation: SplitRecord
    imported: StatisticsRecord | None = Field(
        default=None, description="File of the reference statistics; null if they were computed here."
    )
    overlap: OverlapRecord | None = Field(
        default=None,
        description="What the training split shares with the held-out clips, as found on videos with the same manifest of a scan; null "
        "if it was not checked. Since schema version 3.",
    )


class PixelsRecord(_Record):
    """How decoded frames became RGB."""

    convention: PixelConvention = Field(
        default="exact",
        description="'exact': FFmpeg's bit-exact conversion from YUV, the same bytes on every machine. 'ffmpeg-default': its "
        "default conversion, about a level darker; always unofficial. See docs/footguns.md.",
    )


class NetworkRecord(_Record):
    """One feature extractor."""

    weights_sha256: str
    proven: bool = Field(description="Whether the weights are known to be the published ones.")
    preprocessing: str
    precision: str
    implementation: str = Field(
        default="plain",
        description="The arithmetic: 'plain' is torch in float32 (or TF32 if fast), other names are kernels for particular hardware "
        "within the bounds of docs/precision.md. Since schema version 3.",
    )
    trained_on: tuple[str, ...] | None = Field(
        default=None,
        description="What the published weights were trained on, as DATASET/SPLIT or DATASET; empty if nobody has stated it, null in "
        "results that do not record it and for weights that are not proven. Since schema version 3.",
    )
    license: str | None = Field(
        default=None,
        description="Licence of the weights as far as their source states it, in words; 'unknown' with the reason if it does not "
        "or if they are not proven. Null in results that do not record it. Since schema version 3.",
    )


class ValidityRecord(_Record):
    """One check of the validity panel; docs/validity.md says what each can tell and what it cannot."""

    check: str = Field(description="Id of the check.")
    what: str = Field(description="What was compared.")
    value: float | None = Field(description="What was found of the samples; null if the check is absent.")
    against: float | None = Field(description="The same of what it is compared with; null if that is not known.")
    threshold: float | None = Field(description="The value from which the check flags; null if there is none.")
    flagged: bool = Field(description="Whether the samples look like something else than samples of a model.")
    sentence: str = Field(description="What was found, in words.")
    absent: str | None = Field(description="Why the check could not be done; null if it was.")


class EntriesRecord(_Record):
    """Entries of the folders of clips that are not clips of this result."""

    ignored: tuple[str, ...] = Field(default=(), description="Patterns of --ignore.")
    unused: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="Number of entries by reason, for each split and for 'samples'; docs/data.md lists the reasons.",
    )


class ExecutionRecord(_Record):
    """How it ran; does not affect the scores."""

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
    pixels: PixelsRecord = Field(
        default=PixelsRecord(),
        description="Pixel convention of every decoded video; since schema version 3 (before, all were 'exact').",
    )
    networks: dict[str, NetworkRecord]
    bounds: dict[str, BoundRecord] = Field(
        default_factory=dict, description="By bounding model; since schema version 2."
    )
    truncation: tuple[TruncationRecord, ...] = Field(
        default=(), description="The task's truncation sweep, for models that support it; since schema version 2."
    )
    against_count: dict[str, GrowthRecord] = Field(
        default_factory=dict, description="Score against the number of samples, by metric id; since schema version 2."
    )
    other_actions: dict[str, TruncatedMetric] = Field(
        default_factory=dict,
        description="By metric id: the score of the same samples with the actions of other clips, which a model that ignores its "
        "actions does not notice; empty unless the task gives actions. Since schema version 3.",
    )
    against_time: dict[str, TimeCurve] = Field(
        default_factory=dict,
        description="Score in windows of the predicted frames, by metric id; empty unless the task has windows. Since schema "
        "version 3.",
    )
    nearest: dict[str, NearestRecord] = Field(
        default_factory=dict,
        description="By network: whether the real clips nearest to the samples are reference clips or held-out ones; empty "
        "for predictions, and where either side is missing. Since schema version 3.",
    )
    entries: EntriesRecord = Field(
        default_factory=EntriesRecord,
        description="What else the folders of clips hold; since schema version 3.",
    )
    validity: tuple[ValidityRecord, ...] = Field(
        default=(),
        description="The validity panel: checks of the samples themselves; a flag changes no score. Since schema version 3.",
    )
    environment: EnvironmentRecord
    seed: int
    official: bool
    reasons: tuple[str, ...] = Field(description="Why it is unofficial; empty if it is official.")
    execution: ExecutionRecord

    def floor_sets_of(self, metric: str) -> FloorSets | None:
        """Return the scores of several sets of held-out clips on a metric, or None if the result has none."""
        return next((bound.sets[metric] for bound in self.bounds.values() if metric in bound.sets), None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the scores are not, and what is remarkable about their values, as the table of `vidbench evaluate` says."""
        values = {name: (metric.value, metric.interval) for name, metric in self.metrics.items()}
        return (*cautions(self.metrics), *meanings(values))

    def to_json(self) -> str:
        """Return the record as a JSON document."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False)

    def write(self, path: Path) -> None:
        """Write the record atomically."""
        write_text(path, self.to_json() + "\n")


def result_path(path: Path) -> Path:
    """Return the result file that a user's path means: a run folder stands for its ``result.json``."""
    return path / RESULT_NAME if path.is_dir() else path


def read_result(path: Path) -> Result:
    """Read a result file, or the ``result.json`` in the folder of a run.

    >>> from pathlib import Path
    >>> from vidbench.results import read_result
    >>> read_result(Path("runs/noise")).model.name  # the folder of a run
    'noise'

    Raises:
        InputError: the file is missing, not JSON, of a later version, or does not match the schema; names the file and the key.
    """
    path = result_path(path)
    if not path.is_file():
        raise InputError(f"The result file {path} {why_no_file(path)}: give the path of a result.json, or its folder.")
    if path.stat().st_size > _LARGEST_BYTES:
        raise InputError(
            f"The result file {path} has more than {_LARGEST_BYTES >> 20} MiB, so it is none: give the path of a result.json."
        )
    content = read_regular(path)
    read = _version_of(content)
    if read.not_measured is not None:
        raise InputError(
            f"The file {path} is of `vidbench measure`, whose numbers have no protocol, and not a result: give the result.json of "
            "`vidbench evaluate` or `vidbench score`."
        )
    version = read.schema_version
    if version > SCHEMA_VERSION:
        raise InputError(
            f"The result file {path} has schema version {version}, and this vidbench reads versions {_OLDEST_READ} to "
            f"{SCHEMA_VERSION}: read it with the later vidbench that wrote it."
        )
    try:
        return model_from_json(Result, content)
    except InvalidDocumentError as error:
        raise InputError(f"The result file {path} is not valid at '{error.place}': {error.problem}.") from None


def _version_of(content: bytes) -> _Version:
    """Return the schema version that a document states, 0 if it states none."""
    try:
        return _Version.model_validate_json(content)
    except ValidationError:
        return _Version()


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of ``result.json``.

    >>> from vidbench.results import json_schema
    >>> json_schema()["title"]
    'Result'
    """
    return Result.model_json_schema()
