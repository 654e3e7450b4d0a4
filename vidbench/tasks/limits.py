"""The largest values that a task, a sample manifest or an option may have, each with its reason.

They are far above every published protocol, and low enough that the arithmetic of a plan fits into 64 bits and its lists into
memory. Work within them that still needs more memory than the machine has is refused by
`vidmetrics.formats.memory.refuse_more_than_memory`.
"""

from __future__ import annotations

from vidbench.errors import InputError

MOST_FRAMES = 16_384
"""Frames of a clip: nine minutes at 30 frames per second; published clips have up to 128."""

MOST_PIXELS = 8_192
"""Pixels of a side: 8K video has 7,680; published tasks have up to 256."""

MOST_STRIDE = 10_000
"""Stride: with it, a clip of two frames spans five minutes."""

MOST_CLIPS_PER_VIDEO = 1_000_000
"""Clips per video: every start in nine hours at 30 frames per second."""

MOST_SAMPLES = 10_000_000
"""Samples of all runs together, and reference clips: 200 times the published 50,000; their I3D features take 16 GB."""

MOST_REPEATS = 10_000
"""Runs of a task; published protocols have up to 10."""

MOST_FLOOR_SETS = 1_000
"""Sets of held-out clips that the floor is measured on; 16 tell its deviation to a fifth."""

MOST_SEED = 2**63 - 1
"""Seed: the largest signed 64-bit number, which every file format and library accepts."""

MOST_VERSION = 1_000_000
"""Version of a task."""

MOST_LABEL = 2**31 - 1
"""Label: the largest class number that an image or video dataset could have, and that 32-bit formats store."""

MOST_METRICS = 100
"""Metrics of a task; vidmetrics has fewer."""

MOST_NOTES = 1_000
"""Notes of a task; shipped ones have up to 12."""

LONGEST_NAME = 100
"""Characters of a name: it becomes part of file names, which most file systems limit to 255 bytes."""

LONGEST_TEXT = 20_000
"""Characters of a description or a note, so that a listing can be read."""

MOST_BATCH = 1_000_000
"""Clips per call; memory ends long before."""


def check_option(name: str, value: int, most: int, least: int = 1) -> None:
    """Refuse a whole number outside its range.

    Args:
        name: the option, e.g. ``"--num-frames"``.
        value: its value.
        most: largest value.
        least: smallest value.

    Raises:
        InputError: names the range.
    """
    if not least <= value <= most:
        size = "small" if value < least else "large"
        raise InputError(f"{name} {value} is too {size}: give a number from {least} to {most:,}.")


def check_total_samples(num_samples: int, repeats: int) -> None:
    """Refuse more samples than any run can have.

    Raises:
        InputError: ``num_samples`` times ``repeats`` is above `MOST_SAMPLES`.
    """
    if num_samples * repeats > MOST_SAMPLES:
        runs = f" in each of {repeats} runs" if repeats > 1 else ""
        raise InputError(
            f"{num_samples:,} samples{runs} are more than the {MOST_SAMPLES:,} that one result can have: lower --num-samples."
        )
