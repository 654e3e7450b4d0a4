"""A reconstruction task from the model to the result: sampled, scored from disk, exported, resumed and made again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vidbench
from tests.vidbench.cli.test_command_line import run
from vidbench.data import open_evaluation
from vidbench.errors import InputError
from vidbench.models.interface import ReconstructRequest
from vidbench.models.reconstructors import HalfSizeModel, JpegModel
from vidbench.samples.exchange import open_samples
from vidbench.tasks import load_task
from vidmetrics.home import home_at
from vidmetrics.statistics.frames import psnr_frames, ssim_frames

COUNT = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a task of six clips, and samples and a result of the model `jpeg`."""
    folder = tmp_path_factory.mktemp("reconstruct")
    text = Path(load_task("shapes-rec").origin).read_text(encoding="utf-8").replace("= 1024", f"= {COUNT}")
    (folder / "rec.toml").write_text(text.replace('"shapes-rec"', '"tiny-rec"'), encoding="utf-8")
    done = run("sample", "--model", "jpeg", "--task", "rec.toml", "--output", "clips", "--batch-size", "4", cwd=folder)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch, home_at(folder / "home"):
        patch.chdir(folder)
        vidbench.evaluate("jpeg", "rec.toml", output="run", device="cpu")
    return folder


def real(folder):
    return open_evaluation(load_task(str(folder / "rec.toml")).task, None).read(np.arange(COUNT))


def values(path):
    result = json.loads((path / "result.json").read_text())
    return {name: metric["value"] for name, metric in result["metrics"].items()}, result


def test_the_metrics_are_those_of_the_reconstructions_against_their_own_clips(folder):
    clips = real(folder)
    made = open_samples(folder / "clips").read(np.arange(COUNT))
    found, result = values(folder / "run")
    assert found["psnr"] == pytest.approx(psnr_frames(clips, made).mean(), rel=1e-12)
    assert found["ssim"] == pytest.approx(ssim_frames(clips, made).mean(), rel=1e-12)
    bounds = result["bounds"]
    assert list(bounds) == ["identity", "jpeg", "half"]
    assert bounds["identity"]["values"]["fvd-shapes"] == pytest.approx(0, abs=1e-6)
    assert bounds["identity"]["values"]["ssim"] == 1
    assert "psnr" not in bounds["identity"]["values"]
    assert bounds["jpeg"]["values"] == pytest.approx(found)
    assert not any(check["flagged"] for check in result["validity"])
    assert (folder / "run" / "report.html").is_file()


def test_the_bounds_are_a_codec_and_a_smaller_copy():
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 24, 3), np.uint8)
    request = ReconstructRequest(np.arange(2), np.arange(2, dtype=np.uint64), clips)
    file = io.BytesIO()
    Image.fromarray(clips[1, 2]).save(file, "JPEG", quality=75)
    assert (JpegModel().reconstruct(request)[1, 2] == np.asarray(Image.open(file))).all()
    flat = np.repeat(np.repeat(clips[:, :, :1, :1], 16, axis=2), 24, axis=3)
    assert (HalfSizeModel().reconstruct(ReconstructRequest(np.arange(2), request.seeds, flat)) == flat).all()
    halves = HalfSizeModel().reconstruct(request)
    assert halves.shape == clips.shape
    assert (halves != clips).any()


def test_samples_on_disk_name_the_clips_and_score_as_the_model_does(folder, monkeypatch):
    monkeypatch.chdir(folder)
    vidbench.score("rec.toml", "clips", output="scored", device="cpu")
    assert values(folder / "scored")[0] == values(folder / "run")[0]
    manifest = json.loads((folder / "clips" / "manifest.json").read_text())
    assert len(manifest["answers"]["context_sha256"]) == COUNT
    manifest["answers"]["context_sha256"][2] = "0" * 64
    (folder / "clips" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="Sample 2 reconstructs other frames"):
        vidbench.score("rec.toml", "clips", output="other", device="cpu")


def test_an_export_holds_the_clips_to_reconstruct(folder):
    done = run("data", "export", "--task", "rec.toml", "--output", "export", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (open_samples(folder / "export" / "context").read(np.arange(COUNT)) == real(folder)).all()
    assert run("data", "export", "--task", "rec.toml", "--output", "e2", "--targets", cwd=folder).returncode == 2


def test_a_model_of_ones_own_cannot_change_the_clips_that_it_is_compared_with(folder, monkeypatch):
    (folder / "own_codec.py").write_text(
        "class Darker:\n"
        "    def reconstruct(self, request):\n"
        "        clips = request.clips_NTHWC\n"
        "        clips //= 2\n"
        "        return clips\n"
        "def load(checkpoint, task, device):\n"
        "    return Darker()\n"
    )
    done = run(
        "evaluate", "--model", "own_codec:load", "--task", "rec.toml", "--output", "own", "--device", "cpu", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    clips = real(folder)
    assert values(folder / "own")[0]["psnr"] == pytest.approx(psnr_frames(clips, clips // 2).mean(), rel=1e-12)


def test_the_result_is_made_again(folder):
    done = run("reproduce", "run/result.json", "--task", "rec.toml", "--output", "again", cwd=folder)
    assert done.returncode == 0, done.stderr
