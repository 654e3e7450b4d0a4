"""Shared fixtures: the oracle's cases and recorded answers, and an I3D with its weights."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def cases() -> ModuleType:
    """The module tests/oracles/i3d_cases.py, which the TensorFlow oracle imports too."""
    spec = importlib.util.spec_from_file_location("i3d_cases", TESTS / "oracles" / "i3d_cases.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _beside_the_tests(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TESTS / "oracles" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def writer() -> ModuleType:
    """The module tests/oracles/checkpoint_writer.py."""
    return _beside_the_tests("checkpoint_writer")


@pytest.fixture(scope="session")
def rude() -> ModuleType:
    """The module tests/oracles/rude_server.py."""
    return _beside_the_tests("rude_server")


@pytest.fixture(scope="session")
def plain_snappy() -> ModuleType:
    """The module tests/oracles/plain_snappy.py."""
    return _beside_the_tests("plain_snappy")


class Oracle:
    """Answers of TensorFlow and the record of how they were made."""

    def __init__(self, path: Path) -> None:
        self.record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with np.load(path, allow_pickle=False) as archive:
            self.answers = {name: archive[name] for name in archive.files}


@pytest.fixture(scope="session")
def read_oracle() -> type[Oracle]:
    return Oracle


@pytest.fixture(scope="session")
def golden() -> Oracle:
    return Oracle(TESTS / "golden" / "i3d_seeded_logits.npz")


@pytest.fixture(scope="session")
def seeded_weights(cases, golden) -> dict[str, np.ndarray]:
    """The 230 variables of the oracle's graph, by their TensorFlow names."""
    weights = cases.seeded_weights(golden.record["shapes"], golden.record["weights_seed"])
    digest = cases.sha256_of(weights)
    assert digest == golden.record["weights_sha256"], "this numpy draws other numbers from the same seed"
    return weights


@pytest.fixture(scope="session")
def seeded_i3d(seeded_weights, tmp_path_factory):
    """`load_network("i3d-kinetics-400")` with the oracle's weights, from a file."""
    from safetensors.numpy import save_file

    from vidmetrics import load_network

    path = tmp_path_factory.mktemp("weights") / "seeded.safetensors"
    save_file(seeded_weights, path)
    return load_network("i3d-kinetics-400", weights=path)


@pytest.fixture(scope="session")
def torch_answers(cases, seeded_i3d) -> dict[str, np.ndarray]:
    """Our own outputs for all clips of the oracle, under the oracle's names; computed once."""
    answers = {}
    for case in cases.CLIP_CASES:
        features = seeded_i3d(case.clip()[None])
        answers.update({f"{output}/{case.name}": features[output][0] for output in ("logits", "pool")})
    return answers
