"""The validity panel of a run: which clips are probed, and the records of `vidbench.validity` from what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidbench.models.trivial import HeldOutModel
from vidbench.results.schema import MetricRecord, ValidityRecord
from vidbench.scoring.bounds import Bound
from vidbench.scoring.clip_probe import COPIED, PREDICTED, PROBE, PROBED, ClipProbe
from vidbench.scoring.clip_sources import ClipSource, DatasetSource, ModelSource, sample_labels
from vidbench.scoring.features import FeatureStore, Stores
from vidbench.scoring.imported_reference import ImportedRealSide
from vidbench.scoring.reference import RealSide
from vidbench.scoring.run import Run
from vidbench.tasks.rehearsals import is_rehearsal
from vidbench.validity.checks import not_done
from vidbench.validity.clips_again import copies, repeats
from vidbench.validity.label_agreement import label_agreement
from vidbench.validity.second_network import Scale, second_network
from vidbench.validity.train_distance import train_distance
from vidbench.validity.true_futures import true_futures
from vidbench.validity.under_noise import LEVELS, under_noise
from vidmetrics.catalog.metric import MetricDefinition
from vidmetrics.catalog.network_cards import network_card
from vidmetrics.estimators.base import Reference
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.networks import default_weights, load_network
from vidmetrics.statistics.moments import Moments

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network

COMPARED = 1024
"""Samples and held-out clips, at most, whose distances to real clips are compared; spread evenly over all."""
LEAST = 32
"""Probed clips needed for a score under noise or on a second network."""
NO_FLOOR = "There are no held-out clips to compare with."
MADE_FROM_REFERENCE = "Each sample is made from a clip of the reference set, which it should equal."
STATISTICS = "The reference is a file of statistics, which contains no clips."


@dataclass(frozen=True)
class Panel:
    """What is probed for the panel of a run.

    Attributes:
        metric: the metric that the panel judges; None if the task has no Fréchet distance.
        network: its network; None if nothing is probed.
        second: another network, and the output to measure; None without one.
        no_second: why there is none.
    """

    metric: MetricDefinition | None
    network: Network | None
    second: tuple[Network, str] | None
    no_second: str

    def of_samples(self, run: Run) -> ClipProbe:
        """Return the probe of the samples."""
        frames = run.task.clips.context_frames
        return ClipProbe(run.total_samples, self._noisy, self.second, run.evaluation if frames else None, frames)

    def of_reference(self, run: Run) -> ClipProbe | None:
        """Return the probe of the reference clips, None if features and keys are enough."""
        return ClipProbe(run.num_reference, None, self.second) if self.second else None

    def of_bound(self, run: Run, name: str) -> ClipProbe | None:
        """Return the probe of a bound, None if its features are enough."""
        if name == "real" and (self.network is not None or self.second):
            return ClipProbe(run.num_samples, self._noisy, self.second)
        return ClipProbe(run.num_samples, None, self.second) if name in _ends(run) and self.second else None

    @property
    def _noisy(self) -> tuple[Network, str] | None:
        return None if self.network is None or self.metric is None else (self.network, self.metric.output)


def open_panel(run: Run) -> Panel:
    """Choose what is probed, and load the second network if it is of use and its weights are there.

    A rehearsal probes little, to take little time, and so does a run of fewer samples than scores can be judged on.
    """
    metric = next((metric for metric in run.metrics if metric.statistic == "frechet"), None)
    if metric is None:
        return Panel(None, None, None, "The task has no Fréchet distance.")
    if is_rehearsal(run.task.name):
        return Panel(metric, None, None, "This is a rehearsal.")
    if run.total_samples < LEAST:
        return Panel(metric, None, None, f"It needs at least {LEAST} samples.")
    network = run.networks[metric.network]
    if run.statistics is not None:
        return Panel(metric, network, None, STATISTICS)
    name = network_card(metric.network).second
    if not name:
        return Panel(metric, network, None, f"There is no second network beside '{metric.network}'.")
    if not default_weights(name).is_file():
        return Panel(
            metric, network, None, f"The weights of '{name}' are not here; `vidbench weights fetch {name}` brings them."
        )
    second = load_network(name, device=run.device, precision=run.options.precision)
    if problem := second.length_problem(run.task.clips.num_frames):
        return Panel(metric, network, None, f"{problem}.")
    output = metric.output if metric.output in second.outputs else "logits"
    return Panel(metric, network, (second, output), "")


def shown_labels(run: Run, source: ClipSource, count: int) -> np.ndarray | None:
    """Return the labels int64 ``[count]`` of what the first samples show, or None without labels."""
    indices = np.arange(count)
    asked = sample_labels(run.task, indices, run.evaluation)
    # Real clips show their own class, whatever class was requested.
    if isinstance(source, DatasetSource):
        real = source.dataset
    elif isinstance(source, ModelSource) and isinstance(source.model, HeldOutModel):
        real = source.evaluation
    else:
        return asked
    return None if asked is None or real.labels is None else real.labels[indices]


@dataclass(frozen=True)
class Probed:
    """What a probe found of one set of clips.

    Attributes:
        outputs: its outputs by name; rows of chosen clips only, except keys.
        chosen: indices of the chosen clips with the smallest keys, int64.
        places: their places among the rows of chosen clips, int64.
    """

    outputs: Mapping[str, np.ndarray]
    chosen: np.ndarray
    places: np.ndarray

    @classmethod
    def read(cls, store: FeatureStore) -> Probed:
        """Read the shards of a probe."""
        parts = list(store.shards())
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        chosen = outputs["chosen"]
        order = np.lexsort((chosen, outputs["keys"].view(np.uint64)[chosen]))[:PROBED]
        return cls(outputs, chosen[order], order)

    def rows(self, output: str, per_clip: int) -> np.ndarray:
        """Return the rows of an output of the chosen clips."""
        rows = self.outputs[output]
        return rows.reshape(-1, per_clip, rows.shape[-1])[self.places].reshape(-1, rows.shape[-1])


@dataclass(frozen=True, kw_only=True)
class Found:
    """All that the records of a panel are computed from; see `vidbench.scoring.assemble.Measured`."""

    run: Run
    panel: Panel
    source: ClipSource
    stores: Stores
    real_stores: Stores
    bounds: Sequence[tuple[Bound, Stores | None]]
    real: Mapping[str, RealSide | ImportedRealSide]
    metrics: Mapping[str, MetricRecord]

    def bound(self, name: str) -> Stores | None:
        """Return the features of a bound."""
        return next((stores for bound, stores in self.bounds if bound.name == name), None)

    @property
    def frames(self) -> int:
        """Frames per clip."""
        return self.run.task.clips.num_frames


def panel_records(found: Found) -> tuple[ValidityRecord, ...]:
    """Return the records of all checks, in the order of `vidbench.validity.checks.CHECKS`."""
    samples = Probed.read(found.stores[PROBE])
    return (
        _train_distance(found),
        *_copies(found, samples),
        _true_futures(found, samples),
        _label_agreement(found),
        _second_network(found, samples),
        _noise(found, samples),
    )


def _train_distance(found: Found) -> ValidityRecord:
    run, metric, floor = found.run, found.panel.metric, found.bound("real")
    if run.task.does.given == "context":
        why = "Predictions share their context frames with held-out clips, so that which side is nearer says nothing."
        return not_done("train-distance", why)
    if run.task.does.given == "clip":
        return not_done("train-distance", MADE_FROM_REFERENCE)
    if metric is None:
        return not_done("train-distance", found.panel.no_second)
    if not found.real_stores:
        return not_done("train-distance", STATISTICS)
    if floor is None:
        return not_done("train-distance", NO_FLOOR)
    reference = found.real_stores[metric.network]
    per_clip = run.networks[metric.network].rows_per_clip(found.frames)

    def blocks(store: FeatureStore) -> Iterator[np.ndarray]:
        return (_of_clips(rows, per_clip) for rows in store.read(metric.output))

    def spread(store: FeatureStore) -> np.ndarray:
        chosen = np.linspace(0, store.num_clips - 1, min(COMPARED, store.num_clips)).round().astype(np.int64)
        return _of_clips(_rows_at(store, metric.output, chosen, per_clip), per_clip)

    return train_distance(
        spread(found.stores[metric.network]),
        lambda: blocks(reference),
        lambda: blocks(floor[metric.network]),
        spread(floor[metric.network]),
        f"'{metric.output}' of the network '{metric.network}'",
    )


def _of_clips(rows: np.ndarray, per_clip: int) -> np.ndarray:
    return rows if per_clip == 1 else rows.reshape(-1, per_clip, rows.shape[-1]).mean(axis=1, dtype=np.float64)


def _rows_at(store: FeatureStore, output: str, indices: np.ndarray, per_clip: int) -> np.ndarray:
    """Return the rows of clips in ascending order of their indices."""
    wanted, parts, start = np.sort(indices), [], 0
    for rows in store.read(output):
        clips = rows.reshape(-1, per_clip, rows.shape[-1])
        inside = wanted[(wanted >= start) & (wanted < start + len(clips))] - start
        parts.append(clips[inside].reshape(-1, rows.shape[-1]))
        start += len(clips)
    return np.concatenate(parts)


def _copies(found: Found, samples: Probed) -> tuple[ValidityRecord, ValidityRecord]:
    context = found.run.task.clips.context_frames
    floor = found.bound("real")
    keys = samples.outputs["keys"].view(np.uint64)
    held_out = None if floor is None else _keys(floor)
    still = samples.outputs["still"].astype(bool) if context else None
    given = found.run.task.does.given
    return (
        not_done("copies", MADE_FROM_REFERENCE)
        if given == "clip"
        else copies(keys, _keys(found.real_stores), held_out, still),
        repeats(
            samples.outputs["prediction_keys"].view(np.uint64) if context else keys,
            None if given == "nothing" else found.stores[PROBE].keys(),
            held_out,
        ),
    )


def _keys(stores: Stores) -> np.ndarray | None:
    return next((store.keys() for store in stores.values()), None)


def _true_futures(found: Found, samples: Probed) -> ValidityRecord:
    if PREDICTED not in samples.outputs:
        return not_done("true-futures", "The task has no context frames to predict from.")
    return true_futures(samples.outputs[PREDICTED][samples.places], samples.outputs[COPIED][samples.places])


def _label_agreement(found: Found) -> ValidityRecord:
    run, floor = found.run, found.bound("real")
    labels = shown_labels(run, found.source, run.total_samples)
    if labels is None:
        return not_done("label-agreement", "The samples have no labels.")
    classes = len(run.evaluation.class_names)
    knows = next((name for name, net in run.networks.items() if net.outputs.get("logits") == classes), None)
    if knows is None or run.networks[knows].rows_per_clip(found.frames) > 1:
        return not_done(
            "label-agreement", "No network of the task's metrics classifies clips into the classes of the task."
        )
    real = next((bound.source for bound, _ in found.bounds if bound.name == "real"), None)
    if floor is None or not isinstance(real, DatasetSource) or real.dataset.labels is None:
        return not_done("label-agreement", NO_FLOOR)
    real_logits = np.concatenate(list(floor[knows].read("logits")))
    logits = np.concatenate(list(found.stores[knows].read("logits")))
    return label_agreement(logits, labels, real_logits, real.dataset.labels[: len(real_logits)])


def _ends(run: Run) -> tuple[str, str]:
    return run.task.evaluation.floor, run.task.evaluation.ceiling


def _distance(
    metric: MetricDefinition, network: Network, rows: np.ndarray, per_clip: int, reference: Reference
) -> float:
    estimator = make_estimator(metric, network.outputs[metric.output], len(rows) // per_clip, per_clip)
    estimator.update(rows)
    return estimator.value(reference)


def _second_network(found: Found, samples: Probed) -> ValidityRecord:
    run, panel, metric = found.run, found.panel, found.panel.metric
    if panel.second is None or metric is None:
        return not_done("second-network", panel.no_second)
    of_ends = [found.bound(name) for name in _ends(run)]
    record = found.metrics[metric.id]
    if any(stores is None for stores in of_ends) or record.floor is None or record.ceiling is None:
        return not_done("second-network", "It needs the clips of the floor and of the ceiling.")
    if len(samples.chosen) < LEAST:
        return not_done("second-network", f"It needs at least {LEAST} samples.")
    network, output = panel.second
    per_clip = network.rows_per_clip(found.frames)
    definition = replace(metric, network=network.name, output=output)
    reference = Moments(network.outputs[output])
    reference.update(Probed.read(found.real_stores[PROBE]).rows("second", per_clip), "reference features", per_clip)
    value, floor, ceiling = (
        _distance(definition, network, probed.rows("second", per_clip), per_clip, reference)
        for probed in (samples, *(Probed.read(stores[PROBE]) for stores in of_ends if stores is not None))
    )
    return second_network(
        Scale(metric.network, record.value, record.floor, record.ceiling), Scale(network.name, value, floor, ceiling)
    )


def _noise(found: Found, samples: Probed) -> ValidityRecord:
    metric, network = found.panel.metric, found.panel.network
    if metric is None or network is None:
        return not_done("noise", found.panel.no_second)
    record = found.metrics[metric.id]
    if record.floor is None or record.ceiling is None or record.ceiling <= record.floor:
        return not_done("noise", "It needs a floor and a ceiling that is worse.")
    if len(samples.chosen) < LEAST:
        return not_done("noise", f"It needs at least {LEAST} samples.")
    floor = found.bound("real")
    reference = found.real[metric.network].for_metric(metric)
    per_clip = network.rows_per_clip(found.frames)

    def values(store: FeatureStore, probed: Probed) -> dict[int, float]:
        clean = _rows_at(store, metric.output, probed.chosen, per_clip)
        rows = {0: clean, **{level: probed.rows(f"noise-{level}", per_clip) for level in LEVELS}}
        return {level: _distance(metric, network, each, per_clip, reference) for level, each in rows.items()}

    return under_noise(
        metric.id,
        values(found.stores[metric.network], samples),
        {} if floor is None else values(floor[metric.network], Probed.read(floor[PROBE])),
        record.ceiling - record.floor,
        len(samples.chosen),
    )
