"""A video that is replaced between two looks at it is refused: counted, hashed or compared with a scan, then read."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.abuse.test_replaced_files import clips, write_videos
from tests.task_texts import videos_task
from vidbench.data import open_split, open_training
from vidbench.data.layouts import find_listing
from vidbench.data.scan.examination import examine_subject
from vidbench.data.scan.subjects import subjects_of
from vidbench.data.videos import VideoDataset
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.jobs.train import TrainOptions, train_model
from vidbench.progress import Progress
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec

CLIPS = ClipSpec(num_frames=4, height=32, width=32, resize="none", crop="none")
TASK = videos_task("folder", 4).replace('"train"', '"all"')


@pytest.fixture
def folder(tmp_path):
    write_videos(tmp_path / "videos", clips(1)[:3])
    write_videos(tmp_path / "others", clips(2)[:3])
    return tmp_path


def opened(folder):
    return VideoDataset(find_listing("folder", folder / "videos", "all"), CLIPS)


def replace(folder):
    """Replace a video by another one of the same size and date."""
    path, other = folder / "videos" / "001.avi", folder / "others" / "001.avi"
    state = path.stat()
    assert other.stat().st_size == state.st_size
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("first", ["hashed", "read", "vouched"])
def test_a_replaced_video_is_refused_by_name(folder, first):
    dataset = opened(folder)
    if first == "hashed":
        assert dataset.identity_sha256
    elif first == "read":
        dataset.read(np.arange(dataset.num_clips))
    else:
        dataset.vouch("0" * 64, {video.video_id: "1" * 64 for video in dataset.videos})
    replace(folder)
    with pytest.raises(InputError, match=r"001\.avi' changed while it was in use"):
        dataset.read(np.arange(dataset.num_clips))
    if first == "read":
        with pytest.raises(InputError, match="changed while it was in use"):
            _ = dataset.identity_sha256
    assert opened(folder).identity_sha256 != dataset.__dict__.get("identity_sha256")


def test_a_video_that_is_replaced_before_it_is_trained_on_is_refused(folder):
    (folder / "task.toml").write_text(TASK)
    task = load_task(str(folder / "task.toml")).task
    split = open_split(task, "all", folder / "videos", 1)
    assert split.identity_sha256
    clips, _ = open_training(task, folder / "videos", 0, split=split).draw(0, 4)
    assert (clips == open_training(task, folder / "videos", 0).draw(0, 4)[0]).all()
    replace(folder)
    with pytest.raises(InputError, match=r"001\.avi' changed while it was in use"):
        open_training(task, folder / "videos", 0, split=split)


def test_a_model_is_trained_on_the_videos_whose_digest_its_checkpoint_holds(folder, monkeypatch):
    """A video is replaced after the digest of the training data was compared between ranks."""
    monkeypatch.chdir(folder)
    (folder / "task.toml").write_text(TASK)
    agree = Ranks.agree

    def late(ranks, what, value):
        agree(ranks, what, value)
        if what == "the training data":
            replace(folder)

    monkeypatch.setattr(Ranks, "agree", late)
    options = TrainOptions(data=folder / "videos", output=folder / "run", steps=1, device="cpu")
    with pytest.raises(InputError, match=r"001\.avi' changed while it was in use"):
        train_model("dvdgan", "task.toml", options, Progress(enabled=False))


def test_a_video_that_changes_while_it_is_scanned_is_a_problem(folder, monkeypatch):
    listing = find_listing("folder", folder / "videos", "all")
    subject = subjects_of("all", listing, None)[1]
    assert examine_subject(subject).problem is None
    original = type(subject.source).sha256

    def late(source):
        replace(folder)
        return original(source)

    monkeypatch.setattr(type(subject.source), "sha256", late)
    finding = examine_subject(subject)
    assert finding.problem == "unreadable"
    assert "changed while it was in use" in finding.reason
    assert finding.file_sha256 is None
