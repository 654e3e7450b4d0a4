"""Score slightly distorted real clips by fvd-shapes and fid-shapes: a scale for reading scores.

    python tools/measure_shapes_scale.py

The clips are those that `shapes-gen` compares: the first 1,024 of the test split, which are distorted (seed 0), and the
first 4,096 of the train split. Prints a Markdown table, and the scores of further sets of 1,024 test clips, which show
how much a single draw of the floor can be trusted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from vidbench.data.shapes.dataset import ShapesDataset
from vidmetrics import load_network, measure

FRAMES, SIDE, SCORED, REFERENCE, SETS = 12, 32, 1024, 4096, 16
METRICS = ("fvd-shapes", "fid-shapes")


def blurred(clips_NTHWC: np.ndarray, time: float = 0, space: float = 0) -> np.ndarray:
    """Return clips blurred by a Gaussian with standard deviations `time` in frames and `space` in pixels."""
    return gaussian_filter(clips_NTHWC, (0, time, space, space, 0), mode="nearest")


def noisy(clips_NTHWC: np.ndarray, deviation: float) -> np.ndarray:
    """Return clips with Gaussian noise of this standard deviation, in levels of 255."""
    return clips_NTHWC + np.random.default_rng(0).normal(0, deviation, clips_NTHWC.shape)


DISTORTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none (the floor)": lambda clips: clips,
    **{f"blur in space, {s} pixels": lambda clips, s=s: blurred(clips, space=s) for s in (0.4, 0.5, 0.6, 0.8)},
    **{f"blur in time, {s} frames": lambda clips, s=s: blurred(clips, time=s) for s in (0.4, 0.5, 0.6)},
    **{f"noise, {s} of 255": lambda clips, s=s: noisy(clips, s) for s in (5, 10, 15, 20)},
}


def main() -> None:
    """Measure and print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(2)
    network = load_network("shapes")
    real, held_out = (
        ShapesDataset(split, count, FRAMES, SIDE, SIDE).read(np.arange(count))
        for split, count in (("train", REFERENCE), ("test", SCORED))
    )
    print(f"| distortion of held-out real clips | {' | '.join(METRICS)} |\n|---|---:|---:|")
    for name, distort in DISTORTIONS.items():
        made = distort(held_out.astype(np.float32)).round().clip(0, 255).astype(np.uint8)
        values = [measure(metric, real, made, network=network).value for metric in METRICS]
        print(f"| {name} | {' | '.join(f'{value:.3g}' for value in values)} |", flush=True)
    others = ShapesDataset("test", SETS * SCORED, FRAMES, SIDE, SIDE)
    sets = [others.read(np.arange(SCORED * i, SCORED * (i + 1))) for i in range(SETS)]
    for metric in METRICS:
        floors = np.array([measure(metric, real, clips, network=network).value for clips in sets])
        print(
            f"{metric} of {SETS} sets of held-out clips: {floors.mean():.3f} on average, standard deviation "
            f"{floors.std(ddof=1):.3f}, from {floors.min():.3f} to {floors.max():.3f}"
        )


if __name__ == "__main__":
    main()
