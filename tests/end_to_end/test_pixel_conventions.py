"""The pixel convention from the name of a task to its result: real clips, samples, scans and caches know which one it is."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

import vidbench
from tests.vidbench.cli.test_command_line import run
from vidbench.data import open_reference
from vidbench.errors import InputError
from vidbench.leaderboard.admission import objections
from vidbench.results.comparison import compare_results
from vidbench.samples.exchange import open_samples
from vidbench.tasks import load_task

TASK = """
name = "own"
version = 1
title = "t"
[data]
dataset = "folder"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 8
height = 16
width = 16
resize = "none"
crop = "none"
[reference]
num_clips = "all"
[evaluation]
num_samples = 12
labels = "none"
metrics = ["fvd-shapes"]
"""


def write_videos(folder: Path, seed: int, count: int = 12) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        with av.open(str(folder / f"{number:02d}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            stream.width = stream.height = 16
            stream.pix_fmt = "yuv420p"
            for _ in range(8):
                image = rng.integers(40, 200, (16, 16, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """The current folder: own.toml, data/ and samples/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text(TASK)
    for seed, name in enumerate(("data/train", "data/test", "samples")):
        write_videos(tmp_path / name, seed)
    return tmp_path


def test_the_default_of_ffmpeg_is_a_task_of_its_own(own):
    plain, other = load_task("own.toml"), load_task("own.toml+ffmpeg-default")
    assert (other.task.name, other.task.clips.pixels) == ("own+ffmpeg-default", "ffmpeg-default")
    assert other.task.fingerprint != plain.task.fingerprint
    assert other.task.reference_clips.pixels == "ffmpeg-default"
    # A shipped task that does not name a convention keeps its fingerprint; tests/vidbench/tasks has them all.
    shipped = load_task("k600-pred+ffmpeg-default")
    assert shipped.task.fingerprint != load_task("k600-pred").task.fingerprint
    with pytest.raises(InputError, match="embedded and not decoded"):
        load_task("shapes-gen+ffmpeg-default")
    with pytest.raises(InputError, match="Unknown task 'k600-prod'"):
        load_task("k600-prod+ffmpeg-default")
    shown = " ".join(run("tasks", "show", "k600-pred+ffmpeg-default", cwd=own).stdout.split())
    assert "FFmpeg's default conversion to RGB" in shown
    assert "never official" in shown
    assert "conversion to RGB" not in run("tasks", "show", "k600-pred", cwd=own).stdout
    (own / "key.toml").write_text(TASK.replace('crop = "none"', 'crop = "none"\npixels = "ffmpeg-default"'))
    written = load_task("key.toml").task
    assert written.clips == other.task.clips
    (own / "bad.toml").write_text(TASK.replace('crop = "none"', 'crop = "none"\npixels = "opencv"'))
    with pytest.raises(InputError, match=r"clips\.pixels"):
        load_task("bad.toml")


def test_clips_and_samples_under_another_convention_are_other_clips(own):
    sides = [open_reference(load_task(name).task, own / "data") for name in ("own.toml", "own.toml+ffmpeg-default")]
    assert sides[0].identity_sha256 != sides[1].identity_sha256
    exact, default = (side.read(np.arange(12)).astype(int) for side in sides)
    assert (exact != default).mean() > 0.3
    assert (default - exact).mean() < -0.3
    samples = [open_samples(own / "samples", pixels=pixels) for pixels in ("exact", "ffmpeg-default")]
    assert samples[0].identity_sha256 == open_samples(own / "samples").identity_sha256 != samples[1].identity_sha256
    assert (samples[0].read(np.arange(3)) != samples[1].read(np.arange(3))).any()


def test_scores_of_both_conventions_are_kept_apart(own):
    results = {}
    for name in ("own.toml", "own.toml+ffmpeg-default", "own.toml"):
        folder = f"out-{len(results)}"
        results[name] = vidbench.score(name, "samples", data="data", output=folder, device="cpu")
    exact, default = results.values()
    assert (exact.pixels.convention, default.pixels.convention) == ("exact", "ffmpeg-default")
    assert exact.metrics["fvd-shapes"].value != default.metrics["fvd-shapes"].value
    assert not any("converted to RGB" in reason for reason in exact.reasons)
    assert any("converted to RGB by 'ffmpeg-default'" in reason for reason in default.reasons)
    assert not default.official
    assert any("pixel conventions differ" in obstacle for obstacle in compare_results(exact, default).obstacles)
    assert objections(default)
    # In the caches of the first, then of both: the same number as before.
    again = vidbench.score("own.toml", "samples", data="data", output="again", device="cpu")
    assert again.metrics == exact.metrics


def test_a_scan_for_one_convention_does_not_vouch_for_the_other(own):
    sha256 = {}
    for name in ("own.toml", "own.toml+ffmpeg-default"):
        run("data", "scan", "data", "--task", name, "--output", f"scan-{len(sha256)}", "--workers", "1", cwd=own)
        manifest = json.loads((own / f"scan-{len(sha256)}" / "manifest.json").read_text())
        sha256[name] = [manifest["sha256"], *(video["sha256"] for video in manifest["videos"])]
    plain, other = sha256.values()
    assert not set(plain) & set(other)
    for name, expected in sha256.items():
        assert open_reference(load_task(name).task, own / "data").scan_sha256 == expected[0]


def test_measure_names_the_convention(own):
    found = {}
    for pixels in ("exact", "ffmpeg-default"):
        done = run("measure", "data/train", "samples", "--metric", "fvd-shapes", "--num-frames", "8", "--device", "cpu",
                   "--pixels", pixels, "--json", cwd=own)  # fmt: skip
        found[pixels] = json.loads(done.stdout)
        assert found[pixels]["pixels"] == {"convention": pixels}
    exact, default = found.values()
    assert exact["metrics"]["fvd-shapes"]["value"] != default["metrics"]["fvd-shapes"]["value"]
    assert "Frames of videos were converted to RGB by 'ffmpeg-default'." in default["reasons"]
    assert len(default["reasons"]) == len(exact["reasons"]) + 1
