"""Measure what the mistakes in docs/footguns.md do to a score; prints one Markdown table per mistake.

    python tools/measure_footguns.py > build/footguns.md

Clips are the embedded moving shapes, scored with the embedded network (`fvd-shapes`, 24 features, 12 frames of 32x32);
400-dimensional features are drawn from a seed. Neither needs a download, and neither is the score of a model.
"""

from __future__ import annotations

import argparse
import io
import platform
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from PIL import Image

from vidbench.data.shapes.dataset import ShapesDataset
from vidmetrics import Moments, frechet_distance, inception_score, load_network
from vidmetrics.conformance.mistakes.distances import one_pass_float32
from vidmetrics.conformance.ours import implementation
from vidmetrics.conformance.recipes import make_inputs
from vidmetrics.conformance.vectors import deviation, load_vectors

SIZE = 32
FRAMES = 12


def moments_of(features: np.ndarray) -> Moments:
    moments = Moments(features.shape[1])
    moments.update(features)
    return moments


def distance(a: np.ndarray, b: np.ndarray, ddof: int = 1) -> float:
    sides = []
    for rows in (a, b):
        moments = moments_of(rows)
        sides += [moments.mean, moments.covariance * ((len(rows) - 1) / (len(rows) - ddof))]
    return frechet_distance(*sides)


def table(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    head = list(head)
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        cells = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row]
        print(f"| {' | '.join(cells)} |")
    sys.stdout.flush()


class Shapes:
    """Clips of the embedded dataset and their logits."""

    def __init__(self, count: int) -> None:
        self.network = load_network("shapes")
        self.real = self.logits(self.clips("train", count))
        self.held_out = self.clips("test", count)
        self.held_out_logits = self.logits(self.held_out)

    def clips(self, split: str, count: int, frames: int = FRAMES, size: int = SIZE) -> np.ndarray:
        return ShapesDataset(split, count, frames, size, size).read(np.arange(count))

    def logits(self, clips: np.ndarray) -> np.ndarray:
        return np.concatenate([self.network(clips[i : i + 64])["logits"] for i in range(0, len(clips), 64)])

    def fvd(self, clips: np.ndarray) -> float:
        return distance(self.real, self.logits(clips))


def gaussian_features(count: int, stream: int, shift: float = 0.0) -> np.ndarray:
    """Return 400-dimensional features with standard deviations falling from 1 to 0.03, as in real networks."""
    rng = np.random.Generator(np.random.Philox(key=[7, stream]))
    return rng.standard_normal((count, 400)) * np.logspace(0, -1.5, 400) + shift


def number_of_samples(shapes: Shapes) -> None:
    real, held_out = shapes.real, shapes.held_out_logits
    reference = gaussian_features(4096, 0)
    rows = []
    for count in (16, 64, 256, 1024, len(held_out)):
        rows.append([count, distance(real, held_out[:count]), distance(reference, gaussian_features(count, 1))])
    table("Number of samples: held-out real clips against 4,096 real clips; the truth is 0",
          ["N", "fvd-shapes", "400 seeded features"], rows)  # fmt: skip


def divisor() -> None:
    rows = []
    for count in (16, 64, 256, 1024, 2048):
        a, b = gaussian_features(count, 2), gaussian_features(count, 3, 0.05)
        right, wrong = distance(a, b), distance(a, b, ddof=0)
        rows.append([count, right, wrong, f"{100 * (wrong / right - 1):+.2f} %"])
    table("Covariance divided by N, 400 seeded features", ["N", "N - 1", "N", "change"], rows)


def batches(shapes: Shapes) -> None:
    rows = []
    right = distance(shapes.real, shapes.held_out_logits)
    for size in (16, 64, 256, 1024):
        starts = range(0, len(shapes.real), size)
        mean = np.mean([distance(shapes.real[i : i + size], shapes.held_out_logits[i : i + size]) for i in starts])
        rows.append([size, float(mean), right])
    table("Mean over batches, held-out real clips", ["batch", "mean over batches", "all together"], rows)


def repeated(shapes: Shapes) -> None:
    held_out, rows = shapes.held_out_logits, []
    for count in (64, 256, 1024):
        looped = np.resize(held_out[:count], (len(held_out), held_out.shape[1]))
        rows.append([count, distance(shapes.real, looped), distance(shapes.real, held_out[:count])])
    table(f"Too few samples, repeated up to {len(held_out):,}",
          ["different samples", "repeated", "unchanged"], rows)  # fmt: skip


