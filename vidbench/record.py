"""From measured shards to the result record."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidbench import __version__
from vidbench.bounds import Bound, bound_values
from vidbench.features import FeatureStore, network_identity
from vidbench.files import digest
from vidbench.official import unofficial_reasons
from vidbench.reference import RealSide, estimate
from vidbench.results import (
    BoundRecord,
    DataRecord,
    EnvironmentRecord,
    ExecutionRecord,
    GrowthRecord,
    MetricRecord,
    ModelRecord,
    NetworkRecord,
    Result,
    SplitRecord,
    TaskRecord,
    TruncatedMetric,
    TruncationRecord,
)
from vidbench.run import Run
from vidmetrics.growth import score_against_count
from vidmetrics.networks.base import Network

Stores = dict[str, FeatureStore]


def assemble(
    run: Run,
    record: ModelRecord,
    reasons: Sequence[str],
    stores: Stores,
    real_stores: Stores,
    bounds: Sequence[tuple[Bound, Stores | None]],
    sweep: Mapping[float, Stores],
    cache: Path,
    started: float,
) -> Result:
    """Compute every metric of the task and put the record together.

    Args:
        run: the run.
        record: the model.
        reasons: why the samples themselves make the result unofficial.
        stores: complete shards of the samples, by network.
        real_stores: complete shards of the reference clips, by network.
        bounds: the bounds of the task with their complete shards, None for one that is absent.
        sweep: complete shards of truncated samples, by sigma and network.
        cache: folder of the reference statistics and of what the bounds score.
        started: `time.monotonic` at the start of the run.
    """
    real = {
        name: RealSide(cache, real_stores[name], network, run.task.clips.num_frames)
        for name, network in run.networks.items()
    }
    limits = {
        bound.name: BoundRecord(
            what=bound.what,
            values={} if of_bound is None else bound_values(run.metrics, of_bound, real, cache),
            absent=bound.absent,
        )
        for bound, of_bound in bounds
    }
    metrics: dict[str, MetricRecord] = {}
    for metric in run.metrics:
        found = estimate(metric, stores[metric.network], real[metric.network])
        metrics[metric.id] = MetricRecord(
            value=found.value,
            interval=found.interval,
            num_samples=found.num_samples,
            num_reference=found.num_reference,
            higher_is_better=metric.higher_is_better,
            network=metric.network,
            floor=limits[run.task.evaluation.floor].values.get(metric.id),
            ceiling=limits[run.task.evaluation.ceiling].values.get(metric.id),
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
        bounds=limits,
        truncation=tuple(_truncation_record(run, sigma, of_sigma, real) for sigma, of_sigma in sweep.items()),
        against_count=_against_count(run, stores, real),
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


def _truncation_record(run: Run, sigma: float, stores: Stores, real: Mapping[str, RealSide]) -> TruncationRecord:
    metrics = {}
    for metric in run.metrics:
        found = estimate(metric, stores[metric.network], real[metric.network])
        metrics[metric.id] = TruncatedMetric(value=found.value, interval=found.interval)
    return TruncationRecord(sigma=sigma, metrics=metrics)


def _against_count(run: Run, stores: Stores, real: Mapping[str, RealSide]) -> dict[str, GrowthRecord]:
    curves = {}
    for metric in run.metrics:
        side, store = real[metric.network], stores[metric.network]
        growth = score_against_count(
            metric,
            store.read(metric.output),
            side.network.outputs[metric.output],
            store.num_clips,
            side.rows_per_clip,
            side.for_metric(metric),
        )
        if growth is not None:
            curves[metric.id] = GrowthRecord(**asdict(growth))
    return curves


def _data_record(run: Run) -> DataRecord:
    data = run.task.data
    reference = SplitRecord(
        split=data.reference_split,
        num_clips=run.num_reference,
        coverage=run.reference.coverage,
        sha256=run.reference.identity_sha256,
    )
    evaluation = SplitRecord(
        split=data.evaluation_split,
        num_clips=min(run.num_samples, run.evaluation.num_clips),
        coverage=run.evaluation.coverage,
        sha256=run.evaluation.identity_sha256,
    )
    return DataRecord(
        manifest_sha256=digest([reference.sha256, evaluation.sha256]),
        coverage=min(reference.coverage, evaluation.coverage),
        reference=reference,
        evaluation=evaluation,
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
