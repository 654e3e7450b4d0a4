"""Import of published weights in each of their formats."""

from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from vidmetrics import InputError, load_network
from vidmetrics.weights.i3d_variables import SCOPE, is_network_variable
from vidmetrics.weights.importing import import_weights, imported_weights, network_of
from vidmetrics.weights.proof import import_record_path
from vidmetrics.weights.reading import read_weights


def assert_same(ours, theirs):
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype, name
        assert np.array_equal(ours[name].reshape(value.shape), value), name


@pytest.mark.parametrize("form", ["folder", "prefix", "index"])
def test_a_module_or_checkpoint(module, seeded_weights, form):
    prefix = module / "variables" / "variables"
    path = {"folder": module, "prefix": prefix, "index": prefix.with_suffix(".index")}[form]
    assert import_weights([path]) == ("i3d-kinetics-400", imported_weights("i3d-kinetics-400"))
    assert_same(load_file(imported_weights("i3d-kinetics-400")), seeded_weights)
    assert not load_network("i3d-kinetics-400").proven
    record = json.loads(import_record_path(imported_weights("i3d-kinetics-400")).read_text())
    files = [prefix.with_suffix(".index"), prefix.with_suffix(".data-00000-of-00001")]
    assert [(file["name"], file["sha256"]) for file in record["files"]] == [
        (file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files
    ]
    names = {file.name for file in imported_weights("i3d-kinetics-400").parent.iterdir()}
    assert names == {"i3d-kinetics-400.safetensors", "i3d-kinetics-400.import.json"}


def test_the_torch_port_is_the_tensorflow_checkpoint_again(torch_port, seeded_weights, tmp_path):
    assert len(torch_port) == 230 + 57
    path = tmp_path / "i3d_pretrained_400.pt"
    torch.save(torch_port, path)
    network, target = import_weights([path], "i3d-kinetics-400")
    stripped = {name.removeprefix(SCOPE): value for name, value in seeded_weights.items()}
    ours = load_file(target)
    # Byte for byte, as the proof requires.
    assert {name: value.tobytes() for name, value in ours.items()} == {n: v.tobytes() for n, v in stripped.items()}
    assert load_network(network).outputs["logits"] == 400


def test_a_scale_in_the_torch_port_is_not_dropped(torch_port, tmp_path):
    name = "Mixed_4c.b1a.bn.weight"
    torch.save({**torch_port, name: torch_port[name] * 1.5}, tmp_path / "scaled.pt")
    with pytest.raises(InputError, match=f"'{name}' is not 1 everywhere"):
        import_weights([tmp_path / "scaled.pt"])
    torch.save({**torch_port, "Mixed_4c.b9.conv3d.weight": torch.ones(1)}, tmp_path / "unknown.pt")
    with pytest.raises(InputError, match=r"'Mixed_4c.b9.conv3d.weight' is not a tensor of VideoGPT's I3D"):
        import_weights([tmp_path / "unknown.pt"])


def test_600_classes_without_scope_and_with_slots(writer, seeded_weights, tmp_path):
    tensors = {name.removeprefix(SCOPE): value for name, value in seeded_weights.items()}
    tensors["Logits/Conv3d_0c_1x1/conv_3d/w"] = np.ones((1, 1, 1, 1024, 600), np.float32)
    tensors["Logits/Conv3d_0c_1x1/conv_3d/b"] = np.ones(600, np.float32)
    slots = {f"{name}/Momentum": np.zeros_like(value) for name, value in tensors.items() if name.endswith("beta")}
    writer.write_checkpoint(tmp_path / "model.ckpt", {**tensors, **slots, "global_step": np.array(3, np.int64)})
    network, target = import_weights([tmp_path / "model.ckpt"])
    assert network == "i3d-kinetics-600"
    assert_same(load_file(target), tensors)
    with pytest.raises(InputError, match="contains weights of 'i3d-kinetics-600', not of 'i3d-kinetics-400'"):
        import_weights([tmp_path / "model.ckpt"], "i3d-kinetics-400")


def test_other_networks_keep_their_names(tmp_path):
    inception = {"Conv2d_1a_3x3.conv.weight": torch.ones(2, 3), "fc.weight": torch.zeros(4), "n": torch.tensor(5)}
    torch.save(inception, tmp_path / "pt_inception.pth")
    network, target = import_weights([tmp_path / "pt_inception.pth"])
    assert (network, target.name) == ("inception-2015-12-05", "inception-2015-12-05.safetensors")
    assert_same(load_file(target), {name: value.numpy() for name, value in inception.items()})

    np.savez(tmp_path / "conv.npz", **{"conv1a/W": np.ones((2, 3), np.float32), "fc8/b": np.zeros(3, np.float32)})
    np.savez(tmp_path / "mean2.npz", mean=np.full((3, 4), 7, np.float32))
    with pytest.raises(InputError, match="no known network"):
        import_weights([tmp_path / "conv.npz"])
    network, target = import_weights([tmp_path / "conv.npz", tmp_path / "mean2.npz"])
    assert network == "c3d-ucf101"
    assert set(load_file(target)) == {"conv1a/W", "fc8/b", "mean"}
    with pytest.raises(InputError, match=r"'mean' is in .* and also in another file"):
        import_weights([tmp_path / "mean2.npz", tmp_path / "mean2.npz"])
    # Imported weights can be imported again.
    again = tmp_path / "again.safetensors"
    again.write_bytes(target.read_bytes())
    assert import_weights([again])[0] == "c3d-ucf101"


class Surprise:
    def __reduce__(self):
        return print, ("executed",)


def test_files_that_are_not_weights(writer, seeded_weights, tmp_path, capfd):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("i3d/constants.pkl", b"")
    torch.save({"weights": Surprise()}, tmp_path / "pickled.pt")
    torch.save([torch.ones(3)], tmp_path / "list.pt")
    torch.save({}, tmp_path / "empty.pt")
    (tmp_path / "noise.pth").write_bytes(b"\x80\x02}q\x00junk")
    np.savez(tmp_path / "strange.npz", a=np.ones(3))
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    broken = {name: value for name, value in seeded_weights.items() if "Mixed_3b/Branch_0" not in name}
    np.savez(tmp_path / "broken.npz", **broken)
    for name, message in (
        ("script.pt", "TorchScript program, which is not executed; .* batch norm folded"),
        ("pickled.pt", "cannot be read as tensors only"),
        ("list.pt", "does not contain named tensors"),
        ("empty.pt", "does not contain named tensors"),
        ("noise.pth", "cannot be read as tensors only"),
        ("strange.npz", "no known network; known networks are i3d-kinetics-400"),
        ("text.txt", "neither .safetensors nor .npz"),
        ("folder", "not a TF-Hub module"),
        ("absent", "no weights at"),
        ("broken.npz", "4 missing and 0 unknown"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            import_weights([tmp_path / name])
        assert "\n" not in str(caught.value)
    assert "executed" not in capfd.readouterr().out
    assert not imported_weights("i3d-kinetics-400").parent.exists()
    with pytest.raises(InputError, match="did you mean 'i3d-kinetics-400'"):
        import_weights([tmp_path / "broken.npz"], "i3d-kinetics400")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # a flipped bit may change the protocol
@pytest.mark.parametrize("kind", ["compressed.npz", "plain.npz", "new.pt", "old.pth", "plain.safetensors"])
def test_damaged_files_end_in_one_sentence(tmp_path, kind):
    path = tmp_path / kind
    tensors = {"a": np.arange(20, dtype=np.float32), "b": np.ones((3, 4))}
    if path.suffix == ".npz":
        (np.savez_compressed if path.stem == "compressed" else np.savez)(path, **tensors)
    elif path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        state = {name: torch.from_numpy(value) for name, value in tensors.items()}
        torch.save(state, path, _use_new_zipfile_serialization=path.stem == "new")
    good, random = path.read_bytes(), np.random.default_rng(7)
    for attempt in range(150):
        damaged = bytearray(good)
        for place in random.integers(0, len(good), 1 + attempt % 3):
            damaged[place] ^= 1 << random.integers(8)
        path.write_bytes(damaged[: random.integers(len(good))] if attempt % 3 == 0 else damaged)
        try:
            read_weights([path])  # a flipped bit of a value without a checksum goes unnoticed
        except InputError as error:
            sentence = str(error)
        else:
            continue
        assert "\n" not in sentence
        assert str(path) in sentence


def test_a_failed_import_leaves_the_old_weights(module, tmp_path):
    _, target = import_weights([module])
    before = target.read_bytes()
    damaged = module / "variables" / "variables.data-00000-of-00001"
    damaged.write_bytes(damaged.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(InputError, match="does not have the checksum"):
        import_weights([module])
    assert target.read_bytes() == before


def test_what_weights_are_for(seeded_weights):
    assert network_of(seeded_weights) == "i3d-kinetics-400"
    assert network_of({"a": np.ones(3)}) is None
    odd = {"Logits/Conv3d_0c_1x1/conv_3d/w": np.ones((1, 1, 1, 1024, 500))}
    assert network_of(odd) is None
    assert [is_network_variable(n) for n in ("a/w", "a/w/Momentum", "global_step")] == [True, False, False]
