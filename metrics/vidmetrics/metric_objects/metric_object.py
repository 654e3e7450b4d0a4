"""Metrics as objects: clips are added as they come, and the value is that of one call over all of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.catalog.network_cards import base_network
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.few_samples import few_samples_warning
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.metric_objects.clip_features import ClipSize, Output, Rows, SideFeatures, size_text
from vidmetrics.metric_objects.clip_input import Clips, check_layout, uint8_batches
from vidmetrics.metric_objects.pixel_values import ValueRange, check_range
from vidmetrics.metric_objects.rank_exchange import RankExchange, interleaved
from vidmetrics.metric_objects.statistics_files import Statistics, in_shards, moments_of, network_facts
from vidmetrics.statistics.moments import Moments

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

    if find_spec("torchmetrics") is None:
        raise InputError(
            "The package torchmetrics is not installed; run `pip install torchmetrics`, or use vidmetrics.metric."
        )
    from vidmetrics.metric_objects.torchmetrics_wrapper import TorchMetric

    return TorchMetric(id, reset_real_features, **options)


def _definition(id: str) -> MetricDefinition:
    definition = get_metric(id)
    if definition.needs_reference == "frames":
        raise InputError(
            f"The metric '{id}' compares each predicted frame with the true one, not sets of clips; call "
            f"vidmetrics.measure('{id}', true, predicted)."
        )
    return definition


class MetricState:
    """Clips of both sides under the networks of some metrics; `Metric` and `Metrics` differ in what `compute` returns."""

    def __init__(
        self,
        definitions: tuple[MetricDefinition, ...],
        networks: Mapping[str, Network],
        layout: str | None = None,
        value_range: ValueRange | None = None,
        batch_size: int = 32,
        sync_on_compute: bool = True,
    ) -> None:
        for definition in definitions:
            name = definition.network
            if networks[name].name != name:
                raise InputError(
                    f"The metric '{definition.id}' is defined on '{name}', not on '{networks[name].name}'."
                )
        if batch_size < 1:
            raise InputError(f"A batch of {batch_size} clips is empty; batch_size is at least 1.")
        self.definitions = definitions
        self._networks = {definition.network: networks[definition.network] for definition in definitions}
        self._layout = None if layout is None else check_layout(layout)
        self._range, self._batch_size, self._sync = check_range(value_range), batch_size, sync_on_compute
        self._statistics: Statistics | None = None
        self._real, self._generated = self._side(real=True), self._side(real=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the metrics."""
        return tuple(definition.id for definition in self.definitions)

    def update(
        self,
        clips: Clips | Statistics,
        real: bool,
        *,
        layout: str | None = None,
        value_range: ValueRange | None = None,
    ) -> None:
        """Add clips to one side.

        Args:
            clips: uint8 RGB ``[N, T, H, W, 3]``, or floats with their ``value_range``: an array or a torch tensor on any device, a list of
                clips, or an iterable of batches, of which a tuple counts by its first element. For real clips also `Statistics`.
            real: whether they are real clips, or generated ones.
            layout: order of their axes, if it is not that of the object.
            value_range: range of floats, if it is not that of the object.

        Raises:
            InputError: clips in another form, or of another size or length than those on either side.
        """
        if isinstance(clips, Statistics):
            self._take(clips, real)
            return
        side = self._real if real else self._generated
        if real and self._statistics is not None:
            raise InputError("The real clips are given by Statistics already; add no others, or reset() first.")
        if real and not self._real.outputs:
            raise InputError(f"The metric '{self.ids[0]}' uses only generated clips; add none with real=True.")
        said = self._range if value_range is None else value_range
        for batch in uint8_batches(clips, self._layout if layout is None else layout, said, side.whose):
            if len(batch):
                size = (batch.shape[1], batch.shape[2], batch.shape[3])
                side.check(size)
                self._check_other_side(size, real)
                side.add(batch)

    def merge(self, other: Self) -> None:
        """Append the clips of another object with the same metrics, which stays as it is.

        Raises:
            InputError: it has other metrics, networks or sizes of clips.
        """
        if self._maker() != other._maker():
            raise InputError(
                f"Metrics of {', '.join(self.ids)} cannot take clips from those of {', '.join(other.ids)}: ids and networks must agree."
            )
        if self._statistics is not None or other._statistics is not None:
            mine, theirs = self._statistics, other._statistics
            if self._real.count or other._real.count or (mine and theirs and mine.to_bytes() != theirs.to_bytes()):
                raise InputError(
                    "The real clips are different, and one is given by Statistics; use the same Statistics for both."
                )
            self._statistics = mine or theirs
        self._real.merge(other._real)
        self._generated.merge(other._generated)

    def reset(self, *, keep_real: bool = False) -> None:
        """Remove the clips of both sides, or those of the generated side alone."""
        self._generated = self._side(real=False)
        if not keep_real:
            self._real, self._statistics = self._side(real=True), None

    def statistics(self) -> Statistics:
        """Return what these metrics need of the real clips, to save it to a file; a collective call where ranks are merged.

        Raises:
            InputError: there are no real clips.
        """
        if self._statistics is not None:
            return self._statistics
        exchange = RankExchange(self._sync)
        counts = self._agree(exchange)
        rows = self._rows(exchange, self._real, [real for real, _ in counts])
        return Statistics.from_bytes(
            exchange.from_main(lambda: self._made(rows, sum(real for real, _ in counts)).to_bytes())
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything that was added as tensors and text, for `torch.save` and ``torch.load(weights_only=True)``."""
        import torch

        sides = {"real": self._real, "generated": self._generated}
        state: dict[str, Any] = {
            f"{name}/{key}": torch.from_numpy(np.array(array))
            for name, side in sides.items()
            for key, array in side.to_arrays().items()
        }
        state["made_by"] = json.dumps(self._maker(), sort_keys=True)
        if self._statistics is not None:
            state["statistics"] = torch.from_numpy(np.frombuffer(self._statistics.to_bytes(), np.uint8).copy())
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict` in place of what was added.

        Raises:
            InputError: it is of other metrics or networks.
        """
        if state.get("made_by") != json.dumps(self._maker(), sort_keys=True):
            raise InputError(
                f"The state is not of {', '.join(self.ids)} on these networks; make the object with the ids, weights and precision "
                "that it was saved with."
            )
        sides = {"real": self._side(real=True), "generated": self._side(real=False)}
        for name, side in sides.items():
            mine = {key.removeprefix(f"{name}/"): value for key, value in state.items() if key.startswith(f"{name}/")}
            side.from_arrays({key: value.cpu().numpy() for key, value in mine.items()})
        stored = state.get("statistics")
        self._statistics = None if stored is None else Statistics.from_bytes(bytes(stored.cpu().numpy()))
        self._real, self._generated = sides["real"], sides["generated"]

    def _estimates(self) -> dict[str, Estimate]:
        """Return the estimate of each metric over the clips of all ranks, on every rank."""
        exchange = RankExchange(self._sync)
        counts = self._agree(exchange)
        num_real, num_samples = (sum(side) for side in zip(*counts, strict=True))
        generated = self._rows(exchange, self._generated, [of_rank for _, of_rank in counts])
        real = {} if self._statistics else self._rows(exchange, self._real, [of_rank for of_rank, _ in counts])

        remarks: list[str] = []

        def found() -> bytes:
            by_id = {
                definition.id: asdict(self._estimate(definition, generated, num_samples, real, num_real, remarks))
                for definition in self.definitions
            }
            return json.dumps(by_id).encode()

        estimates = json.loads(exchange.from_main(found))
        for text in remarks:
            warnings.warn(text, stacklevel=3)  # at the call of `compute`
        return {
            id: Estimate(**{**fields, "interval": fields["interval"] and tuple(fields["interval"])})
            for id, fields in estimates.items()
        }

    def _estimate(
        self,
        definition: MetricDefinition,
        generated: Mapping[Output, Rows],
        num_samples: int,
        real: Mapping[Output, Rows],
        num_real: int,
        remarks: list[str],
    ) -> Estimate:
        if not num_samples:
            raise InputError("There are no generated clips to measure; give at least two.")
        output = (definition.network, definition.output)
        rows = generated[output]
        estimator = make_estimator(definition, rows.shape[1], num_samples, len(rows) // num_samples)
        for shard in in_shards(rows, num_samples):
            estimator.update(shard)
        if definition.needs_reference == "none":
            return estimator.result(None)
        if self._statistics is not None:
            reference, num_real = self._statistics.reference(definition), self._statistics.num_clips
        elif num_real:
            reference = in_shards(real[output], num_real)
            if definition.needs_reference == "moments":
                reference = moments_of(real[output], num_real)
        else:
            raise InputError(f"The metric '{definition.id}' compares with real clips; add them with real=True.")
        estimate = replace(estimator.result(reference), num_reference=num_real)
        if isinstance(reference, Moments):
            text = few_samples_warning(definition, reference, len(rows), num_samples, num_real)
            if text:
                remarks.append(text)
        return estimate

    def _side(self, *, real: bool) -> SideFeatures:
        wanted = [each for each in self.definitions if not real or each.needs_reference != "none"]
        outputs = [(each.network, each.output) for each in wanted]
        return SideFeatures(self._networks, outputs, self._batch_size, "real clips" if real else "generated clips")

    def _take(self, statistics: Statistics, real: bool) -> None:
        if not real:
            raise InputError("Statistics are of real clips; add generated clips as clips, or pass real=True.")
        if self._real.count or self._statistics is not None:
            raise InputError("There are real clips already, and Statistics cannot be added to them; reset() first.")
        statistics.check(self._networks, self.definitions)
        self._check_other_side(statistics.size, real=True)
        self._statistics = statistics

    def _check_other_side(self, size: ClipSize, real: bool) -> None:
        real_size = self._statistics.size if self._statistics is not None else self._real.size
        other = self._generated.size if real else real_size
        if other is not None and other != size:
            first, second = (size, other) if real else (other, size)
            raise InputError(
                f"Real clips have {size_text(first)} and generated clips {size_text(second)}; cut and resize both sides the same way."
            )

    def _maker(self) -> dict[str, Any]:
        return {
            "ids": list(self.ids),
            "networks": {name: network_facts(network) for name, network in self._networks.items()},
        }

    def _agree(self, exchange: RankExchange) -> list[tuple[int, int]]:
        """Return the numbers of real and of generated clips of every rank, after comparing what else they have."""
        given = None if self._statistics is None else self._statistics.num_clips
        mine = {
            "made_by": self._maker(),
            "real": self._real.size,
            "generated": self._generated.size,
            "statistics": given,
            "counts": [self._real.count, self._generated.count],
        }
        everyone = exchange.from_all(mine)
        for what, key in (("metrics or networks", "made_by"), ("Statistics", "statistics")):
            if any(of_rank[key] != everyone[0][key] for of_rank in everyone):
                raise InputError(f"The ranks have different {what}; make the same object on each of them.")
        sizes = {tuple(of_rank[side]) for of_rank in everyone for side in ("real", "generated") if of_rank[side]}
        if len(sizes) > 1:
            found = " and ".join(size_text(size) for size in sorted(sizes))
            raise InputError(f"The ranks have clips of {found}; cut and resize all of them the same way.")
        return [(of_rank["counts"][0], of_rank["counts"][1]) for of_rank in everyone]

    def _rows(self, exchange: RankExchange, side: SideFeatures, counts: Sequence[int]) -> dict[Output, Rows]:
        """Return the features of all clips of a side ``[rows, D]`` in the order of one process; on other ranks than 0 an empty mapping."""
        total = sum(counts)
        positions = [interleaved(counts, rank) for rank in range(exchange.size)]
        mine = exchange.together(lambda: side.complete(positions[exchange.rank], total))
        if not total:
            return {}
        order = np.argsort(np.concatenate(positions), kind="stable")
        rows: dict[Output, Rows] = {}
        for name, output in side.outputs:
            per_clip = self._networks[name].rows_per_clip((side.size or (1, 0, 0))[0])
            empty = np.zeros((0, per_clip, self._networks[name].outputs[output]), np.float32)
            parts = exchange.rows_to_main(mine.get((name, output), empty))
            if parts:
                everything = np.concatenate(parts)[order] if len(parts) > 1 else parts[0]
                rows[name, output] = everything.reshape(-1, everything.shape[-1])
        return rows

    def _made(self, rows: Mapping[Output, Rows], num_clips: int) -> Statistics:
        if not num_clips or self._real.size is None:
            raise InputError("There are no real clips to save statistics of; add them with real=True.")
        whole = {(each.network, each.output) for each in self.definitions if each.needs_reference == "features"}
        return Statistics(
            metrics=tuple(each.id for each in self.definitions if each.needs_reference != "none"),
            num_clips=num_clips,
            size=self._real.size,
            networks={name: network_facts(self._networks[name]) for name, _ in self._real.outputs},
            protocol={},
            content={
                output: of_output if output in whole else moments_of(of_output, num_clips)
                for output, of_output in rows.items()
            },
        )


class Metric(MetricState):
    """One metric over a stream of clips, see `metric`."""

    def compute(self) -> Estimate:
        """Return the value with its 95 % confidence interval over generated clips; more clips may be added afterwards.

        Where torch.distributed is initialized it is that of the clips of all ranks, and all of them must call it.

        Raises:
            InputError: too few clips.
        """
        return self._estimates()[self.ids[0]]


class Metrics(MetricState):
    """Several metrics over one stream of clips, see `metric`."""

    def compute(self) -> dict[str, Estimate]:
        """Return the values by id, as `Metric.compute`."""
        return self._estimates()
