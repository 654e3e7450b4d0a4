"""The mutants of a small source, and a run that kills one, lets one survive, ends a loop and resumes."""

from __future__ import annotations

import ast
import json
import sys

import pytest

from tests.mutants import __main__ as program
from tests.mutants import jobs
from tests.mutants.operators import find_mutants, mutated_source

SOURCE = '''
"""A docstring with 3 numbers."""
LIMIT: int = 3
from typing import Literal; Planes = Literal[1, 2]

def clip(value, low=0):
    """Clip 1 value."""
    if value < low and not value == 7:
        raise ValueError(f"{value + 1} is too small")
    while value > LIMIT:
        value -= 1
    return min(value, LIMIT)
'''


def test_mutants_of_a_source():
    mutants = find_mutants("a.py", SOURCE)
    found = {
        mutant.name.split("::", 2)[2]: ast.unparse(ast.parse(mutated_source(SOURCE, mutant.number)))
        for mutant in mutants
    }
    expected = {
        "constant::3::1": "LIMIT: int = 4",
        "constant::0::1": "def clip(value, low=1)",
        "condition::value < low and not value == 7::1": "if not (value < low and (not value == 7))",
        "and-or::value < low and not value == 7::1": "if value < low or not value == 7",
        "compare::value < low::1": "if value <= low and",
        "unary::not value == 7::1": "if value < low and value == 7",
        "compare::value == 7::1": "not value != 7",
        "constant::7::1": "value == 8",
        'removed::raise ValueError(f"{value + 1} is too small")::1': "    pass",
        "condition::value > LIMIT::1": "while not value > LIMIT",
        "compare::value > LIMIT::1": "while value >= LIMIT",
        "arithmetic::value -= 1::1": "value += 1",
        "constant::1::1": "value -= 2",
        "return::return min(value, LIMIT)::1": "return None",
        "call::min(value, LIMIT)::1": "max(value, LIMIT)",
    }
    assert set(found) == set(expected)
    for name, text in expected.items():
        assert text in found[name], name
    assert [mutant.at_import for mutant in mutants] == [True, True, *[False] * 13]


def test_a_sample_is_unmoved_by_changes_elsewhere():
    before = program.sample(find_mutants("a.py", SOURCE), 5, seed=1)
    moved = program.sample(find_mutants("a.py", "import os\n\n" + SOURCE), 5, seed=1)
    assert [mutant.name for mutant in before] == [mutant.name for mutant in moved]
    assert program.sample(find_mutants("a.py", SOURCE), 5, seed=2) != before


TESTS = """
from counted import clip

def test_large():
    assert clip(9) == 3
"""


@pytest.fixture
def small_project(tmp_path, monkeypatch):
    (tmp_path / "counted.py").write_text(SOURCE)
    (tmp_path / "test_counted.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.setattr(jobs, "ROOT", tmp_path)
    monkeypatch.setattr(program, "ROOT", tmp_path)
    monkeypatch.setattr(jobs, "warm_up", lambda: None)
    monkeypatch.setattr(jobs, "_MORE_SECONDS", 2.0)
    monkeypatch.setattr(program, "SURVIVORS", tmp_path / "survivors.toml")
    monkeypatch.setattr(
        program, "SETTINGS",
        {"code": ["counted.py"], "not_code": [], "tests": ["test_*.py"], "not_tests": [], "slow_tests": []},
    )  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["mutants", "--folder", str(tmp_path / "kept"), "--workers", "2"])
    return tmp_path


def test_a_run(small_project, capfd):
    assert program.main() == 1
    journal = small_project / "kept" / "journal.jsonl"
    outcomes = {}
    for line in journal.read_text().splitlines():
        entry = json.loads(line)
        outcomes[entry["name"].split("::", 2)[2]] = entry["outcome"]
    assert outcomes["constant::3::1"] == "killed"
    assert outcomes["return::return min(value, LIMIT)::1"] == "killed"
    assert outcomes["arithmetic::value -= 1::1"] == "time"
    assert outcomes["compare::value == 7::1"] == "survived"  # 9 is not below 0
    assert outcomes['removed::raise ValueError(f"{value + 1} is too small")::1'] == "survived"  # no test comes here
    assert len(outcomes) == 15
    assert "not listed: " in capfd.readouterr().out

    # The same command runs nothing again, and accepts what is listed.
    survivors = [name for name, outcome in outcomes.items() if outcome == "survived"]
    program.SURVIVORS.write_text(
        "\n".join(f"[[survivor]]\nmutant = {json.dumps('counted.py::clip::' + name)}\nreason = 'equivalent'\n" for name in survivors)
    )  # fmt: skip
    size = journal.stat().st_size
    program.main()
    assert journal.stat().st_size == size
    printed = capfd.readouterr().out
    assert "not listed: " not in printed
    assert f"{len(survivors)} of them listed" in printed


APART = """
FACTOR = 3

def scaled(value):
    return value * FACTOR

def raised(value):
    return value + 5

def unused(value):
    return value - 1
"""
TESTS_APART = """
import os, subprocess, sys

def test_command():
    program = "from counted import scaled; print(scaled(2))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "6\\n"

def test_fork():
    child = os.fork()
    if child == 0:
        from counted import raised
        os._exit(raised(2))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


def test_commands_and_forks_of_a_test_see_the_mutant(small_project, monkeypatch, capfd):
    (small_project / "counted.py").write_text(APART)
    (small_project / "test_counted.py").write_text(TESTS_APART)
    program.main()
    outcomes = {
        name.split("::", 1)[1]: (entry["outcome"], entry["by"], entry["tests"])
        for name, entry in program.read_journal(small_project / "kept" / "journal.jsonl").items()
    }
    command, fork = "test_counted.py::test_command", "test_counted.py::test_fork"
    assert outcomes["module::constant::3::1"] == ("killed", command, 2)
    assert outcomes["scaled::arithmetic::value * FACTOR::1"][:2] == ("killed", command)
    assert outcomes["raised::arithmetic::value + 5::1"][:2] == ("killed", fork)
    assert outcomes["raised::constant::5::1"][:2] == ("killed", fork)
    survivors = {name for name, (outcome, _, _) in outcomes.items() if outcome == "survived"}
    assert {name.partition("::")[0] for name in survivors} == {"unused"}

    # The same tests pass with the code as it is.
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--control"])
    program.main()
    control = program.read_journal(small_project / "kept" / "control.jsonl")
    assert {entry["outcome"] for entry in control.values()} == {"survived"}
    assert len(control) == len(outcomes)


def test_survivors_of_a_quick_run_are_open_for_a_full_one(small_project, monkeypatch, capfd):
    (small_project / "test_slow.py").write_text(
        "from counted import clip\n\ndef test_low():\n    assert clip(2) == 2\n"
    )
    monkeypatch.setitem(program.SETTINGS, "slow_tests", ["test_slow.py"])
    arguments = [*sys.argv, "--only", "compare::value < low"]
    journal = small_project / "kept" / "journal.jsonl"
    for options in (["--quick"], ["--quick"], [], []):
        monkeypatch.setattr(sys, "argv", [*arguments, *options])
        program.main()
    found = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(entry["quick"], entry["tests"]) for entry in found] == [(True, 1), (False, 2)]
