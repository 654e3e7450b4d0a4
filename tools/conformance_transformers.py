"""Compute the answers of VideoMAE and V-JEPA to the conformance vectors with the authors' own classes.

    pip install --no-deps cd-fvd==0.1.1 vjepa==0.1.2 transformers==5.24.0 && pip install numpy torch torchvision opencv-python-headless ...
    PYTHONPATH=metrics:tests/oracles python tools/conformance_transformers.py --output build/conformance_transformers.npz

The networks are put together as in tests/oracles/videomae_authors.py and vjepa_authors.py.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conformance_specs import BY_TRANSFORMERS, SPECS
from torch.nn.functional import interpolate
from videomae_authors import authors_network, utils
from vjepa_authors import authors_networks, normalised

from vidmetrics.conformance.recipes import WEIGHTS, make_inputs
from vidmetrics.conformance.seeded_transformers import SMALL_VIDEOMAE, SMALL_VJEPA
from vidmetrics.files import written_whole

_RESIZE = utils.Resize


def _loaded(module: Any, weights: dict[str, np.ndarray], prefix: str = "") -> Any:
    own = {n.removeprefix(prefix): torch.from_numpy(v) for n, v in weights.items() if n.startswith(prefix)}
    module.load_state_dict(own)
    return module


def _videomae(clips: np.ndarray, weights: dict[str, np.ndarray]) -> torch.Tensor:
    sizes = SMALL_VIDEOMAE._asdict()
    utils.Resize = lambda size: _RESIZE((sizes["side"], sizes["side"]))
    return _loaded(authors_network(sizes), weights).forward_features(utils.preprocess_videomae(clips))


def _vjepa(clips: np.ndarray, weights: dict[str, np.ndarray]) -> torch.Tensor:
    encoder, probe = authors_networks(SMALL_VJEPA._asdict())
    _loaded(encoder, weights, "encoder.")
    _loaded(probe, {name: value for name, value in weights.items() if not name.startswith("encoder.")})
    # The released code resizes nothing; the resize of the definition is torch's.
    side = SMALL_VJEPA.side
    x = normalised(clips)
    N, C, T, H, W = x.shape
    frames = interpolate(x.transpose(1, 2).reshape(N * T, C, H, W), (side, side), mode="bilinear", align_corners=False)
    return probe.pooler(encoder(frames.reshape(N, T, C, side, side).transpose(1, 2))).squeeze(1)


def main() -> None:
    """Parse the command line, run the networks and write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help=".npz file to write")
    args = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("cd-fvd", "vjepa"))
    answers = {"versions": np.array(f"{packages}, torch {torch.__version__}")}
    for spec in SPECS:
        if spec.kind in BY_TRANSFORMERS:
            inputs = make_inputs(spec.recipe)
            weights = {n.removeprefix(WEIGHTS): v for n, v in inputs.items() if n.startswith(WEIGHTS)}
            with torch.no_grad():
                network = _videomae if spec.kind == "videomae-features" else _vjepa
                answers[f"{spec.name}:clips"] = network(inputs["clips"], weights).numpy()
            print(spec.name, file=sys.stderr)
    with written_whole(args.output) as temporary:
        np.savez(temporary, **answers)


if __name__ == "__main__":
    main()
