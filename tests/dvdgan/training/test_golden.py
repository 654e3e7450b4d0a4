"""A recorded loss curve that every run must follow, and the losses on a fixed batch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dvdgan.model import DVDGAN
from dvdgan.settings_text import settings_from_text
from dvdgan.training.update import Networks

GOLDEN = Path(__file__).parents[2] / "golden" / "dvdgan_losses.json"


def test_the_losses_of_50_steps_are_those_recorded(tmp_path, request_for):
    golden = json.loads(GOLDEN.read_text())
    DVDGAN.train(request_for(tmp_path, golden["steps"], seed=golden["seed"], **golden["settings"]))
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    for name, losses in golden["losses"].items():
        got, recorded = np.array([line[name] for line in lines if name in line]), np.array(losses)
        assert len(recorded) == golden["steps"] == 50
        np.testing.assert_allclose(got[:5], recorded[:5], rtol=0, atol=golden["tolerance_first_5"], err_msg=name)
        np.testing.assert_allclose(got, recorded, rtol=0, atol=golden["tolerance"], err_msg=name)
        assert recorded.std() > 5 * golden["tolerance"], name  # a flat curve would prove nothing


@pytest.mark.parametrize("sides", ["both", "spatial", "temporal"])
def test_on_one_fixed_batch_the_discriminators_win_and_their_losses_go_to_zero(task, tiny_settings, sides):
    # With a fixed generator, real and fake are two fixed kinds of clips: bright ones, and dark fakes of an untrained
    # generator. A hinge is exactly 0 once every clip is beyond its margin.
    settings = settings_from_text(
        {**tiny_settings, "batch_size": "6", "g_lr": "0", "d_lr": "2e-3", "d_steps": "4", "discriminators": sides}
    )
    networks = Networks(task, settings, 0, torch.device("cpu"))
    before = {name: p.clone() for name, p in networks.generator.named_parameters()}
    clips = np.random.default_rng(0).integers(180, 256, (6, 5, 8, 8, 3), np.uint8)
    batch = torch.from_numpy(clips), torch.arange(6) % 3
    curve = torch.stack([networks.update(step, lambda draw: batch) for step in range(30)])
    count = len(networks.discriminators)
    first, last = curve[:2, :count].mean(0), curve[-5:, :count].mean(0)
    assert (first > 0.5).all(), first
    assert (last < 0.02).all(), last
    values = dict(zip(networks.loss_names, curve[-1].tolist(), strict=True))
    for name in networks.discriminators:
        assert values[f"real_{name}"] > 1 > -1 > values[f"fake_{name}"]
    # And the generator, which does not learn, has a high loss.
    assert values["loss_generator"] > 1
    assert all(torch.equal(p, before[name]) for name, p in networks.generator.named_parameters())
