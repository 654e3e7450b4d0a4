"""Metrics as objects: clips are added as they come, and the value is that of one call over all of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.metric import MetricDefinition
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate, Reference
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.metric_objects.clip_features import ClipSize, Output, Rows, SideFeatures, size_text
from vidmetrics.metric_objects.clip_input import Clips, LabelsInTurn, check_layout, uint8_batches
from vidmetrics.metric_objects.pixel_values import ValueRange, check_range
from vidmetrics.metric_objects.rank_exchange import RankExchange, interleaved, repeats_sentence
from vidmetrics.metric_objects.reduction import estimate_of, reference_of, statistics_of
from vidmetrics.metric_objects.statistics_files import Statistics, network_facts

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


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
        labels: Sequence[int] | None = None,
    ) -> None:
        """Add clips to one side: all of them, or none if they are refused.

        Args:
            clips: uint8 RGB ``[N, T, H, W, 3]``, or floats with their ``value_range``: an array or a torch tensor on any device, a list of
                clips, or an iterable of batches, of which a tuple counts by its first element. For real clips also `Statistics`.
            real: whether they are real clips, or generated ones.
            layout: order of their axes, if it is not that of the object.
            value_range: range of floats, if it is not that of the object.
            labels: the label that each of these clips was generated for, integers of at least 0. The interval then takes the number of clips
                of each label as fixed, which makes it narrower where labels differ; the value does not depend on it.

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
        given = LabelsInTurn(labels, side.whose)
        with side.all_or_nothing():
            for batch in uint8_batches(clips, self._layout if layout is None else layout, said, side.whose):
                if len(batch):
                    size = (batch.shape[1], batch.shape[2], batch.shape[3])
                    side.check(size)
                    self._check_other_side(size, real)
                    side.add(batch, given.of_next(len(batch)))
            given.check_all_taken()

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
        for size, real in ((other._real_size, True), (other._generated.size, False)):
            if size is not None:
                (self._real if real else self._generated).check(size)
                self._check_other_side(size, real)
        with self._real.all_or_nothing(), self._generated.all_or_nothing():
            self._real.merge(other._real)
            self._generated.merge(other._generated)
        self._statistics = self._statistics or other._statistics

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
        counts, size = self._agree(exchange)
        of_ranks = [real for real, _ in counts]
        if size is None or not sum(of_ranks):
            raise InputError("There are no real clips to save statistics of; add them with real=True.")
        rows, num_clips = self._rows(exchange, self._real, of_ranks, size), sum(of_ranks)
        made = exchange.from_main(
            lambda: statistics_of(self.definitions, self._networks, rows, num_clips, size).to_bytes()
        )
        return Statistics.from_bytes(made)

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
        counts, size = self._agree(exchange)
        num_real, num_samples = (sum(side) for side in zip(*counts, strict=True))
        if size is None or not num_samples:
            raise InputError("There are no generated clips to measure; give at least two.")
        of_ranks = [of_rank for _, of_rank in counts]
        generated = self._rows(exchange, self._generated, of_ranks, size)
        keys = ClipKeys(
            self._in_order(exchange, self._generated.keys, of_ranks),
            strata=self._in_order(exchange, self._generated.labels, of_ranks),
        )
        real = {} if self._statistics else self._rows(exchange, self._real, [of_rank for of_rank, _ in counts], size)
        remarks: list[str] = []

        def found() -> bytes:
            by_id = {}
            for definition in self.definitions:
                reference, num_reference = self._reference(definition, real, num_real)
                rows = generated[definition.network, definition.output]
                network = self._networks[definition.network]
                estimate, remark = estimate_of(definition, rows, num_samples, reference, num_reference, network, keys)
                by_id[definition.id] = asdict(estimate)
                remarks.extend([remark] if remark else [])
            for side, rows_of, count in ((self._generated, generated, num_samples), (self._real, real, num_real)):
                repeats = (
                    repeats_sentence(next(iter(rows_of.values())), count, exchange.size, side.whose)
                    if rows_of
                    else None
                )
                remarks.extend([repeats] if repeats else [])
            return json.dumps(by_id).encode()

        estimates = json.loads(exchange.from_main(found))
        for text in remarks:
            warnings.warn(text, stacklevel=3)  # at the call of `compute`
        return {id: Estimate(**_without_lists(fields)) for id, fields in estimates.items()}

    def _reference(
        self, definition: MetricDefinition, real: Mapping[Output, Rows], num_real: int
    ) -> tuple[Reference, int]:
        """Return what a metric compares with, and the number of real clips behind it."""
        if definition.needs_reference == "none":
            return None, 0
        if self._statistics is not None:
            return self._statistics.reference(definition), self._statistics.num_clips
        if not num_real:
            raise InputError(f"The metric '{definition.id}' compares with real clips; add them with real=True.")
        rows, network = real[definition.network, definition.output], self._networks[definition.network]
        return reference_of(definition, rows, num_real, network), num_real

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

    @property
    def _real_size(self) -> ClipSize | None:
        return self._real.size if self._statistics is None else self._statistics.size

    def _check_other_side(self, size: ClipSize, real: bool) -> None:
        other = self._generated.size if real else self._real_size
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

    def _agree(self, exchange: RankExchange) -> tuple[list[tuple[int, int]], ClipSize | None]:
        """Return the numbers of real and of generated clips of every rank and their size, after comparing what else they have."""
        given = None if self._statistics is None else sha256(self._statistics.to_bytes()).hexdigest()
        mine = {
            "made_by": self._maker(),
            "real": self._real_size,
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
            whose = "ranks" if exchange.size > 1 else "two sides"
            raise InputError(f"The {whose} have clips of {found}; cut and resize all of them the same way.")
        size = next(iter(sizes), None)
        return [(of_rank["counts"][0], of_rank["counts"][1]) for of_rank in everyone], size

    def _rows(
        self, exchange: RankExchange, side: SideFeatures, counts: Sequence[int], size: ClipSize
    ) -> dict[Output, Rows]:
        """Return the features of all clips of a side ``[rows, D]`` in the order of one process; on other ranks than 0 an empty mapping."""
        total = sum(counts)
        positions = interleaved(counts, exchange.rank)
        mine = exchange.together(lambda: side.complete(positions, total))
        if not total:
            return {}
        rows: dict[Output, Rows] = {}
        for name, output in side.outputs:
            per_clip = self._networks[name].rows_per_clip(size[0])
            empty = np.zeros((0, per_clip, self._networks[name].outputs[output]), np.float32)
            everything = self._in_order(exchange, mine.get((name, output), empty), counts)
            if exchange.rank == 0:
                rows[name, output] = everything.reshape(-1, everything.shape[-1])
        return rows

    def _in_order(self, exchange: RankExchange, of_clips: npt.NDArray[Any], counts: Sequence[int]) -> npt.NDArray[Any]:
        """Return arrays of the clips of all ranks in the order of one process; on other ranks than 0 those of the rank."""
        parts = exchange.rows_to_main(of_clips)
        if len(parts) < 2:
            return of_clips
        positions = [interleaved(counts, rank) for rank in range(exchange.size)]
        return np.concatenate(parts)[np.argsort(np.concatenate(positions), kind="stable")]


def _without_lists(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(field) if isinstance(field, list) else field for name, field in fields.items()}


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
    """Several metrics over one stream of clips, see `vidmetrics.metric`."""

    def compute(self) -> dict[str, Estimate]:
        """Return the values by id, as `Metric.compute`."""
        return self._estimates()
