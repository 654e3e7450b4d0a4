"""What a run writes besides its log: training states, the sampling checkpoint, sample sheets, and metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from dvdgan import checkpoint
from dvdgan.config import Settings
from dvdgan.generator import Generator
from dvdgan.parallel import World
from dvdgan.sampler import make_sampler
from dvdgan.training.prefetch import Prefetch
from dvdgan.training.sheet import write_sheet
from dvdgan.training.training_log import TrainingLog, versions
from dvdgan.training.update import Networks
from vidbench.models import InputError, TrainRequest, VideoModel, file_sha256


class Outputs:
    """Writes the files of one run; only in the first process."""

    def __init__(
        self, request: TrainRequest, settings: Settings, networks: Networks, world: World, log: TrainingLog,
        as_model: Callable[[Generator, Settings], VideoModel],
    ) -> None:  # fmt: skip
        """Write nothing yet.

        Args:
            request: the run.
            settings: its settings.
            networks: what is trained.
            world: the processes of the run.
            log: for metrics and the end of the run.
            as_model: from the averaged generator to the model that `TrainRequest.measure` is called with.
        """
        self._request, self._settings, self._networks, self._world = request, settings, networks, world
        self._log, self._as_model, self._device = log, as_model, torch.device(request.device)
        self._newest: tuple[int, Generator] | None = None

    def write(self, step: int, save: bool, draw: bool, measure: bool) -> None:
        """Write a training state, a sample sheet and metrics, as selected."""
        if not self._world.is_main:
            return
        request, settings = self._request, self._settings
        if save:
            self.save(step)
        if draw:
            path = request.output / f"samples-{step:08d}.png"
            write_sheet(path, self._sampler(step), settings.latent_dim, request.seed, self._device, request.clips)
        if measure:
            metrics = request.measure(self._as_model(self._sampler(step), settings))
            values = {name: float(value) for name, value in metrics.items()}
            self._log.write({"event": "metrics", "step": step, "metrics": values})

    def save(self, step: int) -> None:
        """Write a training state.

        Raises:
            InputError: a tensor is not finite.
        """
        if not self._world.is_main:
            return
        request, tensors = self._request, self._networks.tensors()
        if name := checkpoint.first_not_finite(tensors):
            raise InputError(
                f"The training state of step {step} in {request.output} would not be finite, first in '{name}': train again "
                "with lower learning rates (g_lr, d_lr) in another folder."
            )
        checkpoint.write_state(
            request.output, step, tensors, request.task, self._settings, request.seed, request.data_sha256
        )

    def finish(self, step: int, saved: bool) -> Path:
        """Write everything of the last step, and return the sampling checkpoint.

        Args:
            step: steps made.
            saved: whether the state of this step is there already.
        """
        path = self._request.output / checkpoint.SAMPLER_FILE
        self.write(step, save=not saved, draw=True, measure=self._request.measure_every is not None)
        if self._world.is_main:
            self._log.write({"event": "stop", "step": step, "checkpoint_sha256": file_sha256(path)})
        self._world.agree(0)  # no process leaves before the files are there
        return path

    def _sampler(self, step: int) -> Generator:
        """The averaged generator of a step, made once for sheet and metrics and written as the sampling checkpoint."""
        if self._newest is not None and self._newest[0] == step:
            return self._newest[1]
        request, settings = self._request, self._settings
        draws = range(settings.standing_batches if request.task.context_frames else 0)
        with Prefetch(request, settings, draws, np.arange(settings.batch_size)) as batches:
            sampler = make_sampler(
                self._networks.average, request.task, settings, request.seed, self._device, batches.take
            )
        origin = {"steps": step, "seed": request.seed, "task": request.task.name,
                  "num_videos": request.clips.num_videos, "versions": versions()}  # fmt: skip
        path = request.output / checkpoint.SAMPLER_FILE
        checkpoint.write_sampler(path, sampler, request.task, settings, origin)
        self._newest = step, sampler
        return sampler
