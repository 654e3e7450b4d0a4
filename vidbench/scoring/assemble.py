"""Compute the result record from features."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidbench.data.folders.inventory import NOTHING
from vidbench.data.leaks.overlap_notes import stored_overlap
from vidbench.files import digest
from vidbench.results.real_clips import FloorSets
from vidbench.results.schema import (
    BoundRecord,
    DataRecord,
    EntriesRecord,
    EnvironmentRecord,
    ExecutionRecord,
    GrowthRecord,
    MetricRecord,
    ModelRecord,
    NetworkRecord,
    PixelsRecord,
    Result,
    SplitRecord,
    TaskRecord,
    TruncatedMetric,
    TruncationRecord,
)
from vidbench.scoring.against_time import time_curves
from vidbench.scoring.bounds import Bound, bound_values
from vidbench.scoring.clip_sources import ClipSource
from vidbench.scoring.features import Stores, network_identity
from vidbench.scoring.floor_sets import HeldOutSets, measured_sets, recorded_sets
from vidbench.scoring.frame_comparison import FRAMES
from vidbench.scoring.frame_scores import estimate_frames, refuse_infinite
from vidbench.scoring.imported_reference import ImportedRealSide
from vidbench.scoring.nearest_sides import nearest_records
from vidbench.scoring.official import unofficial_reasons
from vidbench.scoring.panel import Found, Panel, panel_records
from vidbench.scoring.reference import RealSide, estimate
from vidbench.scoring.repeats import over_runs, scored_sets
from vidbench.scoring.run import Run
from vidbench.scoring.run_keys import run_keys
from vidbench.version import __version__
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.training_data import seen_by
from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.growth import score_against_count
from vidmetrics.weights.sources import licence_of

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network

NO_STORES: Stores = {}

RealSides = Mapping[str, RealSide | ImportedRealSide]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything a result is computed from.

    Attributes:
        run: the run.
        model: the model.
        reasons: why the samples themselves make the result unofficial.
        stores: features of the samples.
        real_stores: features of the reference set; empty if its statistics were imported.
        bounds: the bounds of the task with their features, None for an absent one; empty if their scores were imported.
        sets: the disjoint sets of held-out clips that the user asked for, or None.
        set_stores: features of their clips; empty without them.
        sweep: features of truncated samples, by sigma.
        other_actions: features of samples with the actions of other clips; empty without any.
        source: the samples.
        panel: what was probed for the validity panel.
        cache: folder of the reference statistics and of the scores of the bounds.
        samples_unused: entries of the samples' folder that are not samples, by reason.
        started: `time.monotonic` at the start of the run.
    """

    run: Run
    model: ModelRecord
    reasons: Sequence[str]
    stores: Stores
    real_stores: Stores
    bounds: Sequence[tuple[Bound, Stores | None]]
    sweep: Mapping[float, Stores]
    source: ClipSource
    panel: Panel
    cache: Path
    started: float
    samples_unused: Mapping[str, int] = field(default_factory=dict)
    sets: HeldOutSets | None = None
    set_stores: Stores = field(default_factory=dict)
    other_actions: Stores = field(default_factory=dict)


