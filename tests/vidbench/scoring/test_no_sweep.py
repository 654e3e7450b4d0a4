"""Why a report lacks the truncation sweep of its task."""

from __future__ import annotations

from vidbench.scoring.truncation import why_no_sweep


def test_the_reason_names_the_sweep_and_what_cannot_be_truncated():
    assert why_no_sweep((0.5, 1.0), "samples") == (
        "The task has a sweep over sigma 0.5, 1; clips on disk have a single, unknown truncation."
    )
    assert why_no_sweep((0.25,), "mine") == (
        "The task has a sweep over sigma 0.25; the model 'mine' does not support truncation."
    )
