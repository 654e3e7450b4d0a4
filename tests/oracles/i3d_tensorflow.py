"""Outputs of the published I3D graph, computed by TensorFlow; needs tensorflow-cpu and tensorflow-hub, not torch.

    python tests/oracles/i3d_tensorflow.py --shared ../shared --output answers.npz

The graph is DeepMind's own (TF-Hub deepmind/i3d-kinetics-400), filled with seeded weights by the tool
tools/seeded_i3d_module.py of the shared folder. For each case of i3d_cases.py, it writes the logits, the
time-averaged output of the last average pool and the resized frames, and a .json with everything needed to reproduce
them: command, versions, seeds, names and shapes of the variables, digests of weights and inputs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from i3d_cases import CLIP_CASES, RESIZE_CASES, WEIGHTS_SEED, sha256_of

SCOPE = "RGB/inception_i3d"


def _resize(frames: np.ndarray, height: int, width: int) -> tf.Tensor:
    return tf.compat.v1.image.resize_bilinear(tf.constant(frames), (height, width))


def _answers(module_dir: Path) -> dict[str, np.ndarray]:
    module = hub.load(str(module_dir))
    run = module.prune("input_frames:0", [f"{SCOPE}/Mean:0", f"{SCOPE}/Logits/AvgPool3D:0"])
    answers = {}
    for case in CLIP_CASES:
        resized = _resize(case.clip().astype(np.float32), 224, 224)
        logits, pool = run((2.0 * resized / 255.0 - 1.0)[None])
        answers[f"logits/{case.name}"] = logits.numpy()[0]
        answers[f"pool/{case.name}"] = pool.numpy()[0].mean(axis=(0, 1, 2))
        print(case.name, "norm of the logits", np.linalg.norm(logits), file=sys.stderr)
    for case in RESIZE_CASES:
        answers[f"resize/{case.name}"] = _resize(case.frames(), case.out_height, case.out_width).numpy()
    return answers


def main() -> None:
    """Parse the command line, build the module, write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with tools/seeded_i3d_module.py")
    parser.add_argument(
        "--output", type=Path, required=True, help="the .npz file to write; its .json is written next to it"
    )
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        module_dir = Path(folder) / "module"
        tool = args.shared / "tools" / "seeded_i3d_module.py"
        command = [sys.executable, str(tool), str(module_dir), "--seed", str(WEIGHTS_SEED)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        reader = tf.train.load_checkpoint(str(module_dir / "variables" / "variables"))
        weights = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        answers = _answers(module_dir)

    record = {
        "command": "python tests/oracles/i3d_tensorflow.py --shared ../shared --output tests/golden/i3d_seeded_logits.npz",
        "graph": "TF-Hub deepmind/i3d-kinetics-400, version 1, seeded weights",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "tensorflow": tf.__version__,
            "tensorflow-hub": hub.__version__,
            "machine": platform.machine(),
        },
        "weights_seed": WEIGHTS_SEED,
        "weights_sha256": sha256_of(weights),
        "inputs_sha256": {
            **{case.name: sha256_of({"clip": case.clip()}) for case in CLIP_CASES},
            **{case.name: sha256_of({"frames": case.frames()}) for case in RESIZE_CASES},
        },
        "shapes": {name: list(weights[name].shape) for name in sorted(weights)},
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    archive, notes = (args.output.with_name(f".{args.output.stem}.partial{suffix}") for suffix in (".npz", ".json"))
    np.savez_compressed(archive, **answers)
    notes.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    archive.replace(args.output)
    notes.replace(args.output.with_suffix(".json"))


if __name__ == "__main__":
    main()
