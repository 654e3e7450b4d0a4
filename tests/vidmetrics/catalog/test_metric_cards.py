"""Every metric has a card in the documentation, and every card says everything."""

from __future__ import annotations

import math
import re
from pathlib import Path

from vidmetrics import METRICS

CARDS = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
FIELDS = ["Definition", "Formula", "Range", "Direction", "Minimum N", "Blind to", "Bias", "Interval", "Source"]


def cards():
    parts = re.split(r"^### (`.*)$", CARDS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        tuple(re.findall(r"`([^`]+)`", heading)): body for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }


def in_words(id, lowest, highest):
    """The range as the card of a metric states it."""
    if id == "fvd-videogpt":
        return "0 to infinity; `fvd-videogpt` any real number"
    if lowest == -math.inf:
        return "any real number"
    return f"{lowest:g} to {'infinity' if highest == math.inf else f'{highest:,g}'}"


def test_every_metric_has_one_card():
    carded = [id for ids in cards() for id in ids]
    assert len(carded) == len(set(carded))
    assert set(METRICS) <= set(carded)


def test_every_card_says_everything_and_the_right_range_and_direction():
    for ids, body in cards().items():
        assert re.findall(r"^- \*\*(.+?)\*\*: \S", body, flags=re.MULTILINE) == FIELDS, ids
        for id in set(ids) & set(METRICS):
            assert f"**Range**: {in_words(id, *METRICS[id].attainable_range)}" in body, id
            better = "higher is better" if METRICS[id].higher_is_better else "lower is better"
            assert f"**Direction**: {better}" in body, id
