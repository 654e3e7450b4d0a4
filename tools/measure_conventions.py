"""Measure how much each difference between the FVD conventions changes a score: the tables of docs/conventions.md.

    python tools/measure_conventions.py --data DIR --cache DIR

--data is the Weizmann folder with the splits train and test (see examples/tasks/weizmann.toml). The I3D weights are
seeded (tests/oracles/i3d_cases.py), not trained, so anybody can reproduce the numbers without a download; the tables
show directions and orders of magnitude only. Features are cached in --cache.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from vidbench.samples.clip_folder import ClipShape, open_clips
from vidmetrics import CONVENTIONS, frechet_distance
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.preprocessing import Preprocessing
from vidmetrics.statistics.frechet_float32 import distance_float32_svd

TESTS = Path(__file__).resolve().parent.parent / "tests"
TF1, HALF_PIXEL = (("tf1-bilinear", 224),), (("bilinear", 224),)
SIDES = ("train", "test")


def seeded_weights() -> dict[str, np.ndarray]:
    """Return the seeded weights behind the golden answers."""
    spec = importlib.util.spec_from_file_location("i3d_cases", TESTS / "oracles" / "i3d_cases.py")
    if spec is None or spec.loader is None:
        sys.exit(f"{TESTS} has no oracles/i3d_cases.py")
    cases: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = cases
    spec.loader.exec_module(cases)
    record = json.loads((TESTS / "golden" / "i3d_seeded_logits.json").read_text(encoding="utf-8"))
    weights: dict[str, np.ndarray] = cases.seeded_weights(record["shapes"], record["weights_seed"])
    if cases.sha256_of(weights) != record["weights_sha256"]:
        sys.exit("this version of numpy draws different weights from the seed")
    return weights


class Features:
    """Logits by side and variant, computed once and cached in a folder."""

    def __init__(self, data: Path, cache: Path) -> None:
        self._weights = seeded_weights()
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)
        self._clips = {}
        for side in SIDES:
            source = open_clips(data / side, ClipShape(num_frames=16))
            self._clips[side] = source.read(np.arange(source.num_clips))

    def clips(self, side: str, rows: int) -> np.ndarray:
        """Return the middle rows of the clips: uint8 ``[N, 16, rows, 64, 3]``."""
        clips_NTHWC = self._clips[side]
        top = (clips_NTHWC.shape[2] - rows) // 2
        return clips_NTHWC[:, :, top : top + rows]

    def __call__(
        self, side: str, rows: int, resize: tuple, crop: str = "none", eps: float = 1e-3, change: str = "none"
    ) -> np.ndarray:
        """Return the logits ``[N, 400]`` of one variant; ``change`` alters the pixels first, see `_changed`."""
        pixels = Preprocessing(resize, crop)
        path = self._cache / f"{side}-{rows}-{pixels.id_at(rows, 64)}-{eps:g}-{change}.npy"
        if not path.is_file():
            start = time.monotonic()
            network = I3D.from_tensors(self._weights, num_classes=400, pixels=pixels, batch_norm_eps=eps).eval()
            with torch.inference_mode():
                clips = torch.from_numpy(_changed(np.ascontiguousarray(self.clips(side, rows)), change))
                np.save(path, network(clips)["logits"].numpy())
            print(f"{path.name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        return np.load(path, allow_pickle=False)


def _changed(clips: np.ndarray, change: str) -> np.ndarray:
    if change == "none":
        return clips
    if change == "half-range":  # [-1, 1] becomes [-0.5, 0.5]
        return clips.astype(np.float32) / 2 + np.float32(63.75)
    floats = clips.astype(np.float32) * np.float32(0.97)  # stand-in for a generator that outputs floats
    return {"floats": floats, "rounded": np.round(floats), "truncated": np.floor(floats)}[change]


def distance(real: np.ndarray, generated: np.ndarray, ddof: int = 1, root: str = "frechet-exact") -> float:
    """Return the distance between two sets of logits."""
    inputs = [
        f(x) for x in (generated, real) for f in (_mean, lambda x: np.cov(x.astype(float), rowvar=False, ddof=ddof))
    ]
    return distance_float32_svd(*inputs) if root == "float32-svd" else frechet_distance(*inputs)


def float32_moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance summed in float32 by torch, as VideoGPT's fvd.py does; ours are float64."""
    features_ND = torch.from_numpy(rows.astype(np.float32))
    mean_D = features_ND.mean(0)
    centred_ND = features_ND - mean_D
    return mean_D.numpy(), (centred_ND.T @ centred_ND / (len(rows) - 1)).numpy()


def distance_float32(real: np.ndarray, generated: np.ndarray) -> float:
    """Return the distance whose moments and roots are both float32."""
    return distance_float32_svd(*float32_moments(generated), *float32_moments(real))


