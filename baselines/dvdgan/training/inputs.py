"""Inputs of one update: real clips and the seeded draws that go with them.

An update consists of the discriminator steps and then the generator step. The batch of each is split into `accumulate`
micro-batches, and, over several processes, each process has its own rows of it. Axes: N clips, T frames, M the clips of
all sides, real then fake (fake alone in the generator step).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.discriminators import crop_side
from dvdgan.parallel import World
from dvdgan.training.augment import augment_draws
from dvdgan.training.temporal_noise import noise_draws
from vidbench.models import ModelTask

Batch = tuple[Tensor, Tensor]
"""Real clips uint8 [N, T, H, W, 3] and labels int64 [N], on the device."""


class MicroBatch(NamedTuple):
    """Inputs of one backward pass, on the device.

    Attributes:
        clips_NTHWC: real clips uint8.
        labels_N: their labels int64, which the fakes share.
        z_NL: latents of the fakes, float32.
        frames_MK: frames that the spatial discriminator sees of each clip, int64; None without that discriminator.
        corners_M2: corner of each clip's window if phi is a crop, int64; None otherwise.
        augment_M7: transformation of each clip if clips are augmented, float32 (see `augment_draws`); None otherwise.
        noise_M: seed of each clip's noise if the temporal discriminator sees some, int64; None otherwise.
    """

    clips_NTHWC: Tensor
    labels_N: Tensor
    z_NL: Tensor
    frames_MK: Tensor | None
    corners_M2: Tensor | None
    augment_M7: Tensor | None
    noise_M: Tensor | None = None


UpdateInputs = list[list[MicroBatch]]
"""The micro-batches of each discriminator step and, last, of the generator step."""


def flatten_inputs(inputs: UpdateInputs) -> list[Tensor]:
    """All tensors of an update, in order."""
    return [tensor for step in inputs for part in step for tensor in part if tensor is not None]


def refill_inputs(inputs: UpdateInputs, tensors: Sequence[Tensor]) -> UpdateInputs:
    """Inputs with their tensors replaced by others, in the order of `flatten_inputs`."""
    rest = iter(tensors)
    return [[MicroBatch._make(None if old is None else next(rest) for old in part) for part in step] for step in inputs]


def pick_frames(clips_NTCHW: Tensor, frames_NK: Tensor) -> Tensor:
    """Frames [N, k, C, H, W] of each clip by their numbers, int64 on the device of the clips."""
    rows = torch.arange(clips_NTCHW.shape[0], device=clips_NTCHW.device).unsqueeze(1)
    return clips_NTCHW[rows, frames_NK]


class Draws:
    """Draws the inputs of every update for one process.

    Latents, frames, crops and transformations are pure functions of the seed and the step, drawn for the global batch
    and then split, so that any number of processes computes the same update.
    """

    def __init__(self, task: ModelTask, settings: Settings, seed: int, device: torch.device, world: World) -> None:
        """Draw nothing yet.

        Args:
            task: task to learn.
            settings: all settings.
            seed: seed of the training run.
            device: device of the tensors.
            world: the processes that share each batch.

        Raises:
            InputError: the batch does not divide among processes and micro-batches.
        """
        self._task, self._settings, self._seed, self._device = task, settings, seed, device
        self._crop_side = crop_side(task, settings)
        self._parts = world.rows(settings.batch_size, settings.accumulate)

    @property
    def rows(self) -> np.ndarray:
        """Rows int64 of the global batch that this process computes, one micro-batch after the other."""
        return np.concatenate(self._parts)

    def inputs(self, step: int, real_batch: Callable[[int], Batch]) -> UpdateInputs:
        """Draw the inputs of an update. The generator step reuses the clips of the last discriminator step.

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
            [self._micro_batch(step, turn, batch, rows) for batch, rows in zip(parts, self._parts, strict=True)]
            for turn, parts in enumerate([*batches, batches[-1]])
        ]

    def _stream(self, step: int, turn: int, use: int) -> int:
        """Seed of one use of randomness (latents 0, frames 1 and 2, crops 3 and 4, transformations 5 and 6, noise 7 and 8)."""
        return noise.derive_seed(self._seed, 1, step, turn, use)

    def _micro_batch(self, step: int, turn: int, batch: Batch, rows: np.ndarray) -> MicroBatch:
        sides = (1,) if turn == self._settings.d_steps else (1, 2)  # the generator step has no real clips
        latents = (self._settings.batch_size, self._settings.latent_dim)
        z = noise.normal_variates(self._stream(step, turn, 0), *latents)[rows]
        drawn = (
            draw(step, turn, sides, rows) for draw in (self._frames, self._corners, self._transformations, self._noise)
        )
        return MicroBatch(
            *batch, self._to_device(z), *(None if each is None else self._to_device(each) for each in drawn)
        )

    def _to_device(self, values: np.ndarray) -> Tensor:
        drawn = torch.from_numpy(values)
        if self._device.type == "cuda":
            drawn = drawn.pin_memory()  # from other memory, copies of more than 64 KB wait for the updates before
        return drawn.to(self._device, non_blocking=True)

    def _frames(self, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray) -> np.ndarray | None:
        """Frames that the spatial discriminator sees, drawn for each side among those after the context frames."""
        if self._settings.discriminators == "temporal":
            return None
        task, k, size = self._task, self._settings.spatial_frames, self._settings.batch_size
        drawn = [
            noise.frame_draws(self._stream(step, turn, side), size, task.predicted_frames, k)[rows] for side in sides
        ]
        return np.concatenate(drawn) + task.context_frames

    def _corners(self, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray) -> np.ndarray | None:
        """Corner of each clip's window if phi is a crop."""
        if self._crop_side is None:
            return None
        spare, size = self._task.height - self._crop_side, self._settings.batch_size
        streams = [self._stream(step, turn, 2 + side) for side in sides]
        return np.concatenate([noise.crop_corners(stream, size, spare)[rows] for stream in streams])

    def _transformations(self, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray) -> np.ndarray | None:
        """Transformation of each clip if clips are augmented."""
        if self._settings.augment == "none":
            return None
        size, streams = self._settings.batch_size, [self._stream(step, turn, 4 + side) for side in sides]
        return np.concatenate([augment_draws(stream, size, self._task.height)[rows] for stream in streams])

    def _noise(self, step: int, turn: int, sides: tuple[int, ...], rows: np.ndarray) -> np.ndarray | None:
        """Seed of each clip's noise if the temporal discriminator sees some."""
        if not self._settings.temporal_noise or self._settings.discriminators == "spatial":
            return None
        size, streams = self._settings.batch_size, [self._stream(step, turn, 6 + side) for side in sides]
        return np.concatenate([noise_draws(stream, size)[rows] for stream in streams])
