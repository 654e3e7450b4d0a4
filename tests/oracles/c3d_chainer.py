"""Outputs of a C3D composed of Chainer's own functions, like TGANv2's released code, on seeded weights.

    pip install "setuptools<70" wheel numpy==1.23.5 && pip install --no-build-isolation chainer==7.8.1
    python tests/oracles/c3d_chainer.py --output tests/golden/c3d_seeded.npz

Chainer is the framework of the code that defines the metric, so its resize, its pools that cover everything and its
order of flattening are the definition. Needs no torch; newer versions of numpy lack what Chainer imports.

Writes the logits and the feature fc7 of each case of c3d_cases.py, and a .json with everything needed to reproduce
them.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import chainer
import chainer.functions as F  # noqa: N812
import numpy as np
from c3d_cases import CLIP_CASES, WEIGHTS_SEED, seeded_weights
from i3d_cases import sha256_of

WIDTHS = {
    "conv1a": 64,
    "conv2a": 128,
    "conv3a": 256,
    "conv3b": 256,
    "conv4a": 512,
    "conv4b": 512,
    "conv5a": 512,
    "conv5b": 512,
    "fc6": 4096,
    "fc7": 4096,
    "fc8": 101,
}
POOLED = {"conv1a": (1, 2, 2), "conv2a": 2, "conv3b": 2, "conv4b": 2, "conv5b": 2}


def answer(clip_THWC: np.ndarray, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return ``fc7`` and ``logits`` of a clip uint8 ``[16, H, W, 3]``."""
    x = (clip_THWC.astype(np.float32) - 128) / 128
    frames_TCHW = x.transpose(0, 3, 1, 2)[:, ::-1] * np.float32(128)
    resized = F.resize_images(np.ascontiguousarray(frames_TCHW), (112, 112))
    h = F.transpose(resized, (1, 0, 2, 3)) + (128 - weights["mean"][:, :, 8 : 8 + 112, 8 : 8 + 112])
    h = F.expand_dims(h, 0)
    features = {}
    for name in WIDTHS:
        kernel, bias = weights[f"{name}/W"], weights[f"{name}/b"]
        if name.startswith("conv"):
            h = F.relu(F.convolution_nd(h, kernel, bias, stride=1, pad=1))
            if name in POOLED:
                h = F.max_pooling_nd(h, POOLED[name])
        else:
            h = F.linear(h, kernel, bias)
            if name != "fc8":
                h = F.relu(h)
        features[name] = h.array
    return {"fc7": features["fc7"][0], "logits": features["fc8"][0]}


def main() -> None:
    """Parse the command line, run the network, write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, required=True, help="the .npz file to write; its .json is written next to it"
    )
    args = parser.parse_args()

    weights = seeded_weights(WIDTHS, WEIGHTS_SEED)
    answers = {}
    with chainer.using_config("train", False), chainer.using_config("enable_backprop", False):
        for case in CLIP_CASES:
            for output, value in answer(case.clip(), weights).items():
                answers[f"{output}/{case.name}"] = value
                print(case.name, output, "rms", float(np.sqrt(np.mean(value**2))))
    record = {
        "command": "python tests/oracles/c3d_chainer.py --output tests/golden/c3d_seeded.npz",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "chainer": chainer.__version__,
            "machine": platform.machine(),
        },
        "weights_seed": WEIGHTS_SEED,
        "weights_sha256": sha256_of(weights),
        "inputs_sha256": {case.name: sha256_of({"clip": case.clip()}) for case in CLIP_CASES},
    }
    archive, notes = (args.output.with_name(f".{args.output.stem}.partial{suffix}") for suffix in (".npz", ".json"))
    np.savez_compressed(archive, **answers)
    notes.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    archive.replace(args.output)
    notes.replace(args.output.with_suffix(".json"))


if __name__ == "__main__":
    main()
