"""What is compared before the first step: the training data of all ranks, hashed once per node, and aloud."""

from __future__ import annotations

import functools
import io
import os
import shlex
import shutil
import socket
import threading
from contextlib import redirect_stderr

import pytest
from click.testing import CliRunner

from tests.abuse.test_replaced_files import clips, write_videos
from tests.task_texts import videos_task
from tests.vidbench.distributed.test_coordination import run_ranks
from vidbench.cli.data import command as data
from vidbench.data import open_split
from vidbench.data.layouts.listing import VideoFile
from vidbench.data.plain_folder import folder_task, scan_command
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.jobs import train
from vidbench.jobs.train import TrainOptions, train_model
from vidbench.progress import Progress
from vidbench.tasks import load_task


@pytest.fixture
def task(tmp_path):
    write_videos(tmp_path / "one", clips(1)[:3])
    (tmp_path / "task.toml").write_text(videos_task("folder", 4).replace('"train"', '"all"'))
    return load_task(str(tmp_path / "task.toml")).task


@pytest.fixture
def hashed(monkeypatch):
    """The files that are hashed."""
    paths, sha256 = [], VideoFile.sha256
    monkeypatch.setattr(VideoFile, "sha256", lambda self: paths.append(self.path) or sha256(self))
    return paths


def digests(task, folders):
    """Return the digest, or the refusal, of each rank on its folder."""

    def one(meeting, rank):
        ranks = Ranks(rank, len(folders), rank, len(folders), meeting)
        return train._agreed_digest(ranks, open_split(task, "all", folders[rank], 1), Progress(enabled=False))

    return list(dict(sorted(run_ranks(one, len(folders)).items())).values())


def test_ranks_of_one_node_hash_the_training_data_once(task, tmp_path, hashed):
    folder = tmp_path / "one"
    (alone,) = digests(task, [folder])
    count = len(hashed)
    assert count == len(set(hashed)) > 1
    assert digests(task, [folder] * 3) == [alone] * 3
    assert len(hashed) == 2 * count


def test_every_node_hashes_its_own_data(task, tmp_path, hashed, monkeypatch):
    names = threading.local()
    monkeypatch.setattr(socket, "gethostname", lambda: getattr(names, "own", "a node"))

    def one(meeting, rank):
        names.own = f"node-{rank // 2}"
        ranks = Ranks(rank, 4, rank % 2, 2, meeting)
        return train._agreed_digest(ranks, open_split(task, "all", tmp_path / "one", 1), Progress(enabled=False))

    found = run_ranks(one, 4)
    assert len(set(found.values())) == 1
    assert {hashed.count(path) for path in hashed} == {2}


def test_other_data_on_one_node_is_found_and_a_copy_is_equal(task, tmp_path):
    for name in ("copy", "other"):
        shutil.copytree(tmp_path / "one", tmp_path / name)
    one, copy, other = (tmp_path / name for name in ("one", "copy", "other"))
    assert len(set(digests(task, [one, copy, one]))) == 1
    video = next(path for path in other.iterdir())
    content = bytearray(video.read_bytes())
    content[-1] ^= 1
    state = video.stat()
    video.write_bytes(content)
    # Name, size and date are those of the first rank's.
    os.utime(video, ns=(state.st_atime_ns, state.st_mtime_ns))
    refused = digests(task, [one, one, other])
    assert all(isinstance(each, InputError) for each in refused)
    assert all("Rank 2" in str(each) and "disagree about the training data" in str(each) for each in refused)


def test_hashing_is_said_and_the_code_of_a_model_is_not_hashed_for_one_process(task, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "choose_model", lambda name: _Choice())
    monkeypatch.setattr(train, "offers_training", lambda factory: True)
    said = io.StringIO()
    options = TrainOptions(data=tmp_path / "one", output=tmp_path / "run", device="cpu")
    with redirect_stderr(said):
        train_model("mine", str(tmp_path / "task.toml"), options, Progress(enabled=True))
    command = f"vidbench data scan {tmp_path / 'one'} --task {tmp_path / 'task.toml'}"
    assert f"training videos: `{command}` does it once for all runs." in said.getvalue()
    assert said.getvalue().startswith("Hashing ")


@pytest.mark.usefixtures("task")
def test_the_scan_that_is_advised_for_a_plain_folder_hashes_for_the_next_run(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    made, options = folder_task(tmp_path / "one", 4, 16), ("--ignore", "no such *")
    words = shlex.split(scan_command(made, tmp_path / "one", options[1:]))
    assert words[-6:] == ["--num-frames", "4", "--resolution", "16", *options]
    opened = functools.partial(open_split, made.task, made.task.data.train_split, tmp_path / "one", 1)
    assert opened().num_unhashed > 0
    done = CliRunner().invoke(data, [*words[2:], "--output", str(tmp_path / "scan"), "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert opened().num_unhashed == 0


class _Factory:
    @staticmethod
    def check_training(*_, **__):
        pass

    @staticmethod
    def train(request):
        assert len(request.data_sha256) == 64
        (request.output / "done").touch()
        return request.output / "done"


class _Choice:
    name, checkpoint, folder_name, factory = "mine", None, "mine", _Factory

    @property
    def code_sha256(self):
        raise AssertionError("computed")
