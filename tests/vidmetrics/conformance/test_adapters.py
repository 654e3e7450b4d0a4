"""The adapters of `fvd(real, fake)`: what the function receives, and that the known answers judge it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError, frechet_distance
from vidmetrics.conformance.adapters import of_features, of_videos
from vidmetrics.conformance.suite import check, run_suite
from vidmetrics.conformance.vectors import load_vectors
from vidmetrics.weights.i3d_names import to_tensorflow
from vidmetrics.weights.i3d_variables import stored_shapes

(FVD,) = load_vectors(("fvd/n5-n6-9x20x28",))
(CONVENTION,) = load_vectors(("fvd-conventions/fvd-styleganv",))
INPUTS = FVD.inputs()
SCOPE = "RGB/inception_i3d/"


def distance(real, fake, ddof=1):
    real, fake = np.asarray(real), np.asarray(fake)
    return frechet_distance(real.mean(0), np.cov(real.T, ddof=ddof), fake.mean(0), np.cov(fake.T, ddof=ddof))


def test_features_are_judged():
    vectors = load_vectors(("frechet/n256-d16", "frechet/n2-d8", "moments/n2-d3"))
    verdicts = {o.vector.name: o.verdict for o in run_suite(vectors, of_features(distance))}
    assert verdicts == {"frechet/n256-d16": "passed", "frechet/n2-d8": "passed", "moments/n2-d3": "not offered"}
    wrong = check(vectors[0], of_features(lambda real, fake: distance(real, fake, ddof=0)))
    assert (wrong.verdict, wrong.candidates[0]) == ("failed", "ddof-0")


def test_tensors_are_given_and_taken_where_they_are_asked_for():
    (vector,) = load_vectors(("frechet/n256-d16",))

    def in_torch(real, fake):
        assert (type(real), real.dtype) == (torch.Tensor, torch.float64)
        return torch.tensor([distance(real, fake)], dtype=torch.float64, requires_grad=True)

    assert check(vector, of_features(in_torch, "torch")).verdict == "passed"
    assert check(vector, of_features(lambda real, fake: (1.0, 2.0))).verdict == "failed"
    assert check(vector, of_features(lambda real, fake: "1.0")).verdict == "error"


class Port(torch.nn.Module):
    """A module with the tensors of VideoGPT's I3D, and weights of its own."""

    def __init__(self):
        super().__init__()
        branches = {"Branch_0/Conv3d_0a_1x1": "b0", "Branch_1/Conv3d_0a_1x1": "b1a", "Branch_1/Conv3d_0b_3x3": "b1b",
                    "Branch_2/Conv3d_0a_1x1": "b2a", "Branch_2/Conv3d_0b_3x3": "b2b", "Branch_2/Conv3d_0a_3x3": "b2b",
                    "Branch_3/Conv3d_0b_1x1": "b3b"}  # fmt: skip
        parts = {"conv_3d/w": "conv3d.weight", "conv_3d/b": "conv3d.bias", "batch_norm/beta": "bn.bias",
                 "batch_norm/moving_mean": "bn.running_mean", "batch_norm/moving_variance": "bn.running_var"}  # fmt: skip
        self.tensors = {}
        for name, shape in stored_shapes("i3d-kinetics-400").items():
            unit, variable = name.removeprefix(SCOPE).replace("Logits/Conv3d_0c_1x1", "logits").rsplit("/", 2)[0], name
            for theirs, ours in branches.items():
                unit = unit.replace(f"/{theirs}", f".{ours}")
            part = "/".join(variable.rsplit("/", 2)[1:])
            kernel = [shape[axis] for axis in (4, 3, 0, 1, 2)] if len(shape) == 5 else [np.prod(shape, dtype=int)]
            self.tensors[f"{unit}.{parts[part]}"] = torch.full(list(map(int, kernel)), 0.5)
        self.tensors["Conv3d_1a_7x7.bn.weight"] = torch.full((64,), 0.5)

    def state_dict(self):
        return dict(self.tensors)

    def load_state_dict(self, state):
        assert state.keys() == self.tensors.keys()
        self.tensors = dict(state)


def knowing(expected, network, undo):
    """A function that gives the expected answer if it runs the seeded network on the clips of the question."""

    def fvd(real, fake):
        state = network.state_dict()
        assert (state.pop("Conv3d_1a_7x7.bn.weight") == 1).all()
        for name, value in to_tensorflow({k: v.numpy() for k, v in state.items()}).items():
            assert np.array_equal(value.reshape(-1), INPUTS[f"weights/{SCOPE}{name}"].reshape(-1)), name
        for side, videos in (("real", real), ("generated", fake)):
            assert np.array_equal(undo(videos), INPUTS[f"{side}_clips"])
        return float(expected["distance"])

    return fvd


@pytest.mark.parametrize(
    ("settings", "undo"),
    [
        ({}, lambda v: v.numpy()),
        ({"layout": "NTCHW", "arrays": "numpy"}, lambda v: v.transpose(0, 1, 3, 4, 2)),
        (
            {"layout": "NCTHW", "value_range": (-1, 1)},
            lambda v: ((v.permute(0, 2, 3, 4, 1) + 1) * 127.5).round().byte().numpy(),
        ),
    ],
)
def test_videos_are_given_as_asked_and_the_network_is_seeded(settings, undo):
    network = Port()
    outcome = check(FVD, of_videos(knowing(FVD.expected, network, undo), network, **settings))
    assert outcome.verdict == "passed", outcome.message
    # The same module may serve other tests of the same session.
    assert all(bool((tensor == 0.5).all()) for tensor in network.state_dict().values())


def test_floats_span_the_range():
    def fvd(real, fake):
        assert real.dtype == torch.float32
        assert -1 <= float(real.min()) < -0.9
        assert 0.9 < float(real.max()) <= 1
        return 0.0

    outcome = check(FVD, of_videos(fvd, lambda weights: None, value_range=(-1, 1)))
    assert outcome.verdict == "failed", outcome.message


def test_own_weights_return_after_an_error():
    network = Port()
    assert check(FVD, of_videos(lambda real, fake: 1 / 0, network)).verdict == "error"
    assert bool((network.state_dict()["logits.conv3d.bias"] == 0.5).all())


def test_a_function_loads_other_networks():
    loaded = {}
    answer = of_videos(lambda real, fake: float(FVD.expected["distance"]), loaded.update)
    assert check(FVD, answer).verdict == "passed"
    assert {f"weights/{name}" for name in loaded} == {name for name in INPUTS if name.startswith("weights/")}


def test_a_convention_is_held_to_its_own_answers():
    def styleganv(real, fake):
        return float(CONVENTION.expected["distance"])

    own = of_videos(styleganv, lambda weights: None, convention="fvd-styleganv")
    assert check(CONVENTION, own).verdict == "passed"
    assert check(FVD, own).verdict == "not offered"
    assert check(CONVENTION, of_videos(styleganv, lambda weights: None)).verdict == "not offered"


def test_wrong_words_and_other_networks_are_refused():
    with pytest.raises(InputError, match="Unknown layout 'NCHWT'; did you mean 'NTCHW'"):
        of_videos(distance, Port(), layout="NCHWT")
    with pytest.raises(InputError, match="Unknown kind of arrays 'jax'"):
        of_features(distance, "jax")
    with pytest.raises(InputError, match=r"cannot be loaded into this network .*give a function"):
        of_videos(distance, torch.nn.Linear(2, 2))
