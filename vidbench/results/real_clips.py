"""What a result says about real clips next to its samples: the floor of several sets, and the side of the nearest clips."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from vidbench.rendering.numbers import score_text


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FloorSets(_Record):
    """One metric of disjoint sets of held-out real clips, each of as many clips as there are samples."""

    num_sets: int = Field(ge=1, description="Number of sets.")
    mean: float = Field(description="Mean over the sets.")
    deviation: float | None = Field(description="Sample standard deviation (n-1) over the sets; null of a single one.")
    values: tuple[float, ...] = Field(description="Score of each set.")


class NearestRecord(_Record):
    """Which real clips are nearest to the samples, in the features of one network; see docs/floors.md."""

    output: str = Field(description="Output of the network that distances are measured in.")
    num_samples: int = Field(ge=1, description="Number of samples compared.")
    num_reference: int = Field(ge=1, description="Number of reference clips compared.")
    num_held_out: int = Field(ge=1, description="Number of held-out clips compared.")
    found: int = Field(ge=1, description="Number of different real clips that are the nearest one of a sample.")
    found_in_reference: int = Field(ge=0, description="How many of these are reference clips.")


def floor_sets(values: Sequence[float]) -> FloorSets:
    """Return the record of the scores of disjoint sets, at least one."""
    return FloorSets(
        num_sets=len(values),
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values) if len(values) > 1 else None,
        values=tuple(values),
    )


def sets_words(sets: FloorSets) -> str:
    """Return how many sets a floor is of, and how well its deviation is known by that."""
    if sets.num_sets == 1:
        return "1 set of held-out clips, whose deviation is unknown"
    # The standard error of a standard deviation of normal values, relative to it.
    error = 100 / math.sqrt(2 * (sets.num_sets - 1))
    return f"{sets.num_sets} disjoint sets of held-out clips; the deviation is known to about {error:.0f} %"


def floor_text(floor: float | None, sets: FloorSets | None) -> str:
    """Return a floor as tables print it: mean ± deviation of its sets, the single draw without them, "-" without either."""
    if sets is None:
        return "-" if floor is None else score_text(floor)
    spread = "" if sets.deviation is None else f" ± {score_text(sets.deviation)}"
    return f"{score_text(sets.mean)}{spread}"