def stored(clips: np.ndarray, quality: int) -> np.ndarray:
    """Return clips compressed as JPEG, frame by frame."""
    frames = []
    for frame in clips.reshape(-1, *clips.shape[2:]):
        file = io.BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=quality)
        frames.append(np.asarray(Image.open(file)))
    return np.stack(frames).reshape(clips.shape)


def encoded(clips: np.ndarray, crf: int) -> np.ndarray:
    """Return clips encoded as H.264 in yuv420p, clip by clip."""
    import av

    result = np.empty_like(clips)
    for n, clip in enumerate(clips):
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": str(crf)})
            stream.width, stream.height, stream.pix_fmt = clip.shape[2], clip.shape[1], "yuv420p"
            for frame in clip:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        file.seek(0)
        with av.open(file) as container:
            result[n] = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    return result


def pixels(shapes: Shapes, count: int) -> None:
    clips = shapes.held_out[:count]
    levels = clips.astype(np.float64)
    rng = np.random.Generator(np.random.Philox(key=[7, 9]))
    fractions = np.clip(
        levels + rng.uniform(-0.5, 0.5, levels.shape), 0, 255
    )  # stand-in for a model that outputs floats
    variants: list[tuple[str, Callable[[], np.ndarray]]] = [
        ("unchanged", lambda: clips),
        ("floats, rounded to uint8", lambda: np.rint(fractions).astype(np.uint8)),
        ("floats, truncated to uint8", lambda: fractions.astype(np.uint8)),
        *((f"JPEG, quality {quality}", lambda quality=quality: stored(clips, quality)) for quality in (95, 90, 75)),
        *((f"H.264, crf {crf}", lambda crf=crf: encoded(clips, crf)) for crf in (0, 18, 23, 28)),
        ("frames reversed in RGB", lambda: clips[..., ::-1].copy()),
    ]
    rows = []
    for name, make in variants:
        changed = make()
        rows.append([name, float((changed.astype(np.float64) - levels).mean()), shapes.fvd(changed)])
    table(f"Pixels of the generated side only, {count} held-out real clips", ["clips", "mean change in levels", "fvd-shapes"], rows)  # fmt: skip


def door(shapes: Shapes, count: int) -> None:
    clips = shapes.clips("test", count)
    unchanged = shapes.logits(clips)
    floats = clips.astype(np.float32) / 127.5 - 1
    levels = (floats + 1) * 127.5
    rng = np.random.Generator(np.random.Philox(key=[7, 9]))
    between = np.clip(clips + rng.uniform(-0.5, 0.5, clips.shape), 0, 255)
    beyond = (clips.astype(np.float64) - 127.5) * 1.02 + 127.5
    rows = []
    for name, changed in (
        ("of uint8, `(x + 1) * 127.5`, rounded", np.rint(levels).astype(np.uint8)),
        ("the same, truncated", levels.astype(np.uint8)),
        ("between levels, rounded", np.rint(between).astype(np.uint8)),
        ("the same, truncated", between.astype(np.uint8)),
        ("2 % beyond the range, clamped", np.clip(beyond, 0, 255).astype(np.uint8)),
        ("the same, cast without clamping (wraps around)", beyond.astype(np.int64).astype(np.uint8)),
    ):
        moved = float((changed.astype(np.float64) - clips).mean())
        logits = shapes.logits(changed)
        rows.append([name, moved, distance(shapes.real, logits), distance(unchanged, logits)])
    table(f"Floats that become uint8, {count} held-out real clips",
          ["floats", "mean change in levels", "fvd-shapes", "from the same clips, unchanged"], rows)  # fmt: skip


def time_axis(shapes: Shapes, count: int) -> None:
    longer = shapes.clips("test", count, frames=4 * FRAMES)
    rows = [[f"stride {stride}", shapes.fvd(longer[:, : FRAMES * stride : stride])] for stride in (1, 2, 3, 4)]
    rows.append(["frames shuffled", shapes.fvd(longer[:, np.random.default_rng(0).permutation(FRAMES)])])
    table(f"Frame rate of the generated side only, {count} held-out real clips", ["clips", "fvd-shapes"], rows)


def conditioning(shapes: Shapes, count: int) -> None:
    real = shapes.clips("train", count, frames=16)
    clips = shapes.clips("test", count, frames=16)
    frozen = clips.copy()
    frozen[:, 5:] = clips[:, 4:5]
    rows = []
    for name, start in (("5 context and 11 predicted", 0), ("11 predicted", 5)):
        reference = shapes.logits(real[:, start:])
        rows.append([name, *(distance(reference, shapes.logits(c[:, start:])) for c in (clips, frozen))])
    table(f"Context frames included or not, {count} clips of 16 frames",
          ["scored frames", "held-out real", "last context frame repeated"], rows)  # fmt: skip


