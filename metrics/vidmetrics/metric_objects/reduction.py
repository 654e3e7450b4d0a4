"""From the features of both sides to estimates and statistics; pure functions of rows ``[n, D]`` in the order of their clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from vidmetrics.catalog.metric import MetricDefinition
from vidmetrics.estimators.base import Estimate, Reference
from vidmetrics.estimators.few_samples import few_samples_warning
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.metric_objects.clip_features import ClipSize, Output, Rows
from vidmetrics.metric_objects.statistics_files import Statistics, in_shards, moments_of, network_facts
from vidmetrics.networks.network import Network
from vidmetrics.statistics.moments import Moments
from vidmetrics.statistics.tensor_moments import to_sum

if TYPE_CHECKING:
    import torch


def gpu_of(network: Network) -> torch.device | None:
    """Return the GPU of a network, where its features are summed too, or None."""
    return network.device if getattr(network, "overlaps", False) else None


def reference_of(definition: MetricDefinition, rows: Rows, num_clips: int, network: Network) -> Reference:
    """Return what a metric needs of the features of the real clips."""
    if definition.needs_reference == "moments":
        return moments_of(rows, num_clips, gpu_of(network))
    return in_shards(rows, num_clips)


def estimate_of(
    definition: MetricDefinition,
    rows: Rows,
    num_samples: int,
    reference: Reference,
    num_reference: int,
    network: Network,
    keys: ClipKeys,
) -> tuple[Estimate, str | None]:
    """Return the estimate of a metric, and a sentence about its bias if there are few samples.

    Args:
        definition: the metric.
        rows: features of the generated clips, float32 ``[n, D]``.
        num_samples: number of generated clips.
        reference: what the metric needs of the real clips.
        num_reference: number of real clips.
        network: the network of the metric.
        keys: keys of the generated clips.
    """
    estimator = make_estimator(definition, rows.shape[1], num_samples, len(rows) // num_samples, keys)
    device = gpu_of(network) if isinstance(estimator, FrechetEstimator) else None
    for shard in to_sum(in_shards(rows, num_samples), device):
        estimator.update(shard)
    estimate = estimator.result(reference)
    if reference is None:
        return estimate, None
    remark = None
    if isinstance(reference, Moments):
        remark = few_samples_warning(definition, reference, len(rows), num_samples, num_reference)
    return replace(estimate, num_reference=num_reference), remark


def statistics_of(
    definitions: Iterable[MetricDefinition],
    networks: Mapping[str, Network],
    rows: Mapping[Output, Rows],
    num_clips: int,
    size: ClipSize,
) -> Statistics:
    """Return the statistics of real clips for some metrics from their features."""
    wanted = [each for each in definitions if each.needs_reference != "none"]
    whole = {(each.network, each.output) for each in wanted if each.needs_reference == "features"}
    return Statistics(
        metrics=tuple(each.id for each in wanted),
        num_clips=num_clips,
        size=size,
        networks={name: network_facts(networks[name]) for name, _ in rows},
        protocol={},
        content={
            output: of_output if output in whole else moments_of(of_output, num_clips, gpu_of(networks[output[0]]))
            for output, of_output in rows.items()
        },
    )
