"""One-call metrics: clips in, a number out."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from vidmetrics.catalog.definitions import MetricDefinition
    from vidmetrics.estimators.base import Estimate
    from vidmetrics.networks import Network

Clips: TypeAlias = npt.NDArray[Any] | Iterable[npt.NDArray[Any]]
"""Clips uint8 ``[N, T, H, W, 3]``: one array, or an iterable of such batches."""

_BATCH = 16
"""Clips per call of the network when they come as one array."""


def measure(
    metric: str,
    real_clips: Clips | None,
    generated_clips: Clips,
    *,
    network: Network | None = None,
    device: str = "cpu",
) -> Estimate:
    """Measure clips by a metric id.

    Clips are an array or an iterable of batches. Features of the generated clips are stored until their number is known
    (4 bytes times features times rows), those of the real clips only if the metric needs more than their moments. PSNR
    and SSIM compare clip i with clip i; pass only the predicted frames.

    Args:
        metric: a metric id, see `vidmetrics.METRICS`.
        real_clips: uint8 ``[N, T, H, W, 3]``, or batches of it; None for a metric that uses only generated clips.
            For PSNR and SSIM, the true frames of each predicted clip.
        generated_clips: uint8 ``[N, T, H, W, 3]``, or batches of it.
        network: a loaded network; None loads the network of the metric with its default weights.
        device: torch device for that network.

    Returns:
        The value with its 95 % confidence interval over generated clips.

    Raises:
        InputError: unknown metric, wrong dtype or shape of clips, too few clips, missing weights.
    """
    from vidmetrics.catalog.definitions import get_metric

    definition = get_metric(metric)
    if definition.needs_reference != "none" and real_clips is None:
        raise InputError(f"The metric '{metric}' compares with real clips; pass them.")
    if definition.needs_reference == "none" and real_clips is not None:
        raise InputError(f"The metric '{metric}' uses only generated clips; pass None for the real ones.")
    if definition.needs_reference == "frames":
        if network is not None:
            raise InputError(f"The metric '{metric}' compares frames and uses no network; omit it.")
        if definition.facts.best_of_several:
            raise InputError(
                f"The metric '{metric}' scores the best of several predictions of each clip; compute the frame scores of each with "
                f"{definition.facts.frame_score}_frames and pass the means to best_of_k."
            )
        return _compare_frames(definition, _at_once(real_clips), _at_once(generated_clips))
    return _measure_features(definition, real_clips, generated_clips, network, device)


def _measure_features(
    definition: MetricDefinition, real_clips: Clips | None, generated_clips: Clips, network: Network | None, device: str
) -> Estimate:
    from dataclasses import replace

    from vidmetrics.estimators.base import Reference
    from vidmetrics.estimators.registry import make_estimator
    from vidmetrics.networks import load_network
    from vidmetrics.statistics.moments import Moments

    if network is None:
        network = load_network(definition.network, device=device)
    elif network.name != definition.network:
        raise InputError(f"The metric '{definition.id}' is defined on '{definition.network}', not on '{network.name}'.")
    dim = network.outputs[definition.output]
    real = _CountedFeatures(network, definition.output, real_clips, "real clips")
    reference: Reference = None
    if definition.needs_reference == "moments":
        reference = Moments(dim)
        for features in real:
            reference.update(features)
    elif definition.needs_reference == "features":
        reference = list(real)
    counted = _CountedFeatures(network, definition.output, generated_clips, "generated clips")
    generated = list(counted)
    if not counted.num_clips:
        raise InputError("There are no generated clips to measure; give at least two.")
    rows, uneven = divmod(sum(map(len, generated)), counted.num_clips)
    if uneven:
        raise InputError(
            f"The metric '{definition.id}' needs clips of equal length; give all clips the same number of frames."
        )
    estimator = make_estimator(definition, dim, counted.num_clips, rows)
    for features in generated:
        estimator.update(features)
    estimate = estimator.result(reference)
    # Real and generated clips may differ in length, so rows do not give the number of clips.
    return estimate if reference is None else replace(estimate, num_reference=real.num_clips)


def _compare_frames(
    definition: MetricDefinition, true_NTHWC: npt.NDArray[Any], predicted_NTHWC: npt.NDArray[Any]
) -> Estimate:
    from vidmetrics.estimators.frames import estimate_mean
    from vidmetrics.statistics.frames import FRAME_SCORES

    scores_N = FRAME_SCORES[definition.facts.frame_score](true_NTHWC, predicted_NTHWC).mean(axis=1)
    return estimate_mean(definition.statistic, scores_N, len(scores_N))


def _at_once(clips: Clips | None) -> npt.NDArray[Any]:
    if isinstance(clips, np.ndarray):
        return clips
    batches = [] if clips is None else list(clips)
    if not batches:
        raise InputError("There are no clips to compare; give as many true clips as predicted ones.")
    return np.concatenate(batches)


class _CountedFeatures:
    """Features batch by batch; counts the clips."""

    def __init__(self, network: Network, output: str, clips: Clips | None, whose: str) -> None:
        self.num_clips = 0
        self._network, self._output, self._clips, self._whose = network, output, clips, whose

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        from vidmetrics.networks.finite import check_finite

        for batch in _batches(() if self._clips is None else self._clips):
            features = self._network(batch)[self._output]
            indices = range(self.num_clips, self.num_clips + len(batch))
            check_finite({self._output: features}, self._network.name, indices, self._whose)
            self.num_clips += len(batch)
            yield features


def _batches(clips: Clips) -> Iterator[npt.NDArray[Any]]:
    if not isinstance(clips, np.ndarray):
        yield from clips
    elif clips.ndim != 5:
        yield clips  # the network refuses it with a message
    else:
        yield from (clips[start : start + _BATCH] for start in range(0, len(clips), _BATCH))


class Pairwise(Protocol):
    """One-call function of a metric that compares with real clips."""

    def __call__(self, real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
        """Return the metric; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
        ...


class Alone(Protocol):
    """One-call function of a metric of generated clips alone."""

    def __call__(self, generated_clips: Clips, *, device: str = "cpu") -> float:
        """Return the metric; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
        ...


def __getattr__(name: str) -> Pairwise | Alone:
    """Return the one-call function of a metric id, e.g. ``fvd_styleganv``."""
    from vidmetrics.catalog.definitions import function_ids, get_metric

    ids = function_ids()
    if name not in ids:
        raise AttributeError(f"module 'vidmetrics.one_call' has no attribute '{name}'")
    return _function(name, ids[name], get_metric(ids[name]).needs_reference == "none")


@functools.cache
def _function(name: str, metric: str, alone: bool) -> Pairwise | Alone:
    def of_pairs(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
        return measure(metric, real_clips, generated_clips, device=device).value

    def of_generated(generated_clips: Clips, *, device: str = "cpu") -> float:
        return measure(metric, None, generated_clips, device=device).value

    for function in (of_pairs, of_generated):
        function.__name__ = function.__qualname__ = name
        function.__doc__ = f"Return the metric ``{metric}``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."
    return of_generated if alone else of_pairs
