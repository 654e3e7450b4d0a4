"""A run whose real side comes from a file of statistics instead of from clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidbench.errors import InputError
from vidbench.files import file_sha256
from vidbench.results.schema import BoundRecord, SplitRecord, StatisticsRecord
from vidbench.scoring.features import network_identity
from vidbench.scoring.reference_file import Outputs, Provenance, outputs_needed, read_moments, read_provenance
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Reference
from vidmetrics.networks.base import Network


class AbsentClips:
    """A split that is known by its provenance alone; a `vidbench.data.clip_dataset.ClipDataset` that can show no clip."""

    def __init__(self, split: SplitRecord, provenance: Provenance, labels: Sequence[int] | None = None) -> None:
        """Stand in for one of the two splits of a file; see `vidbench.data.clip_dataset.ClipDataset`."""
        self.num_clips = split.num_clips
        self.coverage = split.coverage
        self.identity_sha256 = split.sha256
        self.scan_sha256 = provenance.scan_sha256
        self.class_names = provenance.class_names
        self.labels = None if labels is None else np.array(labels, np.int64)
        self._ids = None if labels is None else provenance.evaluation_ids
        self._name = split.split

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """See `vidbench.data.clip_dataset.ClipDataset`; known where the task gives samples the labels of these clips.

        Raises:
            InputError: not known.
        """
        if self._ids is None:
            raise InputError(
                f"The names of the clips of the split '{self._name}' are needed here, and the file of statistics holds none: "
                "name the data folder with --data DIR."
            )
        return tuple(self._ids[index] for index in indices)

    def origins(self, count: int) -> frozenset[str]:
        """Refuse: which videos these clips are cut from is not in a file of statistics.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"Which videos the clips of the split '{self._name}' are cut from is not known, because a file of statistics "
            "holds none of their names: name the data folder with --data DIR and leave out --reference."
        )

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Refuse.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"The real clips of the split '{self._name}' are needed here, and a file of statistics holds none: name the "
            "data folder with --data DIR."
        )


def open_provenance(path: Path, task: Task) -> Provenance:
    """Read what a file of statistics says of itself, and refuse it for another task.

    Raises:
        InputError: no such file, no file of statistics, or one for another protocol.
    """
    provenance = read_provenance(path)
    theirs = provenance.task
    if theirs.fingerprint != task.fingerprint:
        raise InputError(
            f"The statistics in {path} are those of the task '{theirs.name}' v{theirs.version} with fingerprint "
            f"{theirs.fingerprint[:12]}, and this is '{task.name}' v{task.version} with {task.fingerprint[:12]}: they are "
            "not comparable, so use statistics of this very task."
        )
    return provenance


def absent_reference(provenance: Provenance) -> AbsentClips:
    """The reference split behind the statistics."""
    return AbsentClips(provenance.reference, provenance)


def absent_evaluation(provenance: Provenance, task: Task) -> AbsentClips:
    """The held-out split, for a task that can do without its clips.

    Raises:
        InputError: the task scores given frames, or gives labels that the file does not know.
    """
    if task.clips.context_frames:
        raise InputError(
            f"The task '{task.name}' scores the {task.clips.context_frames} given frames of each clip too, and a file of "
            "statistics holds no frames: name the data folder of the held-out clips with --data DIR."
        )
    if task.evaluation.labels == "evaluation" and provenance.evaluation_labels is None:
        raise InputError(
            f"The task '{task.name}' gives each sample the label of a held-out clip, and the statistics name none: name the "
            "data folder with --data DIR."
        )
    return AbsentClips(provenance.evaluation, provenance, provenance.evaluation_labels)


@dataclass(frozen=True)
class ImportedStatistics:
    """The checked content of a file of statistics, for one run.

    Attributes:
        sha256: digest of the file.
        provenance: what the file says of itself.
        moments: by network and output.
    """

    sha256: str
    provenance: Provenance
    moments: Outputs

    @property
    def record(self) -> StatisticsRecord:
        """What the result says of them."""
        return StatisticsRecord(sha256=self.sha256, environment=self.provenance.environment)

    def bounds(self, num_samples: int, evaluation_sha256: str) -> Mapping[str, BoundRecord] | None:
        """Scores of the bounds by name, where those of the file are those of the run."""
        bounds, evaluation = self.provenance.bounds, self.provenance.evaluation
        same = bounds is not None and bounds.num_samples == num_samples and evaluation.sha256 == evaluation_sha256
        return bounds.bounds if bounds is not None and same else None


def import_statistics(
    path: Path,
    provenance: Provenance,
    metrics: Sequence[MetricDefinition],
    networks: Mapping[str, Network],
    num_frames: int,
) -> ImportedStatistics:
    """Read a file of statistics for a run, held against the run's own networks.

    Args:
        path: the file.
        provenance: what it says of itself.
        metrics: the task's.
        networks: the run's, by name.
        num_frames: frames of a clip.

    Raises:
        InputError: other networks than the run's, metrics that moments cannot serve, or a damaged file.
    """
    needed = outputs_needed(metrics)
    for name, network in networks.items():
        _refuse_other_network(path, provenance, name, network)
    num_clips = provenance.reference.num_clips
    expected = {
        (name, output): (networks[name].outputs[output], num_clips * networks[name].rows_per_clip(num_frames))
        for name, output in needed
    }
    moments = read_moments(path, provenance.tensors_sha256, expected)
    return ImportedStatistics(file_sha256(path), provenance, moments)


def _refuse_other_network(path: Path, provenance: Provenance, name: str, network: Network) -> None:
    if name not in provenance.networks:
        raise InputError(f"The statistics in {path} do not name the network '{name}': make them again for this task.")
    ours, theirs = network_identity(network), provenance.networks[name]
    for key, what in (("weights_sha256", "weights"), ("preprocessing", "preprocessing"), ("precision", "precision")):
        if getattr(theirs, key) != ours[key]:
            raise InputError(
                f"The statistics in {path} were made by '{name}' with {what} '{str(getattr(theirs, key))[:64]}', and here it "
                f"has '{str(ours[key])[:64]}': the two sides must be measured alike."
            )


@dataclass(frozen=True)
class ImportedRealSide:
    """The real side of one network from a file; as `vidbench.scoring.reference.RealSide`."""

    statistics: ImportedStatistics
    network: Network
    num_frames: int

    @property
    def identity(self) -> list[str | int]:
        """JSON-able; everything that decides the moments."""
        return ["statistics", self.statistics.sha256]

    @property
    def rows_per_clip(self) -> int:
        """Rows of features of one clip."""
        return self.network.rows_per_clip(self.num_frames)

    def for_metric(self, definition: MetricDefinition) -> Reference:
        """Return moments or None; no shipped file serves a metric that needs more."""
        if definition.needs_reference != "moments":
            return None
        return self.statistics.moments[definition.network, definition.output]
