"""A plain folder of videos without a task file: a task is made, written into the folder of the run, and repeats it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.miniatures import write_video
from tests.vidbench.cli.test_command_line import assert_refused, run
from vidbench.data.plain_folder import TASK_FILE, folder_task, task_or_folder, write_task_file
from vidbench.errors import InputError
from vidbench.tasks import load_task

TRAINS = """
from vidbench.models import VideoModel
class Model(VideoModel):
    name = "noted"
    @classmethod
    def check_training(cls, *arguments, **options):
        pass
    @classmethod
    def train(cls, request):
        frames, _ = request.clips.draw(0, 2)
        request.output.mkdir(parents=True, exist_ok=True)
        path = request.output / "checkpoint"
        path.write_text(f"{request.task.name} {list(frames.shape)} {len(request.task.class_names)}")
        return path
"""


@pytest.fixture(autouse=True)
def _videos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for number in range(3):
        write_video(Path("My videos", "anywhere", f"{number}.mp4"), number, count=20)


def test_training_and_scanning_need_no_task_file():
    Path("trains_here.py").write_text(TRAINS)
    line = ("train", "--model", "trains_here.py:Model", "--data", "My videos", "--output", "out")
    done = run(*line, "--num-frames", "16", "--resolution", "32", cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    made = Path("out/checkpoint").read_text()
    assert made == "folder-my-videos-16x32 [2, 16, 32, 32, 3] 0"
    assert "The task of this folder is in out/task.toml: --task repeats it." in done.stderr
    Path("out/checkpoint").unlink()
    assert run(*line, "--task", "out/task.toml", cwd=Path.cwd()).returncode == 0
    assert Path("out/checkpoint").read_text() == made
    other = run(*line, "--num-frames", "8", "--resolution", "32", cwd=Path.cwd())
    assert_refused(other, "out/task.toml is another task than that of this run: choose another --output")
    scan = (
        "data",
        "scan",
        "My videos",
        "--num-frames",
        "16",
        "--resolution",
        "32",
        "--output",
        "scan",
        "--workers",
        "1",
    )
    scanned = run(*scan, cwd=Path.cwd())
    assert scanned.returncode == 0, scanned.stderr
    assert "3 usable of 3 found" in scanned.stdout
    assert load_task("scan/task.toml").task.fingerprint == load_task("out/task.toml").task.fingerprint
    measured = run("measure", "My videos", "My videos", "--metric", "fvd-shapes", "--resolution", "32", cwd=Path.cwd())
    assert measured.returncode == 0, measured.stderr


def test_splits_are_taken_where_they_exist(tmp_path):
    task = folder_task(Path("My videos"), 16, 64).task
    assert (task.data.train_split, task.data.reference_split, task.data.evaluation_split) == ("all", "all", "all")
    assert (task.clips.num_frames, task.clips.height, task.clips.width, task.does.name) == (16, 64, 64, "generate")
    for name in ("train", "val"):
        Path("My videos", name).mkdir()
    task = folder_task(Path("My videos"), 16, 64).task
    assert (task.data.train_split, task.data.reference_split, task.data.evaluation_split) == ("train", "train", "val")
    assert load_task(str(write_task_file(tmp_path, task))).task == task
    assert (tmp_path / TASK_FILE).is_file()


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ((None, None, 16, 64), "There is no task: name one with --task, or a folder of videos with --data DIR"),
        ((None, Path("My videos"), 16, None), "--data DIR --num-frames N --resolution SIDE"),
        (("shapes-gen", None, 16, None), "A task states the size of its clips: omit --num-frames, or omit --task."),
        ((None, Path("nowhere"), 16, 64), "The data folder nowhere does not exist"),
        ((None, Path("My videos"), 0, 64), "--num-frames 0"),
    ],
)
def test_what_is_missing_or_too_much_is_named(named, words):
    with pytest.raises(InputError, match=words):
        task_or_folder(*named)
