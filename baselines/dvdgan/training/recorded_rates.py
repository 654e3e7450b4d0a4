"""What a training run would take on a GPU, from rates recorded in ``benchmarks/results``."""

from __future__ import annotations

from typing import NamedTuple

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


def gpu_training_sentence(task: ModelTask, steps: int, device_type: str) -> str:
    """Return what the steps of a run would take on a GPU, with the setting that was timed; empty if nothing is recorded.

    Args:
        task: the task to train for.
        steps: generator steps that are left.
        device_type: where the run computes; on a GPU there is nothing to say.
    """
    found = RECORDED_STEPS.get((task.num_frames, task.context_frames, task.height))
    if device_type == "cuda" or found is None or task.height != task.width:
        return ""
    return (
        f"A GPU would take about {_duration(steps * found.seconds)} for {steps:,} steps of {found.batch_size} clips with "
        f"{found.setting} ({found.seconds:.2g} s each on one {found.gpu}, benchmarks/results/{found.recorded}.md)."
    )


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} seconds"