def assemble(measured: Measured) -> Result:
    """Compute every metric of the task and return the result record."""
    run, stores = measured.run, measured.stores
    real = real_sides(run, measured.real_stores, measured.cache)
    limits = run.imported_bounds or bound_records(
        run, measured.bounds, real, measured.cache, measured.sets, measured.set_stores
    )
    metrics: dict[str, MetricRecord] = {}
    for metric in run.metrics:
        found, runs, averaged = _value(run, metric, stores, real)
        metrics[metric.id] = MetricRecord(
            value=found.value,
            interval=found.interval,
            runs=runs,
            averaged=averaged,
            leave_one_out=found.leave_one_out,
            groups_sha256=found.groups_sha256,
            num_samples=found.num_samples,
            num_reference=found.num_reference,
            higher_is_better=metric.higher_is_better,
            network=metric.uses_network,
            floor=limits[run.task.evaluation.floor].values.get(metric.id),
            ceiling=limits[run.task.evaluation.ceiling].values.get(metric.id),
        )
    networks = list(run.all_networks.values())
    why = unofficial_reasons(
        run.loaded,
        num_samples=run.num_samples,
        seed=run.seed,
        precision=run.options.precision,
        networks=networks,
        datasets=(run.reference, run.evaluation),
        extra=measured.reasons,
    )
    return Result(
        task=TaskRecord(name=run.task.name, version=run.task.version, fingerprint=run.task.fingerprint),
        model=measured.model,
        metrics=metrics,
        data=_data_record(run),
        pixels=PixelsRecord(convention=run.task.clips.pixels),
        networks={network.name: network_record(network) for network in networks},
        bounds=dict(limits),
        truncation=tuple(_truncation_record(run, sigma, of_sigma, real) for sigma, of_sigma in measured.sweep.items()),
        against_count=_against_count(run, stores, real),
        other_actions=_in_another_way(run, measured.other_actions, real) if measured.other_actions else {},
        against_time=time_curves(run, stores, measured.real_stores, measured.bounds, measured.cache),
        nearest=nearest_records(
            run,
            stores,
            measured.real_stores,
            next((of_bound for bound, of_bound in measured.bounds if bound.name == "real"), None),
        ),
        entries=entries_record(run, measured.samples_unused),
        validity=panel_records(
            Found(
                run=run,
                panel=measured.panel,
                source=measured.source,
                stores=stores,
                real_stores=measured.real_stores,
                bounds=measured.bounds,
                real=real,
                metrics=metrics,
            )
        ),
        environment=environment_record(run.device),
        seed=run.seed,
        official=not why,
        reasons=why,
        execution=ExecutionRecord(
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - measured.started, 1),
            batch_size=run.options.batch_size,
            num_processes=run.ranks.world_size,
        ),
    )


def real_sides(run: Run, real_stores: Stores, cache: Path) -> dict[str, RealSide | ImportedRealSide]:
    """Return the reference side of each network; arguments as in `Measured`."""
    frames = run.task.clips.num_frames
    return {
        name: RealSide(cache, real_stores[name], network, frames)
        if run.statistics is None
        else ImportedRealSide(run.statistics, network, frames)
        for name, network in run.networks.items()
    }


def bound_records(
    run: Run,
    bounds: Sequence[tuple[Bound, Stores | None]],
    real: RealSides,
    cache: Path,
    sets: HeldOutSets | None = None,
    set_stores: Stores = NO_STORES,
) -> dict[str, BoundRecord]:
    """Return the scores of each bound by name; arguments as in `Measured`."""
    of_sets = _recorded(run) if sets is None else measured_sets(run, sets, set_stores, real)
    return {
        bound.name: BoundRecord(
            what=bound.what,
            values={} if of_bound is None else bound_values(run, of_bound, real, cache),
            absent=bound.absent,
            sets=of_sets if bound.name == "real" and of_bound is not None else {},
        )
        for bound, of_bound in bounds
    }


def _recorded(run: Run) -> dict[str, FloorSets]:
    """Return the recorded sets of the task, if they are of as many clips, measured alike."""
    if run.num_samples != run.task.evaluation.num_samples or run.options.precision != "exact":
        return {}
    return recorded_sets(run.task, {name: network.weights_sha256 for name, network in run.networks.items()})


