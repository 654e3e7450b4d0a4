"""Two launches by torchrun of two ranks each into one output: one wins and the other is refused in a sentence, none hangs.

Agents and ranks are forked from a process that has imported everything; one pair starts as a user's does.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.abuse.faults.commands import COMMANDS, outcome
from tests.abuse.killing import hidden, run_calmly
from tests.abuse.several import Launch, launched_at_once, processes_in
from tests.abuse.test_pairs import REFUSALS

BY_NAME = {command.name: command for command in COMMANDS}
DIVIDED = ("evaluate", "score", "measure", "train", "data scan", "data statistics")


def _check(launches: list[Launch]) -> None:
    assert any(launch.code == 0 for launch in launches), [launch.stderr for launch in launches]
    for launch in launches:
        assert launch.code in (0, 1), launch.launcher  # torchrun's own for a rank that did not end with 0
        assert len(launch.stderr) == 2, launch.launcher
        assert "Traceback" not in "".join(launch.stderr)
        errors = [line for text in launch.stderr for line in text.splitlines() if line.startswith("Error: ")]
        if launch.code == 0:
            assert not errors
        else:
            assert 1 <= len(errors) <= 2  # torchrun may end the other rank before it says so too
            assert all(any(words in line for words in REFUSALS) for line in errors), errors
            assert not any(launch.stdout)


def _undisturbed(name: str, folder: Path) -> Path:
    """Run a command once; training on two ranks too, whose sums differ in the last digits from those of one."""
    calm = run_calmly(BY_NAME[name], folder)
    if name != "train":
        return folder / "calm"
    shutil.copytree(calm.template, folder / "ranks")
    (launch,) = launched_at_once([BY_NAME[name].line.split()], folder / "ranks")
    assert launch.code == 0, launch
    return folder / "ranks"


@pytest.mark.parametrize("name", DIVIDED)
def test_the_same_command_twice(name, tmp_path):
    calm, both = _undisturbed(name, tmp_path), tmp_path / "both"
    shutil.copytree(tmp_path / "template", both)
    _check(launched_at_once([BY_NAME[name].line.split()] * 2, both))
    assert not processes_in(both)
    assert outcome(both) == outcome(calm)
    assert hidden(both) == hidden(calm)


def test_the_same_evaluation_twice_as_a_user_starts_it(tmp_path):
    calm, both = _undisturbed("evaluate", tmp_path), tmp_path / "both"
    shutil.copytree(tmp_path / "template", both)
    _check(launched_at_once([BY_NAME["evaluate"].line.split()] * 2, both, fresh=True))
    assert not processes_in(both)
    assert outcome(both) == outcome(calm)


@pytest.mark.parametrize("name", ["sample npy", "data export png"])
def test_a_command_that_does_not_divide_its_work_writes_nothing(name, tmp_path):
    BY_NAME[name].prepare(tmp_path)
    before = outcome(tmp_path)
    for launch in launched_at_once([BY_NAME[name].line.split()] * 2, tmp_path):
        assert launch.code == 1
        errors = [line for text in launch.stderr for line in text.splitlines() if line.startswith("Error: ")]
        assert errors
        assert all("runs in one process and WORLD_SIZE is 2" in line for line in errors)
        assert not any(launch.stdout)
    assert not processes_in(tmp_path)
    assert outcome(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_a_rank_that_is_left_running_is_noticed(tmp_path):
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path, start_new_session=True) as left:
        assert "sleep" in processes_in(tmp_path, 0.1)[0]
        left.kill()
    assert not processes_in(tmp_path)
