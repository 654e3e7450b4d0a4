"""Proof of weights: tensor by tensor for I3D, by the imported file for everything else."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from vidmetrics import InputError, load_network
from vidmetrics.networks import i3d
from vidmetrics.weights import proof
from vidmetrics.weights.i3d_variables import SCOPE, crc_table, stored_shapes, variable_shapes
from vidmetrics.weights.importing import import_weights
from vidmetrics.weights.proof import IMAGENET, import_record_path, imported_from_published, prove
from vidmetrics.weights.sources import PublishedFile, Source


@pytest.fixture
def published(seeded_weights, writer, monkeypatch):
    """A table in which the seeded weights are the published ones."""
    table = {
        "i3d-kinetics-400": {
            name.removeprefix(SCOPE): writer.masked(value.tobytes()) for name, value in seeded_weights.items()
        },
        "i3d-kinetics-600": crc_table()["i3d-kinetics-600"],
        IMAGENET: crc_table()[IMAGENET],
    }
    monkeypatch.setattr(proof, "crc_table", lambda: table)
    return table


def test_the_published_variables_are_the_networks():
    for checkpoint, published in crc_table().items():
        network = i3d.I3D(600 if checkpoint.endswith("600") else 400)
        shapes = {name: tuple(target.shape) for name, target in i3d._variables(network).items()}
        kernels = {name: (*shape[2:], shape[1], shape[0]) for name, shape in shapes.items() if len(shape) == 5}
        assert set(published) == set(shapes)
        assert variable_shapes(checkpoint) == shapes | kernels
    assert all(name.startswith(SCOPE) for name in stored_shapes("i3d-kinetics-400"))
    assert set(crc_table()) == {"i3d-kinetics-400", "i3d-kinetics-600", IMAGENET}


def test_other_values_are_named(seeded_weights):
    found = prove(seeded_weights)
    assert (found.checkpoint, found.equal, found.total, len(found.differing)) == (None, 0, 230, 230)
    assert found.verdict.startswith("not DeepMind's values: 230 of 230 tensors differ from i3d-kinetics-400")
    assert "from i3d-kinetics-600" in prove(seeded_weights, "i3d-kinetics-600").verdict


def test_the_published_values_are_proven_at_load_time(published, module, tmp_path):
    _, target = import_weights([module])
    assert load_network("i3d-kinetics-400").proven
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(target.read_bytes())  # without the record: the tensors suffice
    assert load_network("i3d-kinetics-400", weights=moved).proven


def test_layout_of_batch_norm_and_scope_do_not_matter(published, seeded_weights):
    flat = {
        name.removeprefix(SCOPE): value.reshape(-1) if "batch_norm" in name else value
        for name, value in seeded_weights.items()
    }
    slots = {"global_step": np.array(3), "Logits/Conv3d_0c_1x1/conv_3d/w/Momentum": np.ones(3)}
    found = prove(flat | slots)
    assert found.checkpoint == "i3d-kinetics-400"
    assert found.verdict == "proven: all 230 tensors are those of DeepMind's i3d-kinetics-400"


def test_one_bit_is_enough(published, seeded_weights, tmp_path):
    name = "RGB/inception_i3d/Mixed_5c/Branch_1/Conv3d_0b_3x3/conv_3d/w"
    changed = seeded_weights[name].copy()
    changed.view(np.uint32)[0, 0, 0, 0, 0] ^= 1
    found = prove({**seeded_weights, name: changed})
    assert found.differing == (name.removeprefix(SCOPE),)
    assert found.checkpoint is None
    assert (found.equal, found.total) == (229, 230)
    assert "1 of 230 tensors differ from i3d-kinetics-400 (Mixed_5c/Branch_1" in found.verdict
    np.savez(tmp_path / "changed.npz", **{**seeded_weights, name: changed})
    assert not load_network("i3d-kinetics-400", weights=tmp_path / "changed.npz").proven


def test_the_values_in_another_order_or_precision_are_not_the_published_ones(published, seeded_weights):
    name = "RGB/inception_i3d/Conv3d_2b_1x1/conv_3d/w"
    for other in (seeded_weights[name].astype(np.float64), seeded_weights[name].swapaxes(3, 4)):
        assert prove({**seeded_weights, name: other}).differing == ("Conv3d_2b_1x1/conv_3d/w",)


def test_missing_and_additional_tensors_differ(published, seeded_weights):
    name = "RGB/inception_i3d/Conv3d_2b_1x1/conv_3d/w"
    lacking = {key: value for key, value in seeded_weights.items() if key != name}
    assert prove(lacking).differing == ("Conv3d_2b_1x1/conv_3d/w",)
    found = prove({**seeded_weights, "extra": np.ones(3, np.float32)})
    assert (found.checkpoint, found.differing) == (None, ("extra",))


def test_a_port_from_imagenet_is_named(published, seeded_weights, module):
    published[IMAGENET], published["i3d-kinetics-400"] = (
        published["i3d-kinetics-400"],
        crc_table()["i3d-kinetics-400"],
    )
    assert prove(seeded_weights).verdict == "a port trained from ImageNet (rgb_imagenet), not the FVD network"
    import_weights([module])
    assert not load_network("i3d-kinetics-400").proven


def test_folded_batch_norm_is_named(torch_port, tmp_path):
    folded = {name: value for name, value in torch_port.items() if ".bn." not in name}
    folded |= {
        name.replace(".bn.", ".conv3d."): value for name, value in torch_port.items() if name.endswith(".bn.bias")
    }
    torch.save(folded, tmp_path / "folded.pt")
    with pytest.raises(InputError, match="cannot be proven: batch norm is folded into the convolutions"):
        import_weights([tmp_path / "folded.pt"])


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """Weights imported from a file with a published hash."""
    path = tmp_path / "inception.pth"
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.ones(2, 3), "fc.weight": torch.zeros(4)}, path)
    file = PublishedFile(path.name, ("http://x.invalid",), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    source = Source("inception-2015-12-05", "test", (file,), (path.name,), None, "", "", "")
    monkeypatch.setattr(proof, "sources", lambda: (source,))
    _, target = import_weights([path])
    return target


def holds(target, network="inception-2015-12-05"):
    return imported_from_published(network, target, hashlib.sha256(target.read_bytes()).hexdigest())


def test_the_published_file(imported):
    assert holds(imported)
    assert not holds(imported, "c3d-ucf101")


def test_changed_weights(imported):
    imported.write_bytes(imported.read_bytes()[:-1] + b"\1")
    assert not holds(imported)


def test_another_file(imported, tmp_path):
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.ones(2, 3), "fc.weight": torch.ones(4)}, tmp_path / "b.pth")
    import_weights([tmp_path / "b.pth"])
    assert not holds(imported)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"network": 1, "weights_sha256": 2, "files": 3}'])
def test_no_or_damaged_record(imported, text):
    import_record_path(imported).write_text(text)
    assert not holds(imported)
    import_record_path(imported).unlink()
    assert not holds(imported)


def test_without_a_published_hash_nothing_is_proven(tmp_path):
    np.savez(tmp_path / "conv.npz", **{"conv1a/W": np.ones(3, np.float32)})
    np.savez(tmp_path / "mean2.npz", mean=np.ones(3, np.float32))
    _, target = import_weights([tmp_path / "conv.npz", tmp_path / "mean2.npz"])
    assert not holds(target, "c3d-ucf101")
