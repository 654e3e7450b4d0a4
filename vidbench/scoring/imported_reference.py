"""The reference side of a run from a statistics file instead of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidbench.data.folders.inventory import NOTHING
from vidbench.data.frozen import expected_identity
from vidbench.errors import InputError
from vidbench.progress import warn
from vidbench.results.schema import BoundRecord, SplitRecord, StatisticsRecord
from vidbench.scoring.features import network_identity
from vidbench.scoring.reference_file import (
    AGAIN,
    Outputs,
    Provenance,
    StatisticsFile,
    outputs_needed,
    read_moments,
    read_statistics,
)
from vidbench.tasks.frozen_lists import list_of
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.estimators.base import Reference

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


class AbsentClips:
    """A split without its clips: the `vidbench.data.clip_dataset.ClipDataset` that the provenance of a statistics file describes."""

    def __init__(self, split: SplitRecord, provenance: Provenance, labels: Sequence[int] | None = None) -> None:
        """Describe one of the two splits of a file; see `vidbench.data.clip_dataset.ClipDataset`."""
        self.num_clips = split.num_clips
        self.coverage = split.coverage
        self.identity_sha256 = split.sha256
        self.scan_sha256 = provenance.scan_sha256
        self.unused: Mapping[str, int] = provenance.entries.unused.get(f"split '{split.split}'", NOTHING)
        self.class_names = provenance.class_names
        self.labels = None if labels is None else np.array(labels, np.int64)
        self._ids = None if labels is None else provenance.evaluation_ids
        self._name = split.split

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """Return names of clips, as `vidbench.data.clip_dataset.ClipDataset`; known if samples get the labels of these clips.

        Raises:
            InputError: the names are not known.
        """
        if self._ids is None:
            raise InputError(
                f"The names of the clips of the split '{self._name}' are needed, and the statistics file does not contain them: "
                "name the data folder with --data DIR."
            )
        return tuple(self._ids[index] for index in indices)

    def captions(self, indices: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """Refuse, because a statistics file contains no captions.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"The captions of the split '{self._name}' are needed, and a statistics file does not contain them: name the data "
            "folder with --data DIR and remove --reference."
        )

    def origins(self, count: int) -> frozenset[str]:
        """Refuse, because a statistics file does not contain the source videos of the clips.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"The source videos of the split '{self._name}' are needed, and a statistics file does not contain their names: "
            "name the data folder with --data DIR and remove --reference."
        )

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Refuse, because a statistics file contains no clips.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"The real clips of the split '{self._name}' are needed, and a statistics file contains none: name the data "
            "folder with --data DIR."
        )


def open_statistics(path: Path, task: Task, *, warns: bool = True) -> StatisticsFile:
    """Read a statistics file and check that it belongs to the task.

    Args:
        path: the file.
        task: the protocol.
        warns: whether to warn of a file of version 1; of several ranks, one does.

    Raises:
        InputError: the file does not exist, is not a statistics file, or belongs to another protocol.
    """
    file = read_statistics(path)
    theirs = file.provenance.task
    if theirs.fingerprint != task.fingerprint:
        raise InputError(
            f"The statistics in {path} belong to the task '{theirs.name}' v{theirs.version} with fingerprint "
            f"{theirs.fingerprint[:12]}, and this is '{task.name}' v{task.version} with {task.fingerprint[:12]}: use "
            "statistics of this task."
        )
    _refuse_foreign_bounds(path, file.provenance, task)
    frozen = list_of(task.data)
    if frozen is not None:
        wanted = None if task.reference.num_clips == "all" else task.reference.num_clips
        expected = expected_identity(task, frozen, task.data.reference_split, task.reference_clips, wanted)
        if file.provenance.reference.sha256 != expected:
            raise InputError(
                f"The statistics in {path} are of other clips than those on the frozen list of {frozen.year} "
                f"({file.provenance.reference.sha256[:12]} instead of {expected[:12]}): use statistics of '{task.name}'."
            )
    if warns and file.provenance.version == 1:
        warn(
            f"The statistics file {path} has version 1, in which nothing protects the metadata: make it again with "
            "`vidbench data statistics` of this version."
        )
    return file


def _refuse_foreign_bounds(path: Path, provenance: Provenance, task: Task) -> None:
    """Refuse scores of bounds that the task does not have: they would appear in a result."""
    bounds = {} if provenance.bounds is None else provenance.bounds.bounds
    evaluation = task.evaluation
    if odd := sorted(set(bounds) - {*task.does.bounds, evaluation.floor, evaluation.ceiling}):
        raise InputError(
            f"The statistics in {path} have the bound '{odd[0]}', which the task '{task.name}' lacks: {AGAIN}."
        )
    for name, record in bounds.items():
        if odd := sorted(set(record.values) - set(evaluation.metrics)):
            raise InputError(
                f"The statistics in {path} have a score of '{name}' on '{odd[0]}', which is no metric of the task "
                f"'{task.name}': {AGAIN}."
            )
        for id, value in record.values.items():
            least, most = get_metric(id).attainable_range
            if not least <= value <= most:
                raise InputError(
                    f"The statistics in {path} have the score {value:g} of '{name}' on '{id}', which no clips can have: "
                    f"{AGAIN}."
                )


def absent_reference(provenance: Provenance) -> AbsentClips:
    """Return the reference split that the statistics describe."""
    return AbsentClips(provenance.reference, provenance)


def absent_evaluation(provenance: Provenance, task: Task) -> AbsentClips:
    """Return the held-out split, for a task that does not need its clips.

    Raises:
        InputError: the task gives models frames of the clips, or needs labels that the file does not contain.
    """
    if task.clips.context_frames:
        raise InputError(
            f"The task '{task.name}' also scores the {task.clips.context_frames} context frames of each clip, and a "
            "statistics file contains no frames: name the data folder of the held-out clips with --data DIR."
        )
    if task.evaluation.prompts != "none":
        raise InputError(
            f"The task '{task.name}' gives each sample a caption of a held-out clip, and a statistics file contains none: name "
            "the data folder with --data DIR."
        )
    if task.given_frames:
        raise InputError(
            f"The task '{task.name}' gives models {task.does.given_words}, and a statistics file contains no frames: name the data "
            "folder of the held-out clips with --data DIR."
        )
    if task.evaluation.labels == "evaluation" and provenance.evaluation_labels is None:
        raise InputError(
            f"The task '{task.name}' gives each sample the label of a held-out clip, and the statistics contain none: name "
            "the data folder with --data DIR."
        )
    return AbsentClips(provenance.evaluation, provenance, provenance.evaluation_labels)


@dataclass(frozen=True)
class ImportedStatistics:
    """The checked content of a statistics file, for one run.

    Attributes:
        sha256: digest of the file.
        provenance: its provenance.
        moments: moments by network and output.
    """

    sha256: str
    provenance: Provenance
    moments: Outputs

    @property
    def record(self) -> StatisticsRecord:
        """The record of the statistics in a result."""
        return StatisticsRecord(sha256=self.sha256, environment=self.provenance.environment)

    def bounds(self, num_samples: int, evaluation_sha256: str) -> Mapping[str, BoundRecord] | None:
        """Return the scores of the bounds by name, if those of the file apply to the run; else None."""
        bounds, evaluation = self.provenance.bounds, self.provenance.evaluation
        same = bounds is not None and bounds.num_samples == num_samples and evaluation.sha256 == evaluation_sha256
        return bounds.bounds if bounds is not None and same else None


def import_statistics(
    file: StatisticsFile,
    metrics: Sequence[MetricDefinition],
    networks: Mapping[str, Network],
    num_frames: int,
) -> ImportedStatistics:
    """Check a statistics file against the networks of a run.

    Args:
        file: the file.
        metrics: metrics of the task.
        networks: networks of the run, by name.
        num_frames: frames per clip.

    Raises:
        InputError: the networks differ, a metric needs more than moments, or the file is damaged.
    """
    needed, provenance = outputs_needed(metrics), file.provenance
    for name, network in networks.items():
        _refuse_other_network(file.path, provenance, name, network)
    num_clips = provenance.reference.num_clips
    expected = {
        (name, output): (networks[name].outputs[output], num_clips * networks[name].rows_per_clip(num_frames))
        for name, output in needed
    }
    moments = read_moments(file, expected)
    return ImportedStatistics(file.sha256, provenance, moments)


def _refuse_other_network(path: Path, provenance: Provenance, name: str, network: Network) -> None:
    if name not in provenance.networks:
        raise InputError(
            f"The statistics in {path} do not include the network '{name}': compute them again for this task."
        )
    ours, theirs = network_identity(network), provenance.networks[name]
    for key, what in (("weights_sha256", "weights"), ("preprocessing", "preprocessing"), ("precision", "precision")):
        if getattr(theirs, key) != ours[key]:
            raise InputError(
                f"The statistics in {path} were computed by '{name}' with {what} '{str(getattr(theirs, key))[:64]}', and here "
                f"it is '{str(ours[key])[:64]}': both sides must be measured the same way."
            )


@dataclass(frozen=True)
class ImportedRealSide:
    """The reference side of one network, from a statistics file; see `vidbench.scoring.reference.RealSide`."""

    statistics: ImportedStatistics
    network: Network
    num_frames: int

    @property
    def identity(self) -> list[str | int]:
        """Everything that determines the moments, JSON-able."""
        return ["statistics", self.statistics.sha256]

    @property
    def rows_per_clip(self) -> int:
        """Feature rows per clip."""
        return self.network.rows_per_clip(self.num_frames)

    def for_metric(self, definition: MetricDefinition) -> Reference:
        """Return moments or None; metrics that need more were refused when the file was opened."""
        if definition.needs_reference != "moments":
            return None
        return self.statistics.moments[definition.network, definition.output]
