"""The generator of DVD-GAN v2: class-conditional, one ConvGRU and two residual blocks per resolution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.conv_gru import ConvGRU
from dvdgan.layers import (
    ConditionalBatchNorm,
    Conv,
    Embedding,
    GeneratorBlock,
    Linear,
    bake_weights,
    batch_norms,
    use_plain_weights,
)
from vidbench.models import InputError, ModelTask

_STANDING_STREAM = 4


def resolution_groups(task: ModelTask) -> int:
    """Number of doublings from 4x4 to the task's frames: 3 for 32x32, 4 for 64x64.

    Raises:
        InputError: the task gives frames, or its frames are not square with a side of 8, 16, 32, …
    """
    if task.context_frames:
        raise InputError(
            f"dvdgan generates whole clips only and task '{task.name}' gives {task.context_frames} frames; "
            "choose a generation task."
        )
    groups = int(math.log2(max(task.height, 1))) - 2
    if task.height != task.width or groups < 1 or task.height != 4 * 2**groups:
        raise InputError(
            f"dvdgan makes square frames with a side of 8, 16, 32, 64, … pixels and task '{task.name}' wants "
            f"{task.width}x{task.height}; choose another task or size."
        )
    return groups


def group_widths(settings: Settings, groups: int) -> list[int]:
    """Channels at 4x4, 8x8, … and at full resolution, `groups + 1` numbers."""
    multipliers = list(settings.g_multipliers)
    multipliers += multipliers[-1:] * (groups + 1 - len(multipliers))
    return [settings.ch * multiplier for multiplier in multipliers[groups::-1]]


class Group(nn.Module):
    """A ConvGRU over time, a residual block, and a residual block that doubles the resolution (paper v2)."""

    def __init__(self, inputs: int, width: int, outputs: int, num_frames: int, settings: Settings) -> None:
        super().__init__()
        code_dim = settings.latent_dim + settings.embedding_dim
        state = max(1, round(width * settings.state_fraction))
        self.gru = ConvGRU(inputs, state)
        self.block1 = GeneratorBlock(state, width, code_dim, num_frames, settings.bn_eps, None)
        self.block2 = GeneratorBlock(width, outputs, code_dim, num_frames, settings.bn_eps, settings.upsampling)

    def forward(self, x_NTCHW: Tensor, code_ND: Tensor, num_frames: int) -> Tensor:
        """Map [N, T or 1, inputs, H, W] to [N, T, outputs, 2H, 2W]."""
        h = self.gru(x_NTCHW, num_frames)
        h = self.block2(self.block1(h, code_ND), code_ND)
        return h.unflatten(0, (code_ND.shape[0], num_frames))


class Generator(nn.Module):
    """z [N, latent_dim] and labels [N] to clips [N, T, 3, H, W] in [-1, 1].

    [z; e(y)] goes through one affine map to 4x4 and into every conditional BatchNorm; the first ConvGRU sees the same
    4x4 maps at every time step (paper v2). A task without labels is a task with one class.
    """

    def __init__(self, task: ModelTask, settings: Settings) -> None:
        super().__init__()
        groups = resolution_groups(task)
        self.num_classes = max(1, task.num_classes)
        self._frames, self._settings = task.num_frames, settings
        self._widths = widths = group_widths(settings, groups)
        code_dim = settings.latent_dim + settings.embedding_dim
        self.embedding = Embedding(self.num_classes, settings.embedding_dim)
        self.first = Linear(code_dim, widths[0] * 16)
        inputs = [widths[0], *widths[1:groups]]
        self.groups = nn.ModuleList(
            Group(i, w, o, task.num_frames, settings)
            for i, w, o in zip(inputs, widths[:groups], widths[1:], strict=True)
        )
        self.head_norm = ConditionalBatchNorm(widths[-1], code_dim, task.num_frames, settings.bn_eps)
        self.head = Conv(widths[-1], 3, 3)

    def forward(self, z_NL: Tensor, labels_N: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Clips [N, T, 3, H, W] in [-1, 1] of the type in which convolutions run.

        Args:
            z_NL: float32 latents [N, latent_dim].
            labels_N: int64 labels [N].
            dtype: type of the convolutions, the one given to `normalise_weights`.
        """
        # Normalised rows have a length of at most 1 while z has one near sqrt(latent_dim): without this factor
        # the class would be lost beside the noise.
        embedding = self.embedding(labels_N) * math.sqrt(self._settings.embedding_dim)
        code_ND = torch.cat([z_NL, embedding], dim=1)
        x = self.first(code_ND).to(dtype).view(-1, 1, self._widths[0], 4, 4)
        for group in self.groups:
            x = group(x, code_ND, self._frames)
        frames = self.head(self.head_norm(x.flatten(0, 1), code_ND))
        return torch.tanh(frames.float()).to(dtype).unflatten(0, (z_NL.shape[0], self._frames))


