"""Record TensorFlow's two bilinear resizes of seeded 8-bit frames: tests/golden/resize_tensorflow.json.

    python tests/oracles/resize_tensorflow.py --output tests/golden/resize_tensorflow.json

in an environment with tensorflow-cpu and numpy.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

SIZES = [(9, 13, 5, 7), (16, 12, 8, 6), (15, 20, 6, 8), (5, 6, 8, 9), (24, 34, 12, 12)]


def main() -> None:
    """Write the cases: height and width of the source and of the target, the seed, and the levels of both kernels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    output = parser.parse_args().output
    cases = []
    for seed, (height_in, width_in, height, width) in enumerate(SIZES):
        frames = np.random.default_rng(seed).integers(0, 256, (2, height_in, width_in, 3), np.uint8)
        first = tf.compat.v1.image.resize_bilinear(frames, (height, width))
        second = tf.image.resize(frames, (height, width), method=tf.image.ResizeMethod.BILINEAR)
        cases.append(
            {
                "size": [height_in, width_in, height, width],
                "seed": seed,
                "tf1-bilinear": np.rint(first.numpy()).astype(int).ravel().tolist(),
                "tf2-bilinear": tf.cast(second, tf.uint8).numpy().ravel().tolist(),
            }
        )
    record = {
        "command": "python tests/oracles/resize_tensorflow.py --output tests/golden/resize_tensorflow.json",
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "cases": cases,
    }
    output.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
