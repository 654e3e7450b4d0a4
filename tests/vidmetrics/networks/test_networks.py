"""Loading networks, their inputs and outputs, and torch's precision switches."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vidmetrics import InputError, load_network, networks
from vidmetrics.home import home
from vidmetrics.networks import default_weights
from vidmetrics.networks.network import Network


class Means(torch.nn.Module):
    """A body with predictable outputs: mean colour, and the first pixel."""

    outputs = {"logits": 3, "pool": 1}  # noqa: RUF012
    min_frames = 2
    preprocessing = "none"

    def forward(self, clips_NTHWC):
        self.switches = (torch.is_inference_mode_enabled(), torch.backends.cudnn.deterministic)
        return {
            "pool": clips_NTHWC[:, 0, 0, 0, :1].double(),
            "logits": clips_NTHWC.float().mean(dim=(1, 2, 3)),
        }


@pytest.fixture
def network():
    return Network("means", Means(), device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)


def test_clips_in_named_features_out(network):
    clips = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 6, 3), dtype=np.uint8)
    for view in (clips, clips[:, ::-1, :, ::2][:, ::-1], np.moveaxis(np.moveaxis(clips, 1, 2).copy(), 2, 1)):
        features = network(view)
        assert list(features) == ["logits", "pool"]
        np.testing.assert_allclose(features["logits"], view.mean(axis=(1, 2, 3)), rtol=1e-6)
        assert features["pool"].dtype == features["logits"].dtype == np.float32
    assert network._body.switches == (True, True)
    assert {name: value.shape for name, value in network(clips[:0]).items()} == {"logits": (0, 3), "pool": (0, 1)}


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (np.zeros((1, 4, 8, 8, 3), np.float32), "uint8.*float32"),
        (np.zeros((1, 4, 8, 8, 3), np.int64), "uint8.*int64"),
        (np.zeros((4, 8, 8, 3), np.uint8), r"\[N, T, H, W, 3\].*\[4, 8, 8, 3\]"),
        (np.zeros((1, 3, 4, 8, 8), np.uint8), r"\[1, 3, 4, 8, 8\]"),
        (np.zeros((1, 4, 0, 8, 3), np.uint8), r"\[1, 4, 0, 8, 3\]"),
        (np.zeros((1, 1, 8, 8, 3), np.uint8), "at least 2 frames, not 1"),
    ],
)
def test_other_clips_are_refused(network, clips, message):
    with pytest.raises(InputError, match=message):
        network(clips)


@pytest.mark.parametrize(
    ("shortest", "longest", "refused"),
    [(9, None, {1, 8}), (16, 16, {1, 8, 9, 12, 17, 100}), (1, None, set()), (9, 16, {1, 8, 17, 100})],
)
def test_a_network_says_which_lengths_it_refuses(shortest, longest, refused):
    body = SimpleNamespace(outputs={}, min_frames=shortest, max_frames=longest, preprocessing="none")
    network = Network("n", body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)
    problems = {length: network.length_problem(length) for length in (1, 8, 9, 12, 16, 17, 100)}
    assert {length for length, problem in problems.items() if problem} == refused
    for length in refused:
        assert str(length) in problems[length]
        with pytest.raises(InputError, match=problems[length]):
            network(np.zeros((1, length, 4, 4, 3), np.uint8))


def test_names_are_suggested():
    with pytest.raises(InputError, match="'i3d-kinetics400'; did you mean 'i3d-kinetics-400'"):
        load_network("i3d-kinetics400")
    with pytest.raises(InputError, match="precision 'exakt'"):
        load_network("i3d-kinetics-400", precision="exakt")


def test_missing_weights_say_where_and_what(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path))
    assert home() == tmp_path
    with pytest.raises(InputError) as caught:
        load_network("i3d-kinetics-600")
    expected = str(tmp_path / "weights" / "i3d-kinetics-600.safetensors")
    assert expected in str(caught.value)
    assert "rgb_scratch_kin600" in str(caught.value)
    assert str(default_weights("i3d-kinetics-600")) == expected
    with pytest.raises(InputError, match="no weights file at"):
        load_network("i3d-kinetics-600", weights=tmp_path / "absent.npz")


def test_home_without_the_variable_is_the_users_cache(monkeypatch):
    monkeypatch.delenv("VIDBENCH_HOME", raising=False)
    assert home().name == "vidbench"


def test_both_file_kinds_give_the_same_network(seeded_i3d, seeded_weights, tmp_path, cases):
    path = tmp_path / "seeded.npz"
    np.savez(path, **seeded_weights)
    loaded = load_network("i3d-kinetics-400", weights=path)
    ours, theirs = (getattr(network._body, "_plain", network._body).state_dict() for network in (loaded, seeded_i3d))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert loaded.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest() != seeded_i3d.weights_sha256
    assert (loaded.outputs, loaded.proven) == ({"logits": 400, "pool": 1024}, False)
    with pytest.raises(InputError, match="400"):
        load_network("i3d-kinetics-600", weights=path)
    with pytest.raises(InputError, match="device 'gpu'"):
        load_network("i3d-kinetics-400", weights=path, device="gpu")


def test_unreadable_weights_are_refused(tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\xff" * 100)
    no_archive = tmp_path / "damaged.npz"
    no_archive.write_bytes(b"PK\x03\x04 no more")
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, weights=np.array([{"a": 1}], dtype=object))
    torch_file = tmp_path / "weights.pt"
    torch_file.write_bytes(b"")
    for path, message in (
        (damaged, "cannot be read"),
        (no_archive, "cannot be read"),
        (pickled, "cannot be read.*Python objects"),
        (torch_file, "neither .safetensors nor .npz"),
    ):
        with pytest.raises(InputError, match=message):
            load_network("i3d-kinetics-400", weights=path)


def test_weights_that_are_cut_while_they_are_read_are_said_to_have_changed(seeded_weights, tmp_path, monkeypatch):
    path, read = tmp_path / "seeded.npz", networks.read_tensors
    np.savez(path, **seeded_weights)

    def cut_first(path):
        with path.open("r+b") as file:
            file.truncate(1000)
        return read(path)

    monkeypatch.setattr(networks, "read_tensors", cut_first)
    with pytest.raises(InputError, match="changed while it was in use"):
        load_network("i3d-kinetics-400", weights=path)


def test_proven_means_the_recorded_file(tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "_HERE", tmp_path)
    assert not networks._proven("shapes", "ab")
    (tmp_path / "proven.json").write_text(json.dumps({"shapes": {"sha256": "ab", "origin": "trained here"}}))
    assert networks._proven("shapes", "ab")
    assert not networks._proven("shapes", "cd")
    assert not networks._proven("i3d-kinetics-400", "ab")


SWITCHES = """
import operator
import torch
from torch import backends
from vidmetrics.networks.precision import computing

