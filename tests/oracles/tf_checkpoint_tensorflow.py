"""A small checkpoint written by TensorFlow itself, and its values; needs only tensorflow-cpu.

    python tests/oracles/tf_checkpoint_tensorflow.py tests/golden/tf_checkpoint

Written are ``small.index`` with two data files, ``small.npz`` with the values under the same names, and ``small.json`` with the
command, the versions and the seed. Besides numbers of every kind there are a string and a bfloat16 tensor, which a reader of
weights skips or refuses.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

SEED = 20150512


def values() -> dict[str, np.ndarray]:
    """Return tensors of several kinds and shapes, with names that share prefixes like those of a network."""
    rng = np.random.default_rng(SEED)
    found: dict[str, np.ndarray] = {
        "global_step": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "half": rng.normal(size=5).astype(np.float16),
        "double": rng.normal(size=(2, 2)),
        "complex": (rng.normal(size=3) + 1j * rng.normal(size=3)).astype(np.complex64),
        "mask": rng.integers(0, 2, 9).astype(bool),
        "zeros": np.zeros(40, np.float32),
    }
    for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64):
        info = np.iinfo(kind)
        found[f"integers/{kind.__name__}"] = rng.integers(info.min, info.max, (2, 3), dtype=kind, endpoint=True)
    for block in "abcdefgh":
        for index in range(3):
            name = f"RGB/inception_i3d/Mixed_{block}/Branch_{index}"
            found[f"{name}/conv_3d/w"] = rng.normal(size=(1, 1, 1, 2, 3)).astype(np.float32)
            found[f"{name}/batch_norm/moving_variance"] = rng.uniform(size=(1, 1, 1, 1, 3)).astype(np.float32)
    return found


def main() -> None:
    """Write the checkpoint, its values and the record of how it was made."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tensors = values()
    extra = {"notes": tf.constant("a text"), "brain": tf.cast(tf.constant([1.0, 2.5]), tf.bfloat16)}
    everything = {**{name: tf.constant(value) for name, value in tensors.items()}, **extra}
    names = sorted(everything)
    with tempfile.TemporaryDirectory() as scratch:
        parts = [f"{scratch}/part{index}" for index in range(2)]
        for index, part in enumerate(parts):
            chosen = names[index::2]
            tf.raw_ops.SaveV2(
                prefix=part,
                tensor_names=chosen,
                shape_and_slices=[""] * len(chosen),
                tensors=[everything[name] for name in chosen],
            )
        tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(folder / "small"))
    np.savez_compressed(folder / "small.npz", **tensors)
    record = {
        "command": "python tests/oracles/tf_checkpoint_tensorflow.py tests/golden/tf_checkpoint",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "tensorflow": tf.__version__},
        "seed": SEED,
        "refused": ["brain"],
        "left_out": ["notes"],
    }
    (folder / "small.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
