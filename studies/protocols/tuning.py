"""The strength at which a corruption has a given score: secant steps on logarithms inside a bracket, then neighbours.

A corruption of whole clips jumps with each of them, so a bracket may close on a jump. Neighbours of the best strength are
tried then: what one clip adds to a score is mostly noise, and one of them is near the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

TOLERANCE = 0.02
"""Relative distance from the target at which the search ends: two corruptions are then within 5 % of each other."""
MOST_TRIALS = 7
MOST_NEIGHBOURS = 24
MOST_FACTOR = 3.0
"""Largest change of a strength in one step; what the first score says of small strengths is mostly noise."""
_SQUARE = 2.0  # a distance of means grows with the square of a small strength


@dataclass(frozen=True)
class Tuned:
    """The result: strength, its score, whether it is within the tolerance, and how many scores were computed."""

    strength: float
    score: float
    reached: bool
    trials: int


def tune(score: Callable[[float], float], target: float, clean: float, first: float, most: float, step: float) -> Tuned:
    """Find the strength whose score is the target.

    Args:
        score: of a strength; grows with it, up to noise.
        target: score to reach, above ``clean``.
        clean: score at strength 0.
        first: strength to begin with.
        most: largest strength allowed; if even that stays below the target, the result says so.
        step: distance of the neighbours.
    """
    low, high = 0.0, most
    seen: list[tuple[float, float]] = []
    strength = min(first, most)
    for _ in range(MOST_TRIALS):
        value = score(strength)
        seen.append((strength, value))
        if abs(value / target - 1) <= TOLERANCE or (value < target and strength == most):
            break
        low, high = (strength, high) if value < target else (low, strength)
        strength = _next(seen, target - clean, clean)
        if not low < strength < high:
            strength = high if seen[-1][1] < target and high == most and not _tried(seen, most) else (low + high) / 2
    best = min(seen, key=lambda pair: abs(math.log(pair[1] / target)))
    for neighbour in _neighbours(best[0], step, most) if seen[-1][0] < most else ():
        if abs(best[1] / target - 1) <= TOLERANCE:
            break
        seen.append((neighbour, score(neighbour)))
        best = min(best, seen[-1], key=lambda pair: abs(math.log(pair[1] / target)))
    strength, value = best
    return Tuned(strength, value, abs(value / target - 1) <= TOLERANCE, len(seen))


def _neighbours(strength: float, step: float, most: float) -> list[float]:
    """Return the strengths around one, the nearest first."""
    steps = [sign * distance * step for distance in range(1, MOST_NEIGHBOURS // 2 + 1) for sign in (1, -1)]
    return [strength + each for each in steps if 0 < strength + each <= most]


def _tried(seen: list[tuple[float, float]], strength: float) -> bool:
    return any(s == strength for s, _ in seen)


def _next(seen: list[tuple[float, float]], wanted: float, clean: float) -> float:
    """Return where the power law through the last two scores, or a square through one, has the wanted excess."""
    floor = 0.02 * wanted  # noise may put a weak corruption below clean clips
    s, excess = seen[-1][0], max(seen[-1][1] - clean, floor)
    power = _SQUARE
    if len(seen) > 1:
        before, excess_before = seen[-2][0], max(seen[-2][1] - clean, floor)
        if s != before and excess != excess_before:
            power = math.log(excess / excess_before) / math.log(s / before)
            power = min(max(power, 0.3), 4.0)
    return s * min(max((wanted / excess) ** (1 / power), 1 / MOST_FACTOR), MOST_FACTOR)