def read(switch):
    try:
        return switch()
    except RuntimeError:
        return "refused"  # torch does not read older switches that disagree with newer ones

def state():
    names = ["cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.conv", "mkldnn.matmul"]
    holders = [operator.attrgetter(name)(backends) for name in names] if newer else []
    return (
        read(torch.get_float32_matmul_precision),
        read(lambda: backends.cudnn.allow_tf32),
        backends.cudnn.deterministic,
        backends.cudnn.benchmark,
        [holder.fp32_precision for holder in holders],
    )

newer = hasattr(backends.cuda.matmul, "fp32_precision")
choices = [
    "pass",
    "backends.cuda.matmul.allow_tf32 = True; backends.cudnn.benchmark = True",
    "backends.cudnn.allow_tf32 = False; backends.cudnn.deterministic = True",
    "torch.set_float32_matmul_precision('medium')",
    "torch.set_float32_matmul_precision('highest'); backends.cudnn.allow_tf32 = True",
]
if newer:
    choices += [
        "backends.cuda.matmul.fp32_precision = 'tf32'",
        "backends.cudnn.conv.fp32_precision = 'ieee'",
        "backends.cuda.matmul.fp32_precision = 'ieee'; backends.cudnn.conv.fp32_precision = 'tf32'",
        "backends.fp32_precision = 'tf32'",
    ]
for choice in choices:
    exec(choice)
    before = state()
    with computing("exact"):
        assert state() == ("highest", False, True, False, ["ieee"] * 5 * newer), (choice, state())
    assert state() == before, (choice, before, state())
    try:
        with computing("fast"):
            assert state() == ("high", True, False, False, (["tf32"] * 3 + ["ieee"] * 2) * newer), (choice, state())
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert state() == before, (choice, before, state())
print(len(choices), "choices")
"""


def test_precision_is_set_for_the_call_and_restored_whatever_the_caller_chose():
    # In a separate process, because torch's switches are global and not all can be restored.
    run = subprocess.run([sys.executable, "-c", SWITCHES], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "choices" in run.stdout


def test_the_protocol_of_networks_is_imported_when_it_is_used():
    import vidmetrics.networks as module
    from vidmetrics.networks import network

    assert module.Network is network.Network
    with pytest.raises(AttributeError):
        _ = module.NoSuchNetwork
