"""Answers of TensorFlow to the vectors that involve a resize or I3D; needs tensorflow-cpu and tensorflow-hub, not torch.

    PYTHONPATH=metrics python tools/conformance_tensorflow.py --shared ../shared --output build/conformance_tensorflow.npz

The resize is ``tf.compat.v1.image.resize_bilinear``; I3D is DeepMind's graph (TF-Hub deepmind/i3d-kinetics-400), filled
with the seeded variables of `vidmetrics.conformance.seeded_i3d`, which must equal those of the shared folder's tool.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from conformance_specs import BY_TENSORFLOW, SPECS

from vidmetrics.conformance.recipes import make_inputs
from vidmetrics.conformance.seeded_i3d import SCOPE, seeded_i3d_weights


def _resize(frames: np.ndarray, height: int, width: int) -> tf.Tensor:
    return tf.compat.v1.image.resize_bilinear(tf.constant(frames), (height, width))


def main() -> None:
    """Parse the command line, run the graph, write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with tools/seeded_i3d_module.py")
    parser.add_argument("--output", type=Path, required=True, help="the .npz file to write")
    args = parser.parse_args()

    answers = {"versions": np.array(f"TensorFlow {tf.__version__}, tensorflow-hub {hub.__version__}")}
    with tempfile.TemporaryDirectory() as folder:
        module_dir = Path(folder) / "module"
        tool = args.shared / "tools" / "seeded_i3d_module.py"
        subprocess.run([sys.executable, str(tool), str(module_dir), "--seed", "0"], check=True, stdout=sys.stderr)
        reader = tf.train.load_checkpoint(str(module_dir / "variables" / "variables"))
        ours = seeded_i3d_weights(0)
        assert set(ours) == set(reader.get_variable_to_shape_map())
        assert all(np.array_equal(reader.get_tensor(name), value) for name, value in ours.items())
        module = hub.load(str(module_dir))
        run = module.prune("input_frames:0", f"{SCOPE}Mean:0")
        for spec in SPECS:
            if spec.kind not in BY_TENSORFLOW:
                continue
            inputs = make_inputs(spec.recipe)
            if spec.kind == "resize":
                height, width = spec.parameters["height"], spec.parameters["width"]
                answers[f"{spec.name}:frames"] = _resize(inputs["frames"], height, width).numpy()
                continue
            for key in ("clips", "real_clips", "generated_clips"):
                if key in inputs:
                    resized = [_resize(clip.astype(np.float32), 224, 224) for clip in inputs[key]]
                    logits = [run((2.0 * frames / 255.0 - 1.0)[None]).numpy()[0] for frames in resized]
                    answers[f"{spec.name}:{key}"] = np.stack(logits)
            print(spec.name, file=sys.stderr)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    temporary = args.output.with_name(f".{args.output.stem}.partial.npz")
    np.savez(temporary, **answers)
    temporary.replace(args.output)


if __name__ == "__main__":
    main()
