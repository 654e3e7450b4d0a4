"""DVD-GAN as three vidbench models. Nothing heavy is imported until a model is loaded or trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from dvdgan.config import DEFAULT_STEPS
from vidbench.models import InputError, ModelTask, NoCheckpointError, SampleRequest, TrainRequest, VideoModel

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from dvdgan.config import Settings
    from dvdgan.generator import Generator

SHIPPED = Path(__file__).parent / "checkpoints"
SHIPPED_SHA256 = {
    "shapes-gen": "ebca3381f6e185e55eed310b27b33215d93ba307d2f6e157dca4aabcd46072ca",
    "shapes-pred": "f9fb24eb4e4ad839c7da648d208b073e377643581dc36098cff71e702c03671d",
}
_CHUNK = 8


class DVDGAN(VideoModel):
    """Class-conditional DVD-GAN (arXiv 1907.06571 v2) for square clips with a side of 8, 16, 32, 64, … pixels.

    Truncation draws z from N(0, sigma^2), with the stored standing BatchNorm statistics of sigma = 1. BigGAN recomputes
    them for each sigma; what DVD-GAN did is not known.
    """

    name: ClassVar[str] = "dvdgan"
    offers_truncation = True
    training_steps = DEFAULT_STEPS

    def __init__(
        self, generator: Generator, settings: Settings, task: ModelTask, device: torch.device, sha256: str
    ) -> None:
        self._generator, self._settings, self._task = generator, settings, task
        self._device, self._sha256 = device, sha256

    @classmethod
    def check_task(cls, task: ModelTask) -> None:
        """Refuse a prediction task.

        Raises:
            InputError: the task has context frames.
        """
        if task.context_frames:
            raise InputError(
                f"{cls.name} generates whole clips only and task '{task.name}' has {task.context_frames} context frames; "
                "choose a generation task, or the model dvdgan-fp."
            )

    @classmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> Self:
        """Load a sampling checkpoint.

        Args:
            checkpoint: the file, or the output folder of a run; None for the one shipped for this task.
            task: task to sample for.
            device: torch device string.

        Raises:
            InputError: a task of the other kind, no checkpoint, or one of another model or for clips of another shape.
        """
        import torch

        from dvdgan.checkpoint import read_hashed_sampler
        from dvdgan.config import MODELS

        path = cls._sampler_file(checkpoint, task)
        on = torch.device(device)
        generator, settings, sha256 = read_hashed_sampler(path, task, on)
        if checkpoint is None and sha256 != SHIPPED_SHA256.get(task.name):
            raise InputError(f"{path} is not the checkpoint that ships for task '{task.name}'; install vidbench again.")
        if settings.architecture != MODELS[cls.name].architecture:
            raise InputError(
                f"{path} holds a generator of architecture {settings.architecture} and {cls.name} has "
                f"{MODELS[cls.name].architecture}; name it with `--model "
                f"{'dvdgan-v1' if settings.architecture == 'v1' else 'dvdgan'}:CHECKPOINT`."
            )
        return cls(generator, settings, task, on, sha256)

    @classmethod
    def _sampler_file(cls, checkpoint: Path | None, task: ModelTask) -> Path:
        from dvdgan.checkpoint import find_sampler
        from dvdgan.widths import resolution_groups

        cls.check_task(task)
        resolution_groups(task)
        path = SHIPPED / f"{task.name}.safetensors" if checkpoint is None else find_sampler(Path(checkpoint))
        if checkpoint is None and not path.is_file():
            raise NoCheckpointError(
                f"No checkpoint of {cls.name} ships for task '{task.name}'; train one ({cls._megabytes(task):.0f} MB) with "
                f"`vidbench train --model {cls.name} --task {task.name}` and name it with `--model {cls.name}:CHECKPOINT`."
            )
        if not path.exists():
            raise NoCheckpointError(
                f"There is no checkpoint {path}; give a file that `vidbench train --model {cls.name}` wrote."
            )
        return path

    @classmethod
    def _megabytes(cls, task: ModelTask) -> float:
        """Size of a sampling checkpoint with the default settings."""
        import torch

        from dvdgan.config import MODELS
        from dvdgan.generator import Generator

        with torch.device("meta"):
            generator = Generator(task, MODELS[cls.name])
        return sum(4 * parameter.numel() for parameter in generator.parameters()) / 1e6

    @classmethod
    def check_sampling(cls, checkpoint: Path | None, task: ModelTask) -> None:
        """Refuse a task of the other kind, and a file that is missing, damaged or no sampling checkpoint.

        Raises:
            InputError: as `load`.
        """
        from dvdgan.checkpoint import SAMPLER, read_metadata

        read_metadata(cls._sampler_file(checkpoint, task), SAMPLER)

    def sample(self, request: SampleRequest) -> np.ndarray | Tensor:
        """Generate samples uint8 ``[N, T, H, W, 3]``, each from its own seed, label and context frames: on a GPU as a tensor there.

        Raises:
            InputError: labels or context frames missing or of a wrong shape, another number of frames than the task's,
                or a truncation that is not above 0.
        """
        import torch

        if request.num_frames != self._task.predicted_frames:
            raise InputError(
                f"{self.name} was trained for {self._task.predicted_frames} frames and {request.num_frames} were "
                "requested; request that many, or train another checkpoint."
            )
        sigma = 1.0 if request.truncation is None else request.truncation
        if not 0 < sigma < float("inf"):
            raise InputError(f"The truncation for {self.name} is {sigma}; give a number above 0, 1 for none.")
        labels_N, context_NTHWC = self._labels(request), self._context(request)
        count, task = len(request.seeds), self._task
        shape = (count, request.num_frames, task.height, task.width, 3)
        clips_NTHWC = torch.empty(shape, dtype=torch.uint8, device=self._device)
        for start in range(0, count, _CHUNK):
            rows = slice(start, min(start + _CHUNK, count))
            context = None if context_NTHWC is None else context_NTHWC[rows]
            clips_NTHWC[rows] = self._sample_chunk(request.seeds[rows], labels_N[rows], context, sigma)
        return clips_NTHWC.numpy() if self._device.type == "cpu" else clips_NTHWC

    def _sample_chunk(
        self, seeds: np.ndarray, labels_N: np.ndarray, context_NTHWC: np.ndarray | None, sigma: float
    ) -> Tensor:
        """Generate at most a chunk of samples, in a chunk padded to its full size: with fewer rows some kernels sum in
        another order, and a sample would depend, if only by a level in a few pixels, on the number of its neighbours.
        """
        import torch

        from dvdgan import noise
        from dvdgan.generator import from_uint8, to_uint8
        from dvdgan.sampler import exact_convolutions

        count, latent_dim = len(seeds), self._settings.latent_dim
        z_NL, y_N = np.zeros((_CHUNK, latent_dim), np.float32), np.zeros(_CHUNK, np.int64)
        for row, seed in enumerate(seeds):
            z_NL[row] = noise.normal_variates(int(seed), latent_dim)
        y_N[:count] = labels_N
        context = None
        if context_NTHWC is not None:
            padded_NTHWC = np.zeros((_CHUNK, *context_NTHWC.shape[1:]), np.uint8)
            padded_NTHWC[:count] = context_NTHWC
            context = from_uint8(torch.from_numpy(padded_NTHWC).to(self._device), torch.float32)
        z, y = (torch.from_numpy(values).to(self._device) for values in (z_NL * np.float32(sigma), y_N))
        with torch.inference_mode(), exact_convolutions():
            clips_NTCHW = self._generator(z, y, context)[:count]
            if not torch.isfinite(clips_NTCHW).all():
                raise InputError(
                    f"{self.name} generated values that are not finite, from seeds {int(seeds[0])} and following; check the "
                    "checkpoint, or train it again."
                )
            return to_uint8(clips_NTCHW)

    def _labels(self, request: SampleRequest) -> np.ndarray:
        """The labels, checked; zeros if the task has none."""
        classes, count = self._generator.num_classes, len(request.seeds)
        labels = request.labels if self._task.num_classes else np.zeros(count, np.int64)
        if labels is None or labels.shape != (count,) or (count and not 0 <= labels.min() <= labels.max() < classes):
            raise InputError(
                f"{self.name} needs one label from 0 to {classes - 1} for each of {count} samples; give those."
            )
        return labels

    def _context(self, request: SampleRequest) -> np.ndarray | None:
        """The context frames, checked; None if the task has none."""
        task, context_NTHWC = self._task, request.context_NTHWC
        if not task.context_frames:
            return None
        wanted = (len(request.seeds), task.context_frames, task.height, task.width, 3)
        if context_NTHWC is None or context_NTHWC.shape != wanted or context_NTHWC.dtype != np.uint8:
            found = "none" if context_NTHWC is None else f"{context_NTHWC.dtype} {list(context_NTHWC.shape)}"
            raise InputError(f"{self.name} needs context frames uint8 {list(wanted)} and got {found}; give those.")
        return context_NTHWC

    @property
    def checkpoint_sha256(self) -> str:
        """SHA-256 of the checkpoint file."""
        return self._sha256

    @property
    def num_parameters(self) -> int:
        """Number of parameters of the generator."""
        return sum(parameter.numel() for parameter in self._generator.parameters())

    @classmethod
    def check_training(
        cls,
        task: ModelTask,
        *,
        output: Path,
        steps: int | None,
        seed: int,
        device: str,
        settings: Mapping[str, str],
    ) -> None:
        """Refuse tasks, settings and runs to resume that do not fit; see `dvdgan.training.early_checks.check_run`.

        Raises:
            InputError: names what does not fit.
        """
        from dvdgan.config import MODELS
        from dvdgan.training.early_checks import check_run

        cls.check_task(task)
        base = MODELS[cls.name]
        check_run(task, base, output=output, steps=steps, seed=seed, device=device, settings=settings)

    @classmethod
    def rehearsal_settings(cls, device: str) -> tuple[Mapping[str, str], float]:
        """Two clips per step on a CPU, the fewest, where a step of the default eight takes minutes at 128x128."""
        from dvdgan.config import Settings, resolve_auto

        kind = device.partition(":")[0]
        if kind != "cpu":
            return {}, 1.0
        clips = resolve_auto(Settings(), kind).batch_size
        return {"batch_size": "2", "standing_batches": "2"}, clips / 2

    @classmethod
    def train(cls, request: TrainRequest) -> Path:
        """Train, or resume; see `dvdgan.training.loop.train`."""
        import torch

        from dvdgan.config import MODELS
        from dvdgan.training.loop import train

        def as_model(generator: Generator, settings: Settings) -> VideoModel:
            return cls(generator, settings, request.task, torch.device(request.device), "")

        cls.check_task(request.task)
        return train(request, MODELS[cls.name], as_model)


class DVDGANv1(DVDGAN):
    """DVD-GAN as in the first version of the paper: one ConvGRU at 4x4, and self-attention."""

    name = "dvdgan-v1"


class DVDGANFP(DVDGAN):
    """DVD-GAN-FP for frame prediction (arXiv 1907.06571 v2): context frames set the first states of the ConvGRUs."""

    name = "dvdgan-fp"

    @classmethod
    def check_task(cls, task: ModelTask) -> None:
        """Refuse a generation task.

        Raises:
            InputError: the task has no context frames.
        """
        if not task.context_frames:
            raise InputError(
                f"{cls.name} predicts from context frames and task '{task.name}' has none; choose a prediction task, "
                "or the model dvdgan."
            )
