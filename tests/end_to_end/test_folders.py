"""What a folder holds, through the commands: counted aloud and recorded, and names that look like addresses are files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from tests.abuse.rows.folders import _frames, _video
from tests.abuse.small import SETTINGS
from tests.task_texts import videos_task
from tests.vidbench.cli.test_command_line import assert_refused, run
from vidbench.data.decode import decode_frames
from vidbench.data.folders.suffixes import VIDEO_SUFFIXES
from vidbench.samples.clip_folder import ClipShape, open_clips
from vidbench.samples.exchange import open_samples

MEASURE = ("--metric", "fvd-shapes", "--num-frames", "12", "--json")


@pytest.fixture
def folder(tmp_path):
    """A data folder with three videos, entries of other kinds, and a task for it."""
    for number in range(3):
        _video(tmp_path / "data" / "train" / f"v{number}.mkv", number)
    (tmp_path / "data" / "train" / ".DS_Store").touch()
    (tmp_path / "data" / "train" / "notes.txt").touch()
    (tmp_path / "data" / "train" / "poster.jpg").touch()
    (tmp_path / "data" / "train" / "empty").mkdir()
    (tmp_path / "task.toml").write_text(videos_task("folder", 2))
    return tmp_path


COUNTS = {"empty folder": 1, "hidden": 1, "ignored": 1, "other file": 1}
SAID = "1 empty folder, 1 hidden, 1 ignored, 1 other file."


def test_a_scan_says_and_records_what_it_does_not_use(folder):
    scan = ("data", "scan", "data", "--split", "train", "--workers", "1", "--json")
    assert_refused(run(*scan, "--output", "refused", cwd=folder), "poster.jpg' is a media file", "--ignore '*.jpg'")
    done = run(*scan, "--output", "out", "--ignore", "*.jpg", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"Not used in split 'train' of 'data': {SAID}" in done.stderr
    document = json.loads(done.stdout)
    assert document["unused"] == {"train": COUNTS}
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert (manifest["ignored"], manifest["unused"]) == (["*.jpg"], {"train": COUNTS})
    for name in ("poster.jpg", "notes.txt", ".DS_Store"):
        (folder / "data" / "train" / name).unlink()
    (folder / "data" / "train" / "empty").rmdir()
    clean = run(*scan, "--output", "clean", cwd=folder)
    assert "Not used" not in clean.stderr
    assert json.loads(clean.stdout)["manifest_sha256"] == document["manifest_sha256"]


def test_a_result_records_what_it_does_not_use(folder):
    for number in range(2):
        _video(folder / "samples" / f"{number}.mkv", 50 + number)
    (folder / "samples" / "log.txt").touch()
    score = ("score", "--samples", "samples", "--task", "task.toml", "--data", "data", "--output", "out", "--json")
    assert_refused(run(*score, cwd=folder), "poster.jpg' is a media file")
    assert not (folder / "out").exists()
    done = run(*score, "--ignore", "poster.*", "--ignore", "nothing", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"Not used in split 'train' of 'data': {SAID}" in done.stderr
    assert "Not used in 'samples': 1 other file." in done.stderr
    assert "Nothing matches --ignore 'nothing'." in done.stderr
    assert json.loads(done.stdout)["entries"] == {
        "ignored": ["poster.*", "nothing"],
        "unused": {"split 'train'": COUNTS, "samples": {"other file": 1}},
    }
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert SAID.removesuffix(".") in page
    assert "poster.*, nothing" in page


def test_a_measurement_says_and_records_what_it_does_not_use(folder):
    for number in range(2):
        _frames(folder / "frames" / str(number), range(number, number + 12))
    (folder / "frames" / "0" / "Thumbs.db").touch()
    assert_refused(run("measure", "data/train", "frames", *MEASURE, cwd=folder), "both videos", "frames")
    done = run("measure", "data/train", "frames", *MEASURE, "--ignore", "poster.jpg", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"Not used in 'data/train': {SAID}" in done.stderr
    assert "Not used in 'frames': 1 other file." in done.stderr
    document = json.loads(done.stdout)
    assert document["ignored"] == ["poster.jpg"]
    assert (document["real"]["unused"], document["samples"]["unused"]) == (COUNTS, {"other file": 1})


def test_training_sampling_and_exports_take_the_same_inventory(folder):
    (folder / "task.toml").write_text(
        videos_task("folder", 2).replace("num_frames = 12", "num_frames = 12\ncontext_frames = 1")
    )
    for command in (
        ("train", "--model", "dvdgan-fp", "--steps", "1"),
        ("sample", "--model", "noise"),
        ("data", "export"),
        ("evaluate", "--model", "noise"),
        ("data", "statistics"),
    ):
        given = (*command, "--task", "task.toml", "--data", "data", "--output", "out.safetensors")
        assert_refused(run(*given, cwd=folder), "poster.jpg' is a media file")
        assert not (folder / "out.safetensors").exists()
    training = ["train", "--model", "dvdgan-fp", "--steps", "1", "--ignore", "*.jpg", "--ignore", "nothing"]
    trained = run(*training, *SETTINGS, "--task", "task.toml", "--data", "data", "--output", "trained", cwd=folder)
    assert trained.returncode == 0, trained.stderr
    assert f"Not used in split 'train' of 'data': {SAID}" in trained.stderr
    assert "Nothing matches --ignore 'nothing'." in trained.stderr
    exported = run(
        "data", "export", "--task", "task.toml", "--data", "data", "--output", "out", "--ignore", "*.jpg", cwd=folder
    )
    assert exported.returncode == 0, exported.stderr
    assert f"Not used in split 'train' of 'data': {SAID}" in exported.stderr


ADDRESSES = (
    "file:v0.mkv",
    "concat:v0.mkv",
    "12:30.mkv",
    "subfile,,start,0,end,9,,:v0.mkv",
    "http:v0.mkv",
    "-v0.mkv",
    "%03d.mkv",
)


def test_names_that_look_like_addresses_are_files(tmp_path, monkeypatch):
    _video(tmp_path / "v0.mkv", 0)
    for number, name in enumerate(ADDRESSES, start=1):
        _video(tmp_path / "clips" / "v0.mkv", 0)
        _video(tmp_path / "clips" / name, number)
    monkeypatch.chdir(tmp_path / "clips")
    for number, name in enumerate(ADDRESSES, start=1):
        found = decode_frames(Path(name))
        assert (found.shape, int(found[3, 0, 0, 0]), int(found[3, 0, 0, 1])) == ((12, 32, 32, 3), number, 3)
    scan = run("data", "scan", ".", "--workers", "1", "--output", "../out", "--json", cwd=tmp_path / "clips")
    assert scan.returncode == 0, scan.stderr
    assert json.loads(scan.stdout)["splits"][0]["usable"] == 8
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {video["id"] for video in manifest["videos"]} == {"v0.mkv", *ADDRESSES}
    assert len({video["sha256"] for video in manifest["videos"]}) == 8
    measured = run("measure", ".", ".", *MEASURE, cwd=tmp_path / "clips")
    assert measured.returncode == 0, measured.stderr
    assert json.loads(measured.stdout)["real"]["num_clips"] == 8
    for source in (open_samples(tmp_path / "clips"), open_clips(tmp_path / "clips", ClipShape(num_frames=12))):
        clips = source.read(np.arange(8))
        assert sorted(clips[:, 5, 0, 0, 0].tolist()) == list(range(8))
        assert set(clips[:, 5, 0, 0, 1].tolist()) == {5}


def test_a_name_of_macos_is_the_same_name(tmp_path):
    for number in range(2):
        _video(tmp_path / f"{number}.mkv", number)
        for form, name in (("nfc", "caf\u00e9"), ("nfd", "cafe\u0301")):
            (tmp_path / form / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / f"{number}.mkv", tmp_path / form / name / f"{name}{number}.mkv")
            _frames(tmp_path / f"{form} frames" / f"{name}{number}", range(number, number + 12))
    hashes = {
        json.loads(
            run("data", "scan", form, "--workers", "1", "--output", f"out-{form}", "--json", cwd=tmp_path).stdout
        )["manifest_sha256"]
        for form in ("nfc", "nfd")
    }
    assert len(hashes) == 1
    for suffix in ("", " frames"):
        opened = [open_clips(tmp_path / f"{form}{suffix}", ClipShape(num_frames=12)) for form in ("nfc", "nfd")]
        assert opened[0].identity == opened[1].identity
        np.testing.assert_array_equal(opened[0].read(np.arange(2)), opened[1].read(np.arange(2)))
    frames = [open_samples(tmp_path / f"{form} frames") for form in ("nfc", "nfd")]
    videos = [open_samples(tmp_path / form / name) for form, name in (("nfc", "caf\u00e9"), ("nfd", "cafe\u0301"))]
    for first, second in (frames, videos):
        assert first.identity_sha256 == second.identity_sha256


def test_every_suffix_is_read_by_all_commands_alike(tmp_path):
    kinds = {
        ".gif": ("gif", "gif", "rgb8"),
        ".ts": ("mpegts", "mpeg2video", "yuv420p"),
        ".webm": ("webm", "libvpx", "yuv420p"),
    }
    for number, suffix in enumerate(sorted(VIDEO_SUFFIXES)):
        for side in ("data", "samples"):
            kind = kinds.get(suffix, (None, "mpeg4", "yuv420p"))
            _encoded(tmp_path / side / f"v{number}{suffix.upper()}", *kind)
    scan = run("data", "scan", "data", "--workers", "1", "--output", "out", "--json", cwd=tmp_path)
    assert json.loads(scan.stdout)["problems"] == []
    assert json.loads(scan.stdout)["splits"][0]["usable"] == len(VIDEO_SUFFIXES)
    samples = open_samples(tmp_path / "samples")
    assert (samples.num_samples, samples.num_frames) == (len(VIDEO_SUFFIXES), 12)
    clips = open_clips(tmp_path / "samples", ClipShape(num_frames=12))
    assert clips.num_clips == len(VIDEO_SUFFIXES)
    assert clips.read(np.arange(clips.num_clips)).shape[1:] == (12, 32, 32, 3)


def _encoded(path, container_format, codec, pixels):
    """Write 12 grey frames that brighten."""
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = pixels
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))
