"""Outputs of torch-fidelity's and pytorch-fid's Inception on seeded weights.

    pip install torch==2.13.0 numpy scipy pillow tqdm
    pip install --no-deps torchvision==0.28.0 torch-fidelity==0.4.0 pytorch-fid==0.3.0
    python tests/oracles/inception_peers.py --output tests/golden/inception_seeded.npz

Both packages import torchvision, whose wheel for GPUs cannot be imported with a torch for CPUs ("operator
torchvision::nms does not exist"): only because it describes operators to the tracer that the missing binary would have
registered. That one module is replaced by an empty one; nothing here calls such an operator. Neither package downloads
its weights: the function by which they ask for them answers with the seeded ones (inception_cases.WEIGHTS_SEED).

Written are, for each case of inception_cases.py,

* ``torch-fidelity/OUTPUT/CASE``: uint8 frames given to FeatureExtractorInceptionV3, whole (resize, scaling, network);
* ``pytorch-fid-trunk/pool/CASE``, for frames of 299x299: InceptionV3 without its resize and scaling, on (x - 128) / 128;
* ``pytorch-fid/pool/CASE``, for one small case: InceptionV3 as it is used, with its half-pixel resize and 2x - 1;

and a .json with everything needed to reproduce them.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import types
from pathlib import Path

import numpy as np
import torch
from i3d_cases import sha256_of
from inception_cases import CLIP_CASES, WEIGHTS_SEED, seeded_weights

sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")

import pytorch_fid  # noqa: E402
import torch_fidelity  # noqa: E402
import torchvision  # noqa: E402
from pytorch_fid import inception as pytorch_fid_inception  # noqa: E402
from torch_fidelity import feature_extractor_inceptionv3 as fidelity_inception  # noqa: E402

FIDELITY_OUTPUTS = {"pool": "2048", "logits": "logits", "logits-unbiased": "logits_unbiased"}
WHOLE_PYTORCH_FID = "mixed-2x64x48"


def _shapes() -> dict[str, list[int]]:
    """Names and shapes of the weights, as torch-fidelity's class declares them."""
    asked: dict[str, list[int]] = {}

    class Asked(fidelity_inception.FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, **_):
            asked.update({name: list(value.shape) for name, value in self.state_dict().items()})

    fidelity_inception.load_state_dict_from_url = lambda *_, **__: {}
    Asked("shapes", ["2048"])
    return {name: shape for name, shape in asked.items() if not name.endswith("num_batches_tracked")}


def _answers(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    def state(*_: object, **__: object) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(value) for name, value in weights.items()}

    fidelity_inception.load_state_dict_from_url = state
    pytorch_fid_inception.load_state_dict_from_url = state
    fidelity = fidelity_inception.FeatureExtractorInceptionV3("seeded", list(FIDELITY_OUTPUTS.values()))
    whole = pytorch_fid_inception.InceptionV3().eval()
    trunk = pytorch_fid_inception.InceptionV3(resize_input=False, normalize_input=False).eval()
    answers = {}
    for case in CLIP_CASES:
        frames_NCHW = torch.from_numpy(case.clip()).permute(0, 3, 1, 2).contiguous()
        features = dict(zip(FIDELITY_OUTPUTS, fidelity(frames_NCHW), strict=True))
        for output, value in features.items():
            answers[f"torch-fidelity/{output}/{case.name}"] = value.numpy()
            print(case.name, output, "rms", float(value.square().mean().sqrt()), file=sys.stderr)
        if (case.height, case.width) == (299, 299):
            pool = trunk((frames_NCHW.float() - 128) / 128)[0][:, :, 0, 0]
            answers[f"pytorch-fid-trunk/pool/{case.name}"] = pool.numpy()
        if case.name == WHOLE_PYTORCH_FID:
            answers[f"pytorch-fid/pool/{case.name}"] = whole(frames_NCHW.float() / 255)[0][:, :, 0, 0].numpy()
    return answers


def main() -> None:
    """Parse the command line, run both packages, write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, required=True, help="the .npz file to write; its .json is written next to it"
    )
    args = parser.parse_args()

    shapes = _shapes()
    weights = seeded_weights(shapes, WEIGHTS_SEED)
    with torch.inference_mode():
        answers = _answers(weights)
    record = {
        "command": "python tests/oracles/inception_peers.py --output tests/golden/inception_seeded.npz",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "torch-fidelity": torch_fidelity.__version__,
            "pytorch-fid": pytorch_fid.__version__,
            "machine": platform.machine(),
        },
        "weights_seed": WEIGHTS_SEED,
        "weights_sha256": sha256_of(weights),
        "inputs_sha256": {case.name: sha256_of({"clip": case.clip()}) for case in CLIP_CASES},
        "shapes": dict(sorted(shapes.items())),
    }
    archive, notes = (args.output.with_name(f".{args.output.stem}.partial{suffix}") for suffix in (".npz", ".json"))
    np.savez_compressed(archive, **answers)
    rows = json.dumps(record, indent=1, sort_keys=True)
    notes.write_text(rows + "\n", encoding="utf-8")
    archive.replace(args.output)
    notes.replace(args.output.with_suffix(".json"))


if __name__ == "__main__":
    main()
