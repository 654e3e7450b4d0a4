"""Training runs that start from the generator of a finished run, or from its whole state."""

import json

import pytest
import torch
from safetensors.torch import load_file

from dvdgan import checkpoint
from dvdgan.layers import normalise_weights, spectral_layers
from dvdgan.model import DVDGAN
from dvdgan.settings_text import settings_from_text
from dvdgan.training.learning_rate import set_rates
from dvdgan.training.starting import start_from
from dvdgan.training.update import Networks
from vidbench.models import InputError, file_sha256

CPU = torch.device("cpu")


@pytest.fixture
def finished(tmp_path, request_for):
    """Return the sampling checkpoint of a training run of 3 steps."""
    return DVDGAN.train(request_for(tmp_path / "first", 3))


def networks_from(path, task, tiny_settings, **changes) -> Networks:
    settings = settings_from_text({**tiny_settings, "start": str(path), **changes})
    networks = Networks(task, settings, 8, CPU)
    start_from(networks, settings, task)
    return networks


def test_the_first_update_computes_what_the_checkpoint_does(finished, task, tiny_settings):
    generator = networks_from(finished, task, tiny_settings).generator
    sampler, _ = checkpoint.read_sampler(finished, task, CPU)
    normalise_weights(generator, torch.float32, 1e-4)
    pairs = list(zip(spectral_layers(generator), spectral_layers(sampler), strict=True))
    for mine, theirs in pairs:  # up to the sampler's float16
        torch.testing.assert_close(mine.effective, theirs.effective, rtol=2e-3, atol=1e-4)
    for network in (generator, sampler):
        for norm in (module for module in network.modules() if hasattr(module, "mode")):
            norm.mode = "batch"
    z, labels = torch.randn(4, 6), torch.tensor([0, 1, 2, 0])
    torch.testing.assert_close(generator(z, labels), sampler(z, labels), rtol=1e-2, atol=5e-3)
    assert any(layer.bias is not None and layer.bias.abs().max() > 0 for layer, _ in pairs)


