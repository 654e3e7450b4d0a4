"""The generators of DVD-GAN: v2 with a ConvGRU per resolution, also from given frames, and v1 with attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dvdgan import noise
from dvdgan.attention import SelfAttention, SeparableAttention
from dvdgan.conditioning import ContextTower
from dvdgan.config import Settings
from dvdgan.conv_gru import ConvGRU
from dvdgan.fast.process_state import PROCESS_STATE
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
        InputError: the task's frames are not square with a side of 8, 16, 32, …
    """
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


def discriminator_widths(ch: int, settings: Settings, blocks: int) -> list[int]:
    """Channels after each of some residual blocks, from the image down, in units of `ch`."""
    multipliers = list(settings.d_multipliers)
    multipliers += multipliers[-1:] * (blocks - len(multipliers))
    return [ch * multiplier for multiplier in multipliers[:blocks]]


class Group(nn.Module):
    """A residual block, and one that doubles the resolution; what carries time comes before them.

    In v2 every group begins with a ConvGRU. In v1 only the first one does, its states attend to each other over
    T x 4 x 4, and separable attention comes before the last block of the network.
    """

    def __init__(
        self, inputs: int, width: int, outputs: int, num_frames: int, settings: Settings, is_first: bool, is_last: bool
    ) -> None:
        super().__init__()
        code_dim, v1 = settings.latent_dim + settings.embedding_dim, settings.architecture == "v1"
        state = state_width(width, settings)
        self.gru = ConvGRU(inputs, state, settings.gru_steps) if is_first or not v1 else None
        self.attention = SelfAttention(state, settings) if is_first and v1 else None
        self.block1 = GeneratorBlock(
            inputs if self.gru is None else state, width, code_dim, num_frames, settings.bn_eps, None
        )
        self.separable = SeparableAttention(width, settings) if is_last and v1 else None
        self.block2 = GeneratorBlock(width, outputs, code_dim, num_frames, settings.bn_eps, settings.upsampling)

    def forward(self, x_NTCHW: Tensor, code_ND: Tensor, num_frames: int, first_NSHW: Tensor | None = None) -> Tensor:
        """Map [N, T or 1, inputs, H, W] to [N, T, outputs, 2H, 2W]; the ConvGRU starts from `first_NSHW`, or zero."""
        clips = (code_ND.shape[0], num_frames)
        h = x_NTCHW.flatten(0, 1) if self.gru is None else self.gru(x_NTCHW, num_frames, first_NSHW)
        if self.attention is not None:
            h = self.attention(h.unflatten(0, clips)).flatten(0, 1)
        h = self.block1(h, code_ND)
        if self.separable is not None:
            h = self.separable(h.unflatten(0, clips)).flatten(0, 1)
        return self.block2(h, code_ND).unflatten(0, clips)


def state_width(width: int, settings: Settings) -> int:
    """Channels of the ConvGRU state of a group whose blocks have `width` channels."""
    return max(1, round(width * settings.state_fraction))


