"""Fixtures for all tests: a separate home folder, a small task, a slow model, a plausible result."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.task_texts import task_text
from vidbench.results.schema import SCHEMA_VERSION

ROOT = Path(__file__).resolve().parent.parent
_REAL_HOME = os.environ.get("VIDBENCH_HOME")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """Keep tests from reading or filling the caches of the user who runs them."""
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def real_home(monkeypatch) -> Path:
    """The cache folder of the user who runs the tests; only for reading trained weights."""
    from vidmetrics.home import home

    with monkeypatch.context() as patch:
        if _REAL_HOME is None:
            patch.delenv("VIDBENCH_HOME")
        else:
            patch.setenv("VIDBENCH_HOME", _REAL_HOME)
        return home()


@pytest.fixture
def shared() -> Path:
    """The folder of real videos and published graphs next to the checkout."""
    folder = Path(os.environ.get("VIDBENCH_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no real videos: {folder / 'data'} does not exist (set VIDBENCH_SHARED)")
    return folder


SMALL_TASK = task_text("small-gen", num_clips=150, num_samples=200, metrics=("fvd-shapes", "fid-shapes", "is-shapes"))

# Noise around the class's grey level: cheap, also for the picture encoder of a report, and no two samples are equal.
PLUGIN = """
import os, time
import numpy as np

class Slow:
    def sample(self, request):
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        clips = []
        for seed, label in zip(request.seeds, request.labels):
            rng = np.random.Generator(np.random.Philox(int(seed)))
            noise = rng.integers(0, 80, (request.num_frames, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
            clips.append(noise + 5 * int(label))
        return np.stack(clips).astype(np.uint8)

def load(checkpoint, task, device):
    return Slow()

class Wrong:
    def __init__(self, answer):
        self.answer = answer
    def sample(self, request):
        return self.answer(len(request.seeds), request.num_frames)

def wrong_shape(checkpoint, task, device):
    return Wrong(lambda n, t: np.zeros((n, t, 16, 16, 3), np.uint8))

def wrong_dtype(checkpoint, task, device):
    return Wrong(lambda n, t: np.zeros((n, t, 32, 32, 3), np.float32))
"""


@pytest.fixture
def small_task(tmp_path):
    """Path of a task file whose run takes seconds."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL_TASK)
    return path


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A module with models, in the current folder."""
    (tmp_path / "slow_plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # A module of an earlier test would bring the weights in its own folder.
    sys.modules.pop("slow_plugin", None)
    yield tmp_path
    sys.modules.pop("slow_plugin", None)


@pytest.fixture
def result_document():
    """An official, plausible result of shapes-gen as a document that tests can change."""
    from vidbench.tasks import load_task

    task = load_task("shapes-gen").task
    shapes = json.loads((ROOT / "metrics" / "vidmetrics" / "networks" / "proven.json").read_text())["shapes"]["sha256"]

    def metric(value, low, high, floor, ceiling, reference, higher=False):
        return {
            "value": value,
            "interval": [low, high],
            "num_samples": task.evaluation.num_samples,
            "num_reference": reference,
            "higher_is_better": higher,
            "network": "shapes",
            "floor": floor,
            "ceiling": ceiling,
        }

    def split(name, count, digest):
        return {"split": name, "num_clips": count, "coverage": 1.0, "sha256": digest * 64}

    return {
        "schema_version": SCHEMA_VERSION,
        "task": {"name": task.name, "version": task.version, "fingerprint": task.fingerprint},
        "model": {
            "name": "third-party",
            "checkpoint_sha256": "a" * 64,
            "code_sha256": "b" * 64,
            "num_parameters": 12,
            "samples_sha256": None,
        },
        "metrics": {
            "fvd-shapes": metric(56.0, 52.0, 60.0, 0.2, 330.0, 4096),
            "fid-shapes": metric(4.9, 4.5, 5.3, 0.08, 86.0, 4096),
            "is-shapes": metric(11.5, 11.0, 12.0, 19.0, 1.0, None, higher=True),
        },
        "data": {
            "manifest_sha256": "c" * 64,
            "coverage": 1.0,
            "reference": split("train", 4096, "d"),
            "evaluation": split("test", 1024, "e"),
        },
        "networks": {
            "shapes": {"weights_sha256": shapes, "proven": True, "preprocessing": "p", "precision": "exact"},
        },
        "environment": {
            "vidbench": "0.1.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "numpy": "2.4.6",
            "platform": "linux-x86_64",
            "device": "cpu",
        },
        "seed": 0,
        "official": True,
        "reasons": [],
        "execution": {"finished": "2026-11-22T17:00:00+00:00", "seconds": 1.0, "batch_size": 32, "num_processes": 1},
    }
