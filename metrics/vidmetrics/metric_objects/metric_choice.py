"""Metrics by their ids, with the networks that they need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.catalog.network_cards import base_network
from vidmetrics.errors import InputError
from vidmetrics.metric_objects.metric_object import Metric, Metrics
from vidmetrics.metric_objects.pixel_values import ValueRange

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network
    from vidmetrics.networks.precision import Precision


@overload
def metric(
    id: str,
    *,
    device: str = "cpu",
    layout: str | None = None,
    value_range: ValueRange | None = None,
    batch_size: int = 32,
    precision: Precision = "exact",
    weights: Mapping[str, Path] | None = None,
    networks: Mapping[str, Network] | None = None,
    sync_on_compute: bool = True,
) -> Metric: ...
@overload
def metric(
    id: list[str] | tuple[str, ...],
    *,
    device: str = "cpu",
    layout: str | None = None,
    value_range: ValueRange | None = None,
    batch_size: int = 32,
    precision: Precision = "exact",
    weights: Mapping[str, Path] | None = None,
    networks: Mapping[str, Network] | None = None,
    sync_on_compute: bool = True,
) -> Metrics: ...
def metric(
    id: str | list[str] | tuple[str, ...],
    *,
    device: str = "cpu",
    layout: str | None = None,
    value_range: ValueRange | None = None,
    batch_size: int = 32,
    precision: Precision = "exact",
    weights: Mapping[str, Path] | None = None,
    networks: Mapping[str, Network] | None = None,
    sync_on_compute: bool = True,
) -> Metric | Metrics:
    """Return a metric to which clips are added, or several that share networks and their passes.

    >>> import numpy, vidmetrics
    >>> real, generated = numpy.random.default_rng(0).integers(0, 256, (2, 64, 12, 32, 32, 3), numpy.uint8)
    >>> fvd = vidmetrics.metric("fvd-shapes")
    >>> fvd.update(real, real=True)
    >>> fvd.update(generated / 255, real=False, value_range=(0, 1))
    >>> estimate = fvd.compute()
    >>> estimate.value == vidmetrics.fvd_shapes(real, generated), estimate.num_samples
    (True, 64)
    >>> fvd.reset(keep_real=True)

    Args:
        id: a metric id, see `vidmetrics.METRICS`; then `compute` returns one `Estimate`. Or several, and it returns them by id.
        device: torch device of the networks; clips may be on any.
        layout: order of the axes of clips: ``"NTHWC"`` (the default), ``"NTCHW"`` or ``"NCTHW"``.
        value_range: what black and white are in clips of floats: ``(0, 1)``, ``(-1, 1)`` or ``(0, 255)``. uint8 needs none.
        batch_size: clips per call of a network.
        precision: as for `load_network`.
        weights: weights files by network; other networks use their default.
        networks: loaded networks by name, in place of loading them.
        sync_on_compute: whether `compute` is of the clips of all ranks, where torch.distributed is initialized.

    Raises:
        InputError: an unknown id, a metric of frames, or missing weights.
    """
    ids = (id,) if isinstance(id, str) else tuple(dict.fromkeys(id))
    if not ids:
        raise InputError("There is no metric to compute; give at least one id.")
    kind = Metric if isinstance(id, str) else Metrics
    definitions = tuple(_definition(each) for each in ids)
    loaded = dict(networks or {})
    for definition in definitions:
        name = definition.network
        if name not in loaded:
            from vidmetrics.networks import load_network

            files = weights or {}
            file = files.get(name, files.get(base_network(name)))
            loaded[name] = load_network(name, weights=file, device=device, precision=precision)
    return kind(definitions, loaded, layout, value_range, batch_size, sync_on_compute)


def torchmetric(id: str, *, reset_real_features: bool = True, **options: Any) -> Any:
    """Return a metric as a `torchmetrics.Metric`, for Lightning and for loops that expect one.

    >>> import torch, vidmetrics
    >>> fvd = vidmetrics.torchmetric("fvd-shapes", reset_real_features=False, layout="NTCHW")
    >>> clips = torch.randint(0, 256, (64, 12, 3, 32, 32), dtype=torch.uint8)
    >>> fvd.update(clips, real=True)
    >>> fvd.update(clips, real=False)
    >>> fvd.compute().dtype
    torch.float64

    Args:
        id: a metric id.
        reset_real_features: whether ``reset`` also removes the real clips, as in `torchmetrics.image.FrechetInceptionDistance`.
        options: those of `metric`.

    Raises:
        InputError: as `metric`, or torchmetrics is not installed.
    """
    from importlib.util import find_spec

    if not isinstance(id, str):
        raise InputError(
            f"A torchmetrics.Metric has one value, and a {type(id).__name__} of ids was given; make one for each id, for example in a "
            "torchmetrics.MetricCollection."
        )
    if find_spec("torchmetrics") is None:
        raise InputError(
            "The package torchmetrics is not installed; run `pip install torchmetrics`, or use vidmetrics.metric."
        )
    from vidmetrics.metric_objects.torchmetrics_wrapper import TorchMetric

    return TorchMetric(metric(id, **options), reset_real_features)


def _definition(id: str) -> MetricDefinition:
    definition = get_metric(id)
    if definition.needs_reference == "frames":
        raise InputError(
            f"The metric '{id}' compares each predicted frame with the true one, not sets of clips; call "
            f"vidmetrics.measure('{id}', true, predicted)."
        )
    return definition