class Generator(nn.Module):
    """z [N, latent_dim] and labels [N], and given frames where the task has them, to frames [N, T, 3, H, W] in [-1, 1].

    [z; e(y)] goes through one affine map to 4x4 and into every conditional BatchNorm; the first ConvGRU sees the same
    4x4 maps at every time step (paper v2). T counts the frames to make and not the given ones, which act through the
    first states of the ConvGRUs alone (paper v2, prediction). A task without labels is a task with one class.
    """

    def __init__(self, task: ModelTask, settings: Settings) -> None:
        """Build without initial values; see `dvdgan.layers.initialise`.

        Raises:
            InputError: the task does not fit the architecture.
        """
        super().__init__()
        groups = resolution_groups(task)
        self.num_classes, self.context_frames = max(1, task.num_classes), task.context_frames
        self._frames, self._settings = task.predicted_frames, settings
        self._widths = widths = group_widths(settings, groups)
        code_dim = settings.latent_dim + settings.embedding_dim
        self.embedding = Embedding(self.num_classes, settings.embedding_dim)
        self.first = Linear(code_dim, widths[0] * 16)
        inputs = [widths[0], *widths[1:groups]]
        self.groups = nn.ModuleList(
            Group(i, w, o, self._frames, settings, index == 0, index == groups - 1)
            for index, (i, w, o) in enumerate(zip(inputs, widths[:groups], widths[1:], strict=True))
        )
        self.head_norm = ConditionalBatchNorm(widths[-1], code_dim, self._frames, settings.bn_eps)
        self.head = Conv(widths[-1], 3, 3)
        self.tower = _tower(task, settings, widths[:groups]) if task.context_frames else None

    def forward(
        self, z_NL: Tensor, labels_N: Tensor, context_NTCHW: Tensor | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Frames [N, T, 3, H, W] in [-1, 1] of the type in which convolutions run: the generated ones only.

        Args:
            z_NL: float32 latents [N, latent_dim].
            labels_N: int64 labels [N].
            context_NTCHW: given frames [N, context_frames, 3, H, W] in [-1, 1], or None where the task gives none.
            dtype: type of the convolutions, the one given to `normalise_weights`.
        """
        # Normalised rows have a length of at most 1 while z has one near sqrt(latent_dim): without this factor
        # the class would be lost beside the noise.
        factor = self._settings.embedding_scale
        embedding = self.embedding(labels_N) * (math.sqrt(self._settings.embedding_dim) if factor is None else factor)
        code_ND = torch.cat([z_NL, embedding], dim=1)
        x = self.first(code_ND).to(dtype).view(-1, 1, self._widths[0], 4, 4)
        for group, state in zip(self.groups, self._first_states(context_NTCHW, dtype), strict=True):
            x = group(x, code_ND, self._frames, state)
        frames = self.head(self.head_norm(x.flatten(0, 1), code_ND))
        return torch.tanh(frames.float()).to(dtype).unflatten(0, (z_NL.shape[0], self._frames))

    def _first_states(self, context_NTCHW: Tensor | None, dtype: torch.dtype) -> Sequence[Tensor | None]:
        given = 0 if context_NTCHW is None else context_NTCHW.shape[1]
        if given != self.context_frames:
            raise ValueError(f"{given} frames were given to a generator that takes {self.context_frames}")
        if self.tower is None or context_NTCHW is None:
            return [None] * len(self.groups)
        return self.tower(context_NTCHW.to(dtype))


def _tower(task: ModelTask, settings: Settings, widths: list[int]) -> ContextTower:
    """The tower whose states fit the ConvGRUs of groups of these widths, 4x4 first.

    Raises:
        InputError: v1, whose generator has one state.
    """
    if settings.architecture == "v1":
        raise InputError(
            f"The v1 generator makes whole clips only and task '{task.name}' gives {task.context_frames} frames; "
            "use the model dvdgan-fp."
        )
    states = [state_width(width, settings) for width in widths]
    return ContextTower(
        task.context_frames, discriminator_widths(settings.tower_ch, settings, len(widths)), states[::-1]
    )


def to_uint8(clips_NTCHW: Tensor) -> np.ndarray:
    """Network clips [N, T, 3, H, W] in [-1, 1] as uint8 RGB [N, T, H, W, 3], rounded to the nearest level."""
    levels = ((clips_NTCHW.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()


def from_uint8(clips_NTHWC: Tensor, dtype: torch.dtype) -> Tensor:
    """The inverse: uint8 [N, T, H, W, 3] as network clips [N, T, 3, H, W] in [-1, 1] of a floating type."""
    return (clips_NTHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1).to(dtype)


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """No TF32 and a fixed choice of algorithms, so that a GPU comes as close to the CPU's samples as it can.

    The switches are the process's: one thread at a time.
    """
    cudnn: Any = torch.backends.cudnn
    # Since 2.9 torch has a switch per operation, and refuses to read the older one once that was set.
    newer = hasattr(cudnn, "conv")
    owner, switch, exact = (cudnn.conv, "fp32_precision", "ieee") if newer else (cudnn, "allow_tf32", False)
    with PROCESS_STATE:
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
    given: Callable[[int], tuple[Tensor, Tensor]] | None = None, tick: Callable[[], None] = lambda: None,
) -> Generator:  # fmt: skip
    """A generator for sampling: baked weights and standing BatchNorm statistics.

    The statistics are means over seeded batches of the mean and the variance of each layer, time step and channel,
    under the batch's own normalisation (BigGAN's "standing statistics"), with uniform labels; for prediction, with the
    given frames and the labels of real training clips.

    Args:
        averaged: parameters by name, the averaged generator of the training.
        task: shape of the clips.
        settings: `standing_batches` batches of `batch_size` clips are used.
        seed: seed of these batches.
        device: where to compute and return the generator.
        given: for prediction, gives batch 0, 1, … of real training clips: uint8 [N, T, H, W, 3] of which the first
            frames are given, and labels int64 [N], on the device. Not called for generation.
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
        context = None
        if task.context_frames and given is not None:
            clips, labels = given(batch)
            context = from_uint8(clips[:, : task.context_frames], torch.float32)
        else:
            drawn = noise.labels(noise.mix(stream, 1), settings.batch_size, sampler.num_classes)
            labels = torch.from_numpy(drawn).to(device)
        z = noise.normal(stream, labels.shape[0], settings.latent_dim)
        with exact_convolutions():
            sampler(torch.from_numpy(z).to(device), labels, context)
        tick()
    for norm in norms:
        norm.mode = "standing"
        norm.standing_mean /= settings.standing_batches
        norm.standing_var /= settings.standing_batches
    return sampler.eval()
