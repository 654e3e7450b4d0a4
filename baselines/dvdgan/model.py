"""The plug: DVD-GAN as a vidbench model. Nothing heavy is imported until a model is loaded or trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidbench.models import InputError, ModelTask, SampleRequest, TrainRequest, VideoModel

if TYPE_CHECKING:
    import torch

    from dvdgan.config import Settings
    from dvdgan.generator import Generator

SHIPPED = Path(__file__).parent / "checkpoints"
_CHUNK = 8


class DVDGAN(VideoModel):
    """Class-conditional DVD-GAN (arXiv 1907.06571 v2) for square clips with a side of 8, 16, 32, 64, … pixels."""

    def __init__(
        self, generator: Generator, settings: Settings, task: ModelTask, device: torch.device, sha256: str
    ) -> None:
        self._generator, self._settings, self._task = generator, settings, task
        self._device, self._sha256 = device, sha256

    @classmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> DVDGAN:
        """Load a sampling checkpoint.

        Args:
            checkpoint: the file, or the output folder of a training; None for the one shipped for this task.
            task: the generation task to do.
            device: a torch device string.

        Raises:
            InputError: a prediction task, no checkpoint, or one of another model or for another task shape.
        """
        import torch

        from dvdgan.checkpoint import find_sampler, read_sampler, sha256_file
        from dvdgan.generator import resolution_groups

        resolution_groups(task)
        path = SHIPPED / f"{task.name}.safetensors" if checkpoint is None else find_sampler(Path(checkpoint))
        if checkpoint is None and not path.is_file():
            raise InputError(
                f"No checkpoint of dvdgan ships for task '{task.name}'; train one on it with `vidbench train "
                "--model dvdgan` and name it with `--model dvdgan:CHECKPOINT`."
            )
        on = torch.device(device)
        generator, settings = read_sampler(path, task, on)
        return cls(generator, settings, task, on, sha256_file(path))

    def sample(self, request: SampleRequest) -> np.ndarray:
        """Samples uint8 ``[N, T, H, W, 3]``, each from its own seed and label, by standing BatchNorm statistics.

        Raises:
            InputError: labels missing or out of range, or another number of frames than the task's.
        """
        import torch

        from dvdgan import noise
        from dvdgan.generator import exact_convolutions, to_uint8

        classes, count = self._generator.num_classes, len(request.seeds)
        if request.num_frames != self._task.num_frames:
            raise InputError(
                f"dvdgan was trained for {self._task.num_frames} frames and {request.num_frames} were asked; "
                "ask for that many, or train another checkpoint."
            )
        labels = request.labels if self._task.num_classes else np.zeros(count, np.int64)
        if labels is None or labels.shape != (count,) or (count and not 0 <= labels.min() <= labels.max() < classes):
            raise InputError(f"dvdgan needs one label from 0 to {classes - 1} for each of {count} samples; give those.")
        shape = (request.num_frames, self._task.height, self._task.width, 3)
        made = np.empty((count, *shape), np.uint8)
        for start in range(0, count, _CHUNK):
            seeds = request.seeds[start : start + _CHUNK]
            # A chunk is always full: with fewer rows some kernels sum in another order, and a sample would depend,
            # if only by a level in a few pixels, on how many neighbours it has.
            z = np.zeros((_CHUNK, self._settings.latent_dim), np.float32)
            y = np.zeros(_CHUNK, np.int64)
            for row, seed in enumerate(seeds):
                z[row], y[row] = noise.normal(int(seed), self._settings.latent_dim), labels[start + row]
            with torch.inference_mode(), exact_convolutions():
                clips = self._generator(torch.from_numpy(z).to(self._device), torch.from_numpy(y).to(self._device))
                made[start : start + len(seeds)] = to_uint8(clips[: len(seeds)])
        return made

    @property
    def checkpoint_sha256(self) -> str:
        """Digest of the checkpoint file."""
        return self._sha256

    @property
    def num_parameters(self) -> int:
        """Weights of the generator."""
        return sum(parameter.numel() for parameter in self._generator.parameters())

    @classmethod
    def train(cls, request: TrainRequest) -> Path:
        """Train (or go on training); see `dvdgan.train.train`."""
        from dvdgan.train import train

        return train(request)
