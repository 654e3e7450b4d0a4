"""A complete TF-Hub module written by TensorFlow, imported without it; `make test-tensorflow` writes it and names its folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from vidmetrics import load_network
from vidmetrics.weights.importing import import_weights
from vidmetrics.weights.proof import prove

VARIABLE = "VIDBENCH_TF_MODULE"

pytestmark = pytest.mark.skipif(
    not os.environ.get(VARIABLE), reason=f"{VARIABLE} does not name a module that TensorFlow wrote"
)


def test_the_seeded_module(seeded_weights):
    network, target = import_weights([Path(os.environ[VARIABLE])])
    ours = load_file(target)
    assert network == "i3d-kinetics-400"
    assert set(ours) == set(seeded_weights)
    assert all(np.array_equal(ours[name], value) for name, value in seeded_weights.items())
    assert prove(ours).verdict.startswith("not DeepMind's values: 230 of 230")
    assert not load_network(network).proven
