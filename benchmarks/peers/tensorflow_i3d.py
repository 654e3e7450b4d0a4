"""A peer of ``benchmarks/i3d_cpu.py``: the published I3D graph in TensorFlow; runs in the environment of ``make test-tensorflow``.

    python tensorflow_i3d.py THREADS MODULE

``MODULE`` is the folder that tools/seeded_i3d_module.py of the shared folder writes. Each line of standard input is a frame size;
the answer is one line of JSON with the CPU and wall-clock seconds of one call, from a uint8 clip of 16 frames to logits.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub


def main() -> None:
    """Answer until standard input ends."""
    tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
    tf.config.threading.set_inter_op_parallelism_threads(1)
    module = hub.load(sys.argv[2])
    run = module.prune("input_frames:0", "RGB/inception_i3d/Mean:0")
    for line in sys.stdin:
        size = int(line)
        clip = np.random.default_rng(0).integers(0, 256, (16, size, size, 3), dtype=np.uint8)
        cpu, wall = time.process_time(), time.perf_counter()
        resized = tf.compat.v1.image.resize_bilinear(tf.constant(clip.astype(np.float32)), (224, 224))
        run((2.0 * resized / 255.0 - 1.0)[None]).numpy()
        print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}), flush=True)


if __name__ == "__main__":
    main()
