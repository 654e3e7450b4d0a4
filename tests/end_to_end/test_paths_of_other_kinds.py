"""A path of another kind than expected is said to be what it is; a folder of a run stands for its result."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.task_texts import task_text, videos_task
from tests.vidbench.cli.test_command_line import run


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("gen.toml").write_text(task_text("tiny-gen", num_clips=12, num_samples=6, metrics=("fvd-shapes",)))
    # An embedded task would refuse statistics before it looks at the file.
    Path("videos.toml").write_text(videos_task("folder", 6))
    np.save("clips.npy", np.zeros((6, 12, 32, 32, 3), np.uint8))
    for name in ("folder.toml", "folder.safetensors", "folder"):
        Path(name).mkdir()
    os.mkfifo("pipe.toml")
    Path("link.toml").symlink_to("nowhere")


def refused(line):
    done = run(*line.split(), cwd=Path.cwd())
    assert done.returncode == 2, done.stdout
    return done.stderr.strip().splitlines()[-1]


ADD = "leaderboard add folder --leaderboards boards --training not-stated --extra-data not-stated"
MEASURE = "measure clips.npy clips.npy --num-frames 12"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tasks show folder.toml", "The task file folder.toml is a folder and not a file:"),
        ("tasks show pipe.toml", "The task file pipe.toml is a pipe and not a file:"),
        ("tasks show link.toml", "The task file link.toml is a link that leads nowhere:"),
        ("tasks show no.toml", "The task file no.toml does not exist:"),
        ("compare pipe.toml pipe.toml", "The result file pipe.toml is a pipe and not a file:"),
        ("compare folder folder", "The result file folder/result.json does not exist:"),
        ("leaderboard add folder --leaderboards b", "The result file folder/result.json does not exist:"),
        (f"{MEASURE} --metric fvd-shapes --weights shapes=folder.safetensors", "is a folder and not a file; check"),
        (
            "evaluate --model noise --task videos.toml --reference folder.safetensors",
            "file folder.safetensors is a folder",
        ),
        ("evaluate --model noise --task gen.toml --output clips.npy", "clips.npy is a file, where a folder is to be"),
        ("train --model dvdgan --task gen.toml --output clips.npy", "clips.npy is a file, where a folder is to be"),
    ],
)
def test_what_is_there_is_named(line, words):
    assert words in refused(line)


def test_a_run_folder_is_taken_where_a_result_file_is(result_document):
    Path("folder/result.json").write_text(json.dumps(result_document))
    assert run("compare", "folder", "folder/result.json", cwd=Path.cwd()).returncode == 0
    added = run(*ADD.split(), cwd=Path.cwd())
    assert added.returncode == 0, added.stderr


def test_a_folder_in_place_of_stored_features_is_refused_at_once():
    line = f"{MEASURE} --metric fvd-shapes --device cpu"
    assert run(*line.split(), cwd=Path.cwd()).returncode == 0
    (shard,) = Path(os.environ["VIDBENCH_HOME"]).glob("features/*/features-*")
    shard.unlink()
    shard.mkdir()
    done = run(*line.split(), cwd=Path.cwd())
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is a folder where a stored file belongs: move or remove it." in done.stderr
