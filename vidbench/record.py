"""From measured shards to the result record."""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidbench import __version__
from vidbench.features import FeatureStore, network_identity
from vidbench.files import digest
from vidbench.frame_scores import FRAMES, estimate_frames, refuse_infinite
from vidbench.official import unofficial_reasons
from vidbench.reference import RealSide, estimate
from vidbench.reference_import import ImportedRealSide
from vidbench.results import (
    DataRecord,
    EnvironmentRecord,
    ExecutionRecord,
    MetricRecord,
    ModelRecord,
    NetworkRecord,
    Result,
    SplitRecord,
    TaskRecord,
)
from vidbench.run import Run
from vidbench.runs import over_runs
from vidmetrics.definitions import MetricDefinition
from vidmetrics.estimators import Estimate
from vidmetrics.networks.base import Network

Stores = dict[str, FeatureStore]


def assemble(
    run: Run,
    record: ModelRecord,
    reasons: Sequence[str],
    stores: Stores,
    real_stores: Stores,
    bounds: Mapping[str, Stores | None],
    cache: Path,
    started: float,
) -> Result:
    """Compute every metric of the task and put the record together.

    Args:
        run: the run.
        record: the model.
        reasons: why the samples themselves make the result unofficial.
        stores: complete shards of the samples, by network.
        real_stores: complete shards of the reference clips, by network; none where their statistics were imported.
        bounds: complete shards of the floor and the ceiling, None where there are too few real clips.
        cache: folder of the reference statistics.
        started: `time.monotonic` at the start of the run.
    """
    metrics: dict[str, MetricRecord] = {}
    limits = run.imported_bounds or bound_values(run, bounds, real_stores, cache)
    for metric in run.metrics:
        found, runs = _value(run, metric, stores, real_stores, cache)
        metrics[metric.id] = MetricRecord(
            value=found.value,
            interval=found.interval,
            runs=runs,
            num_samples=found.num_samples,
            num_reference=found.num_reference,
            higher_is_better=metric.higher_is_better,
            network=metric.network,
            floor=limits["floor"].get(metric.id),
            ceiling=limits["ceiling"].get(metric.id),
        )
    networks = list(run.networks.values())
    why = unofficial_reasons(
        run.loaded, run.num_samples, run.seed, run.options.precision, networks, (run.reference, run.evaluation), reasons
    )
    return Result(
        task=TaskRecord(name=run.task.name, version=run.task.version, fingerprint=run.task.fingerprint),
        model=record,
        metrics=metrics,
        data=_data_record(run),
        networks={network.name: network_record(network) for network in networks},
        environment=environment_record(run.device),
        seed=run.seed,
        official=not why,
        reasons=why,
        execution=ExecutionRecord(
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - started, 1),
            batch_size=run.options.batch_size,
            num_processes=run.ranks.world_size,
        ),
    )


def bound_values(
    run: Run, bounds: Mapping[str, Stores | None], real_stores: Stores, cache: Path
) -> dict[str, dict[str, float | None]]:
    """Score of each bound under each metric, by side and metric id; arguments as for `assemble`."""
    return {
        side: {metric.id: _limit(run, metric, bound, real_stores, cache) for metric in run.metrics}
        for side, bound in bounds.items()
    }


def _value(
    run: Run, metric: MetricDefinition, stores: Stores, real_stores: Stores, cache: Path
) -> tuple[Estimate, tuple[float, ...] | None]:
    """The estimate over the runs of the task, and the value of each run where there are several."""
    starts = range(0, run.total_samples, run.num_samples)
    runs = [range(start, start + run.num_samples) for start in starts]
    found = [_estimate(run, metric, stores, real_stores, cache, clips) for clips in runs]
    if metric.needs_reference == "frames":
        refuse_infinite(metric.id, [estimate.value for estimate in found])
    return over_runs(metric, found)


def _limit(run: Run, metric: MetricDefinition, bound: Stores | None, real_stores: Stores, cache: Path) -> float | None:
    """The metric of a bound, or None where it has none: real clips cannot be compared with themselves."""
    if bound is None or (metric.needs_reference == "frames" and FRAMES not in bound):
        return None
    value = _estimate(run, metric, bound, real_stores, cache, range(run.num_samples)).value
    return value if math.isfinite(value) else None


def _estimate(
    run: Run, metric: MetricDefinition, stores: Stores, real_stores: Stores, cache: Path, clips: range
) -> Estimate:
    if metric.needs_reference == "frames":
        return estimate_frames(metric, stores[FRAMES], clips, run.task.evaluation.samples_per_context)
    return estimate(metric, stores[metric.network], _real_side(run, metric.network, real_stores, cache), clips)


def _real_side(run: Run, name: str, real_stores: Stores, cache: Path) -> RealSide | ImportedRealSide:
    network, num_frames = run.networks[name], run.task.clips.num_frames
    if run.statistics is not None:
        return ImportedRealSide(run.statistics, network, num_frames)
    return RealSide(cache, real_stores[name], network, num_frames)


def scan_sha256(run: Run) -> str | None:
    """Hash of the manifest of the scan that vouches for both splits, or None."""
    return run.reference.scan_sha256 if run.reference.scan_sha256 == run.evaluation.scan_sha256 else None


def split_records(run: Run) -> tuple[SplitRecord, SplitRecord]:
    """The reference and the evaluation split as they were used."""
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
    )


def network_record(network: Network) -> NetworkRecord:
    """What a result says of a network."""
    fields: dict[str, Any] = network_identity(network)
    del fields["name"]
    return NetworkRecord(proven=network.proven, **fields)


def environment_record(device: str) -> EnvironmentRecord:
    """What a result says of this machine; ``device`` is a torch device string."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    return EnvironmentRecord(
        vidbench=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        platform=f"{sys.platform}-{platform.machine()}",
        device=name,
    )
