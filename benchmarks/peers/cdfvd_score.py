"""The peer's side of ``benchmarks/score.py``: cd-fvd's whole path; runs in an environment with it, and imports nothing of ours.

    python cdfvd_score.py REAL.npy GENERATED.npy WEIGHTS.npz DEVICE

Reads both arrays of clips, uint8 ``[N, T, H, W, 3]``, and prints one line of JSON with the FVD that the package's documented function
gives with its defaults, with I3D weights from a file instead of its download.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from cdfvd import fvd
from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d


def main() -> None:
    """Measure the two arrays."""
    real, generated, weights, device = sys.argv[1:]
    state = InceptionI3d(400, in_channels=3).state_dict()
    with np.load(weights, allow_pickle=False) as tensors:
        state |= {name: torch.from_numpy(tensors[name]) for name in tensors.files}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        checkpoint = Path(folder) / "i3d_pretrained_400.pt"
        torch.save(state, checkpoint)
        evaluator = fvd.cdfvd("i3d", n_real="full", n_fake="full", ckpt_path=str(checkpoint), device=device)
        value = evaluator.compute_fvd(np.load(real), np.load(generated))
    print(json.dumps({"fvd": float(value)}))


if __name__ == "__main__":
    main()