def arithmetic() -> None:
    rows = []
    for offset in (0, 5, 50, 500):
        features = gaussian_features(2048, 4, offset)
        right = moments_of(features).covariance
        _, single = one_pass_float32(features)
        one_pass = np.einsum("ni,nj->ij", features, features, optimize=True) / len(features)
        double = (one_pass - np.outer(features.mean(0), features.mean(0))) * len(features) / (len(features) - 1)
        rows.append(
            [offset, *(float(np.linalg.norm(wrong - right) / np.linalg.norm(right)) for wrong in (single, double))]
        )
    table("Sums of x and x x^T, 2,048 rows of 400 seeded features: relative error of the covariance",
          ["mean of the features", "float32", "float64"], rows)  # fmt: skip


def splits(shapes: Shapes) -> None:
    rows = []
    for count in (256, 1024, len(shapes.held_out_logits)):
        logits = shapes.held_out_logits[:count]
        rows.append([count, *(inception_score(logits, number)[0] for number in (1, 10))])
    table("Splits of the Inception Score, held-out real clips", ["N", "1 split", "10 splits"], rows)


def reconstructed(clips: np.ndarray) -> np.ndarray:
    """Return clips averaged over 2x2 pixels and enlarged again, as a stand-in for a tokenizer's reconstructions."""
    n, t, h, w, c = clips.shape
    small = clips.reshape(n, t, h // 2, 2, w // 2, 2, c).mean(axis=(3, 5))
    return np.rint(small.repeat(2, axis=2).repeat(2, axis=3)).astype(np.uint8)


def references(shapes: Shapes, count: int) -> None:
    held_out = shapes.held_out[:count]
    sides = {"held-out real": shapes.held_out_logits[:count], "reconstructions": shapes.logits(reconstructed(held_out))}
    starts = range(0, len(shapes.real), count)
    real: dict[str, np.ndarray] = {f"real {i} to {i + count - 1}": shapes.real[i : i + count] for i in starts}
    real["reconstructions of real 0 on"] = shapes.logits(reconstructed(shapes.clips("train", count)))
    rows = [[name, *(distance(rows, side) for side in sides.values())] for name, rows in real.items()]
    table(f"The reference, {count} clips on each side", ["reference", *sides], rows)


def outputs(shapes: Shapes, count: int) -> None:
    def pooled(clips: np.ndarray) -> np.ndarray:
        return np.concatenate([shapes.network(clips[i : i + 64])["pool"] for i in range(0, count, 64)])

    held_out, real = shapes.held_out[:count], shapes.clips("train", count)
    variants = {"held-out real": held_out, "reconstructions": reconstructed(held_out)}
    pool = pooled(real)
    rows = [
        [name, distance(shapes.real[:count], shapes.logits(clips)), distance(pool, pooled(clips))]
        for name, clips in variants.items()
    ]
    table(f"Logits or pooled features, {count} clips on each side", ["clips", "24 logits", "64 pooled"], rows)


def weights() -> None:
    (vector,) = load_vectors(["fvd/*"])
    recipes = [dict(vector.recipe, weights_seed=vector.recipe["weights_seed"] + i) for i in range(3)]
    rows = [
        [r["weights_seed"], float(implementation(vector.kind, make_inputs(r), dict(vector.parameters)))]
        for r in recipes
    ]
    table("The same clips under I3D with other weights", ["seed of the weights", "distance of logits"], rows)


def network() -> None:
    vectors = {vector.name: vector for vector in load_vectors(["i3d/*", "fvd/*"])}
    names = sorted({name for vector in vectors.values() for name in vector.mistakes})
    rows = []
    for name in names:
        found = [v.mistakes.get(name) for v in vectors.values()]
        cells = [
            "-" if m is None else f"{100 * deviation(m, v.expected):.3g} %"
            for m, v in zip(found, vectors.values(), strict=True)
        ]
        rows.append([name, *cells])
    table("I3D with seeded weights: relative change against the published graph", ["mistake", *vectors], rows)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4096, help="clips on each side")
    args = parser.parse_args()
    started = time.monotonic()
    print(
        f"python {platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}, {platform.machine()}"
    )
    shapes = Shapes(args.clips)
    few = min(1024, args.clips)
    number_of_samples(shapes)
    divisor()
    batches(shapes)
    repeated(shapes)
    pixels(shapes, few)
    door(shapes, few)
    time_axis(shapes, few)
    conditioning(shapes, few)
    arithmetic()
    splits(shapes)
    references(shapes, few)
    outputs(shapes, few)
    weights()
    network()
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