def _mean(rows: np.ndarray) -> np.ndarray:
    return rows.astype(np.float64).mean(0)


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    features = Features(arguments.data, arguments.cache)

    def score(rows: int, *variant: object, ddof: int = 1, root: str = "frechet-exact", **more: object) -> float:
        real, generated = (features(side, rows, *variant, **more) for side in SIDES)
        return distance(real, generated, ddof, root)

    def row(what: str, before: float, after: float) -> None:
        print(f"| {what} | {before:.2f} | {after:.2f} | {100 * (after / before - 1):+.2f} % |")

    counts = [len(features.clips(side, 64)) for side in SIDES]
    print(f"\n{counts[0]} train against {counts[1]} test clips, seeded weights, torch {torch.__version__}\n")
    print("| convention | value |\n|---|---:|")
    for id, c in CONVENTIONS.items():
        print(f"| `{id}` | {score(64, c.resize, c.crop, c.batch_norm_eps, ddof=c.ddof, root=c.root):.2f} |")

    square, wide = score(64, TF1), score(48, TF1)
    print("\n| one change | before | after | effect |\n|---|---:|---:|---:|")
    row("64x64: TF1 bilinear to half-pixel bilinear", square, score(64, HALF_PIXEL))
    row("64x64: eps 1e-3 to 1e-5 (half-pixel)", score(64, HALF_PIXEL), score(64, HALF_PIXEL, "none", 1e-5))
    row("64x64: ddof 1 to 0", square, score(64, TF1, ddof=0))
    row("64x64: float64 to float32 roots", square, score(64, TF1, root="float32-svd"))
    videogpt = CONVENTIONS["fvd-videogpt"]
    pair = [features(side, 64, videogpt.resize, videogpt.crop, videogpt.batch_norm_eps) for side in SIDES]
    row(
        "64x64: float64 to float32 moments (fvd-videogpt)", distance(*pair, root="float32-svd"), distance_float32(*pair)
    )
    row("64x48: TF1 bilinear to half-pixel bilinear", wide, score(48, HALF_PIXEL))
    row("64x48: stretch to central crop (half-pixel)", score(48, HALF_PIXEL), score(48, HALF_PIXEL, "center"))
    row("64x48: to 64x64 first", wide, score(48, CONVENTIONS["fvd-magvit"].resize))

    real = features("train", 64, TF1)
    kinds = {
        kind: distance(real, features("test", 64, TF1, change=kind)) for kind in ("floats", "rounded", "truncated")
    }
    row("64x64: floats to rounded, generated side", kinds["floats"], kinds["rounded"])
    row("64x64: floats to truncated, generated side", kinds["floats"], kinds["truncated"])

    row("64x64: [-1, 1] to [-0.5, 0.5]", square, score(64, TF1, change="half-range"))

    # The effect of divisor and root depends on N, so draw any number of rows with the moments of the train split.
    print(
        "\n| N per side (drawn) | exact | ddof 0 | float32 roots | float32 moments and roots |\n|---:|---:|---:|---:|---:|"
    )
    rng = np.random.default_rng(0)
    for count in (64, 256, 2048):
        centred = real.astype(np.float64) - _mean(real)
        drawn = [rng.normal(size=(count, len(centred))) @ centred / np.sqrt(len(centred)) for _ in SIDES]
        drawn = [x + 0.02 * centred.std() * rng.normal(size=x.shape) for x in drawn]
        exact = distance(*drawn)
        others = [distance(*drawn, ddof=0), distance(*drawn, root="float32-svd"), distance_float32(*drawn)]
        print(
            f"| {count} | {exact:.4f} | "
            + " | ".join(f"{x:.4f} ({100 * (x / exact - 1):+.2f} %)" for x in others)
            + " |"
        )

    # The nearer the sets, the larger the share of float32's noise: means moved by a share of the way to the test split.
    print("\n| way to the test split | exact | float32 roots | and float32 moments |\n|---:|---:|---:|---:|")
    toward = _mean(features("test", 64, TF1)) - _mean(real)
    for share in (1.0, 0.5, 0.2, 0.1):
        drawn = [rng.normal(size=(2048, len(centred))) @ centred / np.sqrt(len(centred)) for _ in SIDES]
        drawn = [x + 0.02 * centred.std() * rng.normal(size=x.shape) + _mean(real) for x in drawn]
        drawn[1] += share * toward
        exact, roots, moments = distance(*drawn), distance(*drawn, root="float32-svd"), distance_float32(*drawn)
        changes = (f"{100 * (after / before - 1):+.2f} %" for before, after in ((exact, roots), (roots, moments)))
        print(f"| {share:.0%} | {exact:.3f} | " + " | ".join(changes) + " |")


if __name__ == "__main__":
    main()
