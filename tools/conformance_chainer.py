"""Compute the C3D answers to the conformance vectors with Chainer, assembling the network as TGANv2's code does.

    pip install "setuptools<70" wheel numpy==1.23.5 lazy_loader && pip install --no-build-isolation chainer==7.8.1
    PYTHONPATH=metrics:tests/oracles python tools/conformance_chainer.py --output build/conformance_chainer.npz

The network comes from tests/oracles/c3d_chainer.py, which accepts weights of any width.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import chainer
import numpy as np
from c3d_chainer import answer
from conformance_specs import BY_CHAINER, CLIPS, SPECS

from vidmetrics.conformance.recipes import WEIGHTS, make_inputs
from vidmetrics.files import written_whole

OUTPUTS = {"c3d-fid-from-clips": "fc7", "c3d-is-from-clips": "logits"}


def main() -> None:
    """Parse the command line, run the network and write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help=".npz file to write")
    args = parser.parse_args()

    answers = {"versions": np.array(f"Chainer {chainer.__version__}, numpy {np.__version__}")}
    with chainer.using_config("train", False), chainer.using_config("enable_backprop", False):
        for spec in SPECS:
            if spec.kind not in BY_CHAINER:
                continue
            inputs = make_inputs(spec.recipe)
            weights = {name.removeprefix(WEIGHTS): value for name, value in inputs.items()}
            for key in CLIPS:
                if key in inputs:
                    rows = [answer(clip, weights)[OUTPUTS[spec.kind]] for clip in inputs[key]]
                    answers[f"{spec.name}:{key}"] = np.stack(rows)
            print(spec.name, file=sys.stderr)
    with written_whole(args.output) as temporary:
        np.savez(temporary, **answers)


if __name__ == "__main__":
    main()
