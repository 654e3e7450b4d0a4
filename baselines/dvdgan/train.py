"""The training loop: updates, log, states, sample sheets, and the sampling checkpoint at the end."""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dvdgan import checkpoint
from dvdgan.config import DEFAULT_STEPS, Settings, parse_settings, resume_settings
from dvdgan.generator import Generator, make_sampler
from dvdgan.prefetch import Prefetch
from dvdgan.sheet import write_sheet
from dvdgan.update import Networks, compute_dtype
from vidbench.models import InputError, TrainRequest


def train(request: TrainRequest, base: Settings | None = None) -> Path:
    """Train, or go on with the training found in the output folder; `base` are the settings that the model starts from.

    Stopping and resuming gives the same weights as an unbroken run: bit for bit on the CPU, up to the order of
    floating-point sums on a GPU.

    Returns:
        The sampling checkpoint, ``generator.safetensors`` in the output folder.

    Raises:
        InputError: the task does not fit, a setting is wrong or differs from the training found, or a loss is not
            finite (the message names the step and the last good state).
    """
    started = time.monotonic()
    stored = checkpoint.find_training(request.output, request.task)
    given = request.settings
    settings = resume_settings(given, stored.settings, base) if stored else parse_settings(given, base)
    if stored and stored.seed != request.seed:
        raise InputError(
            f"The training in {request.output} was begun with seed {stored.seed} and cannot go on with seed "
            f"{request.seed}; give that seed, or choose another output folder."
        )
    total = DEFAULT_STEPS if request.steps is None else request.steps
    first = stored.step if stored else 0
    if total < 1 or first > total:
        raise InputError(f"{total} steps were asked of a training that has made {first}; ask for more steps.")
    device = torch.device(request.device)
    networks = Networks(request.task, settings, request.seed, device)
    if stored:
        networks.restore(stored.tensors())
    run = _Run(request, settings, networks, device, total)
    deadline = math.inf if settings.max_minutes is None else started + 60 * settings.max_minutes
    previous = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = settings.autotune
    try:
        step = run.steps(first, deadline)
    finally:
        torch.backends.cudnn.benchmark = previous
    return run.finish(step, saved=step == first)


class _Log:
    """train.jsonl: one JSON object per line, appended."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, values: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")


def _header(request: TrainRequest, settings: Settings, device: torch.device, first: int, total: int) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "event": "resume" if first else "start",
        "step": first,
        "steps": total,
        "task": request.task.name,
        "num_videos": request.clips.num_videos,
        "seed": request.seed,
        "device": str(device),
        "device_name": name,
        "precision": str(compute_dtype(settings, device)).removeprefix("torch."),
        "versions": _versions(),
        "settings": settings.to_values(),
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "platform": sys.platform}  # fmt: skip


class _Run:
    """One call of `train`: the loop and what it writes."""

    def __init__(
        self, request: TrainRequest, settings: Settings, networks: Networks, device: torch.device, total: int
    ) -> None:
        self._request, self._settings, self._networks = request, settings, networks
        self._device, self._total = device, total
        self.log = _Log(request.output / "train.jsonl")
        self._pending: list[torch.Tensor] = []
        self._since, self._rate = (0, time.monotonic()), ""

    def steps(self, first: int, deadline: float) -> int:
        """Make steps until the total or the deadline; returns the number of steps made in all."""
        settings, request = self._settings, self._request
        draws = range(first * settings.d_steps, self._total * settings.d_steps)
        step = first
        self._since = (first, time.monotonic())
        with Prefetch(
            request.clips, request.task, draws, settings.batch_size, settings.loader_threads, self._device
        ) as batches:
            while step < self._total and (step == first or time.monotonic() < deadline):
                self._pending.append(self._networks.update(step, batches.take))
                if step == first:  # only now is the data known to be good
                    self.log.write(_header(request, settings, self._device, first, self._total))
                step += 1
                last = step == self._total
                save, draw = step % settings.checkpoint_every == 0, step % settings.sample_every == 0
                if last or save or draw or step % settings.log_every == 0:
                    self._look(step)
                if save and not last:
                    self._save(step)
                if draw and not last:
                    self._sheet(step, self._sampler())
                request.progress(step, self._total, self._rate)
        if self._pending:
            self._look(step)
        return step

    def finish(self, step: int, saved: bool) -> Path:
        """Write the state, the sampling checkpoint and a last sheet; returns the checkpoint."""
        if not saved:
            self._save(step)
        sampler = self._sampler()
        path = self._request.output / checkpoint.SAMPLER_FILE
        origin = {"steps": step, "seed": self._request.seed, "task": self._request.task.name,
                  "num_videos": self._request.clips.num_videos, "versions": _versions()}  # fmt: skip
        checkpoint.write_sampler(path, sampler, self._request.task, self._settings, origin)
        self._sheet(step, sampler)
        self.log.write({"event": "stop", "step": step, "checkpoint_sha256": checkpoint.sha256_file(path)})
        return path

    def _look(self, step: int) -> None:
        """Log the losses since the last look; this waits for the device."""
        values = torch.stack(self._pending).cpu().numpy()
        start = step - len(self._pending)
        self._pending.clear()
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            bad = start + int(np.argmin(finite)) + 1
            states = checkpoint.list_states(self._request.output)
            last = f"the last good state is {states[-1][1]}" if states else "no state was written before"
            raise InputError(
                f"A loss was not finite at step {bad} of the training in {self._request.output}; {last}: train again "
                "with lower learning rates (g_lr, d_lr) in another folder."
            )
        now = time.monotonic()
        made, since = self._since
        per_second = (step - made) / max(now - since, 1e-9)
        clips = per_second * self._settings.d_steps * self._settings.batch_size
        self._since, self._rate = (step, now), f"{clips:.0f} real clips/s"
        losses = {
            name: round(float(v), 5) for name, v in zip(self._networks.loss_names, values.mean(axis=0), strict=True)
        }
        self.log.write({"step": step, **losses, "steps_per_s": round(per_second, 3), "clips_per_s": round(clips, 1)})

    def _save(self, step: int) -> None:
        request = self._request
        tensors = self._networks.tensors()
        checkpoint.write_state(request.output, step, tensors, request.task, self._settings, request.seed)

    def _sampler(self) -> Generator:
        request, settings = self._request, self._settings
        draws = range(settings.standing_batches if request.task.context_frames else 0)
        with Prefetch(
            request.clips, request.task, draws, settings.batch_size, settings.loader_threads, self._device
        ) as clips:
            return make_sampler(self._networks.average, request.task, settings, request.seed, self._device, clips.take)

    def _sheet(self, step: int, sampler: Generator) -> None:
        request = self._request
        path = request.output / f"samples-{step:08d}.png"
        write_sheet(path, sampler, self._settings.latent_dim, request.seed, self._device, request.clips)
