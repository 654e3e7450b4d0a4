"""The clips that a report shows, read once the scores are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vidbench.features import FeatureStore
from vidbench.report.neighbours import nearest_real
from vidbench.run import Run
from vidbench.sources import ClipSource, DatasetSource, sample_labels

NUM_CLIPS = 16
NUM_EXTREMES = 8
NUM_CLASSES = 24
CLIPS_PER_CLASS = 2


@dataclass(frozen=True)
class Extremes:
    """Samples beside their nearest real clips.

    Attributes:
        samples_NTHWC: uint8.
        real_NTHWC: uint8, the nearest reference clip of each.
        distances: Euclidean distance of each pair in feature space.
        indices: index of each sample.
    """

    samples_NTHWC: np.ndarray
    real_NTHWC: np.ndarray
    distances: tuple[float, ...]
    indices: tuple[int, ...]


@dataclass(frozen=True)
class ClassClips:
    """Clips of one class: the first samples, and one held-out real clip where there is one."""

    name: str
    samples_NTHWC: np.ndarray
    real_NTHWC: np.ndarray


@dataclass(frozen=True)
class Material:
    """All clips of a report, uint8 ``[N, T, H, W, 3]``, given frames included.

    Attributes:
        samples_NTHWC: the first samples.
        real_NTHWC: the first held-out real clips.
        space: network and output in which neighbours were looked for.
        best: samples nearest to a real clip.
        worst: samples farthest from any.
        searched: how many samples and how many reference clips were looked at.
        classes: clips by class, empty for tasks without labels.
        num_classes: classes of the task, of which ``classes`` may be a selection.
    """

    samples_NTHWC: np.ndarray
    real_NTHWC: np.ndarray
    space: str
    best: Extremes
    worst: Extremes
    searched: tuple[int, int]
    classes: tuple[ClassClips, ...]
    num_classes: int


def gather(
    run: Run, source: ClipSource, stores: Mapping[str, FeatureStore], real_stores: Mapping[str, FeatureStore]
) -> Material:
    """Read the clips of a report; a model is asked again for the few samples that are shown.

    Args:
        run: the run.
        source: the samples.
        stores: complete shards of the samples, by network.
        real_stores: complete shards of the reference clips, by network.
    """
    metric = run.metrics[0]
    rows = run.networks[metric.network].rows_per_clip(run.task.clips.num_frames)
    found = nearest_real(stores[metric.network], real_stores[metric.network], metric.output, rows)
    order = found.order()
    count = min(NUM_EXTREMES, len(order) // 2)
    reference = DatasetSource(run.reference)

    def extremes(chosen: np.ndarray) -> Extremes:
        return Extremes(
            _read(run, source, chosen),
            _read(run, reference, found.nearest[chosen]),
            tuple(found.distances[chosen].tolist()),
            tuple(chosen.tolist()),
        )

    shown = np.arange(min(NUM_CLIPS, run.num_samples))
    classes, num_classes = _classes(run, source)
    return Material(
        samples_NTHWC=_read(run, source, shown),
        real_NTHWC=_read(run, DatasetSource(run.evaluation), shown[: run.evaluation.num_clips]),
        space=f"'{metric.output}' of the network '{metric.network}'",
        best=extremes(order[:count]),
        worst=extremes(order[::-1][:count]),
        searched=(len(order), found.num_real),
        classes=classes,
        num_classes=num_classes,
    )


def _classes(run: Run, source: ClipSource) -> tuple[tuple[ClassClips, ...], int]:
    labels = sample_labels(run.task, np.arange(run.num_samples), run.evaluation)
    if labels is None:
        return (), 0
    present = np.unique(labels)
    # Evenly over the list, so that the choice of classes is nobody's.
    chosen = present[np.linspace(0, len(present) - 1, min(NUM_CLASSES, len(present))).astype(int)]
    real_labels = run.evaluation.labels
    found = []
    for label in chosen.tolist():
        mine = np.flatnonzero(labels == label)[:CLIPS_PER_CLASS]
        held_out = np.flatnonzero(real_labels == label)[:1] if real_labels is not None else np.empty(0, np.int64)
        found.append(
            ClassClips(
                run.evaluation.class_names[label],
                _read(run, source, mine),
                _read(run, DatasetSource(run.evaluation), held_out),
            )
        )
    return tuple(found), len(run.evaluation.class_names)


def _read(run: Run, source: ClipSource, indices: np.ndarray) -> np.ndarray:
    clips = run.task.clips
    if len(indices) == 0:
        return np.empty((0, clips.num_frames, clips.height, clips.width, 3), np.uint8)
    size = run.options.batch_size
    return np.concatenate([source.read(indices[start : start + size]) for start in range(0, len(indices), size)])
