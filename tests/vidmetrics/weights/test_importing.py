"""Importing published weights in each of their forms, and proving them."""

from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from vidmetrics import InputError, load_network
from vidmetrics.networks import i3d
from vidmetrics.weights import proof
from vidmetrics.weights.i3d_variables import SCOPE, crc_table, is_network_variable, stored_shapes, variable_shapes
from vidmetrics.weights.importing import import_weights, imported_weights, network_of
from vidmetrics.weights.proof import IMAGENET, import_record_path, imported_from_published, prove
from vidmetrics.weights.reading import read_weights
from vidmetrics.weights.sources import PublishedFile, Source, published_networks, source_of, sources
from vidmetrics.weights.verify import git_blob_id, why_wrong

UNITS = {
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


@pytest.fixture(scope="module")
def torch_port(seeded_weights):
    """The seeded weights as VideoGPT's converter writes those of the TF-Hub module."""
    state = {}
    for name, value in seeded_weights.items():
        name = name.removeprefix("RGB/inception_i3d/")
        for theirs, ours in UNITS.items():
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
    # Byte for byte, as the proof needs it.
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
    # What was imported may be imported again.
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


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # where a flipped bit says so
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
            read_weights([path])  # a flipped bit of a value that no checksum covers is read as it is
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


class TestProof:
    @pytest.fixture
    def published(self, seeded_weights, writer, monkeypatch):
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

    def test_the_published_variables_are_the_networks(self):
        for checkpoint, published in crc_table().items():
            network = i3d.I3D(600 if checkpoint.endswith("600") else 400)
            shapes = {name: tuple(target.shape) for name, target in i3d._variables(network).items()}
            kernels = {name: (*shape[2:], shape[1], shape[0]) for name, shape in shapes.items() if len(shape) == 5}
            assert set(published) == set(shapes)
            assert variable_shapes(checkpoint) == shapes | kernels
        assert all(name.startswith(SCOPE) for name in stored_shapes("i3d-kinetics-400"))
        assert set(crc_table()) == {"i3d-kinetics-400", "i3d-kinetics-600", IMAGENET}

    def test_other_values_are_named(self, seeded_weights):
        found = prove(seeded_weights)
        assert (found.checkpoint, found.equal, found.total, len(found.differing)) == (None, 0, 230, 230)
        assert found.verdict.startswith("not DeepMind's values: 230 of 230 tensors differ from i3d-kinetics-400")
        assert "from i3d-kinetics-600" in prove(seeded_weights, "i3d-kinetics-600").verdict

    def test_the_published_values_are_proven_at_load_time(self, published, module, tmp_path):
        _, target = import_weights([module])
        assert load_network("i3d-kinetics-400").proven
        moved = tmp_path / "moved.safetensors"
        moved.write_bytes(target.read_bytes())  # without the record: the tensors speak for themselves
        assert load_network("i3d-kinetics-400", weights=moved).proven

    def test_layout_of_batch_norm_and_scope_do_not_matter(self, published, seeded_weights):
        flat = {
            name.removeprefix(SCOPE): value.reshape(-1) if "batch_norm" in name else value
            for name, value in seeded_weights.items()
        }
        slots = {"global_step": np.array(3), "Logits/Conv3d_0c_1x1/conv_3d/w/Momentum": np.ones(3)}
        found = prove(flat | slots)
        assert found.checkpoint == "i3d-kinetics-400"
        assert found.verdict == "proven: all 230 tensors are those of DeepMind's i3d-kinetics-400"

    def test_one_bit_is_enough(self, published, seeded_weights, tmp_path):
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

    def test_the_values_in_another_order_or_precision_are_not_the_published_ones(self, published, seeded_weights):
        name = "RGB/inception_i3d/Conv3d_2b_1x1/conv_3d/w"
        for other in (seeded_weights[name].astype(np.float64), seeded_weights[name].swapaxes(3, 4)):
            assert prove({**seeded_weights, name: other}).differing == ("Conv3d_2b_1x1/conv_3d/w",)

    def test_missing_and_additional_tensors_differ(self, published, seeded_weights):
        name = "RGB/inception_i3d/Conv3d_2b_1x1/conv_3d/w"
        lacking = {key: value for key, value in seeded_weights.items() if key != name}
        assert prove(lacking).differing == ("Conv3d_2b_1x1/conv_3d/w",)
        found = prove({**seeded_weights, "extra": np.ones(3, np.float32)})
        assert (found.checkpoint, found.differing) == (None, ("extra",))

    def test_a_port_from_imagenet_is_named(self, published, seeded_weights, module):
        published[IMAGENET], published["i3d-kinetics-400"] = (
            published["i3d-kinetics-400"],
            crc_table()["i3d-kinetics-400"],
        )
        assert prove(seeded_weights).verdict == "a port trained from ImageNet (rgb_imagenet), not the FVD network"
        import_weights([module])
        assert not load_network("i3d-kinetics-400").proven

    def test_folded_batch_norm_is_named(self, torch_port, tmp_path):
        folded = {name: value for name, value in torch_port.items() if ".bn." not in name}
        folded |= {
            name.replace(".bn.", ".conv3d."): value for name, value in torch_port.items() if name.endswith(".bn.bias")
        }
        torch.save(folded, tmp_path / "folded.pt")
        with pytest.raises(InputError, match="cannot be proven: batch norm is folded into the convolutions"):
            import_weights([tmp_path / "folded.pt"])


class TestImportRecord:
    @pytest.fixture
    def imported(self, tmp_path, monkeypatch):
        """Weights imported from a file whose hash is published."""
        path = tmp_path / "inception.pth"
        torch.save({"Conv2d_1a_3x3.conv.weight": torch.ones(2, 3), "fc.weight": torch.zeros(4)}, path)
        file = PublishedFile(path.name, ("http://x.invalid",), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        source = Source("inception-2015-12-05", "test", (file,), (path.name,), None, "", "", "")
        monkeypatch.setattr(proof, "sources", lambda: (source,))
        _, target = import_weights([path])
        return target

    def holds(self, target, network="inception-2015-12-05"):
        return imported_from_published(network, target, hashlib.sha256(target.read_bytes()).hexdigest())

    def test_the_published_file(self, imported):
        assert self.holds(imported)
        assert not self.holds(imported, "c3d-ucf101")

    def test_changed_weights(self, imported):
        imported.write_bytes(imported.read_bytes()[:-1] + b"\1")
        assert not self.holds(imported)

    def test_another_file(self, imported, tmp_path):
        torch.save({"Conv2d_1a_3x3.conv.weight": torch.ones(2, 3), "fc.weight": torch.ones(4)}, tmp_path / "b.pth")
        import_weights([tmp_path / "b.pth"])
        assert not self.holds(imported)

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"network": 1, "weights_sha256": 2, "files": 3}'])
    def test_no_or_damaged_record(self, imported, text):
        import_record_path(imported).write_text(text)
        assert not self.holds(imported)
        import_record_path(imported).unlink()
        assert not self.holds(imported)

    def test_without_a_published_hash_nothing_is_proven(self, tmp_path):
        np.savez(tmp_path / "conv.npz", **{"conv1a/W": np.ones(3, np.float32)})
        np.savez(tmp_path / "mean2.npz", mean=np.ones(3, np.float32))
        _, target = import_weights([tmp_path / "conv.npz", tmp_path / "mean2.npz"])
        assert not self.holds(target, "c3d-ucf101")


class TestRegistry:
    def test_every_network_has_its_sources(self):
        assert published_networks() == ["i3d-kinetics-400", "i3d-kinetics-600", "inception-2015-12-05", "c3d-ucf101"]
        for source in sources():
            assert bool(source.files) != bool(source.handle)
            assert set(source.imports) <= {file.name for file in source.files}
            assert source.origin
            assert source.licence
            for file in source.files:
                assert all(url.startswith("https://") for url in file.urls)
                assert len(set(file.urls)) == len(file.urls) > 1
                assert sum(map(bool, (file.sha256, file.git_blob, file.crc_table))) <= 1
                assert file.verifiable == (source.network != "c3d-ucf101")
        assert len({(source.network, source.name) for source in sources()}) == len(sources())

    def test_the_figures_that_are_published(self):
        data = source_of("i3d-kinetics-400").files[1]
        assert (data.bytes, data.git_blob) == (50_818_176, "fa7df95674dbf3579e7fccd954e51e706b4734c1")
        assert source_of("i3d-kinetics-600").files[1].bytes == 103_218_112
        inception = source_of("inception-2015-12-05").files[0]
        assert inception.bytes == 95_628_359
        assert inception.sha256 == "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

    def test_names_are_suggested(self):
        assert source_of("i3d-kinetics-400", "videogpt").files[0].name == "i3d_pretrained_400.pt"
        with pytest.raises(InputError, match=r"network 'i3d-kinetics400'; did you mean 'i3d-kinetics-400'"):
            source_of("i3d-kinetics400")
        with pytest.raises(InputError, match=r"'tfhup'; did you mean 'tfhub'"):
            source_of("i3d-kinetics-400", "tfhup")

    def test_the_published_indexes_are_recognised(self, shared):
        index_400, index_600 = (source_of(f"i3d-kinetics-{n}").files[0] for n in (400, 600))
        published_400 = shared / "data" / "i3d-kinetics-400" / "published-variables.index"
        published_600 = shared / "data" / "i3d-kinetics-600" / "model.ckpt.index"
        assert why_wrong(published_400, index_400) is None
        assert why_wrong(published_600, index_600) is None
        assert "does not list the tensors of i3d-kinetics-400" in why_wrong(published_600, index_400)
        assert "bytes instead of" in why_wrong(published_400, index_600)

    def test_an_index_that_is_none(self, tmp_path):
        (tmp_path / "page.html").write_text("<html>not found</html>")
        assert "not a checkpoint index" in why_wrong(tmp_path / "page.html", source_of("i3d-kinetics-400").files[0])

    def test_git_blob_ids(self, tmp_path):
        (tmp_path / "hello").write_bytes(b"hello world\n")
        assert git_blob_id(tmp_path / "hello") == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"  # of git hash-object


def test_what_weights_are_for(seeded_weights):
    assert network_of(seeded_weights) == "i3d-kinetics-400"
    assert network_of({"a": np.ones(3)}) is None
    odd = {"Logits/Conv3d_0c_1x1/conv_3d/w": np.ones((1, 1, 1, 1024, 500))}
    assert network_of(odd) is None
    assert [is_network_variable(n) for n in ("a/w", "a/w/Momentum", "global_step")] == [True, False, False]
