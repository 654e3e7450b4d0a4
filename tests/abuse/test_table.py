"""Every case of the table: exit code, a word that names the fault, one sentence, nothing left behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.abuse.case import all_cases
from tests.abuse.judge import judge
from tests.abuse.lean import Lean
from vidbench.leaderboard.boards import packaged_folder

CASES = all_cases()
# A guard, what replaces it, the command it belongs to, and what its cases say.
_GUARDS = {
    "vidbench.jobs.measure.choose_metrics": (
        lambda patterns: {"fvd-shapes": True},
        "measure",
        lambda case: case.word in ("nothing*", "did you mean 'fvd-shapes'?"),
    ),
    "vidbench.cli.measure._by_network": (
        lambda weights: {},
        "measure",
        lambda case: "--weights" in case.name and "without a value" not in case.name,
    ),
    "vidbench.leaderboard.boards.leaderboards_folder": (
        lambda folder: packaged_folder()[0],
        "leaderboard",
        lambda case: case.word == "nowhere",
    ),
}


@pytest.fixture(scope="module")
def lean():
    lean = Lean()
    yield lean
    lean.close()


@pytest.mark.parametrize("name", CASES, ids=list(CASES))
def test_a_malformed_input_is_refused_in_one_sentence(name, tmp_path, lean):
    faults = judge(CASES[name], tmp_path, lean.run)
    assert not faults, "\n".join(faults)


def test_the_table_is_large():
    assert len(CASES) >= 400


def test_the_document_states_the_number_of_cases():
    """At most a twentieth less, so that not every new case needs a change there."""
    text = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    (stated,) = re.findall(r"more than ([0-9,]+) cases of all commands", text)
    assert 0.95 * len(CASES) <= int(stated.replace(",", "")) < len(CASES)


@pytest.mark.parametrize("guard", _GUARDS)
def test_exactly_the_cases_of_a_broken_guard_fail(guard, tmp_path, monkeypatch):
    replacement, command, is_guarded = _GUARDS[guard]
    cases = {name: case for name, case in CASES.items() if name.startswith(f"commands:{command} ")}
    guarded = {name for name, case in cases.items() if is_guarded(case)}
    monkeypatch.setattr(guard, replacement)
    failed = set()
    for number, (name, case) in enumerate(cases.items()):
        (tmp_path / str(number)).mkdir()
        if judge(case, tmp_path / str(number)):
            failed.add(name)
    assert failed == guarded
    assert len(guarded) >= 2
