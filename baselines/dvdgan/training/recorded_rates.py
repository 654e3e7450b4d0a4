"""What a training run would take on a GPU, from rates recorded in ``benchmarks/results``."""

from __future__ import annotations

from typing import NamedTuple

from dvdgan.config import Settings
from dvdgan.presets import PRESETS, preset_values
from vidbench.models import ModelTask


class RecordedStep(NamedTuple):
    """The time of an update of DVD-GAN as a file of ``benchmarks/results`` has it.

    Attributes:
        setting: preset or generator of the row.
        batch_size: clips per update.
        seconds: time of an update.
        gpu: on which.
        recorded: name of the file.
    """

    setting: str
    batch_size: int
    seconds: float
    gpu: str
    recorded: str


_H100 = "2026-11-23-dvdgan_step-h100"
RECORDED_STEPS: dict[tuple[int, int, int], RecordedStep] = {
    (12, 0, 32): RecordedStep("32 x (4, 4, 5, 6)", 64, 0.0655, "H200", "2026-11-29-dvdgan_step-h200-shapes-gen"),
    (12, 0, 64): RecordedStep("k600-12x64", 256, 1.44, "H100", _H100),
    (12, 0, 128): RecordedStep("k600-12x128", 128, 1.64, "H100", _H100),
    (12, 0, 256): RecordedStep("k600-12x256", 32, 1.56, "H100", _H100),
    (48, 0, 64): RecordedStep("k600-48x64", 64, 1.38, "H100", _H100),
    (48, 0, 128): RecordedStep("k600-48x128", 32, 1.47, "H100", _H100),
    (16, 5, 64): RecordedStep("k600-pred-16x64", 256, 1.43, "H100", _H100),
    (16, 0, 128): RecordedStep("ucf101-16x128", 128, 2.07, "H100", _H100),
}
"""By number of frames, context frames and side of the clips."""


def gpu_training_sentence(task: ModelTask, steps: int, device_type: str, settings: Settings) -> str:
    """Return what the steps of a run would take on a GPU; empty if nothing is recorded for clips of its shape.

    If another batch or other widths were timed, the sentence says so, and the time is that of as many clips.

    Args:
        task: the task to train for.
        steps: generator steps that are left.
        device_type: where the run computes; on a GPU there is nothing to say.
        settings: settings of the run, with a number as batch size.
    """
    found = RECORDED_STEPS.get((task.num_frames, task.context_frames, task.height))
    if device_type == "cuda" or found is None or task.height != task.width:
        return ""
    batch_size = int(settings.batch_size)
    counted = f"{steps:,} step{'' if steps == 1 else 's'}"
    recorded = f"on one {found.gpu}, benchmarks/results/{found.recorded}.md"
    others = [] if _has_widths(settings, found.setting) else ["other widths"]
    others += [] if batch_size == found.batch_size else ["another batch"]
    if not others:
        return (
            f"A GPU would take {_duration(steps * found.seconds)} for {counted} of {batch_size} clips with "
            f"{found.setting} ({found.seconds:.2g} s each {recorded})."
        )
    seconds = steps * batch_size * found.seconds / found.batch_size
    return (
        f"A GPU has been timed with {' and '.join(others)} only: {found.seconds:.2g} s for a step of {found.batch_size} clips "
        f"with {found.setting} ({recorded}), which for as many clips as {counted} of {batch_size} have is {_duration(seconds)}."
    )


def _has_widths(settings: Settings, setting: str) -> bool:
    if setting not in PRESETS:
        return f"{settings.ch} x {settings.g_multipliers}" == setting
    values = preset_values(setting, "v2")
    widths = ("ch", "d_ch", "tower_ch", "g_multipliers", "d_multipliers")
    return settings.architecture == "v2" and all(getattr(settings, name) == values[name] for name in widths)


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"about {seconds / size:.1f} {name}"
    return "less than 2 seconds" if seconds < 1.5 else f"about {seconds:.0f} seconds"
