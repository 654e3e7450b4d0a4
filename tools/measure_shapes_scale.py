"""What fvd-shapes and fid-shapes say of real clips that were distorted a little: a scale to read scores by.

    python tools/measure_shapes_scale.py

The clips are those that `shapes-gen` holds against each other, the first 1,024 of the test split and the first 4,096 of
the train split; the former are distorted, by seed 0 where chance has a part. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from vidbench.data.shapes import ShapesDataset
from vidmetrics import Moments, frechet_distance, load_network

FRAMES, SIDE, SCORED, REFERENCE, BATCH = 12, 32, 1024, 4096, 64
OUTPUTS = ("logits", "pool")


def blurred(clips_NTHWC: np.ndarray, time: float = 0, space: float = 0) -> np.ndarray:
    """Clips after a Gaussian of these standard deviations, in frames and in pixels."""
    return gaussian_filter(clips_NTHWC, (0, time, space, space, 0), mode="nearest")


def noisy(clips_NTHWC: np.ndarray, deviation: float) -> np.ndarray:
    """Clips with normal noise of this standard deviation, in levels of 255."""
    return clips_NTHWC + np.random.default_rng(0).normal(0, deviation, clips_NTHWC.shape)


DISTORTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none (the floor)": lambda clips: clips,
    **{f"blur in space, {s} pixels": lambda clips, s=s: blurred(clips, space=s) for s in (0.4, 0.5, 0.6, 0.8)},
    **{f"blur in time, {s} frames": lambda clips, s=s: blurred(clips, time=s) for s in (0.4, 0.5, 0.6)},
    **{f"noise, {s} of 255": lambda clips, s=s: noisy(clips, s) for s in (5, 10, 15, 20)},
}


def moments(split: str, count: int, distort: Callable[[np.ndarray], np.ndarray]) -> dict[str, Moments]:
    """Moments of both outputs of the network over the first clips of a split."""
    network, data = load_network("shapes"), ShapesDataset(split, count, FRAMES, SIDE, SIDE)
    found = {name: Moments(network.outputs[name]) for name in OUTPUTS}
    whole = distort(data.read(np.arange(count)).astype(np.float32))
    levels = whole.round().clip(0, 255).astype(np.uint8)
    for first in range(0, count, BATCH):
        features = network(levels[first : first + BATCH])
        for name in OUTPUTS:
            found[name].update(features[name])
    return found


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(2)
    real = moments("train", REFERENCE, DISTORTIONS["none (the floor)"])
    print("| held-out real clips after | fvd-shapes | fid-shapes |\n|---|---:|---:|")
    for name, distort in DISTORTIONS.items():
        made = moments("test", SCORED, distort)
        values = [frechet_distance(made[o].mean, made[o].covariance, real[o].mean, real[o].covariance) for o in OUTPUTS]
        print(f"| {name} | {values[0]:.3g} | {values[1]:.2g} |", flush=True)


if __name__ == "__main__":
    main()