def to_uint8(clips_NTCHW: Tensor) -> np.ndarray:
    """Network clips [N, T, 3, H, W] in [-1, 1] as uint8 RGB [N, T, H, W, 3], rounded to the nearest level."""
    levels = ((clips_NTCHW.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()


def from_uint8(clips_NTHWC: Tensor, dtype: torch.dtype) -> Tensor:
    """The inverse: uint8 [N, T, H, W, 3] as network clips [N, T, 3, H, W] in [-1, 1] of a floating type."""
    return (clips_NTHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1).to(dtype)


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """No TF32 and a fixed choice of algorithms, so that a GPU comes as close to the CPU's samples as it can."""
    cudnn: Any = torch.backends.cudnn
    # Since 2.9 torch has a switch per operation, and refuses to read the older one once that was set.
    newer = hasattr(cudnn, "conv")
    owner, switch, exact = (cudnn.conv, "fp32_precision", "ieee") if newer else (cudnn, "allow_tf32", False)
    before = cudnn.deterministic, cudnn.benchmark, getattr(owner, switch)
    try:
        cudnn.deterministic, cudnn.benchmark = True, False
        setattr(owner, switch, exact)
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before[:2]
        setattr(owner, switch, before[2])


@torch.no_grad()
def make_sampler(
    averaged: dict[str, Tensor], task: ModelTask, settings: Settings, seed: int, device: torch.device,
    tick: Callable[[], None] = lambda: None,
) -> Generator:  # fmt: skip
    """A generator for sampling: baked weights and standing BatchNorm statistics.

    The statistics are means over seeded batches of the mean and the variance of each layer, time step and channel,
    under the batch's own normalisation (BigGAN's "standing statistics"), with uniform labels.

    Args:
        averaged: parameters by name, the averaged generator of the training.
        task: shape of the clips.
        settings: `standing_batches` batches of `batch_size` clips are used.
        seed: seed of these batches.
        device: where to compute and return the generator.
        tick: called after each batch.
    """
    sampler = Generator(task, settings)
    for name, parameter in sampler.named_parameters():
        parameter.copy_(averaged[name])
    bake_weights(sampler)
    sampler.to(device)
    use_plain_weights(sampler)
    norms = list(batch_norms(sampler))
    for norm in norms:
        norm.mode = "collect"
        norm.standing_mean.zero_()
        norm.standing_var.zero_()
    for batch in range(settings.standing_batches):
        stream = noise.mix(seed, _STANDING_STREAM, batch)
        z = noise.normal(stream, settings.batch_size, settings.latent_dim)
        labels = noise.labels(noise.mix(stream, 1), settings.batch_size, sampler.num_classes)
        with exact_convolutions():
            sampler(torch.from_numpy(z).to(device), torch.from_numpy(labels).to(device))
        tick()
    for norm in norms:
        norm.mode = "standing"
        norm.standing_mean /= settings.standing_batches
        norm.standing_var /= settings.standing_batches
    return sampler.eval()
