"""Whether a result is better than real clips can be, or nearer to some of them than chance allows: flags, never refusals.

Every test is one-sided at 1 % over a whole board: the chance that honest work is flagged anywhere among `BOARD_ROWS` results is at
most 1 %, so a result has a level of 0.01 / `BOARD_ROWS`, which is divided evenly among its tests. The number of rows is fixed, so that
a flag depends on the result alone and none comes or goes with another row. docs/floors.md has the derivation and what was measured.
"""

from __future__ import annotations

import math

from vidbench.leaderboard.admission import shares_frames
from vidbench.rendering.numbers import counted, score_text
from vidbench.results.real_clips import FloorSets, NearestRecord, floor_text
from vidbench.results.schema import MetricRecord, Result
from vidbench.scoring.floor_sets import recorded_sets
from vidbench.tasks import load_task, task_names
from vidmetrics.catalog.definitions import METRICS, MetricDefinition
from vidmetrics.statistics.exchangeability import SideCounts, chance_of_held_out, chance_of_reference

BOARD_LEVEL = 0.01
"""Chance of a false flag on a whole board."""

BOARD_ROWS = 100
"""Results that a board is expected to hold at most; with more, this number is raised."""

_NORMAL_95 = 1.959963984540054


def real_clip_flags(result: Result) -> dict[str, str]:
    """Return what a result fails, by code of `vidbench.leaderboard.flags.FLAGS`, in sentences with the numbers; empty if it passes.

    Args:
        result: a result of a shipped task; of another task nothing is known, so only its own record counts.
    """
    sets, shared = _sets(result), _shares_frames(result)
    chances: list[tuple[float, str, str]] = []
    for name, metric in result.metrics.items():
        definition = METRICS.get(name)
        # Samples can be classified with more confidence than real clips: only a distance has a floor.
        if definition is None or not definition.facts.is_distance or shared:
            continue
        chance = floor_chance(definition, metric, sets.get(name))
        if chance is not None:
            chances.append((chance, "below-floor", f"{name}: {_floor_sentence(metric, sets.get(name))}"))
    for name, record in result.nearest.items():
        counts = _counts(record)
        for code, side, chance in (
            ("near-reference", "reference", chance_of_reference(counts)),
            ("near-held-out", "held-out", chance_of_held_out(counts)),
        ):
            chances.append((chance, code, f"{name}: {_nearest_sentence(record, counts, side)}"))
    level = BOARD_LEVEL / BOARD_ROWS / max(1, len(chances))
    found: dict[str, list[str]] = {}
    for chance, code, sentence in chances:
        if chance < level:
            found.setdefault(code, []).append(f"{sentence} (p = {chance:.1g}, level {level:.1g})")
    return {code: "; ".join(sentences) for code, sentences in found.items()}


def floor_chance(definition: MetricDefinition, metric: MetricRecord, sets: FloorSets | None) -> float | None:
    """Return the probability that held-out real clips score as well as a result, or None if that cannot be told.

    With several sets, the score is compared with Student's prediction interval of one more set, of logarithms where scores are
    positive and skewed (a Fréchet distance), of the scores themselves for unbiased estimates, which may be negative. With the single
    draw of an old result or of real data, the two differ by the noise of two equal sets, whose size the upper half of the result's own
    interval gives.

    Args:
        definition: a distance.
        metric: its record in the result.
        sets: the floor as a distribution, if it is known.
    """
    from scipy.special import ndtr, stdtr

    value = metric.value
    if sets is not None and sets.num_sets > 2:
        values, logarithmic = sets.values, not definition.facts.unbiased
        if logarithmic:
            if value <= 0:
                return 0.0
            value, values = math.log(value), tuple(math.log(max(each, 1e-300)) for each in values)
        count, mean = len(values), math.fsum(values) / len(values)
        deviation = math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (count - 1))
        if deviation == 0:
            return 1.0 if value >= mean else 0.0
        return float(stdtr(count - 1, (value - mean) / (deviation * math.sqrt(1 + 1 / count))))
    if metric.floor is None:
        return None
    if value >= metric.floor:
        return 1.0
    half = 0.0 if metric.interval is None else metric.interval[1] - value
    if half <= 0:
        return 0.0  # better than real clips, and nothing says that chance could have done it
    return float(ndtr((value - metric.floor) * _NORMAL_95 / (half * math.sqrt(2))))


def _sets(result: Result) -> dict[str, FloorSets]:
    """Return the floor's sets by metric: the recorded ones of an embedded task, whatever the result says, else its own."""
    own = {id: sets for id in result.metrics if (sets := result.floor_sets_of(id)) is not None}
    if result.task.name not in task_names():
        return own
    task = load_task(result.task.name).task
    if result.task.fingerprint != task.fingerprint:
        return own
    return own | recorded_sets(task, {name: network.weights_sha256 for name, network in result.networks.items()})


def _shares_frames(result: Result) -> bool:
    return result.task.name in task_names() and shares_frames(load_task(result.task.name).task)


def _counts(record: NearestRecord) -> SideCounts:
    return SideCounts(record.num_reference, record.num_held_out, record.found, record.found_in_reference)


def _floor_sentence(metric: MetricRecord, sets: FloorSets | None) -> str:
    several = "" if sets is None else f" in {counted(sets.num_sets, 'set')}"
    return (
        f"{score_text(metric.value)} is better than held-out real clips ({floor_text(metric.floor, sets)}{several}) by more "
        "than chance, as copies of reference clips would be"
    )


def _nearest_sentence(record: NearestRecord, counts: SideCounts, side: str) -> str:
    number = record.found_in_reference if side == "reference" else record.found - record.found_in_reference
    expected = counts.expected if side == "reference" else record.found - counts.expected
    return (
        f"of the {record.found:,} real clips nearest to the samples {number:,} are {side} clips, and {expected:,.0f} are "
        f"expected of a model that has not copied {side} clips"
    )
