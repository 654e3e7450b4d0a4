"""The checks of the panel by id: what each can tell, and what it cannot; and how their records are made and summed up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vidbench.rendering.numbers import counted
from vidbench.results.schema import ValidityRecord


@dataclass(frozen=True)
class Check:
    """One check of the panel.

    Attributes:
        id: its name in results and documents.
        what: what is compared, in a few words.
        tells: what a flag means.
        cannot: what goes unnoticed, or is flagged without fault.
    """

    id: str
    what: str
    tells: str
    cannot: str


_CHECKS = (
    Check(
        "train-distance",
        "samples less than half as far from a reference clip as from every held-out clip",
        "samples are copies of reference clips, exact or slightly degraded",
        "copies of training clips that are not in the reference set, or changed so much that the network sees others",
    ),
    Check(
        "copies",
        "samples that are a real clip, byte by byte",
        "real clips, of the reference or held-out, were handed in as samples",
        "real clips of which a single value was changed",
    ),
    Check(
        "repeats",
        "samples that equal an earlier one, byte by byte",
        "the score is of fewer clips than it says",
        "repeats of which a single value was changed",
    ),
    Check(
        "true-futures",
        "predicted frames as close to the true ones as a copy, where the scene moves",
        "the true continuation was handed in as a prediction",
        "futures that were changed more than a video codec does; on made-up videos that can be predicted exactly, a perfect model is flagged",
    ),
    Check(
        "label-agreement",
        "clearly recognised samples that the network gives their label",
        "the clips do not show their labels: shuffled, or of a model that ignores them",
        "labels that are wrong for a minority, and clips of which the network recognises nothing",
    ),
    Check(
        "second-network",
        "place between floor and ceiling on a second network, divided by that on the metric's",
        "the samples are good only in the eyes of the metric's network",
        "samples made for both networks; networks judge differently what both see, so only large ratios say anything",
    ),
    Check(
        "noise",
        "change of the score by weak noise, as a share of the scale from floor to ceiling",
        "the score depends on pixel patterns that weak noise destroys",
        "patterns made to survive noise",
    ),
)

CHECKS: Mapping[str, Check] = MappingProxyType({check.id: check for check in _CHECKS})
"""The checks in the order of the panel."""


def done(
    check: str, *, value: float, against: float | None, threshold: float | None, flagged: bool, sentence: str
) -> ValidityRecord:
    """Return the record of a check that was done."""
    return ValidityRecord(
        check=check,
        what=CHECKS[check].what,
        value=value,
        against=against,
        threshold=threshold,
        flagged=flagged,
        sentence=sentence,
        absent=None,
    )


def not_done(check: str, why: str) -> ValidityRecord:
    """Return the record of a check that could not be done; ``why`` is a sentence."""
    return ValidityRecord(
        check=check,
        what=CHECKS[check].what,
        value=None,
        against=None,
        threshold=None,
        flagged=False,
        sentence=f"Not done: {why}",
        absent=why,
    )


def panel_lines(records: Iterable[ValidityRecord]) -> list[str]:
    """Return the panel as lines of a terminal: one if nothing is flagged, one more for each flag; none without records."""
    records = list(records)
    if not records:
        return []
    flags = [record for record in records if record.flagged]
    absent = sum(record.absent is not None for record in records)
    count = f"validity: {counted(len(records) - absent, 'check')}, {len(flags) or 'none'} flagged"
    lines = [count + (f" ({absent} could not be done, see the report)" if absent else "")]
    return lines + [f"  ! {record.check}: {record.sentence}" for record in flags]
