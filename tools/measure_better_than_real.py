"""Measure how often honest streams and training copies of shapes-gen are flagged as better than real clips.

    python tools/measure_better_than_real.py --blocks 80
    python tools/measure_better_than_real.py --disjoint 500

Everything is scored as `vidbench evaluate` scores shapes-gen: 1,024 clips against the first 4,096 clips of the train split, with the
first 1,024 clips of the test split as held-out clips. A stream of honest clips takes its i-th clip from one of the blocks of 1,024 test
clips behind the recorded floor, drawn at random for every i, so every stream has the labels of the task and no clip twice; two streams
share one clip in as many as there are blocks. With ``--disjoint``, each stream is a block of its own, so no two share a clip, and nothing
else is measured. Copies are 1,024 different clips of the reference set with the labels of the task,
unchanged or degraded, or of the training clips behind it (seed 0).

Prints one line for each kind: how many sets the distances flag, how many the nearest real clips flag, and what they score. Rendering
and features take about 3 ms a clip on one idle core; ``--features DIR`` keeps the features, ``--workers`` computes several blocks at once.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from vidbench.data.shapes.dataset import GENERATOR_VERSION, render
from vidbench.files import write_text
from vidbench.leaderboard.better_than_real import BOARD_LEVEL, BOARD_ROWS, floor_chance
from vidbench.results.schema import MetricRecord
from vidbench.scoring.floor_sets import recorded_sets
from vidbench.tasks import load_task
from vidmetrics import METRICS, load_network
from vidmetrics.statistics.exchangeability import SideCounts, chance_of_held_out, chance_of_reference, nearest_indices

N, STRIDE, REFERENCE, FIRST_BLOCK, CLASSES = 1024, 1032, 4096, 16, 24
OUTPUTS = {"fvd-shapes": "logits", "fid-shapes": "pool"}
NEAREST = "pool"
FIRST_DRAW = 0.2072
Features = dict[str, np.ndarray]
Change = Callable[[np.ndarray], np.ndarray]


def as_levels(clips: np.ndarray) -> np.ndarray:
    """Round to uint8."""
    return np.clip(clips + 0.5, 0, 255).astype(np.uint8)


def noisy(deviation: float) -> Change:
    """Gaussian noise, in levels of 255."""
    return lambda clips: as_levels(
        clips.astype(np.float32) + np.random.default_rng(7).normal(0, deviation, clips.shape).astype(np.float32)
    )


DEGRADED: dict[str, Change] = {
    "noise2": noisy(2),
    "noise6": noisy(6),
    "shift1": lambda clips: np.roll(clips, 1, axis=3),
    "bright": lambda clips: np.clip(clips.astype(np.float32) * 0.9 + 12.5, 0, 255).astype(np.uint8),
    "blur05": lambda clips: as_levels(gaussian_filter(clips.astype(np.float32), (0, 0, 0.5, 0.5, 0), mode="nearest")),
    "flip": lambda clips: np.ascontiguousarray(clips[:, :, :, ::-1]),
}
WORDS = {
    "noise2": "copies with noise of 2 levels",
    "noise6": "copies with noise of 6 levels",
    "shift1": "copies shifted by a pixel",
    "bright": "copies with 10 % less contrast",
    "blur05": "copies blurred by 0.5 pixels",
    "flip": "copies mirrored",
}


@dataclass
class Clips:
    """Computes features block by block and keeps them in a folder."""

    folder: Path | None

    def __post_init__(self) -> None:
        torch.set_num_threads(1)
        self.network = load_network("shapes", device="cpu")

    def block(self, name: str, split: str, start: int, change: str = "") -> Features:
        """Return the features of the 1,024 clips of a split from a number on."""
        paths = {} if self.folder is None else {o: self.folder / f"{name}.{o}.npy" for o in OUTPUTS.values()}
        if paths and all(path.is_file() for path in paths.values()):
            return {output: np.load(path).astype(np.float64) for output, path in paths.items()}
        clips = render(split, np.arange(start, start + N), 12, 32, 32)[0]
        clips = DEGRADED[change](clips) if change else clips
        parts = [self.network(clips[i : i + 128]) for i in range(0, N, 128)]
        found = {output: np.concatenate([part[output] for part in parts]) for output in OUTPUTS.values()}
        for output, path in paths.items():
            np.save(path, found[output])
        return {output: rows.astype(np.float64) for output, rows in found.items()}

    def blocks(self, names: list[tuple[str, str, int]], change: str = "") -> Features:
        """Return the features of several blocks, one after the other."""
        found = [self.block(*name, change) for name in names]
        return {output: np.concatenate([each[output] for each in found]) for output in OUTPUTS.values()}


def _balanced(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw as many different clips, of which the i-th has the label i modulo the number of classes."""
    order = rng.permutation(len(labels))
    by_class = [order[labels[order] == label] for label in range(CLASSES)]
    return np.array([by_class[i % CLASSES][i // CLASSES] for i in range(count)])


def _factored(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and root of the covariance."""
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    return rows.mean(0), (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _distance(rows: np.ndarray, mean: np.ndarray, root: np.ndarray) -> float:
    """Return the Fréchet distance to a factored side: thirty times as fast as a matrix root for each set."""
    cov = np.cov(rows.T)
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov @ root), 0)).sum()
    return float(np.square(rows.mean(0) - mean).sum() + np.trace(cov) + np.square(root).sum() - 2 * roots)


class Judge:
    """Scores a set of clips and says which tests it fails."""

    def __init__(self, reference: Features, held_out: Features) -> None:
        self.sides = [reference[NEAREST]], [held_out[NEAREST]]
        self.moments = {output: _factored(rows) for output, rows in reference.items()}
        task = load_task("shapes-gen").task
        self.sets = recorded_sets(task, {"shapes": load_network("shapes").weights_sha256})
        self.level = BOARD_LEVEL / BOARD_ROWS / 4

    def nearest(self, features: Features) -> np.ndarray:
        """Return the nearest real clip of each clip."""
        rows = features[NEAREST]
        return np.concatenate([nearest_indices(rows[i : i + N], *self.sides)[0] for i in range(0, len(rows), N)])

    def judge(self, features: Features, nearest: np.ndarray) -> dict[str, float]:
        """Return scores, the share of reference clips, and whether each kind of test fails."""
        found: dict[str, float] = {}
        by_distance = False
        for id, output in OUTPUTS.items():
            rows = features[output]
            found[id] = _distance(rows, *self.moments[output])
            record = MetricRecord(
                value=found[id],
                interval=None,
                num_samples=N,
                num_reference=REFERENCE,
                higher_is_better=False,
                network="shapes",
                floor=None,
                ceiling=None,
            )
            chance = floor_chance(METRICS[id], record, self.sets[id])
            by_distance |= chance is not None and chance < self.level
        different = np.unique(nearest)
        counts = SideCounts(REFERENCE, N, len(different), int((different < REFERENCE).sum()))
        chances = chance_of_reference(counts), chance_of_held_out(counts)
        by_nearest = min(chances) < self.level
        share = counts.found_in_reference / counts.found
        return found | {
            "share": share,
            "p": chances[0],
            "distance": by_distance,
            "nearest": by_nearest,
            "flagged": by_distance or by_nearest,
        }


_OPENED: list[tuple[Clips, Judge]] = []


def _open(folder: Path | None, reference: Features, held_out: Features) -> None:
    """Prepare a worker."""
    _OPENED.append((Clips(folder), Judge(reference, held_out)))


def _judged(k: int) -> dict[str, float]:
    clips, judge = _OPENED[-1]
    rows = clips.block(f"test-{k:03d}", "test", k * STRIDE)
    return judge.judge(rows, judge.nearest(rows))


def say(what: str, found: list[dict[str, float]]) -> None:
    """Print the line of one kind."""
    flags = {key: int(sum(each[key] for each in found)) for key in ("flagged", "distance", "nearest")}
    fvd, fid = (np.array([each[id] for each in found]) for id in OUTPUTS)
    share, p = (np.array([each[key] for each in found]) for key in ("share", "p"))
    print(
        f"| {what} | {flags['flagged']} of {len(found)} | {flags['distance']} | {flags['nearest']} | "
        f"{fvd.mean():.3f} ± {fvd.std(ddof=1):.3f}, {fvd.min():.3f} to {fvd.max():.3f} | {fid.mean():.3f} ± {fid.std(ddof=1):.3f} | "
        f"{share.mean():.3f} | {p.min():.2g} | {(fvd < FIRST_DRAW).sum()} |",
        flush=True,
    )


def recorded(args: argparse.Namespace, found: list[dict[str, float]]) -> dict[str, object]:
    """Return what the file of the disjoint streams holds: what was run on what, and each stream."""
    return {
        "command": f"python tools/measure_better_than_real.py --disjoint {args.disjoint}",
        "generator": GENERATOR_VERSION,
        "first_clip": FIRST_BLOCK * STRIDE,
        "clips_per_stream": N,
        "weights_sha256": load_network("shapes").weights_sha256,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "flagged": int(sum(each["flagged"] for each in found)),
        **{key: [float(f"{each[key]:.5g}") for each in found] for key in (*OUTPUTS, "share", "p")},
    }


def main() -> None:
    """Measure every kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=64, help="Blocks of 1,024 fresh test clips.")
    parser.add_argument(
        "--train-blocks", type=int, default=8, help="Blocks of training clips behind the reference set."
    )
    parser.add_argument("--streams", type=int, default=500, help="Sets of each kind.")
    parser.add_argument(
        "--disjoint", type=int, metavar="N", help="Measure N honest streams without a common clip only."
    )
    parser.add_argument("--workers", type=int, default=1, help="Processes that compute blocks.")
    parser.add_argument("--features", type=Path, metavar="DIR", help="Folder that keeps the features.")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON of the disjoint streams.")
    args = parser.parse_args()
    clips, rng = Clips(args.features), np.random.default_rng(0)
    reference_blocks = [(f"ref-{k}", "train", k * N) for k in range(REFERENCE // N)]
    reference = clips.blocks(reference_blocks)
    held_out = clips.block("test-000", "test", 0)
    print(
        "| sets of 1,024 clips | flagged | by distance | by nearest clips | fvd-shapes | fid-shapes | share of reference clips "
        f"| least p | fvd-shapes below {FIRST_DRAW} |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")

    if args.disjoint:
        opened = args.features, reference, held_out
        with ProcessPoolExecutor(args.workers, get_context("spawn"), _open, opened) as workers:
            found = list(workers.map(_judged, range(FIRST_BLOCK, FIRST_BLOCK + args.disjoint)))
        say(f"{args.disjoint} honest streams without a common clip", found)
        if args.output is not None:
            lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in recorded(args, found).items()]
            write_text(args.output, "{\n" + ",\n".join(lines) + "\n}\n")
        return
    judge = Judge(reference, held_out)

    def positions(pool: Features, num_blocks: int, streams: int) -> list[dict[str, float]]:
        nearest, every = judge.nearest(pool), np.arange(N)
        picks = [
            (np.full(N, k) if streams == num_blocks else rng.integers(num_blocks, size=N)) * N + every
            for k in range(streams)
        ]
        return [judge.judge({output: rows[pick] for output, rows in pool.items()}, nearest[pick]) for pick in picks]

    def drawn(pool: Features, streams: int, first_label: int = 0) -> list[dict[str, float]]:
        nearest = judge.nearest(pool)
        labels = (first_label + np.arange(len(nearest))) % CLASSES
        picks = [_balanced(labels, N, rng) for _ in range(streams)]
        return [judge.judge({output: rows[pick] for output, rows in pool.items()}, nearest[pick]) for pick in picks]

    fresh = clips.blocks([(f"test-{k:03d}", "test", k * STRIDE) for k in range(FIRST_BLOCK, FIRST_BLOCK + args.blocks)])
    say(f"each of the {args.blocks} blocks", positions(fresh, args.blocks, args.blocks))
    say(f"honest streams from {args.blocks} blocks", positions(fresh, args.blocks, args.streams))
    say("copies of the reference set", drawn(reference, args.streams))
    for name in DEGRADED:
        blocks = [(f"{name}-{k}", split, start) for k, (_, split, start) in enumerate(reference_blocks)]
        say(WORDS[name], drawn(clips.blocks(blocks, name), args.streams))
    near_fresh, near_reference = judge.nearest(fresh), judge.nearest(reference)
    for share in (0.1, 0.2, 0.3, 0.5):
        number = round(N * share)
        found = []
        for _ in range(args.streams):
            copies = _balanced(np.arange(REFERENCE) % CLASSES, number, rng)
            others = rng.integers(args.blocks, size=N - number) * N + np.arange(N - number)
            mixed = {output: np.concatenate([reference[output][copies], fresh[output][others]]) for output in reference}
            found.append(judge.judge(mixed, np.concatenate([near_reference[copies], near_fresh[others]])))
        say(f"{share:.0%} copies, the rest honest", found)
    first = REFERENCE // N
    others_pool = clips.blocks([(f"train-{k:02d}", "train", k * N) for k in range(first, first + args.train_blocks)])
    say(
        f"training clips behind the reference set, {args.train_blocks} blocks",
        drawn(others_pool, args.streams, REFERENCE % CLASSES),
    )


if __name__ == "__main__":
    main()
