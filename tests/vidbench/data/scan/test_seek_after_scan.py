"""After a scan, clips are read through its keyframe indexes, bit for bit as without; what does not fit is decoded whole."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from tests.abuse.videos.encodings import ENCODINGS, FRAMES, write
from tests.abuse.videos.seeking import MORE_ENCODINGS
from vidbench.data import open_split
from vidbench.data.layouts.listing import VideoFile
from vidbench.data.scan import examination, scanned
from vidbench.data.scan.scan import scan_folder
from vidbench.data.seek.source import IndexedVideo
from vidbench.data.seek.stored import KEYFRAMES_NAME
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks import load_task

QUIET = Progress(enabled=False)
TASK = """
name = "few-videos"
version = 1
title = "A few videos"
[data]
dataset = "kinetics"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 6
height = 32
width = 48
resize = "pil-lanczos"
crop = "center"
clips_per_video = 3
[reference]
num_clips = "all"
[evaluation]
num_samples = 3
labels = "balanced"
metrics = ["fvd-shapes"]
"""


def video(split: str, number: int) -> Path:
    return Path("data") / split / f"class{number % 2}" / f"id{number:09d}_000000_000002.mp4"


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A task over three videos; everything is written below the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    Path("task.toml").write_text(TASK)
    encodings = {**ENCODINGS, **MORE_ENCODINGS}
    for number, name in enumerate(("h264, long groups, B-pyramid", "mpeg4, B-frames", "h264, open GOP, B-pyramid")):
        path = video("test" if number == 2 else "train", number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, encodings[name], "mp4")
    scanned._say_without_keyframes.cache_clear()
    return load_task("task.toml").task


def scan(task, **options):
    return scan_folder(Path("data"), task, (), Path("out"), workers=1, progress=QUIET, **options)


def clips_of(task) -> tuple[np.ndarray, str]:
    dataset = open_split(task, "train", Path("data"))
    return dataset.read(np.arange(dataset.num_clips)), dataset.identity_sha256


def test_clips_seek_to_keyframes_after_a_scan_and_are_the_same(task, monkeypatch):
    whole_NTHWC, identity = clips_of(task)
    assert scan(task).problems == ()
    assert (Path("out") / KEYFRAMES_NAME).is_file()

    def decoded_whole(*_):
        raise AssertionError("a whole video was decoded")

    monkeypatch.setattr(VideoFile, "frames", decoded_whole)
    monkeypatch.setattr(VideoFile, "count", decoded_whole)
    dataset = open_split(task, "train", Path("data"))
    assert [each.source.index.frames for each in dataset.videos] == [FRAMES, FRAMES]
    assert np.array_equal(dataset.read(np.arange(dataset.num_clips)), whole_NTHWC)
    assert dataset.identity_sha256 == identity


def test_a_scan_without_a_seek_index_still_serves_and_says_what_makes_it_faster(task, capsys):
    whole_NTHWC, identity = clips_of(task)
    scan(task)
    (Path("out") / KEYFRAMES_NAME).unlink()
    for _ in range(2):
        read_NTHWC, same = clips_of(task)
        assert np.array_equal(read_NTHWC, whole_NTHWC)
        assert same == identity
    assert capsys.readouterr().err.count("run `vidbench data scan` again to read clips several times as fast") == 1


def test_the_seek_indexes_of_a_resumed_scan_are_those_of_the_first(task, monkeypatch):
    manifest = scan(task).manifest_sha256
    before = (Path("out") / KEYFRAMES_NAME).read_bytes()
    assert before.count(b"\n") == 3
    monkeypatch.setattr(examination, "_examined", lambda subject: pytest.fail("examined again"))
    (Path("out") / KEYFRAMES_NAME).unlink()
    assert scan(task).manifest_sha256 == manifest
    assert (Path("out") / KEYFRAMES_NAME).read_bytes() == before


def test_a_full_scan_reports_no_change_where_only_seeking_differs(task, monkeypatch):
    scan(task)
    monkeypatch.setattr(examination, "prove_index", lambda *_: None)
    assert scan(task, full=True).changed == ()
    assert (Path("out") / KEYFRAMES_NAME).read_bytes() == b""


def indexed(task, path: Path) -> tuple[VideoDataset, int, IndexedVideo]:
    dataset = open_split(task, "train", Path("data"))
    position = [each.path for each in dataset.videos].index(path)
    source = dataset.videos[position].source
    assert isinstance(source, IndexedVideo)
    return dataset, position, source


def test_a_seek_index_that_is_wrong_about_the_scanned_file_gives_way_to_the_whole_video(task, capsys, monkeypatch):
    whole_NTHWC, _ = clips_of(task)
    scan(task)
    dataset, position, source = indexed(task, video("train", 0))
    first, second, *rest = source.index.keyframes
    wrong = source.index.model_copy(update={"keyframes": (first, second._replace(sha256="0" * 16), *rest)})
    monkeypatch.setattr(source._indexes, "find", lambda file: wrong)
    frames = dataset._fitted_frames(position, np.array([FRAMES - 1]), {"center"})["center"]
    assert "its keyframe index differs: frame" in capsys.readouterr().err
    assert source.index is None
    again = dataset._fitted_frames(position, np.array([FRAMES - 1]), {"center"})["center"]
    assert np.array_equal(frames, again)
    assert np.array_equal(dataset.read(np.arange(dataset.num_clips)), whole_NTHWC)


def test_a_file_with_other_content_than_its_seek_index_is_refused_though_size_and_date_are_the_same(task):
    scan(task)
    path = video("train", 0)
    dataset, position, source = indexed(task, path)
    keyframe, state = source.index.keyframes[1], path.stat()
    with path.open("r+b") as file:
        file.seek(keyframe.byte + keyframe.size // 2)
        file.write(np.random.default_rng(5).integers(0, 256, keyframe.size // 3, np.uint8).tobytes())
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(InputError, match=r"is not the one that was scanned, although size and date are the same"):
        dataset._fitted_frames(position, np.array([FRAMES - 1]), {"center"})


def test_an_unusable_video_has_no_seek_index(task):
    path = video("train", 1)
    path.write_bytes(path.read_bytes()[:-300])
    outcome = scan(task)
    assert [problem.id for problem in outcome.problems] == [path.stem]
    assert (Path("out") / KEYFRAMES_NAME).read_bytes().count(b"\n") == 2
    with Path("out/files.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
