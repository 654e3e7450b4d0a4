"""The rates of GPUs that announcements quote are those of the files that they name."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from vidbench.scoring.gpu_rates import GPU_RATES, gpu_sentence

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def network(name: str, precision: str = "exact") -> SimpleNamespace:
    return SimpleNamespace(name=name, precision=precision)


# The network of a row, where a file has several; the I3D has a file of its own.
OF_SEVERAL = {"inception-2015-12-05": "inception", "c3d-ucf101": "c3d"}


@pytest.mark.parametrize("rate", GPU_RATES, ids=lambda rate: f"{rate.networks[0]} {rate.gpu} {rate.precision}")
def test_a_rate_is_the_recorded_one(rate):
    recorded = json.loads((RESULTS / f"{rate.recorded}.json").read_text())
    short = OF_SEVERAL.get(rate.networks[0])
    wanted = {"frames": "64x64", **({"network": short} if short else {})}
    wanted["variant" if short else "network"] = f"ours {rate.precision}"
    (row,) = (row for row in recorded["rows"] if wanted.items() <= row.items())
    assert float(row["per_second" if short else "clips_per_second"]) == rate.clips_per_second
    units = "frames of the Inception" if rate.num_frames == 1 else f"{rate.num_frames} frames"
    assert units in recorded["note"]
    assert rate.gpu in recorded["machine"]


def test_the_sentence_scales_by_frames_and_names_its_source():
    said = gpu_sentence([network("i3d-kinetics-400+videogpt")], 32, 2039 * 60, "cpu")
    assert said.startswith("A GPU would take about 2.0 minutes for i3d-kinetics-400+videogpt (2,039 clips of 16 frames")
    assert "benchmarks/results/2026-11-30-i3d_gpu-h200.md" in said


def test_a_network_of_frames_is_scaled_by_frames():
    said = gpu_sentence([network("inception-2015-12-05")], 12, 10088 * 10, "cpu")
    assert said.startswith("A GPU would take about 2.0 minutes for inception-2015-12-05 (10,088 frames per second")


def test_networks_without_a_record_are_named_and_alone_say_nothing():
    other = network("another-network")
    assert "no rate of another-network is recorded" in gpu_sentence([other, network("i3d-kinetics-400")], 16, 9, "cpu")
    assert gpu_sentence([other], 16, 9, "cpu") == ""


def test_on_a_gpu_nothing_is_said():
    assert gpu_sentence([network("i3d-kinetics-400")], 16, 9, "cuda:1") == ""
