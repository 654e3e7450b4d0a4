"""The generators of DVD-GAN: v2 with a ConvGRU per resolution, also for prediction, and v1 with self-attention.

Both are BigGAN's generator applied to T frames at once, folded into the batch as rows n * T + t, plus what connects the
frames: ConvGRUs (and, in v1, attention).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dvdgan.attention import SelfAttention, SeparableAttention
from dvdgan.blocks import GeneratorBlock
from dvdgan.conditioning import ContextTower
from dvdgan.config import Settings
from dvdgan.conv_gru import ConvGRU
from dvdgan.layers import ConditionalBatchNorm, Conv, Embedding, Linear
from dvdgan.transform_gru import TransformGRU
from dvdgan.widths import discriminator_widths, generator_widths, resolution_groups, state_width
from vidbench.models import InputError, ModelTask


class ResolutionGroup(nn.Module):
    """A ConvGRU over time, a residual block, and a residual block that doubles the resolution.

    In v1 only the first group has a ConvGRU, whose states attend to each other over T x 4 x 4, and separable attention
    comes before the last block of the network.
    """

    def __init__(
        self, inputs: int, width: int, outputs: int, num_frames: int, settings: Settings, is_first: bool, is_last: bool
    ) -> None:
        super().__init__()
        code_dim, v1 = settings.latent_dim + settings.embedding_dim, settings.architecture == "v1"
        state = state_width(width, settings)
        self.gru = recurrence(inputs, state, settings) if is_first or not v1 else None
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


class FullResolution(nn.Module):
    """A recurrence and a residual block at the resolution of the frames (setting `full_resolution`).

    The state also goes to the colours directly, so that they can be moved from frame to frame without passing a BatchNorm.
    """

    def __init__(self, width: int, num_frames: int, settings: Settings) -> None:
        super().__init__()
        state, code_dim = state_width(width, settings), settings.latent_dim + settings.embedding_dim
        self.gru = recurrence(width, state, settings)
        self.block = GeneratorBlock(state, width, code_dim, num_frames, settings.bn_eps, None)
        self.colours = Conv(state, 3, 1)

    def forward(
        self, x_NTCHW: Tensor, code_ND: Tensor, num_frames: int, first_NSHW: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map [N, T, width, H, W] to the same shape, and to what is added to the colours [N * T, 3, H, W]."""
        h = self.gru(x_NTCHW, num_frames, first_NSHW)
        return self.block(h, code_ND).unflatten(0, (code_ND.shape[0], num_frames)), self.colours(h)


def recurrence(inputs: int, state: int, settings: Settings) -> ConvGRU:
    """The recurrence that the setting `recurrence` selects.

    Raises:
        InputError: the flows do not divide the state's channels.
    """
    if settings.recurrence == "gru":
        return ConvGRU(inputs, state, settings.gru_steps)
    if state % settings.warp_flows:
        raise InputError(
            f"Setting 'warp_flows' is {settings.warp_flows} and a recurrence has {state} channels; give a number that divides "
            "them, or change 'ch' or 'state_fraction'."
        )
    return TransformGRU(inputs, state, settings.gru_steps, settings.warp_flows, settings.warp_edges == "ring")


