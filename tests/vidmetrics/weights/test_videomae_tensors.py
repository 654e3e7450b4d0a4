"""The published checkpoint of VideoMAE becomes named tensors; other forms and lost tensors are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError
from vidmetrics.weights import videomae_tensors
from vidmetrics.weights.importing import import_weights
from vidmetrics.weights.reading import read_weights
from vidmetrics.weights.videomae_tensors import VideoMAESizes, refuse_other_videomae, videomae_shapes

SIZES = VideoMAESizes(width=8, depth=1, heads=2, hidden=12, side=28, classes=3)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file as its authors write it, and a function that writes another."""
    monkeypatch.setattr(videomae_tensors, "VIT_G", SIZES)
    rng = np.random.default_rng(0)
    shapes = videomae_shapes(SIZES)
    drawn = {n: torch.from_numpy(rng.standard_normal(s, dtype=np.float32)).half() for n, s in shapes.items()}

    def write(content):
        torch.save(content, tmp_path / "vit_g.pth")
        return tmp_path / "vit_g.pth"

    return drawn, write


def test_the_file_is_the_network(published, monkeypatch, tmp_path):
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    drawn, write = published
    path = write({"module": drawn})
    found = read_weights([path])
    assert all(v.dtype == np.float32 and np.array_equal(v, drawn[n].float().numpy()) for n, v in found.items())
    assert import_weights([path])[0] == "videomae-ssv2"


def test_a_lost_bias_is_refused_by_name(published):
    drawn, write = published
    del drawn["blocks.0.attn.q_bias"]
    with pytest.raises(
        InputError, match=r"1 missing and 0 unknown \('blocks\.0\.attn\.q_bias' is missing\).*OpenGVLab"
    ):
        import_weights([write({"module": drawn})])


def test_other_sizes_and_conversions_are_refused_by_name(published):
    drawn, write = published
    drawn["head.weight"] = torch.zeros(710, 8)
    with pytest.raises(InputError, match=r"'head\.weight' of videomae-ssv2 is float32 \[710, 8\]"):
        import_weights([write({"module": drawn})])
    with pytest.raises(InputError, match=r"converted for another library \('videomae\.encoder\.x'\)"):
        refuse_other_videomae({"videomae.encoder.x": np.zeros(3)}, "FILE")
