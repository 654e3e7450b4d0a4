"""Weights in their published formats, and a misbehaving server."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from vidmetrics import InputError
from vidmetrics.weights.fetch import OFFLINE_VARIABLE, Patience, fetch
from vidmetrics.weights.sources import PublishedFile

CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()

_UNITS = {
    "/Branch_0/Conv3d_0a_1x1": ".b0",
    "/Branch_1/Conv3d_0a_1x1": ".b1a",
    "/Branch_1/Conv3d_0b_3x3": ".b1b",
    "/Branch_2/Conv3d_0a_1x1": ".b2a",
    "/Branch_2/Conv3d_0b_3x3": ".b2b",
    "/Branch_2/Conv3d_0a_3x3": ".b2b",
    "/Branch_3/Conv3d_0b_1x1": ".b3b",
    "Logits/Conv3d_0c_1x1": "logits",
    "/batch_norm/beta": ".bn.bias",
    "/batch_norm/moving_mean": ".bn.running_mean",
    "/batch_norm/moving_variance": ".bn.running_var",
    "/conv_3d/w": ".conv3d.weight",
    "/conv_3d/b": ".conv3d.bias",
}


@pytest.fixture(scope="session")
def torch_port(seeded_weights):
    """The seeded weights as converted by VideoGPT's script."""
    state = {}
    for name, value in seeded_weights.items():
        name = name.removeprefix("RGB/inception_i3d/")
        for theirs, ours in _UNITS.items():
            name = name.replace(theirs, ours)
        flat = value if value.ndim == 1 else value.reshape(-1) if ".bn." in name else value.transpose(4, 3, 0, 1, 2)
        state[name] = torch.from_numpy(np.array(flat))
        if name.endswith(".bn.bias"):
            state[name.replace(".bn.bias", ".bn.weight")] = torch.ones(len(flat))
    return state


@pytest.fixture
def module(writer, seeded_weights, tmp_path):
    writer.write_module(tmp_path / "module", seeded_weights)
    return tmp_path / "module"


@pytest.fixture(autouse=True)
def _straight_to_the_server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv(OFFLINE_VARIABLE, raising=False)


@pytest.fixture
def server(rude):
    server = rude.RudeServer(CONTENT)
    yield server
    server.close()


@pytest.fixture
def mirror(rude):
    server = rude.RudeServer(CONTENT)
    yield server
    server.close()


class Fetching:
    """One file, its destination, and the waits between attempts."""

    def __init__(self, folder):
        self.folder = folder
        self.waits = []
        self.reports = []
        self.patience = Patience(
            attempts=3, connect_seconds=2, stall_seconds=0.3, first_wait_seconds=1, sleep=self.waits.append
        )

    def __call__(self, *urls, **known):
        file = PublishedFile("w.bin", urls, **(known or {"bytes": len(CONTENT), "sha256": SHA256}))
        return fetch(file, self.folder, lambda *report: self.reports.append(report), patience=self.patience)

    def assert_good(self):
        assert (self.folder / "w.bin").read_bytes() == CONTENT
        assert [path.name for path in self.folder.iterdir()] == ["w.bin"]

    def assert_refused(self, *urls, **known):
        """Check for one sentence and no file under the final name; return the sentence."""
        with pytest.raises(InputError) as caught:
            self(*urls, **known)
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert not (self.folder / "w.bin").exists()
        return sentence


@pytest.fixture
def fetching(tmp_path):
    return Fetching(tmp_path / "to")
