"""Distances of LPIPS by the authors' package, on seeded backbones under its trained linear layers.

pip install --no-deps lpips==0.1.4 && pip install numpy torch torchvision
python tests/oracles/lpips_authors.py --output tests/golden/lpips_seeded.json
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
from pathlib import Path

import lpips
import numpy as np
import torch
import torchvision
from lpips_cases import SIDES, WEIGHTS_SEED, frame_pairs, seeded_backbone


def distances(net: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return the distance of each pair of frames by the sides of the frames, and the linear layers."""
    made = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    own = made.net.state_dict()  # "slice2.3.weight": the number behind the slice is that of torchvision's features
    shapes = {f"features.{name.split('.', 1)[1]}": tuple(value.shape) for name, value in own.items()}
    weights = seeded_backbone(shapes)
    found = {}
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(torch.from_numpy(weights[f"features.{name.split('.', 1)[1]}"]))
        for side in SIDES:
            pair = [torch.from_numpy(frames).permute(0, 3, 1, 2).float() for frames in frame_pairs(side)]
            found[str(side)] = made(*(x / 127.5 - 1 for x in pair)).flatten().tolist()
    linear = {
        f"lin{place}.model.1.weight": each.model[1].weight.flatten().tolist() for place, each in enumerate(made.lins)
    }
    return found, linear


def main() -> None:
    """Write the distances."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the .json file to write")
    args = parser.parse_args()
    of_net = {net: distances(net) for net in ("alex", "vgg")}
    record = {
        "command": "python tests/oracles/lpips_authors.py --output tests/golden/lpips_seeded.json",
        "versions": {
            "lpips": importlib.metadata.version("lpips"),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        "weights_seed": WEIGHTS_SEED,
        "distances": {net: found for net, (found, _) in of_net.items()},
        "linear": {net: linear for net, (_, linear) in of_net.items()},
    }
    args.output.write_text(json.dumps(record, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
