"""Measure what FFmpeg's default conversion to RGB moves; prints the tables of docs/footguns.md#ffmpegs-default-pixels.

    python -m tests.oracles.measure_pixels VIDEO ... > build/pixels.md

Every video is cut into clips that follow one another, the same ones under both conventions of `vidbench.data.pixels`. The
truth is computed in float64 from the equations of ITU-R BT.601 and BT.709, with chroma interpolated linearly.

The distances are Fréchet distances between the clips of all videos under one convention and the same clips under the other; for
scale, between every second clip and the others, both sides under one convention and then under two, as when samples from
one tool meet reference clips from another. I3D has weights drawn from a seed. None of it is the score of a model, or a
result on Kinetics.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from tests.oracles.pixel_equations import by_the_equations
from vidbench.data.decode import decoding
from vidbench.data.images import fit_frames
from vidbench.data.pixels import rgb_pixels
from vidbench.tasks.schema import PixelConvention
from vidmetrics import Moments, frechet_distance, load_network
from vidmetrics.networks.network import Network

CONVENTIONS: tuple[PixelConvention, PixelConvention] = ("exact", "ffmpeg-default")


def frames_of(path: Path) -> dict[PixelConvention, np.ndarray]:
    """Print the row of a video and return its frames, 64x64, by convention."""
    rows, fitted = [], {name: [] for name in CONVENTIONS}
    with decoding(path) as video:
        for number, frame in enumerate(video.frames):
            rgb = {name: rgb_pixels(frame, name) for name in CONVENTIONS}
            if number % 8 == 0:
                errors = [rgb[name] - by_the_equations(frame) for name in CONVENTIONS]
                differ = (errors[0] != errors[1]).mean()
                rows.append([differ, *(e.mean() for e in errors), *(abs(e).max() for e in errors)])
            for name, frames in fitted.items():
                frames.append(fit_frames(rgb[name][np.newaxis], 64, 64, "pil-bicubic", "center")[0])
    differ, *means = np.mean(rows, 0)[:3]
    worst = np.max(rows, 0)[3:]
    cells = (f"{mean:+.3f} ({most:.2f})" for mean, most in zip(means, worst, strict=True))
    print(f"| {path.name} | {frame.width}x{frame.height} | {' | '.join(cells)} | {differ:.1%} |", flush=True)
    return {name: np.stack(frames) for name, frames in fitted.items()}


def clips_of(frames: np.ndarray, length: int) -> np.ndarray:
    """Cut frames into clips that start every 8 frames."""
    return np.stack([frames[start : start + length] for start in range(0, len(frames) - length + 1, 8)])


def distance(a: np.ndarray, b: np.ndarray) -> float:
    sides = []
    for rows in (a, b):
        moments = Moments(rows.shape[1])
        moments.update(rows)
        sides += [moments.mean, moments.covariance]
    return frechet_distance(*sides)


def logits(network: Network, clips: np.ndarray) -> np.ndarray:
    return np.concatenate([network(clips[start : start + 8])["logits"] for start in range(0, len(clips), 8)])


def seeded_i3d() -> Network:
    from safetensors.numpy import save_file

    from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights

    with tempfile.TemporaryDirectory() as folder:
        save_file(dict(seeded_i3d_weights(0)), Path(folder) / "i3d.safetensors")
        return load_network("i3d-kinetics-400", weights=Path(folder) / "i3d.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--length", type=int, default=16, help="frames per clip")
    arguments = parser.parse_args()
    started = time.monotonic()
    print("| video | size | exact, mean error (greatest) | default | values that differ |\n|---|---|---|---|---|")
    clips: dict[PixelConvention, list[np.ndarray]] = {name: [] for name in CONVENTIONS}
    for path in arguments.videos:
        for name, frames in frames_of(path).items():
            clips[name].append(clips_of(frames, arguments.length))
    sides = {name: np.concatenate(parts) for name, parts in clips.items()}
    print(
        f"\n{len(sides['exact'])} clips\n\n| network | same clips, exact against default | other clips: exact | default | exact against default |\n|---|---|---|---|---|"
    )
    for name, network in (("shapes", load_network("shapes")), ("i3d-kinetics-400, seeded", seeded_i3d())):
        exact, default = (logits(network, sides[convention]) for convention in CONVENTIONS)
        halves = [distance(side[::2], side[1::2]) for side in (exact, default)]
        crossed = distance(exact[::2], default[1::2])
        print(
            f"| {name} | {distance(exact, default):.4g} | {halves[0]:.4g} | {halves[1]:.4g} | {crossed:.4g} |",
            flush=True,
        )
    print(
        f"\n{time.monotonic() - started:.0f} s, Python {platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
