"""Parameters and arithmetic of every preset: ``python -m dvdgan.studies.cost [--write README.md]``.

The networks are built without memory (PyTorch's meta device), so a table takes seconds. FLOPs are those of PyTorch's
counter: twice the multiply-adds of all convolutions and matrix products, attention included, and nothing else. They are
those of this code, in which a convolution and the pooling after it are one (`dvdgan.blocks.PooledConv`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dvdgan.checkpoint import write_atomically
from dvdgan.config import MODELS, Settings
from dvdgan.discriminators import SpatialDiscriminator, TemporalDiscriminator
from dvdgan.generator import Generator
from dvdgan.layers import use_plain_weights
from dvdgan.presets import PRESETS
from dvdgan.settings_text import settings_from_text
from vidbench.models import ModelTask

_START, _END = "<!-- cost: written by `python -m dvdgan.studies.cost --write` -->", "<!-- end of cost -->"


@dataclass(frozen=True)
class Cost:
    """Parameters of each network, and FLOPs of one forward pass of one clip.

    Attributes:
        generator: parameters of the generator, including the tower over context frames.
        spatial: parameters of the spatial discriminator.
        temporal: parameters of the temporal discriminator.
        generator_flops: to generate one clip.
        spatial_flops: to score k frames of one clip.
        temporal_flops: to score one clip.
    """

    generator: int
    spatial: int
    temporal: int
    generator_flops: int
    spatial_flops: int
    temporal_flops: int


def preset_task(name: str) -> ModelTask:
    """A task with the clips of a preset, and numbered classes."""
    preset = PRESETS[name]
    classes = tuple(str(number) for number in range(preset.num_classes))
    return ModelTask(name, preset.num_frames, preset.context_frames, preset.side, preset.side, classes)


def cost(task: ModelTask, settings: Settings) -> Cost:
    """Count the parameters and FLOPs of the networks for a task.

    Args:
        task: shape of the clips.
        settings: settings of the networks.

    Raises:
        InputError: the task or a setting does not fit the architecture.
    """
    with torch.device("meta"), torch.no_grad():
        networks: list[nn.Module] = [
            kind(task, settings) for kind in (Generator, SpatialDiscriminator, TemporalDiscriminator)
        ]
        for network in networks:
            use_plain_weights(network)
        frame = (3, task.height, task.width)
        label = torch.zeros(1, dtype=torch.int64)
        context = torch.zeros(1, task.context_frames, *frame) if task.context_frames else None
        clip, corner = torch.zeros(1, task.num_frames, *frame), torch.zeros(1, 2, dtype=torch.int64)
        inputs = (
            (torch.zeros(1, settings.latent_dim), label, context),
            (clip[:, : settings.spatial_frames], label),
            (clip, label, corner),
        )
        flops = []
        for network, given in zip(networks, inputs, strict=True):
            with FlopCounterMode(display=False) as counter:
                network(*given)
            flops.append(counter.get_total_flops())
    parameters = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    return Cost(*parameters, *flops)


def preset_costs() -> Iterator[tuple[str, str, Cost]]:
    """Model, preset and cost, for every model that fits the preset's clips."""
    for name, preset in PRESETS.items():
        for model in ("dvdgan-fp",) if preset.context_frames else ("dvdgan", "dvdgan-v1"):
            yield model, name, cost(preset_task(name), settings_from_text({"preset": name}, MODELS[model]))


def cost_table() -> str:
    """Format the costs as a Markdown table."""
    lines = [
        "| model | preset | G, M parameters | D_S, M | D_T, M | G, GFLOPs a clip | D_S, GFLOPs | D_T, GFLOPs |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for model, name, count in preset_costs():
        parameters = (count.generator, count.spatial, count.temporal)
        flops = (count.generator_flops, count.spatial_flops, count.temporal_flops)
        cells = [f"{n / 1e6:.2f}" for n in parameters] + [f"{n / 1e9:.1f}" for n in flops]
        lines.append(f"| `{model}` | `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or write it into a file between its two marks."""
    parser = argparse.ArgumentParser(prog="python -m dvdgan.studies.cost", description=cost_table.__doc__)
    parser.add_argument("--write", type=Path, metavar="README", help="file with the two marks to write between")
    path: Path | None = parser.parse_args().write
    if path is None:
        print(cost_table())  # noqa: T201
        return
    text = path.read_text(encoding="utf-8")
    if text.count(_START) != 1 or text.count(_END) != 1:
        parser.error(f"{path} lacks the lines '{_START}' and '{_END}'")
    before, rest = text.split(_START)
    _, after = rest.split(_END)
    write_atomically(path, f"{before}{_START}\n{cost_table()}\n{_END}{after}".encode())


if __name__ == "__main__":
    main()
