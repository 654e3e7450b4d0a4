"""Specifications of the conformance vectors: names, recipes, parameters, tolerances. Read by the tools that build them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spec:
    """A conformance vector without its expected value."""

    name: str
    kind: str
    title: str
    recipe: dict[str, Any]
    tolerance: float
    parameters: dict[str, Any] = field(default_factory=dict)


def _moments(name: str, title: str, recipe: dict[str, Any]) -> Spec:
    return Spec(f"frechet/{name}", "frechet-from-moments", title, recipe, 1e-6)


def _hidden(dim: int, blocks: int, octaves: int, seed: int) -> dict[str, Any]:
    return {
        "name": "hidden-block-moments",
        "seed": seed,
        "blocks": blocks,
        "size": dim // blocks,
        "octaves": octaves,
    }


def _features(name: str, title: str, seed: int, dim: int, count_a: int, count_b: int, **more: int) -> Spec:
    recipe = {"name": "features", "seed": seed, "dim": dim, "count_a": count_a, "count_b": count_b, **more}
    return Spec(f"frechet/{name}", "frechet-from-features", title, recipe, 1e-6)


def _stream(name: str, title: str, batch_size: int, **recipe: int) -> Spec:
    return Spec(f"moments/{name}", "moments", title, {"name": "stream", **recipe}, 1e-9, {"batch_size": batch_size})


def _score(name: str, title: str, splits: int, **recipe: int) -> Spec:
    return Spec(
        f"inception-score/{name}", "inception-score", title, {"name": "logits", **recipe}, 1e-6, {"splits": splits}
    )


def _mmd(name: str, title: str, dim: int, **recipe: int) -> Spec:
    return Spec(
        f"kernel-mmd/{name}",
        "kernel-mmd",
        title,
        {"name": "features", "dim": dim, **recipe},
        1e-6,
        {"degree": 3, "gamma": 1 / dim, "coef0": 1.0, "unbiased": True},
    )


def _jedi(name: str, title: str, dim: int, **recipe: int) -> Spec:
    return Spec(
        f"jedi/{name}",
        "jedi-from-features",
        title,
        {"name": "features", "dim": dim, **recipe},
        1e-6,
        {"degree": 2, "gamma": 1 / dim, "coef0": 0.0, "scale": 100.0},
    )


def _resize(name: str, title: str, size: tuple[int, int], out: tuple[int, int], seed: int) -> Spec:
    return Spec(
        f"resize/{name}",
        "resize",
        title,
        {"name": "frames", "seed": seed, "count": 1, "height": size[0], "width": size[1]},
        1e-6,
        {"kernel": "tf1-bilinear", "height": out[0], "width": out[1]},
    )


def _pair(network: str, seed: int, real: int, generated: int, frames: int, height: int, width: int) -> dict[str, Any]:
    return {
        "name": "clip-pair",
        "network": network,
        "seed": seed,
        "count_real": real,
        "count_generated": generated,
        "frames": frames,
        "height": height,
        "width": width,
        "weights_seed": 0,
    }


def _convention(metric: str, title: str, tolerance: float = 1e-4) -> Spec:
    # All conventions share one pair of clips, so their values can be compared.
    recipe = _pair("i3d-kinetics-400", 66, 4, 5, 9, 60, 90)
    return Spec(
        f"fvd-conventions/{metric}", "fvd-convention-from-clips", title, recipe, tolerance, {"convention": metric}
    )


def _clips(network: str, seed: int, count: int, frames: int, height: int, width: int) -> dict[str, Any]:
    sizes = {"count": count, "frames": frames, "height": height, "width": width, "weights_seed": 0}
    return {"name": "clips", "network": network, "seed": seed, **sizes}


_INCEPTION, _C3D = "inception-2015-12-05", "c3d-ucf101"

SPECS = (
    _moments(
        "isotropic-d400",
        "two Gaussians without correlation: a closed form",
        {"name": "isotropic", "dim": 400, "variance_a": 4.0, "variance_b": 9.0, "shift": 0.25},
    ),
    _moments(
        "point-masses-d8",
        "no spread at all: the squared distance of the means",
        {"name": "isotropic", "dim": 8, "variance_a": 0.0, "variance_b": 0.0, "shift": 1.5},
    ),
    _moments("condition-1e6-d16", "covariances that do not commute, condition number about 1e6", _hidden(16, 4, 20, 1)),
    _moments("condition-1e12-d64", "64 features, condition number about 1e12", _hidden(64, 8, 40, 2)),
    _moments("condition-1e12-d400", "400 features, condition number about 1e12", _hidden(400, 16, 40, 3)),
    _features("n256-d16", "more samples than features", 11, 16, 256, 208, shift=3, widen=10),
    _features("n1000-d32", "1000 samples, where N and N - 1 differ little", 12, 32, 1000, 960, shift=1),
    _features("offset-1000", "a mean a thousand times the spread", 13, 8, 64, 48, offset=1000, shift=40),
    _features("octaves-d20", "widths of the features from 1 to 2**-14", 14, 20, 64, 64, octaves=14, shift=1),
    _features("n2-d8", "two samples on each side", 15, 8, 2, 2, shift=4),
    _features("n2-d400", "two samples of 400 features", 16, 400, 2, 2, shift=2),
    _features("n12-n17-d400", "fewer samples than features on both sides", 17, 400, 12, 17, shift=1, widen=9),
    _features("n4-n64-d24", "a singular covariance against one of full rank", 18, 24, 4, 64, shift=2),
    _stream("n1000-d8", "a thousand rows in batches of 64, around 1000", 64, seed=21, dim=8, count=1000, offset=1000),
    _stream("n37-d12", "a last batch of another size", 10, seed=22, dim=12, count=37, octaves=10),
    _stream("n2-d3", "two rows, one at a time", 1, seed=23, dim=3, count=2),
    _score("one-split", "100 samples in one split", 1, seed=31, count=100, classes=10, scale=2),
    _score(
        "ten-splits", "103 samples in 10 splits, which do not divide them", 10, seed=32, count=103, classes=7, scale=2
    ),
    _score("zero-probabilities", "probabilities of exactly 0", 2, seed=33, count=40, classes=6, scale=2, impossible=4),
    _score(
        "far-logits", "logits so far apart that probabilities underflow", 3, seed=34, count=60, classes=8, scale=900
    ),
    _mmd("n30-n40-d8", "30 and 40 samples of 8 features", 8, seed=41, count_a=30, count_b=40, shift=4, widen=10),
    _mmd("n25-d400", "25 samples of 400 features", 400, seed=42, count_a=25, count_b=25, shift=8),
    _jedi("n30-n40-d8", "30 and 40 samples of 8 features", 8, seed=43, count_a=30, count_b=40, shift=4, widen=10),
    _jedi(
        "n25-d48", "25 samples of 48 features away from zero", 48, seed=44, count_a=25, count_b=25, shift=8, offset=2
    ),
    _resize("up-7x5-to-11x13", "larger in both directions", (7, 5), (11, 13), 51),
    _resize("down-31x24-to-9x17", "smaller in both directions", (31, 24), (9, 17), 52),
    _resize("mixed-12x20-to-19x7", "larger in one direction, smaller in the other", (12, 20), (19, 7), 53),
    *(
        Spec(
            f"transformers/{network}",
            kind,
            f"two clips of 48x64 through a small {title}",
            {
                "name": "clips",
                "seed": seed,
                "count": 2,
                "frames": 16,
                "height": 48,
                "width": 64,
                "weights_seed": 0,
                "network": network,
            },
            1e-5,
        )
        for seed, network, kind, title in (
            (64, "videomae-ssv2", "videomae-features", "VideoMAE"),
            (65, "vjepa-ssv2", "vjepa-features", "V-JEPA"),
        )
    ),
    Spec(
        "i3d/logits-9x20x28",
        "i3d-logits",
        "one short clip, enlarged",
        {"name": "clips", "seed": 61, "count": 1, "frames": 9, "height": 20, "width": 28, "weights_seed": 0},
        1e-4,
    ),
    Spec(
        "i3d/logits-17x240x260",
        "i3d-logits",
        "17 frames (two time steps to average), made smaller",
        {"name": "clips", "seed": 62, "count": 1, "frames": 17, "height": 240, "width": 260, "weights_seed": 0},
        1e-4,
    ),
    Spec(
        "fvd/n5-n6-9x20x28",
        "fvd-from-clips",
        "uint8 clips to FVD, with seeded weights",
        {
            "name": "clip-pair",
            "seed": 63,
            "count_real": 5,
            "count_generated": 6,
            "frames": 9,
            "height": 20,
            "width": 28,
            "weights_seed": 0,
        },
        1e-4,
    ),
    _convention("fvd", "the reference, on the clips of the other conventions"),
    _convention("fvd-styleganv", "half-pixel resize, covariance over N"),
    # tests/vidmetrics/conformance/test_float32_root.py shows how far float32 libraries scatter.
    _convention("fvd-videogpt", "short side and crop, eps 1e-5, root in float32", 3e-3),
    _convention("fvd-magvit", "stretched to 64x64 first"),
    _convention("fvd-cdfvd", "half-pixel resize, eps 1e-5, covariance over N"),
    Spec(
        "inception/fid-n2-n3-320x340",
        "fid-from-clips",
        "uint8 frames to FID, made smaller, with seeded weights",
        _pair(_INCEPTION, 73, 2, 3, 1, 320, 340),
        1e-4,
    ),
    Spec(
        "inception/kid-n4-24x36",
        "kid-from-clips",
        "uint8 frames to KID, subsets that hold everything",
        _pair(_INCEPTION, 74, 2, 2, 2, 24, 36),
        1e-4,
        {"subsets": 100, "subset_size": 4, "degree": 3, "gamma": 1 / 2048, "coef0": 1.0},
    ),
    Spec(
        "inception/is-n7-24x36",
        "is-from-clips",
        "uint8 frames to the Inception Score in 2 splits, without the last bias",
        _clips(_INCEPTION, 75, 7, 1, 24, 36),
        1e-4,
        {"splits": 2},
    ),
    Spec(
        "c3d/fid-n5-n6-36x52",
        "c3d-fid-from-clips",
        "uint8 clips to C3D-FID, with seeded weights of a narrow network",
        _pair(_C3D, 82, 5, 6, 16, 36, 52),
        1e-4,
    ),
    Spec(
        "c3d/is-n12-36x52",
        "c3d-is-from-clips",
        "uint8 clips to the video Inception Score in one split",
        _clips(_C3D, 84, 12, 16, 36, 52),
        1e-4,
        {"splits": 1},
    ),
)

BY_TENSORFLOW = ("resize", "i3d-logits", "fvd-from-clips", "fvd-convention-from-clips")
"""Kinds whose oracle is TensorFlow."""

BY_TORCH_FIDELITY = ("fid-from-clips", "kid-from-clips", "is-from-clips")
"""Kinds whose network torch-fidelity runs."""

BY_TRANSFORMERS = ("videomae-features", "vjepa-features")
"""Kinds whose network the authors' classes are, in torch."""

BY_CHAINER = ("c3d-fid-from-clips", "c3d-is-from-clips")
"""Kinds whose network Chainer runs; expected values of all other kinds come from 60-digit arithmetic alone."""

CLIPS = ("clips", "real_clips", "generated_clips")
"""Inputs from which a network extracts features."""
