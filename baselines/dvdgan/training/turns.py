"""What one update is computed from: real clips and the seeded draws beside them, for each of its turns and parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.parallel import World
from dvdgan.training.augment import augment_draws
from vidbench.models import ModelTask

Batch = tuple[Tensor, Tensor]
"""Real clips uint8 [N, T, H, W, 3] and labels int64 [N], on the device."""


def pick_frames(clips_NTCHW: Tensor, frames_NK: Tensor) -> Tensor:
    """Frames [N, k, C, H, W]: of each clip its own, by int64 numbers on its device."""
    rows = torch.arange(clips_NTCHW.shape[0], device=clips_NTCHW.device).unsqueeze(1)
    return clips_NTCHW[rows, frames_NK]


class Part(NamedTuple):
    """What one backward pass of an update starts from, on the device. M counts the clips of all sides: real, then fake.

    Attributes:
        clips_NTHWC: real clips uint8.
        labels_N: their labels int64.
        z_NL: latents of the fakes, float32.
        frames_MK: for the spatial discriminator, which frames of each clip int64; None without one.
        corners_M2: where phi is a crop, the corner of each clip's window int64; None elsewhere.
        augment_M7: where clips are augmented, their transformations float32 (see `augment_draws`); None elsewhere.
    """

    clips_NTHWC: Tensor
    labels_N: Tensor
    z_NL: Tensor
    frames_MK: Tensor | None
    corners_M2: Tensor | None
    augment_M7: Tensor | None


Turns = list[list[Part]]
"""The parts of each discriminator step, and of the generator step last."""


def tensors_of(turns: Turns) -> list[Tensor]:
    """All tensors of an update, in order."""
    return [tensor for turn in turns for part in turn for tensor in part if tensor is not None]


def refilled(turns: Turns, tensors: Sequence[Tensor]) -> Turns:
    """The same turns with other tensors, in the order of `tensors_of`."""
    rest = iter(tensors)
    return [[Part._make(None if old is None else next(rest) for old in part) for part in turn] for turn in turns]


class Draws:
    """The turns of each update of one process.

    Latents, frame draws, crops and transformations are pure functions of the seed and the step, drawn for the global
    batch and then divided: any number of processes makes one update.
    """

    def __init__(
        self,
        task: ModelTask,
        settings: Settings,
        seed: int,
        device: torch.device,
        world: World,
        cropped_side: int | None,
    ) -> None:
        """Nothing is drawn yet.

        Args:
            task: what is learned.
            settings: all settings.
            seed: seed of the training.
            device: where the tensors go.
            world: the processes that share each batch.
            cropped_side: where phi is a crop, the side of its window; None elsewhere.

        Raises:
            InputError: the batch does not divide among processes and parts.
        """
        self._task, self._settings, self._seed, self._device = task, settings, seed, device
        self._batch_size, self._cropped_side = settings.batch_size, cropped_side
        self._draws_frames = settings.discriminators in ("spatial", "both")
        self._parts = world.rows(settings.batch_size, settings.accumulate)

    @property
    def rows(self) -> np.ndarray:
        """Rows int64 of the global batch that this process takes, one part of the accumulation after the other."""
        return np.concatenate(self._parts)

    def turns(self, step: int, real_batch: Callable[[int], Batch]) -> Turns:
        """Everything that an update computes from; the generator step takes the clips of the last batch.

        Args:
            step: number of the update.
            real_batch: as in `dvdgan.training.update.Networks.update`.
        """
        d_steps, batches = self._settings.d_steps, []
        for turn in range(d_steps):
            clips_NTHWC, labels_N = real_batch(step * d_steps + turn)
            parts = zip(clips_NTHWC.chunk(len(self._parts)), labels_N.chunk(len(self._parts)), strict=True)
            batches.append(list(parts))
        return [
            [self._part(step, turn, batch, rows) for batch, rows in zip(parts, self._parts, strict=True)]
            for turn, parts in enumerate([*batches, batches[-1]])
        ]

    def _stream(self, step: int, turn: int, use: int) -> int:
        return noise.mix(self._seed, 1, step, turn, use)

    def _part(self, step: int, turn: int, batch: Batch, rows: np.ndarray) -> Part:
        """Draw for some rows of the global batch; the generator's turn has no real side."""
        sides = (1,) if turn == self._settings.d_steps else (1, 2)
        z = noise.normal(self._stream(step, turn, 0), self._batch_size, self._settings.latent_dim)[rows]
        drawn = (draw(step, turn, sides, rows) for draw in (self._frames, self._corners, self._transformations))
        return Part(*batch, self._there(z), *(None if each is None else self._there(each) for each in drawn))

    def _there(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self._device, non_blocking=True)

    def _frames(self, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray) -> np.ndarray | None:
        """Which frames the spatial discriminator sees, among those that are not given; each side has draws of its own."""
        if not self._draws_frames:
            return None
        task, k, size = self._task, self._settings.spatial_frames, self._batch_size
        drawn = [
            noise.frame_draws(self._stream(step, turn, side), size, task.predicted_frames, k)[rows] for side in sides
        ]
        return np.concatenate(drawn) + task.context_frames

    def _corners(self, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray) -> np.ndarray | None:
        """Where phi is a crop: the corner of each clip's window, from streams beside those of the frame draws."""
        if self._cropped_side is None:
            return None
        spare = self._task.height - self._cropped_side
        streams = [self._stream(step, turn, 2 + side) for side in sides]
        return np.concatenate([noise.crop_corners(stream, self._batch_size, spare)[rows] for stream in streams])

    def _transformations(self, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray) -> np.ndarray | None:
        """How each clip is augmented, if at all, from streams beside those of the crops."""
        if self._settings.augment == "none":
            return None
        streams = [self._stream(step, turn, 4 + side) for side in sides]
        return np.concatenate([augment_draws(stream, self._batch_size, self._task.height)[rows] for stream in streams])
