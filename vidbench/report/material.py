"""The clips shown in a report, read after scoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vidbench.report.nearest import NearestClips, nearest_real
from vidbench.scoring.clip_sources import ClipSource, DatasetSource
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.panel import shown_labels
from vidbench.scoring.run import Run

NUM_CLIPS = 16
NUM_EXTREMES = 8
NUM_CLASSES = 24
CLIPS_PER_CLASS = 2


@dataclass(frozen=True)
class Extremes:
    """Samples with their nearest real clips.

    Attributes:
        samples_NTHWC: uint8.
        real_NTHWC: uint8, the reference clip nearest to each.
        distances: Euclidean distance of each pair in feature space.
        indices: index of each sample.
    """

    samples_NTHWC: np.ndarray
    real_NTHWC: np.ndarray
    distances: tuple[float, ...]
    indices: tuple[int, ...]


@dataclass(frozen=True)
class ClassClips:
    """Clips of one class: the first samples, and a held-out real clip if there is one."""

    name: str
    samples_NTHWC: np.ndarray
    real_NTHWC: np.ndarray


@dataclass(frozen=True)
class Material:
    """All clips of a report, uint8 ``[N, T, H, W, 3]``, context frames included.

    Attributes:
        samples_NTHWC: the first samples.
        real_NTHWC: the first held-out real clips.
        space: feature extractor and output in which nearest clips were searched.
        best: samples nearest to any real clip.
        worst: samples farthest from every real clip.
        searched: number of samples and of reference clips searched.
        not_searched: why nearest clips were not searched, or None.
        classes: clips by class, empty for tasks without labels.
        num_classes: number of classes in the task; ``classes`` may be a selection.
    """

    samples_NTHWC: np.ndarray
    real_NTHWC: np.ndarray
    space: str
    best: Extremes
    worst: Extremes
    searched: tuple[int, int]
    not_searched: str | None
    classes: tuple[ClassClips, ...]
    num_classes: int


def gather(
    run: Run, source: ClipSource, stores: Mapping[str, FeatureStore], real_stores: Mapping[str, FeatureStore]
) -> Material:
    """Read the clips of a report; a model generates the few samples that are shown again.

    Args:
        run: the run.
        source: the samples.
        stores: complete feature stores of the samples, by network.
        real_stores: complete feature stores of the reference clips, by network; empty if statistics were imported.
    """
    found, space, not_searched = _neighbours(run, stores, real_stores)
    order = found.order()
    count = min(NUM_EXTREMES, len(order) // 2)
    best, worst = order[:count], order[::-1][:count]
    shown = np.arange(min(NUM_CLIPS, run.num_samples))
    shown_real = shown[: run.evaluation.num_clips if run.has_evaluation_clips else 0]
    classes = _class_indices(run, source)
    mine = [indices for indices, _ in classes.values()]
    held_out = [indices for _, indices in classes.values()]
    # Read each side in one go: a call to a model may be expensive, however few samples it requests.
    samples = _clips_at(run, source, [shown, best, worst, *mine])
    evaluation = _clips_at(run, DatasetSource(run.evaluation), [shown_real, *held_out])
    reference = _clips_at(run, DatasetSource(run.reference), [found.nearest[best], found.nearest[worst]])

    def extremes(chosen: np.ndarray) -> Extremes:
        distances = tuple(found.distances[chosen].tolist())
        return Extremes(samples(chosen), reference(found.nearest[chosen]), distances, tuple(chosen.tolist()))

    return Material(
        samples_NTHWC=samples(shown),
        real_NTHWC=evaluation(shown_real),
        space=space,
        best=extremes(best),
        worst=extremes(worst),
        searched=(len(order), found.num_real),
        not_searched=not_searched,
        classes=tuple(
            ClassClips(run.evaluation.class_names[label], samples(generated), evaluation(real))
            for label, (generated, real) in classes.items()
        ),
        num_classes=len(run.evaluation.class_names),
    )


def _neighbours(
    run: Run, stores: Mapping[str, FeatureStore], real_stores: Mapping[str, FeatureStore]
) -> tuple[NearestClips, str, str | None]:
    """Find the nearest real clips in the features of the first metric that has some; else none, and the reason."""
    nothing = NearestClips(np.empty(0, np.int64), np.empty(0), 0)
    metric = next((metric for metric in run.metrics if metric.network), None)
    if metric is None:
        return nothing, "", "No metric of the task has features in which to compare clips."
    if run.statistics is not None:
        return nothing, "", "The reference statistics come from a file, which contains no clips to compare with."
    if run.task.does.given == "clip":
        return (
            nothing,
            "",
            "Each sample is made from a real clip of the reference set, and the one below it is that clip.",
        )
    rows = run.networks[metric.network].rows_per_clip(run.task.clips.num_frames)
    found = nearest_real(stores[metric.network], real_stores[metric.network], metric.output, rows)
    return found, f"'{metric.output}' of the network '{metric.network}'", None


def _class_indices(run: Run, source: ClipSource) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return the indices of the samples and held-out clips to show, by label; empty for tasks without labels."""
    labels = shown_labels(run, source, run.num_samples)
    if labels is None:
        return {}
    present = np.unique(labels)
    real_labels = run.evaluation.labels if run.has_evaluation_clips else None
    # Evenly spaced over the list, so that nobody selects the classes.
    chosen = present[np.linspace(0, len(present) - 1, min(NUM_CLASSES, len(present))).astype(int)]
    nothing = np.empty(0, np.int64)
    return {
        label: (
            np.flatnonzero(labels == label)[:CLIPS_PER_CLASS],
            nothing if real_labels is None else np.flatnonzero(real_labels == label)[:1],
        )
        for label in chosen.tolist()
    }


def _clips_at(run: Run, source: ClipSource, wanted: list[np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Read all requested clips once, and return a function that looks them up by index."""
    indices = np.unique(np.concatenate(wanted))
    size, clips = run.options.batch_size, run.task.clips
    batches = [source.read(indices[start : start + size]) for start in range(0, len(indices), size)]
    read = np.concatenate([np.empty((0, clips.num_frames, clips.height, clips.width, 3), np.uint8), *batches])
    return lambda asked: read[np.searchsorted(indices, asked)]
