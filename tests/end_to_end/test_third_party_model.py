"""The package in examples/, installed and used like any third-party package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.forked import run_python

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "third_party_model"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with only the installed package, created by pip without internet access."""
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", target, EXAMPLE]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def vidbench(installed, tmp_path):
    """Run `vidbench` in a process of its own, in an empty folder, with the package installed."""
    path = (installed, ROOT, ROOT / "metrics", ROOT / "baselines")
    return lambda *arguments: run_python(["-m", "vidbench", *arguments], tmp_path, path)


def test_installing_brings_the_module_and_nothing_of_ours(installed):
    names = {path.name for path in installed.iterdir()} - {"__pycache__"}
    assert names == {"drifting_colours.py", "drifting_colours-1.0.dist-info"}


def test_it_is_listed_with_its_first_line(vidbench):
    done = vidbench("models", "list", "--json")
    assert done.returncode == 0, done.stderr
    ours = [row for row in json.loads(done.stdout) if row["name"] == "drifting-colours"]
    assert ours == [
        {
            "name": "drifting-colours",
            "kinds": ["generate", "predict"],
            "trains": False,
            "title": "Colour ramps that drift.",
        }
    ]


def test_it_is_evaluated_by_its_name(vidbench, tmp_path):
    done = vidbench("evaluate", "--model", "drifting-colours", "--task", EXAMPLE / "tiny.toml", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["model"]["name"] == "drifting-colours"
    assert result["model"]["code_sha256"]
    assert result["metrics"]["fvd-shapes"]["num_samples"] == 64
    assert result["metrics"]["fvd-shapes"]["value"] > result["metrics"]["fvd-shapes"]["floor"]
    assert (tmp_path / "runs" / "tiny-gen" / "drifting-colours" / "report.html").is_file()


def test_it_refuses_a_checkpoint_in_one_sentence(vidbench, tmp_path):
    done = vidbench("evaluate", "--model", "drifting-colours:weights.pt", "--task", EXAMPLE / "tiny.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no weights" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("context_frames", [0, 2])
def test_its_samples_depend_on_seed_and_label_and_on_no_neighbour(context_frames, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from drifting_colours import DriftingColours

    from vidbench.models import ModelTask, SampleRequest

    task = ModelTask("t", num_frames=6, context_frames=context_frames, height=8, width=10, class_names=("a", "b"))
    model = DriftingColours.load(None, task, "cpu")
    seeds, labels = np.array([5, 5, 6], np.uint64), np.array([0, 1, 1])
    request = SampleRequest(np.arange(3), seeds, labels, None, task.predicted_frames)
    clips_NTHWC = model.sample(request)
    assert clips_NTHWC.shape == (3, 6 - context_frames, 8, 10, 3)
    assert clips_NTHWC.dtype == np.uint8
    assert (clips_NTHWC[0] != clips_NTHWC[1]).any()
    assert (clips_NTHWC[1] != clips_NTHWC[2]).any()
    alone = model.sample(SampleRequest(np.array([2]), seeds[2:], labels[2:], None, task.predicted_frames))
    np.testing.assert_array_equal(alone[0], clips_NTHWC[2])
