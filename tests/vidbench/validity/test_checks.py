"""The list of checks, and the lines that a terminal prints of a panel."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidbench.validity.checks import CHECKS, done, not_done, panel_lines

ROOT = Path(__file__).resolve().parents[3]


def _done(check, flagged):
    return done(check, value=1.0, against=0.0, threshold=0.5, flagged=flagged, sentence=f"All of {check}.")


def test_a_panel_without_flags_is_one_line():
    assert panel_lines([_done("copies", False), _done("noise", False)]) == ["validity: 2 checks, none flagged"]
    absent = not_done("noise", "No floor.")
    assert (absent.flagged, absent.value, absent.absent, absent.sentence) == (
        False,
        None,
        "No floor.",
        "Not done: No floor.",
    )
    assert panel_lines([_done("copies", False), absent]) == [
        "validity: 1 check, none flagged (1 could not be done, see the report)"
    ]
    assert panel_lines([]) == []


def test_each_flag_is_a_line():
    assert panel_lines([_done("copies", True), _done("repeats", False), _done("noise", True)]) == [
        "validity: 3 checks, 2 flagged",
        "  ! copies: All of copies.",
        "  ! noise: All of noise.",
    ]


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_is_documented(check):
    assert f"| `{check}` |" in (ROOT / "docs/validity.md").read_text(encoding="utf-8")