def _value(
    run: Run, metric: MetricDefinition, stores: Stores, real: RealSides
) -> tuple[Estimate, tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return the estimate over all runs, the value of each run if there are several, and of each set if a task averages over them."""
    starts = range(0, run.total_samples, run.num_samples)
    runs = [range(start, start + run.num_samples) for start in starts]
    per_context = run.task.evaluation.samples_per_context
    if metric.needs_reference != "frames":
        side, store = real[metric.network], stores[metric.network]
        sets = [scored_sets(run.task, clips) for clips in runs]
        scores = [estimate(metric, store, side, each, run_keys(run, store, each)) for of_run in sets for each in of_run]
        estimate_of_all, values = over_runs(metric, scores)
        if values is None or len(sets[0]) == 1:
            return estimate_of_all, values, None
        of_runs = np.array(values).reshape(len(runs), -1).mean(axis=1)
        total = replace(estimate_of_all, num_samples=len(runs[0]))
        return total, tuple(of_runs.tolist()) if len(runs) > 1 else None, values
    found = [estimate_frames(metric, stores[FRAMES], clips, per_context) for clips in runs]
    refuse_infinite(metric, stores[FRAMES], [each.value for each in found])
    return *over_runs(metric, found), None


def metric_values(run: Run, stores: Stores, real: RealSides) -> dict[str, float]:
    """Return the value of each metric of a run, without bounds, intervals and curves; arguments as in `Measured`."""
    return {metric.id: _value(run, metric, stores, real)[0].value for metric in run.metrics}


def _truncation_record(run: Run, sigma: float, stores: Stores, real: RealSides) -> TruncationRecord:
    return TruncationRecord(sigma=sigma, metrics=_in_another_way(run, stores, real))


def _in_another_way(run: Run, stores: Stores, real: RealSides) -> dict[str, TruncatedMetric]:
    metrics = {}
    for metric in run.metrics:
        found, _, _ = _value(run, metric, stores, real)
        metrics[metric.id] = TruncatedMetric(value=found.value, interval=found.interval)
    return metrics


def _against_count(run: Run, stores: Stores, real: RealSides) -> dict[str, GrowthRecord]:
    curves = {}
    for metric in run.metrics:
        if metric.needs_reference == "frames":
            continue  # a mean over contexts, unbiased for any number of them
        side, store = real[metric.network], stores[metric.network]
        clips = scored_sets(run.task, range(run.num_samples))[0]
        growth = score_against_count(
            metric,
            store.read(metric.output, clips),
            side.network.outputs[metric.output],
            len(clips),
            side.rows_per_clip,
            side.for_metric(metric),
            run_keys(run, store, clips),
        )
        if growth is not None:
            curves[metric.id] = GrowthRecord(**asdict(growth))
    return curves


def scan_sha256(run: Run) -> str | None:
    """Return the manifest hash of the scan that covers both splits, or None."""
    return run.reference.scan_sha256 if run.reference.scan_sha256 == run.evaluation.scan_sha256 else None


def split_records(run: Run) -> tuple[SplitRecord, SplitRecord]:
    """Return the records of the reference and the evaluation split."""
    data = run.task.data
    reference = SplitRecord(
        split=data.reference_split,
        num_clips=run.num_reference,
        coverage=run.reference.coverage,
        sha256=run.reference.identity_sha256,
    )
    evaluation = SplitRecord(
        split=data.evaluation_split,
        num_clips=min(run.num_samples, run.evaluation.num_clips) // run.task.evaluation.samples_per_context,
        coverage=run.evaluation.coverage,
        sha256=run.evaluation.identity_sha256,
    )
    return reference, evaluation


def entries_record(run: Run, samples_unused: Mapping[str, int] = NOTHING) -> EntriesRecord:
    """Return the record of what else the folders of both splits, and of the samples, hold."""
    data = run.task.data
    by_place = {
        f"split '{data.reference_split}'": run.reference.unused,
        f"split '{data.evaluation_split}'": run.evaluation.unused,
        "samples": samples_unused,
    }
    unused = {place: dict(counts) for place, counts in by_place.items() if counts}
    imported = () if run.statistics is None else run.statistics.provenance.entries.ignored
    return EntriesRecord(ignored=tuple(dict.fromkeys((*imported, *run.options.ignore))), unused=unused)


def _data_record(run: Run) -> DataRecord:
    reference, evaluation = split_records(run)
    scanned = scan_sha256(run)
    return DataRecord(
        manifest_sha256=scanned or digest([reference.sha256, evaluation.sha256]),
        manifest="scan" if scanned else "splits",
        coverage=min(reference.coverage, evaluation.coverage),
        reference=reference,
        evaluation=evaluation,
        imported=None if run.statistics is None else run.statistics.record,
        overlap=None if scanned is None else stored_overlap(scanned),
    )


def network_record(network: Network) -> NetworkRecord:
    """Return the record of a network in a result."""
    fields: dict[str, Any] = network_identity(network)
    del fields["name"]
    return NetworkRecord(
        proven=network.proven,
        trained_on=seen_by(network.name) if network.proven else None,
        license=licence_of(network.name, proven=network.proven),
        **fields,
    )


def environment_record(device: str) -> EnvironmentRecord:
    """Return the record of this machine; ``device`` is a torch device string."""
    import torch

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    return EnvironmentRecord(
        vidbench=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        platform=f"{sys.platform}-{platform.machine()}",
        device=name,
    )
