"""The files of every version are read: one of each kind, written by `python -m tests.oracles.version_files` of that version."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.vidbench.cli.test_command_line import run
from vidbench.results import read_result
from vidbench.samples.exchange import open_samples
from vidbench.scoring.imported_reference import open_statistics
from vidbench.tasks import load_task
from vidbench.version import __version__

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.glob("version-*"))


@pytest.fixture(params=VERSIONS)
def files(request, tmp_path):
    """A copy of the files of a version, its samples unpacked."""
    shutil.copytree(GOLDEN / request.param, tmp_path / "files")
    samples = tmp_path / "files" / "samples"
    samples.mkdir()
    shutil.move(tmp_path / "files" / "manifest.json", samples)
    packed = (tmp_path / "files" / "samples-00000.npy.gz").read_bytes()
    (samples / "samples-00000.npy").write_bytes(gzip.decompress(packed))
    return tmp_path / "files"


def test_this_version_has_its_files():
    assert f"version-{__version__}" in VERSIONS


def test_a_result_keeps_every_value(files):
    stored = json.loads((files / "result.json").read_text())
    read = json.loads(read_result(files / "result.json").to_json())
    assert read.keys() >= stored.keys()
    for part in ("schema_version", "seed", "official", "reasons", "task"):
        assert read[part] == stored[part]
    for id, metric in stored["metrics"].items():
        assert {key: read["metrics"][id][key] for key in metric} == metric
    for name, bound in stored["bounds"].items():
        assert {key: read["bounds"][name][key] for key in bound} == bound


def test_a_task_keeps_its_fingerprint(files):
    stored = json.loads((files / "result.json").read_text())
    assert load_task(str(files / "task.toml")).task.fingerprint == stored["task"]["fingerprint"]


def test_samples_with_their_manifest_are_read(files):
    samples = open_samples(files / "samples")
    clips_NTHWC = samples.read(np.arange(4))
    assert clips_NTHWC.shape == (4, 12, 32, 32, 3)
    # The model `static` repeats a frame.
    assert (clips_NTHWC == clips_NTHWC[:, :1]).all()
    assert samples.manifest is not None


def test_statistics_of_a_task_are_read(files):
    statistics = open_statistics(files / "of-task.safetensors", load_task(str(files / "task.toml")).task, warns=False)
    assert statistics.provenance.reference.num_clips == 12


def test_statistics_of_clips_give_the_value_that_was_measured(files):
    arguments = ("--real-statistics", "of-clips.safetensors", "--metric", "fvd-shapes", "--num-frames", "12")
    done = run("measure", "samples", *arguments, "--device", "cpu", "--json", cwd=files)
    assert done.returncode == 0, done.stderr
    recorded = json.loads((files / "measurement.json").read_text())["metrics"]["fvd-shapes"]["value"]
    assert recorded > 1
    assert json.loads(done.stdout)["metrics"]["fvd-shapes"]["value"] == pytest.approx(recorded, rel=1e-6)
