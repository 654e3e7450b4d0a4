"""The metrics of a task in windows of the predicted frames, of samples, reference clips and bounds alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidbench.results.time_curves import TimeCurve, TimeWindow
from vidbench.scoring.bounds import Bound, bound_value
from vidbench.scoring.features import Stores
from vidbench.scoring.frame_comparison import FRAMES
from vidbench.scoring.frame_scores import estimate_frames
from vidbench.scoring.reference import RealSide, estimate
from vidbench.scoring.repeats import over_runs
from vidbench.scoring.run import Run
from vidbench.scoring.run_keys import run_keys
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Estimate

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


def window_networks(run: Run) -> dict[tuple[str, range], Network]:
    """Return the networks of a run on each window of its task; none if the reference clips are not there to compare with."""
    if run.statistics is not None:
        return {}
    return {
        (name, window): network.of_frames(window)
        for name, network in run.networks.items()
        for window in run.task.time_windows
    }


def time_curves(
    run: Run,
    stores: Stores,
    real_stores: Stores,
    bounds: Sequence[tuple[Bound, Stores | None]],
    cache: Path,
) -> dict[str, TimeCurve]:
    """Return the curve of each metric of a run by id; empty if its task has no windows.

    Args:
        run: the run.
        stores: features of the samples, in the windows too.
        real_stores: features of the reference set; empty if its statistics were imported.
        bounds: the bounds of the task with their features, None for an absent one.
        cache: folder of reference statistics and of scores of bounds.
    """
    if not run.task.time_windows:
        return {}
    sides = {
        key: RealSide(cache, real_stores[network.name], network, len(key[1]))
        for key, network in window_networks(run).items()
    }
    there = {bound.name: of_bound for bound, of_bound in bounds if of_bound is not None}
    return {metric.id: _curve(run, metric, stores, sides, there, cache) for metric in run.metrics}


def _curve(
    run: Run,
    metric: MetricDefinition,
    stores: Stores,
    sides: Mapping[tuple[str, range], RealSide],
    bounds: Mapping[str, Stores],
    cache: Path,
) -> TimeCurve:
    if metric.needs_reference != "frames" and not sides:
        why = "the statistics of the reference set came from a file, which has none of its windows"
        return TimeCurve(windows=(), absent=why)
    windows = []
    for window in run.task.time_windows:
        side = sides.get((metric.network, window))
        found, _ = over_runs(metric, [_estimate(run, metric, stores, side, window, clips) for clips in _runs(run)])
        values = {name: _of_bound(run, metric, of_bound, side, window, cache) for name, of_bound in bounds.items()}
        windows.append(
            TimeWindow(
                first_frame=window.start,
                num_frames=len(window),
                value=found.value,
                interval=found.interval,
                bounds={name: value for name, value in values.items() if value is not None and math.isfinite(value)},
            )
        )
    return TimeCurve(windows=tuple(windows))


def _runs(run: Run) -> list[range]:
    return [range(first, first + run.num_samples) for first in range(0, run.total_samples, run.num_samples)]


def _estimate(
    run: Run, metric: MetricDefinition, stores: Stores, side: RealSide | None, window: range, clips: range
) -> Estimate:
    if side is None:
        per_context = run.task.evaluation.samples_per_context
        return estimate_frames(metric, stores[FRAMES], clips, per_context, _predicted(run, window))
    store = stores[side.network.name]
    return estimate(metric, store, side, clips, run_keys(run, store, clips))


def _of_bound(
    run: Run, metric: MetricDefinition, stores: Stores, side: RealSide | None, window: range, cache: Path
) -> float | None:
    if side is not None:
        return bound_value(metric, stores[side.network.name], side, cache, run)
    if FRAMES not in stores:
        return None
    return _estimate(run, metric, stores, None, window, range(run.num_samples)).value


def _predicted(run: Run, window: range) -> slice:
    """Return the place of a window among the predicted frames, which alone are compared."""
    context = run.task.clips.context_frames
    return slice(window.start - context, window.stop - context)
