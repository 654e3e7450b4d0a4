"""The times that a training run on a CPU is compared with are those of the files that the sentence names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dvdgan.config import Settings
from dvdgan.presets import PRESETS, preset_values
from dvdgan.training.recorded_rates import RECORDED_STEPS, gpu_training_sentence
from vidbench.models import ModelTask

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


RECORDED = Settings(**{**preset_values("k600-12x64", "v2"), "batch_size": 256})


def task(num_frames: int = 12, context_frames: int = 0, height: int = 64, width: int = 64) -> ModelTask:
    return ModelTask("t", num_frames, context_frames, height, width, ())


@pytest.mark.parametrize("shape", RECORDED_STEPS, ids=str)
def test_a_time_is_the_recorded_one(shape):
    step = RECORDED_STEPS[shape]
    recorded = json.loads((RESULTS / f"{step.recorded}.json").read_text())
    assert step.gpu in recorded["machine"]
    rows = [row for row in recorded["rows"] if step.setting in (row.get("preset"), row.get("generator"))]
    row = next(row for row in rows if row.get("compile", "graphs") == "graphs")
    seconds = float(row["step_seconds"]) if "step_seconds" in row else float(row["step_milliseconds"]) / 1000
    assert (int(row["batch_size"]), seconds) == (step.batch_size, step.seconds)
    if step.setting in PRESETS:
        preset = PRESETS[step.setting]
        assert shape == (preset.num_frames, preset.context_frames, preset.side)


def test_the_sentence_names_steps_setting_and_source():
    assert gpu_training_sentence(task(), 20_000, "cpu", RECORDED) == (
        "A GPU would take about 8.0 hours for 20,000 steps of 256 clips with k600-12x64 (1.4 s each on one H100, "
        "benchmarks/results/2026-11-23-dvdgan_step-h100.md)."
    )


@pytest.mark.parametrize(
    ("shape", "device"), [(task(), "cuda"), (task(13), "cpu"), (task(context_frames=5), "cpu"), (task(width=32), "cpu")]
)
def test_nothing_is_said_on_a_gpu_or_without_a_record(shape, device):
    assert gpu_training_sentence(shape, 100, device, RECORDED) == ""


@pytest.mark.parametrize(
    ("height", "settings", "steps", "others", "what", "duration"),
    [
        (32, {"ch": 8, "batch_size": 2}, 1, "other widths and another batch", "1 step of 2", "less than 2 seconds"),
        (32, {"g_multipliers": (4, 4, 5, 6), "batch_size": 8}, 1000, "another batch", "1,000 steps of 8", "about 8 seconds"),
        (64, {"batch_size": 256}, 20_000, "other widths", "20,000 steps of 256", "about 8.0 hours"),
    ],
)  # fmt: skip
def test_a_record_of_another_batch_or_width_is_told_as_such(height, settings, steps, others, what, duration):
    said = gpu_training_sentence(task(height=height, width=height), steps, "cpu", Settings(**settings))
    assert said.startswith(f"A GPU has been timed with {others} only: ")
    assert said.endswith(f", which for as many clips as {what} have is {duration}.")
