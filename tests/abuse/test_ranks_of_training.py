"""Two ranks of a training run that differ are refused before the first step, both in a sentence, and none hangs."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.abuse.faults.commands import COMMANDS
from tests.abuse.runner import run_limited
from tests.abuse.several import ranks_at_once
from tests.task_texts import videos_task

TRAIN = next(command for command in COMMANDS if command.name == "train")
WORDS = tuple(TRAIN.line.split())


def _changed(**options: str) -> list[str]:
    words = list(WORDS)
    for name, value in options.items():
        option = f"--{name}"
        if option in words and name != "set":
            words[words.index(option) + 1] = value
        else:
            words += [option, value]
    return words


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"seed": "1"}, "the seed"),
        ({"set": "g_lr=1e-3"}, "the settings"),
        ({"steps": "3"}, "the number of steps"),
        ({"metrics-every": "1"}, "the metrics to measure"),
        ({"task": "other.toml"}, "the task"),
    ],
)
def test_ranks_with_other_options_are_refused(options, what, tmp_path):
    TRAIN.prepare(tmp_path)
    text = (tmp_path / "gen.toml").read_text()
    (tmp_path / "other.toml").write_text(text.replace('"test"', '"validation"'))
    ended = ranks_at_once([WORDS, _changed(**options)], tmp_path)
    for each in ended:
        assert each.code == 2, each.stderr
        assert f"disagree about {what}: all ranks need the same command" in each.stderr
        assert "Traceback" not in each.stderr
        assert each.seconds < 100  # neither waits for a time limit
    assert not list((tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else True


def test_ranks_with_other_data_are_refused_and_with_equal_data_train(tmp_path):
    """As when each node has its own copy of a data folder, and the copies differ in one video."""
    words = list(WORDS)
    words[words.index("--task") + 1] = "videos.toml"
    (tmp_path / "videos.toml").write_text(videos_task("folder", 6))
    from tests.end_to_end.miniatures import write_video

    for number in range(3):
        write_video(tmp_path / "one" / "train" / f"v{number}.mp4", number, count=14)
    for folder in ("two", "same"):
        shutil.copytree(tmp_path / "one", tmp_path / folder)
    write_video(tmp_path / "two" / "train" / "v1.mp4", 7, count=14)
    ended = ranks_at_once([[*words, "--data", "one"], [*words, "--data", "two"]], tmp_path)
    for each in ended:
        assert each.code == 2, each.stderr
        assert "disagree about the training data" in each.stderr
    ended = ranks_at_once([[*words, "--data", "one"], [*words, "--data", "same"]], tmp_path)
    assert [each.code for each in ended] == [0, 0], ended[0].stderr + ended[1].stderr


def test_equal_ranks_train_and_one_that_starts_from_another_checkpoint_does_not(tmp_path):
    TRAIN.prepare(tmp_path)
    ended = ranks_at_once([WORDS, WORDS], tmp_path)
    assert [each.code for each in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert lines[0]["processes"] == 2
    other = run_limited(_changed(seed="1", output="other"), tmp_path)
    assert other.code == 0, other.stderr
    # The same path holds another file on the other node.
    nodes = [tmp_path / "node-0", tmp_path / "node-1"]
    for node, run in zip(nodes, ("out", "other"), strict=True):
        node.mkdir()
        shutil.copy(tmp_path / "gen.toml", node)
        shutil.copy(tmp_path / run / "generator.safetensors", node / "start.safetensors")
    command = [*_changed(output=str(tmp_path / "next")), "--set", "start=start.safetensors"]
    ended = ranks_at_once([command, command], tmp_path, places=nodes)
    for each in ended:
        assert each.code == 2, each.stderr
        assert "disagree about the checkpoint to start from" in each.stderr
