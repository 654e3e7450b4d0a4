"""Two writing commands at once on one output: one wins and the other is refused in a sentence, or both are right."""

from __future__ import annotations

import itertools
import json
import random
import shutil

import pytest

from tests.abuse.faults.commands import COMMANDS, outcome
from tests.abuse.killing import hidden, run_calmly
from tests.abuse.runner import Outcome
from tests.abuse.several import at_once, ranks_at_once

BY_NAME = {command.name: command for command in COMMANDS}
REFUSALS = ("Another process is writing", "already exists", "is on the board already", "already has a row")
# Commands whose output is the same folder, so that any two of them collide.
ONE_FOLDER = [command.name for command in COMMANDS if " --output out" in command.line and "out/" not in command.line]
_PAIRS = list(itertools.combinations(ONE_FOLDER, 2))
CHOSEN = random.Random(18).sample(_PAIRS, 12)


def _check_sentences(ended: list[Outcome]) -> None:
    for each in ended:
        assert each.code in (0, 2), each.stderr
        assert "Traceback" not in each.stderr
        assert not each.orphans
        if each.code == 2:
            assert any(words in each.stderr for words in REFUSALS), each.stderr
            assert not each.stdout
    assert any(each.code == 0 for each in ended), "neither won"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_same_command_twice(name, tmp_path):
    command, calm = BY_NAME[name], run_calmly(BY_NAME[name], tmp_path)
    shutil.copytree(calm.template, tmp_path / "both")
    with command.around():
        ended = at_once([command.line.split()] * 2, tmp_path / "both")
    _check_sentences(ended)
    assert outcome(tmp_path / "both") == calm.files
    assert hidden(tmp_path / "both") == calm.hidden


@pytest.mark.parametrize("pair", CHOSEN, ids=" and ".join)
def test_two_commands_on_one_folder(pair, tmp_path):
    for name in pair:
        BY_NAME[name].prepare(tmp_path)
    ended = at_once([BY_NAME[name].line.split() for name in pair], tmp_path)
    _check_sentences(ended)
    assert not hidden(tmp_path)


def test_two_results_are_added_and_none_is_lost(tmp_path):
    """Each read the board without the rows of the other, and the second one to write lost them."""
    BY_NAME["leaderboard add"].prepare(tmp_path)
    document = json.loads((tmp_path / "result.json").read_text())
    lines = []
    for number in range(4):
        document["metrics"]["fvd-shapes"]["value"] = 57.5 + 0.5 * number
        (tmp_path / f"result-{number}.json").write_text(json.dumps(document))
        lines.append(
            f"leaderboard add result-{number}.json --leaderboards boards --training train --extra-data none --name Model{number}".split()
        )
    before = (tmp_path / "boards" / "shapes-gen.csv").read_text().count("\n")
    assert [each.code for each in at_once(lines, tmp_path)] == [0] * 4
    board = (tmp_path / "boards" / "shapes-gen.csv").read_text()
    assert board.count("\n") == before + 4 * len(document["metrics"])
    assert all(f",Model{number}," in board for number in range(4))


def test_two_runs_of_two_ranks_each(tmp_path):
    """Four processes: the ranks of the run that is refused all end, and the other result is that of one process."""
    command = BY_NAME["evaluate"]
    calm = run_calmly(command, tmp_path)
    shutil.copytree(calm.template, tmp_path / "both")
    ended = ranks_at_once([command.line.split()] * 2, tmp_path / "both", groups=2)
    codes = [[each.code for each in ended[:2]], [each.code for each in ended[2:]]]
    assert sorted(codes) in ([[0, 0], [2, 2]], [[0, 0], [0, 0]]), [each.stderr for each in ended]
    for each in ended:
        assert "Traceback" not in each.stderr
        assert each.code == 0 or "Another process is writing" in each.stderr
    single, both = (json.loads((tmp_path / name / "out" / "result.json").read_text()) for name in ("calm", "both"))
    assert both["metrics"] == single["metrics"]
    assert not hidden(tmp_path / "both")


def test_both_ranks_of_a_refused_training_run_say_why(tmp_path):
    """The second rank waited for the first one in a collective, and ended with the traceback of a lost connection."""
    command = BY_NAME["train"]
    command.prepare(tmp_path)
    ended = ranks_at_once([command.line.split()] * 2, tmp_path, groups=2)
    codes = [[each.code for each in ended[:2]], [each.code for each in ended[2:]]]
    assert sorted(codes) in ([[0, 0], [2, 2]], [[0, 0], [0, 0]]), [each.stderr for each in ended]
    for each in ended:
        assert "Traceback" not in each.stderr
        assert each.code == 0 or each.stderr.count("Another process is writing") == 1
    assert not hidden(tmp_path) - {"out/.lock"}
