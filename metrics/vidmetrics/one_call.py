"""One-call metrics: clips in, a number out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from vidmetrics.catalog.definitions import MetricDefinition
    from vidmetrics.estimators.base import Estimate
    from vidmetrics.metric_objects.statistics_files import Statistics
    from vidmetrics.networks import Network

Clips: TypeAlias = Any
"""Clips in any form of `vidmetrics.metric_objects.clip_input`: an array or tensor, a list of clips, an iterable of batches."""
ValueRange: TypeAlias = tuple[float, float]


def measure(
    metric: str,
    real_clips: Clips | Statistics | None,
    generated_clips: Clips,
    *,
    network: Network | None = None,
    device: str = "cpu",
    layout: str | None = None,
    value_range: tuple[float, float] | None = None,
    labels: Sequence[int] | None = None,
) -> Estimate:
    """Measure clips by a metric id; `metric` takes clips as they come, and several ids at once.

    >>> import numpy, vidmetrics
    >>> real, generated = numpy.random.default_rng(0).integers(0, 256, (2, 64, 12, 32, 32, 3), numpy.uint8)
    >>> estimate = vidmetrics.measure("kvd-shapes", real, generated)
    >>> estimate.num_samples, estimate.interval[0] < estimate.value < estimate.interval[1]
    (64, True)

    PSNR, SSIM and LPIPS compare clip i with clip i; pass only the predicted frames.

    Args:
        metric: a metric id, see `vidmetrics.METRICS`.
        real_clips: an array, a list of clips, an iterable of batches, or `Statistics`; None for a metric of generated clips alone.
        generated_clips: an array, a list of clips, or an iterable of batches.
        network: a loaded network, in place of loading the one of the metric on ``device``.
        device: as for `metric`.
        layout: as for `metric`.
        value_range: as for `metric`.
        labels: the label that each generated clip was made for, see `vidmetrics.Metric.update`.

    Raises:
        InputError: unknown metric, clips in another form or of different sizes, too few clips, missing weights.
    """
    from vidmetrics.catalog.definitions import get_metric

    if not isinstance(metric, str):
        raise InputError(
            f"vidmetrics.measure takes one metric id, not a {type(metric).__name__}; for several make vidmetrics.metric([ID, ...]), then "
            "update and compute."
        )
    definition = get_metric(metric)
    form = {"layout": layout, "value_range": value_range}
    if definition.needs_reference != "none" and real_clips is None:
        raise InputError(f"The metric '{metric}' compares with real clips; pass them.")
    if definition.needs_reference == "none" and real_clips is not None:
        raise InputError(f"The metric '{metric}' uses only generated clips; pass None for the real ones.")
    if definition.needs_reference == "frames":
        if network is not None and not definition.compared_by:
            raise InputError(f"The metric '{metric}' compares frames and uses no network; omit it.")
        if labels is not None:
            raise InputError(f"The metric '{metric}' compares frames, whatever their labels; omit them.")
        if definition.facts.best_of_several:
            how = (
                f"compare of the network '{definition.compared_by}' and take the lowest mean"
                if definition.compared_by
                else f"{definition.frame_score}_frames and pass the means to best_of_k"
            )
            raise InputError(
                f"The metric '{metric}' scores the best of several predictions of each clip; compute the frame scores of each with {how}."
            )
        true = _at_once(real_clips, form, "true clips")
        return _compare_frames(definition, true, _at_once(generated_clips, form, "predicted clips"), network, device)
    networks = {} if network is None else {definition.network: network}
    return _measure_features(definition, real_clips, generated_clips, networks, device, form, labels)


def _measure_features(
    definition: MetricDefinition,
    real_clips: Clips | Statistics | None,
    generated_clips: Clips,
    networks: Mapping[str, Network],
    device: str,
    form: Mapping[str, Any],
    labels: Sequence[int] | None,
) -> Estimate:
    from vidmetrics.metric_objects.metric_choice import metric

    measured = metric(definition.id, networks=networks, device=device, sync_on_compute=False)
    if real_clips is not None:
        measured.update(real_clips, real=True, **form)
    measured.update(generated_clips, real=False, labels=labels, **form)
    return measured.compute()


def _compare_frames(
    definition: MetricDefinition,
    true_NTHWC: npt.NDArray[Any],
    predicted_NTHWC: npt.NDArray[Any],
    network: Network | None,
    device: str,
) -> Estimate:
    from vidmetrics.estimators.frames import estimate_mean
    from vidmetrics.statistics.frames import FRAME_SCORES

    compare: Callable[..., npt.NDArray[np.float64]]
    if definition.compared_by:
        from vidmetrics.networks import load_network

        compare = (network or load_network(definition.compared_by, device=device)).compare
    else:
        compare = FRAME_SCORES[definition.frame_score]
    scores_N = compare(true_NTHWC, predicted_NTHWC).mean(axis=1)
    return estimate_mean(definition.statistic, scores_N, len(scores_N))


def _at_once(clips: Clips, form: Mapping[str, Any], whose: str) -> npt.NDArray[Any]:
    from vidmetrics.metric_objects.clip_input import uint8_batches

    batches = list(uint8_batches(clips, form["layout"], form["value_range"], whose))
    if not batches:
        raise InputError("There are no clips to compare; give as many true clips as predicted ones.")
    return np.concatenate(batches)


class Pairwise(Protocol):
    """One-call function of a metric that compares with real clips."""

    def __call__(
        self,
        real_clips: Clips | Statistics,
        generated_clips: Clips,
        *,
        device: str = "cpu",
        layout: str | None = None,
        value_range: ValueRange | None = None,
    ) -> float:
        """Return the metric; arguments as for `measure`."""
        ...


class Alone(Protocol):
    """One-call function of a metric of generated clips alone."""

    def __call__(
        self,
        generated_clips: Clips,
        *,
        device: str = "cpu",
        layout: str | None = None,
        value_range: ValueRange | None = None,
    ) -> float:
        """Return the metric; arguments as for `measure`."""
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
    def of_pairs(
        real_clips: Clips | Statistics,
        generated_clips: Clips,
        *,
        device: str = "cpu",
        layout: str | None = None,
        value_range: ValueRange | None = None,
    ) -> float:
        return measure(metric, real_clips, generated_clips, device=device, layout=layout, value_range=value_range).value

    def of_generated(
        generated_clips: Clips,
        *,
        device: str = "cpu",
        layout: str | None = None,
        value_range: ValueRange | None = None,
    ) -> float:
        return measure(metric, None, generated_clips, device=device, layout=layout, value_range=value_range).value

    function: Any = of_generated if alone else of_pairs
    function.__name__ = function.__qualname__ = name
    clips = "generated_clips" if alone else "real_clips, generated_clips"
    function.__doc__ = f"""Return the metric ``{metric}``; arguments as for `vidmetrics.measure`.

    >>> value = vidmetrics.{name}({clips})
    """
    return function  # type: ignore[no-any-return]