def test_the_average_starts_there_too_and_the_discriminators_are_new(finished, task, tiny_settings):
    networks = networks_from(finished, task, tiny_settings)
    weights = dict(checkpoint.read_sampler(finished, task, CPU)[0].named_parameters())
    assert all(torch.equal(mean, weights[name]) for name, mean in networks.average.items())
    fresh = Networks(task, settings_from_text(tiny_settings), 8, CPU)
    for mine, theirs in zip(networks.discriminators.parameters(), fresh.discriminators.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_state_gives_everything_but_the_rates(of, finished, task, tiny_settings):
    state = checkpoint.state_path(finished.parent, 3)
    given = state if of == "file" else state.parent
    networks = networks_from(given, task, tiny_settings, g_lr="3e-5", d_lr="4e-5", spatial_frames="2")
    stored, mine = load_file(state), networks.tensors()
    assert set(mine) == set(stored)
    assert all(torch.equal(mine[name], tensor) for name, tensor in stored.items())
    assert sum(name.startswith("adam_d/exp_avg_sq/") and bool(t.any()) for name, t in stored.items()) > 3
    assert [adam.param_groups[0]["lr"] for adam in (networks._adam_g, networks._adam_d)] == [3e-5, 4e-5]


def test_the_next_update_from_a_state_is_that_of_the_resumed_run(tmp_path, request_for, task, tiny_settings):
    request = request_for(tmp_path / "first", 2)
    DVDGAN.train(request)
    settings = settings_from_text({**tiny_settings, "start": str(tmp_path / "first")})
    networks = Networks(task, settings, request.seed, CPU)
    start_from(networks, settings, task)
    networks.update(2, lambda draw: tuple(map(torch.from_numpy, request.clips.draw(draw, 3))))
    DVDGAN.train(request_for(tmp_path / "first", 3))
    resumed, mine = load_file(checkpoint.state_path(tmp_path / "first", 3)), networks.tensors()
    assert set(mine) == set(resumed)
    assert all(torch.equal(mine[name], tensor) for name, tensor in resumed.items())


def test_the_discriminators_learn_alone_until_the_generator_starts(
    tmp_path, request_for, finished, task, tiny_settings
):
    weights, name = load_file(finished)["head.weight"].float(), "generator/head.weight"
    DVDGAN.train(request_for(tmp_path / "second", 3, start=str(finished), g_start="3"))
    state = load_file(checkpoint.state_path(tmp_path / "second", 3))
    assert torch.equal(state[name], weights)
    fresh = Networks(task, settings_from_text(tiny_settings), 3, CPU).discriminators.state_dict()
    learned = "spatial.head.linear.weight"
    assert not torch.equal(state[f"discriminators/{learned}"], fresh[learned])
    DVDGAN.train(request_for(tmp_path / "third", 4, start=str(finished), g_start="3"))
    assert not torch.equal(load_file(checkpoint.state_path(tmp_path / "third", 4))[name], weights)


def test_the_generators_rate_is_0_before_its_start_and_as_decayed_after_it(task, tiny_settings):
    settings = settings_from_text({**tiny_settings, "g_start": "2", "lr_decay_start": "2", "lr_decay_end": "6"})
    networks, rates = Networks(task, settings, 0, CPU), []
    for step in range(5):
        set_rates(settings, step, networks._adam_g, networks._adam_d)
        rates.append((networks._adam_g.param_groups[0]["lr"], networks._adam_d.param_groups[0]["lr"]))
    assert rates == [pytest.approx((g * 1e-4, d * 5e-4)) for g, d in ((0, 1), (0, 1), (1, 1), (0.75, 0.75), (0.5, 0.5))]


def test_the_log_names_the_checkpoint_and_a_resumed_run_does_not_need_it(tmp_path, request_for, finished):
    whole = DVDGAN.train(request_for(tmp_path / "whole", 4, start=str(finished), g_start="1"))
    header = json.loads((tmp_path / "whole" / "train.jsonl").read_text().splitlines()[0])
    assert header["start_sha256"] == file_sha256(finished)
    DVDGAN.train(request_for(tmp_path / "halves", 2, start=str(finished), g_start="1"))
    finished.unlink()
    halves = DVDGAN.train(request_for(tmp_path / "halves", 4))
    assert file_sha256(halves) == file_sha256(whole)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("sampler", {"g_multipliers": "1,3"}, "g_multipliers=1,2 and this run has g_multipliers=1,3"),
        ("sampler", {"upsampling": "nearest"}, "upsampling=bilinear and this run has upsampling=nearest"),
        ("state", {"d_ch": "6"}, "d_ch=4 and this run has d_ch=6"),
        ("state", {"embedding_scale": "3"}, "embedding_scale=None and this run has embedding_scale=3"),
        ("state", {"time_pooling": "false"}, "time_pooling=True and this run has time_pooling=False"),
    ],
)
def test_other_networks_are_refused_before_anything_is_written(tmp_path, request_for, finished, kind, changes, message):
    start = finished if kind == "sampler" else finished.parent
    with pytest.raises(InputError, match=message):
        DVDGAN.train(request_for(tmp_path / "second", 1, start=str(start), **changes))
    assert not list((tmp_path / "second").glob("*"))


def test_a_checkpoint_that_is_not_there_is_one_sentence(tmp_path, request_for):
    with pytest.raises(InputError, match="absent"):
        DVDGAN.train(request_for(tmp_path / "second", 1, start=str(tmp_path / "absent.safetensors")))


@pytest.mark.parametrize("of", ["sampler", "state"])
def test_the_digest_is_of_the_bytes_that_were_loaded(of, finished, task, tiny_settings, monkeypatch):
    path = finished if of == "sampler" else checkpoint.state_path(finished.parent, 3)
    expected, tensors = file_sha256(path), checkpoint._tensors

    def replaced(path, content):
        path.write_bytes(b"another file")
        return tensors(path, content)

    monkeypatch.setattr(checkpoint, "_tensors", replaced)
    settings = settings_from_text({**tiny_settings, "start": str(path)})
    assert start_from(Networks(task, settings, 8, CPU), settings, task) == expected


def test_a_state_without_one_of_its_tensors_is_refused_by_its_name(finished, tmp_path, request_for):
    state = checkpoint.state_path(finished.parent, 3)
    tensors = load_file(state)
    del tensors["generator/head.weight"]
    checkpoint.write_atomically(state, checkpoint.to_bytes(tensors, checkpoint.read_metadata(state, checkpoint.STATE)))
    with pytest.raises(
        InputError, match=r"'generator/head\.weight' of the training state .*state-00000003\.safetensors is"
    ):
        DVDGAN.train(request_for(tmp_path / "first", 4))
