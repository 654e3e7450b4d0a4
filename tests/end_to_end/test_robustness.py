"""The same result file from real videos in one process, in two, killed at random, and for any order of files."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

import vidbench
import vidbench.scoring.features
from tests.forked import Ended, run_python, run_ranks
from vidbench.data.layouts.listing import find_videos
from vidbench.data.scan.scan import scan_folder
from vidbench.progress import Progress
from vidbench.tasks import load_task

TASK = """
name = "weizmann-few"
version = 1
title = "Some frames of Weizmann are given, the next are predicted"
[data]
dataset = "DATASET"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 12
context_frames = 5
height = 64
width = 64
resize = "none"
crop = "none"
clips_per_video = 2
[reference]
num_clips = "all"
[evaluation]
num_samples = 32
labels = "none"
metrics = ["fvd-shapes", "fid-shapes"]
ceiling = "noise"
"""
# Small shards, so that a short run can be killed at many points and two processes both have work.
SHARD = 8
RUN = f"""
import vidbench.scoring.features
vidbench.scoring.features.SHARD_SIZE = {SHARD}
from vidbench.cli import main
main()
"""
# Each run is a fork of a process that has imported everything, so it is killed during work, not during imports.
KILL_AND_RESUME = f"""
import os, random, signal, sys, time
import numpy, scipy.linalg, torch, av, PIL.Image, safetensors.numpy, pandas
import vidbench, vidbench.jobs.evaluate, vidbench.scoring.features, vidbench.report.page, vidbench.data.videos
vidbench.scoring.features.SHARD_SIZE = {SHARD}

def start(output, home):
    pid = os.fork()
    if pid:
        return pid
    os.environ["VIDBENCH_HOME"] = home
    vidbench.evaluate("copy", "task.toml", data=sys.argv[1], output=output, device="cpu", batch_size=8)
    os._exit(0)

def finish(output, home):
    started = time.monotonic()
    assert os.waitpid(start(output, home), 0)[1] == 0
    return time.monotonic() - started

calm = finish("calm", "home-calm")
delays, killed, unfinished = random.Random(20), 0, 0
for attempt in range(200):
    if killed == 10:
        break
    pid = start("killed", "home-killed")
    time.sleep(delays.uniform(0, calm / 3))
    os.kill(pid, signal.SIGKILL)
    if os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
        killed += 1
        unfinished += not os.path.exists("killed/result.json")
left = sum(len(files) for _, _, files in os.walk("killed")) + sum(len(files) for _, _, files in os.walk("home-killed"))
finish("killed", "home-killed")
print(killed, unfinished, left)
"""


@pytest.fixture
def weizmann(shared, tmp_path, monkeypatch) -> Path:
    """The folder of real videos; the task and all output are in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.toml").write_text(TASK.replace("DATASET", "kinetics"))
    (tmp_path / "run.py").write_text(RUN)
    (tmp_path / "kill.py").write_text(KILL_AND_RESUME)
    return shared / "data" / "weizmann"


def result_file(folder: str | Path) -> dict[str, object]:
    """Return a result without its execution record."""
    document = json.loads(Path(folder, "result.json").read_text())
    del document["execution"]
    return document


def run(*command: str, home: str, processes: int = 1) -> Ended:
    """Run a program in the current folder, and return how the main rank ended."""
    environment = {"VIDBENCH_HOME": str(Path(home).resolve())}
    if processes == 1:
        return run_python(command, environment=environment)
    main, *others = run_ranks(command, processes, environment=environment)
    assert [(other.returncode, other.stdout) for other in others] == [(main.returncode, "")] * len(others)
    return main


def test_two_processes_write_the_file_that_one_writes(weizmann):
    command = (
        "run.py",
        "evaluate",
        "--model",
        "copy",
        "--task",
        "task.toml",
        "--data",
        str(weizmann),
        "--device",
        "cpu",
    )
    for name, processes in (("one", 1), ("two", 2)):
        done = run(*command, "--output", name, "--json", home=f"home-{name}", processes=processes)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["execution"]["num_processes"] == processes
    assert result_file("one") == result_file("two")
    files = [sorted(path.name for path in Path(name).rglob("features-*")) for name in ("one", "two")]
    assert files[0] == files[1]
    assert len(files[0]) == 2 * 32 // SHARD  # of the network and of the validity panel


def test_ten_kills_at_random_moments_leave_no_trace(weizmann):
    done = run("kill.py", str(weizmann), home="unused")
    assert done.returncode == 0, done.stderr
    killed, unfinished, left = map(int, done.stdout.split())
    assert killed == 10
    assert unfinished >= 3, "the runs were over before they were killed"
    assert left > 0, "nothing outlived the kills, so nothing was resumed"
    assert result_file("killed") == result_file("calm")


class Shuffled:
    """Make `os.scandir` and `os.listdir` return files in another order, as another file system would."""

    def __init__(self, monkeypatch) -> None:
        scandir, listdir = os.scandir, os.listdir
        self.rng, self.calls = random.Random(7), 0

        def shuffled(entries: list) -> list:
            self.calls += 1
            entries = sorted(entries, key=lambda entry: getattr(entry, "name", entry))
            self.rng.shuffle(entries)
            return entries

        class Entries:
            def __init__(self, path=".") -> None:
                with scandir(path) as entries:
                    self._entries = iter(shuffled(list(entries)))

            def __iter__(self):
                return self._entries

            def __next__(self):
                return next(self._entries)

            def __enter__(self):
                return self

            def __exit__(self, *_) -> None:
                self.close()

            def close(self) -> None:
                self._entries = iter(())

        monkeypatch.setattr(os, "scandir", Entries)
        monkeypatch.setattr(os, "listdir", lambda path=".": shuffled(listdir(path)))


@pytest.mark.parametrize("dataset", ["kinetics", "folder"])
def test_the_order_of_files_on_disk_changes_nothing(weizmann, monkeypatch, dataset):
    Path("task.toml").write_text(TASK.replace("DATASET", dataset))
    monkeypatch.setattr(vidbench.scoring.features, "SHARD_SIZE", SHARD)
    monkeypatch.setenv("VIDBENCH_HOME", str(Path("home-sorted").resolve()))
    vidbench.evaluate("copy", "task.toml", data=weizmann, output="sorted", device="cpu")
    # A copy with files created in another order, listed in a third.
    files = sorted(path for path in weizmann.rglob("*") if path.is_file())
    random.Random(3).shuffle(files)
    for path in files:
        copy = Path("copy") / path.relative_to(weizmann)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    with monkeypatch.context() as patch:
        order = Shuffled(patch)
        assert [entry.name for entry in os.scandir(copy.parent)] != [entry.name for entry in os.scandir(copy.parent)]
        order.calls = 0
        assert len(find_videos(Path("copy/test")).files) == 16
        patch.setenv("VIDBENCH_HOME", str(Path("home-shuffled").resolve()))
        vidbench.evaluate("copy", "task.toml", data="copy", output="shuffled", device="cpu")
        assert order.calls > 5, "no folder was listed, so no order was shuffled"
        scan("copy", "scan-shuffled")
    assert result_file("sorted") == result_file("shuffled")
    scan(weizmann, "scan-sorted")
    for name in ("manifest.csv", "problems.csv", "missing.csv"):
        assert Path("scan-sorted", name).read_bytes() == Path("scan-shuffled", name).read_bytes()


def scan(root: str | Path, output: str) -> None:
    """Scan only the held-out videos, which is enough and faster than all."""
    scan_folder(
        Path(root), load_task("task.toml").task, ["test"], Path(output), workers=1, progress=Progress(enabled=False)
    )
