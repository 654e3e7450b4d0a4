"""One-call metrics: clips in, a number out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from vidmetrics.estimators import Estimate
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

    The clips may be an array or an iterable of batches; the features of the generated ones are kept until their number
    is known (4 bytes times features times clips), those of the real ones are not.

    Args:
        metric: a metric id, see `vidmetrics.METRICS`.
        real_clips: uint8 ``[N, T, H, W, 3]``, or batches of it; None for a metric that looks at generated clips alone.
        generated_clips: uint8 ``[N, T, H, W, 3]``, or batches of it.
        network: a loaded network to use; None loads the metric's own network with its default weights.
        device: where to load that network.

    Returns:
        The value with its 95 % interval over the sampling of generated clips.

    Raises:
        InputError: unknown metric, clips of another dtype or shape, too few clips, missing weights.
    """
    from vidmetrics.definitions import get_metric
    from vidmetrics.estimators import make_estimator
    from vidmetrics.moments import Moments
    from vidmetrics.networks import load_network

    definition = get_metric(metric)
    if definition.needs_reference and real_clips is None:
        raise InputError(f"The metric '{metric}' compares with real clips; give them.")
    if not definition.needs_reference and real_clips is not None:
        raise InputError(f"The metric '{metric}' looks at generated clips alone; pass None for the real ones.")
    if network is None:
        network = load_network(definition.network, device=device)
    elif network.name != definition.network:
        raise InputError(f"The metric '{metric}' is defined on '{definition.network}', not on '{network.name}'.")
    dim = network.outputs[definition.output]
    reference = None
    if real_clips is not None:
        reference = Moments(dim)
        for features in _features(network, definition.output, real_clips):
            reference.update(features)
    generated = list(_features(network, definition.output, generated_clips))
    if not generated:
        raise InputError("There are no generated clips to measure; give at least two.")
    estimator = make_estimator(definition, dim, sum(map(len, generated)))
    for features in generated:
        estimator.update(features)
    return estimator.result(reference)


def _features(network: Network, output: str, clips: Clips) -> Iterator[npt.NDArray[np.float32]]:
    for batch in _batches(clips):
        yield network(batch)[output]


def _batches(clips: Clips) -> Iterator[npt.NDArray[Any]]:
    if not isinstance(clips, np.ndarray):
        yield from clips
    elif clips.ndim != 5:
        yield clips  # the network says what is wrong with it
    else:
        yield from (clips[start : start + _BATCH] for start in range(0, len(clips), _BATCH))


def fvd(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the Fréchet Video Distance, metric ``fvd``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fvd", real_clips, generated_clips, device=device).value


def fvd_styleganv(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``fvd-styleganv``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fvd-styleganv", real_clips, generated_clips, device=device).value


def fvd_videogpt(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``fvd-videogpt``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fvd-videogpt", real_clips, generated_clips, device=device).value


def fvd_magvit(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``fvd-magvit``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fvd-magvit", real_clips, generated_clips, device=device).value


def fvd_cdfvd(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``fvd-cdfvd``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fvd-cdfvd", real_clips, generated_clips, device=device).value


def fid_i3d_k600(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``fid-i3d-k600``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fid-i3d-k600", real_clips, generated_clips, device=device).value


def is_i3d_k600(generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``is-i3d-k600``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("is-i3d-k600", None, generated_clips, device=device).value


def fvd_shapes(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``fvd-shapes``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fvd-shapes", real_clips, generated_clips, device=device).value


def fid_shapes(real_clips: Clips, generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``fid-shapes``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("fid-shapes", real_clips, generated_clips, device=device).value


def is_shapes(generated_clips: Clips, *, device: str = "cpu") -> float:
    """Return the metric ``is-shapes``; clips uint8 ``[N, T, H, W, 3]`` or batches of it."""
    return measure("is-shapes", None, generated_clips, device=device).value