class Generator(nn.Module):
    """Maps latents, labels and, for prediction, context frames to frames in [-1, 1].

    The code [z; e(y)] goes through one affine map to 4x4 and into every conditional BatchNorm; the first ConvGRU sees the
    same 4x4 maps at every time step (paper v2). T counts the generated frames. Context frames act through the first
    states of the ConvGRUs alone (paper v2, prediction). A task without labels has one class.
    """

    def __init__(self, task: ModelTask, settings: Settings) -> None:
        """Build with uninitialised weights; see `dvdgan.layers.initialise`.

        Raises:
            InputError: the task does not fit the architecture.
        """
        super().__init__()
        if settings.architecture == "v1" and task.context_frames:
            raise InputError(
                f"The v1 generator generates whole clips only and task '{task.name}' has {task.context_frames} context "
                "frames; use the model dvdgan-fp."
            )
        self._settings, self._num_frames = settings, task.predicted_frames
        self.num_classes, self.context_frames = max(1, task.num_classes), task.context_frames
        groups = resolution_groups(task)
        widths, code_dim = generator_widths(settings, groups), settings.latent_dim + settings.embedding_dim
        self.embedding = Embedding(self.num_classes, settings.embedding_dim)
        self.first = Linear(code_dim, widths[0] * 4 * 4)
        inputs = [widths[0], *widths[1:groups]]
        self.groups = nn.ModuleList(
            ResolutionGroup(i, w, o, self._num_frames, settings, index == 0, index == groups - 1)
            for index, (i, w, o) in enumerate(zip(inputs, widths[:groups], widths[1:], strict=True))
        )
        self.finest = FullResolution(widths[-1], self._num_frames, settings) if settings.full_resolution else None
        self.head_norm = ConditionalBatchNorm(widths[-1], code_dim, self._num_frames, settings.bn_eps)
        self.head = Conv(widths[-1], 3, 3)
        recurrences = widths if settings.full_resolution else widths[:groups]
        self.tower = _tower(task, settings, recurrences) if task.context_frames else None

    def forward(
        self, z_NL: Tensor, labels_N: Tensor, context_NTCHW: Tensor | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Generate frames [N, T, 3, H, W] in [-1, 1], without the context frames, in `dtype`.

        Args:
            z_NL: latents float32 [N, latent_dim].
            labels_N: labels int64 [N].
            context_NTCHW: context frames [N, context_frames, 3, H, W] in [-1, 1]; None if the task has none.
            dtype: type of the convolutions, the one given to `normalise_weights`.
        """
        code_ND = torch.cat([z_NL, self.embedding(labels_N) * self._embedding_scale], dim=1)
        x = self.first(code_ND).to(dtype).view(z_NL.shape[0], 1, -1, 4, 4)
        *states, finest = self._first_states(context_NTCHW, dtype)
        for group, state in zip(self.groups, states, strict=True):
            x = group(x, code_ND, self._num_frames, state)
        colours = None
        if self.finest is not None:
            x, colours = self.finest(x, code_ND, self._num_frames, finest)
        frames = self.head(self.head_norm(x.flatten(0, 1), code_ND))
        frames = frames if colours is None else frames + colours
        return torch.tanh(frames.float()).to(dtype).unflatten(0, (z_NL.shape[0], self._num_frames))

    @property
    def _embedding_scale(self) -> float:
        """Rows of a normalised embedding have length 1 at most, and z about sqrt(latent_dim): unscaled, the class would
        be lost in the noise.
        """
        scale = self._settings.embedding_scale
        return math.sqrt(self._settings.embedding_dim) if scale is None else scale

    def _first_states(self, context_NTCHW: Tensor | None, dtype: torch.dtype) -> Sequence[Tensor | None]:
        """First states of the groups' recurrences, 4x4 first, and then that at full resolution, None if there is none."""
        given = 0 if context_NTCHW is None else context_NTCHW.shape[1]
        if given != self.context_frames:
            raise ValueError(f"the generator needs {self.context_frames} context frames and got {given}")
        if self.tower is None or context_NTCHW is None:
            return [None] * (len(self.groups) + 1)
        states = self.tower(context_NTCHW.to(dtype))
        return states if self.finest is not None else [*states, None]


def _tower(task: ModelTask, settings: Settings, widths: list[int]) -> ContextTower:
    """The tower whose states fit recurrences next to blocks of these widths, 4x4 first."""
    states = [state_width(width, settings) for width in widths]
    return ContextTower(
        task.context_frames, discriminator_widths(settings.tower_ch, settings, len(widths)), states[::-1],
        settings.tower_frames == "stacked", settings.full_resolution,
    )  # fmt: skip


def to_uint8(clips_NTCHW: Tensor) -> Tensor:
    """Convert clips [N, T, 3, H, W] in [-1, 1] to uint8 RGB [N, T, H, W, 3], rounded to the nearest level, on their device."""
    levels = ((clips_NTCHW.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return levels.permute(0, 1, 3, 4, 2).contiguous()


def from_uint8(clips_NTHWC: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert clips uint8 [N, T, H, W, 3] to [N, T, 3, H, W] in [-1, 1], in `dtype`."""
    return (clips_NTHWC.permute(0, 1, 4, 2, 3).float() / 127.5 - 1).to(dtype)
