"""Compute the answers of torch-fidelity's Inception and cd-fvd's float32 distance to the conformance vectors.

    pip install torch==2.13.0 numpy scipy pillow tqdm einops requests lazy_loader
    pip install --no-deps torchvision==0.28.0 torch-fidelity==0.4.0 cd-fvd==0.1.1
    PYTHONPATH=metrics:examples/conformance python tools/conformance_torch_fidelity.py \
        --tensorflow build/conformance_tensorflow.npz --output build/conformance_torch_fidelity.npz

The float32 distance, in the form used by TATS and VideoGPT, is computed from TensorFlow's logits. torch-fidelity
downloads nothing here: its download function is replaced by one that returns the seeded weights.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from pathlib import Path

import numpy as np
import torch
import without_torchvision  # noqa: F401
from cdfvd.third_party.i3d.utils import frechet_distance
from conformance_specs import BY_TORCH_FIDELITY, CLIPS, SPECS
from torch_fidelity import feature_extractor_inceptionv3

from vidmetrics.conformance.recipes import WEIGHTS, make_inputs
from vidmetrics.files import written_whole

OUTPUTS = {"fid-from-clips": "2048", "kid-from-clips": "2048", "is-from-clips": "logits_unbiased"}


def _network(inputs: dict[str, np.ndarray], output: str) -> torch.nn.Module:
    state = {
        name.removeprefix(WEIGHTS): torch.from_numpy(value)
        for name, value in inputs.items()
        if name.startswith(WEIGHTS)
    }
    feature_extractor_inceptionv3.load_state_dict_from_url = lambda *_, **__: state
    return feature_extractor_inceptionv3.FeatureExtractorInceptionV3("seeded", [output])


def main() -> None:
    """Parse the command line, run the network and the distance, and write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensorflow", type=Path, required=True, help="output of tools/conformance_tensorflow.py")
    parser.add_argument("--output", type=Path, required=True, help=".npz file to write")
    args = parser.parse_args()

    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("torch-fidelity", "cd-fvd", "torch")]
    answers = {"versions": np.array(", ".join(versions))}
    for spec in SPECS:
        if spec.kind not in BY_TORCH_FIDELITY:
            continue
        inputs = make_inputs(spec.recipe)
        network = _network(inputs, OUTPUTS[spec.kind])
        for key in CLIPS:
            if key in inputs:
                frames_NHWC = inputs[key].reshape(-1, *inputs[key].shape[2:])
                with torch.inference_mode():
                    (features,) = network(torch.from_numpy(frames_NHWC).permute(0, 3, 1, 2).contiguous())
                answers[f"{spec.name}:{key}"] = features.numpy()
        print(spec.name, file=sys.stderr)
    with np.load(args.tensorflow, allow_pickle=False) as archive:
        logits = [
            torch.from_numpy(archive[f"fvd-conventions/fvd-videogpt:{side}_clips"]) for side in ("real", "generated")
        ]
    answers["fvd-conventions/fvd-videogpt:distance"] = np.array(float(frechet_distance(*logits)))
    with written_whole(args.output) as temporary:
        np.savez(temporary, **answers)


if __name__ == "__main__":
    main()
