"""Two ranks of a training run that differ are refused before the first step, both in a sentence, and none hangs."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.abuse.faults.commands import COMMANDS
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


def test_ranks_with_other_data_are_refused(tmp_path, shared):
    """As when each node has its own copy of a data folder, and the copies differ in one video."""
    words = list(WORDS)
    words[words.index("--task") + 1] = "videos.toml"
    (tmp_path / "videos.toml").write_text(videos_task("folder", 6))
    from tests.end_to_end.miniatures import write_video

    for folder in ("one", "two"):
        for number in range(3):
            write_video(tmp_path / folder / "train" / f"v{number}.mp4", number, count=14)
    shutil.copytree(tmp_path / "one", tmp_path / "same")
    write_video(tmp_path / "two" / "train" / "v1.mp4", 7, count=14)
    ended = ranks_at_once([[*words, "--data", "one"], [*words, "--data", "two"]], tmp_path)
    for each in ended:
        assert each.code == 2, each.stderr
        assert "disagree about the training data" in each.stderr


def test_equal_ranks_train_and_one_that_starts_from_another_checkpoint_does_not(tmp_path):
    TRAIN.prepare(tmp_path)
    ended = ranks_at_once([WORDS, WORDS], tmp_path)
    assert [each.code for each in ended] == [0, 0], ended[0].stderr + ended[1].stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert lines[0]["processes"] == 2
    # The same path holds another file on the other node.
    for rank in range(2):
        (tmp_path / f"node-{rank}").mkdir()
        shutil.copy(tmp_path / "out" / "generator.safetensors", tmp_path / f"node-{rank}" / "start.safetensors")
    starts = [f"start=node-{rank}/start.safetensors" for rank in range(2)]
    ended = ranks_at_once([[*_changed(output="next"), "--set", start] for start in starts], tmp_path)
    for each in ended:
        assert each.code == 2
        assert "disagree about the settings" in each.stderr
