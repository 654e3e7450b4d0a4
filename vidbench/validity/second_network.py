"""The score on a second network, as a place between floor and ceiling: samples made for one network are poor on another."""

from __future__ import annotations

from dataclasses import dataclass

from vidbench.rendering.numbers import score_text
from vidbench.results.schema import ValidityRecord
from vidbench.validity.checks import done, not_done

RESOLUTION = 0.01
"""Added to both places, so that the noise of scores near the floor is not divided by nothing."""
RATIO = 2.0
"""Ratio of the places from which the check flags; docs/validity.md has what it was calibrated on."""


@dataclass(frozen=True)
class Scale:
    """A score between two others.

    Attributes:
        network: name of the network.
        value: score of the samples.
        floor: score of held-out clips.
        ceiling: score of the task's ceiling.
    """

    network: str
    value: float
    floor: float
    ceiling: float

    @property
    def place(self) -> float:
        """0 at the floor or better, 1 at the ceiling."""
        return max(0.0, (self.value - self.floor) / (self.ceiling - self.floor))

    @property
    def is_one(self) -> bool:
        """Whether the ceiling is worse than the floor."""
        return self.ceiling > self.floor


def second_network(first: Scale, second: Scale) -> ValidityRecord:
    """Compare the places of the samples on two networks; both scores are distances."""
    for scale in (first, second):
        if not scale.is_one:
            return not_done("second-network", f"On '{scale.network}' the ceiling is no worse than the floor.")
    ratio = (second.place + RESOLUTION) / (first.place + RESOLUTION)
    return done(
        "second-network",
        value=ratio,
        against=1.0,
        threshold=RATIO,
        flagged=ratio > RATIO,
        sentence=f"The samples are at {first.place:.1%} of the way from floor to ceiling on '{first.network}' and at {second.place:.1%} on "
        f"'{second.network}' ({score_text(second.value)} between {score_text(second.floor)} and {score_text(second.ceiling)}): a ratio of "
        f"{score_text(ratio)}, with {RESOLUTION:.0%} added to both (flagged above {RATIO:g}).",
    )
