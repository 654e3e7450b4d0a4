"""Compute TensorFlow's answers to the conformance vectors that involve a resize or I3D.

Requires tensorflow-cpu, tensorflow-hub and lazy_loader, not torch. Conventions with batch norm eps 1e-5 run in the same graph with
variances shifted by 1e-5 - 1e-3; their half-pixel resize is ``tf.image.resize``, which equals torch's.

    PYTHONPATH=metrics python tools/conformance_tensorflow.py --shared ../shared --output build/conformance_tensorflow.npz

The resize is ``tf.compat.v1.image.resize_bilinear``; I3D is DeepMind's graph (TF-Hub deepmind/i3d-kinetics-400), filled
with the seeded variables of `vidmetrics.conformance.seeded_i3d`, which must equal those written by the shared tool.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from conformance_specs import BY_TENSORFLOW, CLIPS, SPECS

from vidmetrics.conformance.recipes import make_inputs
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.files import written_whole
from vidmetrics.weights.i3d_variables import SCOPE


def _resize(frames: np.ndarray, height: int, width: int) -> tf.Tensor:
    return tf.compat.v1.image.resize_bilinear(tf.constant(frames), (height, width))


def _half_pixel(frames: tf.Tensor, height: int, width: int) -> tf.Tensor:
    return tf.image.resize(frames, (height, width), method="bilinear", antialias=False)


def _cropped(frames: np.ndarray) -> tf.Tensor:
    """Resize and crop as VideoGPT does: short side to 224, long side rounded up, then the central square."""
    height, width = frames.shape[1:3]
    scale = 224 / min(height, width)
    size = (224, math.ceil(width * scale)) if height < width else (math.ceil(height * scale), 224)
    resized = _half_pixel(frames, *size)
    top, left = (size[0] - 224) // 2, (size[1] - 224) // 2
    return resized[:, top : top + 224, left : left + 224]


# Preprocessing and batch norm eps of each convention.
CONVENTIONS: dict[str, tuple[Callable[[np.ndarray], tf.Tensor], float]] = {
    "fvd": (lambda frames: _resize(frames, 224, 224), 1e-3),
    "fvd-styleganv": (lambda frames: _half_pixel(frames, 224, 224), 1e-3),
    "fvd-videogpt": (_cropped, 1e-5),
    "fvd-magvit": (lambda frames: _resize(_resize(frames, 64, 64), 224, 224), 1e-3),
    "fvd-cdfvd": (lambda frames: _half_pixel(frames, 224, 224), 1e-5),
}


def _graph(module_dir: Path) -> Callable[[tf.Tensor], tf.Tensor]:
    module = hub.load(str(module_dir))
    run = module.prune("input_frames:0", f"{SCOPE}Mean:0")
    return lambda frames, keep=module: run((2.0 * frames / 255.0 - 1.0)[None])[0]


def _with_eps(module_dir: Path, eps: float) -> Path:
    """Return a copy of the module with variances shifted to compensate for the eps of 1e-3 in its graph."""
    copy = module_dir.with_name(f"eps-{eps:g}")
    shutil.copytree(module_dir, copy)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {}
        for name, value in seeded_i3d_weights(0).items():
            shifted = value + np.float32(eps - 1e-3) if name.endswith("moving_variance") else value
            variables[name] = tf.compat.v1.get_variable(name, shape=value.shape, dtype=tf.float32)
            variables[name].load(shifted, session)
        saver, prefix = tf.compat.v1.train.Saver(variables), str(copy / "variables" / "variables")
        saver.save(session, prefix, write_meta_graph=False, write_state=False)
    return copy


def main() -> None:
    """Parse the command line, run the graph and write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder containing tools/seeded_i3d_module.py")
    parser.add_argument("--output", type=Path, required=True, help=".npz file to write")
    args = parser.parse_args()

    answers = {"versions": np.array(f"TensorFlow {tf.__version__}, tensorflow-hub {hub.__version__}")}
    with tempfile.TemporaryDirectory() as folder:
        module_dir = Path(folder) / "module"
        tool = args.shared / "tools" / "seeded_i3d_module.py"
        command = [sys.executable, str(tool), str(module_dir), "--seed", "0"]
        subprocess.run(command, check=True, stdout=sys.stderr)  # a program of ours, no shell  # nosec B603
        reader = tf.train.load_checkpoint(str(module_dir / "variables" / "variables"))
        ours = seeded_i3d_weights(0)
        if set(ours) != set(reader.get_variable_to_shape_map()):
            raise SystemExit("The two programs do not write the same variables.")
        if not all(np.array_equal(reader.get_tensor(name), value) for name, value in ours.items()):
            raise SystemExit("The two programs do not write the same values.")
        graphs = {1e-3: _graph(module_dir), 1e-5: _graph(_with_eps(module_dir, 1e-5))}
        for spec in SPECS:
            if spec.kind not in BY_TENSORFLOW:
                continue
            inputs = make_inputs(spec.recipe)
            if spec.kind == "resize":
                height, width = spec.parameters["height"], spec.parameters["width"]
                answers[f"{spec.name}:frames"] = _resize(inputs["frames"], height, width).numpy()
                continue
            resize, eps = CONVENTIONS[spec.parameters.get("convention", "fvd")]
            for key in CLIPS:
                if key in inputs:
                    logits = [graphs[eps](resize(clip.astype(np.float32))).numpy() for clip in inputs[key]]
                    answers[f"{spec.name}:{key}"] = np.stack(logits)
            print(spec.name, file=sys.stderr)
    with written_whole(args.output) as temporary:
        np.savez(temporary, **answers)


if __name__ == "__main__":
    main()
