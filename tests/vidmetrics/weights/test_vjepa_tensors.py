"""The authors' two checkpoints of V-JEPA become named tensors; parts and other networks are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError
from vidmetrics.weights import vjepa_tensors
from vidmetrics.weights.importing import import_weights
from vidmetrics.weights.reading import read_weights
from vidmetrics.weights.vjepa_tensors import Sizes, tensor_shapes

SIZES = Sizes(width=8, depth=1, heads=2, side=32, classes=3)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Files as facebookresearch/jepa writes them, with what else is in them."""
    monkeypatch.setattr(vjepa_tensors, "PUBLISHED", SIZES)
    rng = np.random.default_rng(0)
    drawn = {n: torch.from_numpy(rng.standard_normal(s, dtype=np.float32)) for n, s in tensor_shapes(SIZES).items()}
    encoder = {f"module.backbone.{n[8:]}": v for n, v in drawn.items() if n.startswith("encoder.")}
    probe = {f"module.{n}": v for n, v in drawn.items() if not n.startswith("encoder.")}
    other = {name: value + 1 for name, value in encoder.items()}
    rest = {"epoch": 90, "opt": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]}}

    def write(name, content):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    pretraining = {"encoder": other, "predictor": {"x": torch.ones(2)}, "target_encoder": encoder, **rest}
    return drawn, pretraining, {"classifier": probe, **rest}, write


def test_both_files_are_the_network(written):
    drawn, pretraining, probe, write = written
    paths = [write("vith16.pth.tar", pretraining), write("ssv2-probe.pth.tar", probe)]
    found = read_weights(paths)
    assert set(found) == set(drawn)
    assert all(np.array_equal(found[name], value.numpy()) for name, value in drawn.items())
    network, target = import_weights(paths)
    assert (network, target.name) == ("vjepa-ssv2", "vjepa-ssv2.safetensors")


def test_one_file_alone_is_refused(written):
    _, pretraining, probe, write = written
    with pytest.raises(InputError, match="a part of vjepa-ssv2 without the probe's pooler"):
        import_weights([write("vith16.pth.tar", pretraining)])
    with pytest.raises(InputError, match="a part of vjepa-ssv2 without the encoder"):
        import_weights([write("ssv2-probe.pth.tar", probe)])


def test_the_trained_encoder_is_not_the_target_encoder(written):
    _, pretraining, _, write = written
    del pretraining["target_encoder"]
    with pytest.raises(InputError, match="contains no 'target_encoder'"):
        read_weights([write("vith16.pth.tar", pretraining)])


def test_a_partial_checkpoint_is_refused_by_name(written):
    _, pretraining, probe, write = written
    del pretraining["target_encoder"]["module.backbone.blocks.0.attn.qkv.bias"]
    paths = [write("vith16.pth.tar", pretraining), write("ssv2-probe.pth.tar", probe)]
    with pytest.raises(
        InputError, match=r"1 missing and 0 unknown \('encoder\.blocks\.0\.attn\.qkv\.bias' is missing\)"
    ):
        import_weights(paths)
    pretraining["target_encoder"]["module.backbone.blocks.0.attn.qkv.bias"] = torch.zeros(9)
    write("vith16.pth.tar", pretraining)
    with pytest.raises(InputError, match=r"'encoder\.blocks\.0\.attn\.qkv\.bias' of vjepa-ssv2 is float32 \[9\]"):
        import_weights(paths)


def test_what_is_no_tensor_is_refused(written):
    _, pretraining, _, write = written
    pretraining["target_encoder"]["module.backbone.norm.bias"] = 3
    with pytest.raises(InputError, match=r"'module\.backbone\.norm\.bias' in it is no tensor"):
        read_weights([write("vith16.pth.tar", pretraining)])
