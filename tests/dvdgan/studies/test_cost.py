"""Every size of the paper builds; golden parameter counts; the arithmetic against the formula."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dvdgan.attention import SelfAttention
from dvdgan.config import MODELS, Settings
from dvdgan.conv_gru import ConvGRU
from dvdgan.discriminators import SpatialDiscriminator, TemporalDiscriminator
from dvdgan.generator import Generator
from dvdgan.layers import use_plain_weights
from dvdgan.presets import PRESETS
from dvdgan.settings_text import settings_from_text
from dvdgan.studies.cost import cost, cost_table, preset_task
from vidbench.models import ModelTask

README = Path(__file__).parents[3] / "baselines/dvdgan/README.md"

# From `python -m dvdgan.studies.cost` when presets were added; a change means another network.
PARAMETERS = {
    "dvdgan k600-12x64": (69_870_243, 11_455_249, 3_257_521),
    "dvdgan-v1 k600-12x64": (37_518_183, 5_195_105, 1_500_449),
    "dvdgan k600-12x128": (70_367_667, 22_073_617, 11_748_145),
    "dvdgan-v1 k600-12x128": (37_667_095, 9_914_721, 5_325_857),
    "dvdgan k600-12x256": (78_870_387, 24_876_433, 14_550_961),
    "dvdgan-v1 k600-12x256": (40_586_775, 11_160_673, 6_571_809),
    "dvdgan k600-48x64": (69_870_243, 11_455_249, 3_257_521),
    "dvdgan-v1 k600-48x64": (37_518_183, 5_195_105, 1_500_449),
    "dvdgan k600-48x128": (70_367_667, 22_073_617, 11_748_145),
    "dvdgan-v1 k600-48x128": (37_667_095, 9_914_721, 5_325_857),
    "dvdgan ucf101-16x128": (70_307_787, 21_690_385, 11_364_913),
    "dvdgan-v1 ucf101-16x128": (37_607_215, 9_659_233, 5_070_369),
    "dvdgan-fp k600-pred-16x64": (83_523_339, 10_995_217, 3_027_505),
    "dvdgan shapes-gen": (3_838_339, 2_743_441, 966_001),
    "dvdgan-v1 shapes-gen": (5_051_431, 2_743_441, 966_001),
    "dvdgan-fp shapes-pred": (4_916_699, 2_734_609, 961_585),
}


def networks(task: ModelTask, settings: Settings) -> list[torch.nn.Module]:
    with torch.device("meta"):
        return [kind(task, settings) for kind in (Generator, SpatialDiscriminator, TemporalDiscriminator)]


@pytest.mark.parametrize("model", ["dvdgan", "dvdgan-v1"])
@pytest.mark.parametrize(
    ("frames", "side", "preset"),
    [
        (12, 64, "k600-12x64"), (48, 64, "k600-48x64"), (12, 128, "k600-12x128"), (48, 128, "k600-48x128"),
        (12, 256, "k600-12x256"), (48, 256, "k600-12x256"), (16, 128, "ucf101-16x128"),
    ],
)  # fmt: skip
def test_every_size_of_the_paper_builds(model, frames, side, preset):
    task = dataclasses.replace(preset_task(preset), num_frames=frames)
    assert task.height == side
    check_shapes(task, settings_from_text({"preset": preset}, MODELS[model]))


def test_prediction_of_the_paper_builds():
    check_shapes(preset_task("k600-pred-16x64"), settings_from_text({"preset": "k600-pred-16x64"}, MODELS["dvdgan-fp"]))


def check_shapes(task: ModelTask, settings: Settings) -> None:
    generator, spatial, temporal = made = networks(task, settings)
    for network in made:
        use_plain_weights(network)
    with torch.device("meta"), torch.no_grad():
        context = torch.zeros(1, task.context_frames, 3, task.height, task.width) if task.context_frames else None
        label = torch.zeros(1, dtype=torch.int64)
        clips = generator(torch.zeros(1, 120), label, context)
        assert clips.shape == (1, task.predicted_frames, 3, task.height, task.width)
        whole = clips if context is None else torch.cat([context, clips], 1)
        assert spatial(clips[:, :8], label).shape == temporal(whole, label).shape == (1,)


def test_parameter_counts():
    found = {}
    for name, preset in PRESETS.items():
        for model in ("dvdgan-fp",) if preset.context_frames else ("dvdgan", "dvdgan-v1"):
            made = networks(preset_task(name), settings_from_text({"preset": name}, MODELS[model]))
            found[f"{model} {name}"] = tuple(sum(p.numel() for p in network.parameters()) for network in made)
    shapes = ModelTask("shapes-gen", 12, 0, 32, 32, tuple("abcdefghijklmnopqrstuvwx"))
    for model in ("dvdgan", "dvdgan-v1"):
        made = networks(shapes, MODELS[model])
        found[f"{model} shapes-gen"] = tuple(sum(p.numel() for p in network.parameters()) for network in made)
    made = networks(ModelTask("shapes-pred", 16, 5, 32, 32, ()), MODELS["dvdgan-fp"])
    found["dvdgan-fp shapes-pred"] = tuple(sum(p.numel() for p in network.parameters()) for network in made)
    assert found == PARAMETERS


def test_the_readme_has_the_table_of_this_code():
    cells = {}
    for line in README.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| `(dvdgan[-\w]*)` \| `([-\w]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", line):
            cells[f"{match[1]} {match[2]}"] = tuple(match.groups()[2:])
    wanted = {
        name: tuple(f"{n / 1e6:.2f}" for n in counts) for name, counts in PARAMETERS.items() if "shapes" not in name
    }
    assert cells == wanted


def test_the_arithmetic_is_that_of_the_formula():
    task = ModelTask("t", 3, 0, 8, 8, ())
    settings = settings_from_text(
        {"ch": "4", "g_multipliers": "1,2", "d_ch": "4", "d_multipliers": "1,2", "spatial_frames": "2",
         "latent_dim": "6", "embedding_dim": "5"}
    )  # fmt: skip
    found = cost(task, settings)
    code, state, width, out, frames = 11, 4, 8, 4, 3
    products = code * width * 16  # the first map, then one group of ConvGRU, two blocks, and the head
    # The ConvGRU's part on x runs once, as all frames have one input; its part on h at every frame.
    products += 9 * width * 3 * state * 16 + frames * 9 * state * 3 * state * 16
    products += frames * 16 * (9 * state * width + 9 * width * width + state * width)
    products += frames * 64 * (9 * width * out + 9 * out * out) + frames * 16 * width * out
    products += frames * 64 * 9 * out * 3
    products += 2 * code * (state + width + width + out + out)
    assert found.generator_flops == 2 * products
    # The pooled convolution of the first block has a kernel one wider, 4x4, and both are at a quarter of the places.
    pooled = 64 * 27 * 4 + 16 * (16 * 16 + 3 * 4)
    assert found.spatial_flops == 2 * 2 * (pooled + 16 * (9 * 32 + 9 * 64 + 32) + 8)


def test_attention_is_counted():
    layer = SelfAttention(8, settings_from_text({})).to("meta")
    use_plain_weights(layer)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.zeros(1, 3, 8, 4, 4, device="meta"))
    places, keys, values = 48, 1, 4
    maps = places * (8 * keys * 2 + 8 * values * 2)
    assert counter.get_total_flops() == 2 * (maps + places**2 * (keys + values))


def test_conv_gru_steps_between_frames_are_counted_and_made():
    counts = []
    for steps in (1, 3):
        gru = ConvGRU(4, 4, steps).to("meta")
        use_plain_weights(gru)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            gru(torch.zeros(1, 1, 4, 4, 4, device="meta"), 5)
        counts.append(counter.get_total_flops())
    assert counts[1] - counts[0] == 2 * (2 * 5) * 9 * 4 * 12 * 16


def test_the_table_has_a_row_per_model_and_preset(monkeypatch):
    monkeypatch.setattr("dvdgan.studies.cost.PRESETS", {"k600-12x64": PRESETS["k600-12x64"]})
    lines = cost_table().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["`dvdgan`", "`dvdgan-v1`"]
