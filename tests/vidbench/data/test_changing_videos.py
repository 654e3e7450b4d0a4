"""A video that is replaced between two looks at it is refused: counted, hashed or compared with a scan, then read."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.abuse.test_replaced_files import clips, write_videos
from tests.task_texts import videos_task
from vidbench.data import open_split, open_training
from vidbench.data.layouts import find_listing
from vidbench.data.layouts.listing import VideoFile
from vidbench.data.scan import division
from vidbench.data.scan.examination import Finding, examine_subject
from vidbench.data.scan.scan import scan_folder
from vidbench.data.scan.scan_journal import ScanJournals, append_finding, appending
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
    assert finding.transient


def test_a_file_that_changed_during_a_scan_is_examined_again_by_the_next(folder, monkeypatch):
    """The new file has the size and date of the old one, so its finding has the same key."""
    examined = []

    def late(subject):
        examined.append(subject.video_id)
        if examined == ["000.avi", "001.avi"]:
            with monkeypatch.context() as patch:
                original = type(subject.source).sha256
                patch.setattr(type(subject.source), "sha256", lambda source: replace(folder) or original(source))
                return examine_subject(subject)
        return examine_subject(subject)

    def scan():
        examined.clear()
        return scan_folder(folder / "videos", None, (), folder / "out", workers=1, progress=Progress(enabled=False))

    monkeypatch.setattr(division, "examine_subject", late)
    assert [(problem.id, problem.problem) for problem in scan().problems] == [("001.avi", "unreadable")]
    assert examined == ["000.avi", "001.avi", "002.avi"]
    assert scan().problems == ()
    assert examined == ["001.avi"]
    scan()
    assert examined == []


def test_a_file_that_may_be_read_at_last_is_examined_again(folder, monkeypatch):
    """Permissions are no part of the key of a finding; simulated, because root may read everything."""
    path = folder / "videos" / "001.avi"
    settings = {"workers": 1, "progress": Progress(enabled=False)}
    access, sha256 = os.access, VideoFile.sha256

    def denied(source):
        if source.path == path:
            raise PermissionError(13, "Permission denied", str(path))
        return sha256(source)

    with monkeypatch.context() as patch:
        patch.setattr(VideoFile, "sha256", denied)
        patch.setattr(os, "access", lambda each, *modes: each != path and access(each, *modes))
        (problem,) = scan_folder(folder / "videos", None, (), folder / "out", **settings).problems
    assert (problem.id, problem.problem) == ("001.avi", "unreadable")
    assert "001.avi' cannot be read; check its permissions" in problem.reason
    assert scan_folder(folder / "videos", None, (), folder / "out", **settings).problems == ()


def test_a_full_scan_does_not_call_a_file_changed_silently_that_changed_during_a_scan(folder, monkeypatch):
    settings = {"workers": 1, "progress": Progress(enabled=False)}
    one = scan_folder(folder / "videos", None, (), folder / "out", **settings)

    def late(subject):
        finding = examine_subject(subject)
        return finding.model_copy(update={"transient": 1, "problem": "unreadable"})

    with monkeypatch.context() as patch:
        patch.setattr(division, "examine_subject", late)
        assert scan_folder(folder / "videos", None, (), folder / "out", full=True, **settings).changed == ()
    again = scan_folder(folder / "videos", None, (), folder / "out", full=True, **settings)
    assert (again.changed, again.manifest_sha256) == ((), one.manifest_sha256)


def finding(transient, number=0):
    return Finding(key=("all", f"{number}", "a.avi", 1, 2), transient=transient, frames=None if transient else 4)


def write_journal(path, *findings):
    with appending(path) as file:
        for found in findings:
            append_finding(file, found)


@pytest.mark.parametrize("names", [("journal.jsonl", "journal-1.jsonl"), ("journal-1.jsonl", "journal.jsonl")])
def test_of_several_journals_the_finding_that_holds_prevails_and_then_the_latest(tmp_path, names):
    first, second = (tmp_path / name for name in names)
    write_journal(first, finding(5), finding(7, 1))
    write_journal(second, finding(0), finding(8, 1))
    found = ScanJournals(tmp_path, "journal", Ranks()).read()
    assert [found[finding(0, number).key] for number in (0, 1)] == [finding(0), finding(8, 1)]


@pytest.mark.parametrize("late", [finding(0), finding(8)])
def test_a_line_of_an_earlier_scan_is_not_taken_for_the_one_that_another_rank_is_writing(folder, monkeypatch, late):
    (subject,) = subjects_of("all", find_listing("folder", folder / "videos", "all", ("00[12]*",)), None)
    late, old = (found.model_copy(update={"key": subject.key}) for found in (late, finding(7)))
    journals = ScanJournals(folder, "journal", Ranks())
    write_journal(folder / "journal-1.jsonl", old)
    answers = []

    def wait(complete, poll_seconds):
        answers.append(complete())
        write_journal(folder / "journal-1.jsonl", late)
        answers.append(complete())
        return answers[-1]

    monkeypatch.setattr(division, "wait_until_visible", wait)
    findings = {}
    division._wait_for_others(findings, [subject], journals, {old})
    assert answers == [False, True]
    assert findings == {subject.key: late}
