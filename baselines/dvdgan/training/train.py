"""The training loop: updates, log, states, sample sheets, metrics, and the sampling checkpoint at the end.

Runs as one process or under torchrun as many; all of them make every update, and the first alone writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from dvdgan import checkpoint
from dvdgan.config import DEFAULT_STEPS, Settings, resolve_auto
from dvdgan.fast.modes import compute_dtype
from dvdgan.generator import Generator, make_sampler
from dvdgan.parallel import World
from dvdgan.setting import AUTO
from dvdgan.settings_text import resume_settings, settings_from_text
from dvdgan.training.learning_rate import factor_varies, lr_factor
from dvdgan.training.prefetch import Prefetch
from dvdgan.training.sheet import write_sheet
from dvdgan.training.starting import start_from
from dvdgan.training.training_log import Journal, device_name, versions
from dvdgan.training.update import Networks
from vidbench.models import InputError, TrainRequest, VideoModel, file_sha256


def train(request: TrainRequest, base: Settings, as_model: Callable[[Generator, Settings], VideoModel]) -> Path:
    """Train, or go on with the training found in the output folder.

    Stopping and resuming gives the same weights as an unbroken run: bit for bit on the CPU in one process, up to the
    order of floating-point sums on a GPU or with another number of processes.

    Args:
        request: what to learn, from which clips, and where to write.
        base: the settings that the model starts from.
        as_model: makes of the averaged generator the model that `TrainRequest.measure` is called with.

    Returns:
        The sampling checkpoint, ``generator.safetensors`` in the output folder.

    Raises:
        InputError: the task does not fit, a setting is wrong or differs from the training found, or a loss is not
            finite or has diverged (the message names the step and the last good state).
    """
    started = time.monotonic()
    device = torch.device(request.device)
    world = World(device)
    stored = checkpoint.find_training(request.output, request.task)
    first = stored.step if stored else 0
    if not world.all_agree(first):
        raise InputError(
            f"The processes of this run find different training states in {request.output}; give an output folder that "
            "all machines share."
        )
    texts = request.settings
    given = resume_settings(texts, stored.settings, base) if stored else settings_from_text(texts, base)
    settings = resolve_auto(given, device.type)
    if stored and stored.seed != request.seed:
        raise InputError(
            f"The run in {request.output} was started with seed {stored.seed} and cannot be resumed with seed "
            f"{request.seed}; give that seed, or choose another output folder."
        )
    total = DEFAULT_STEPS if request.steps is None else request.steps
    if total < 1 or first > total:
        raise InputError(f"{total} steps were asked of a training that has made {first}; ask for more steps.")
    networks = Networks(request.task, settings, request.seed, device, world)
    started_from = ""
    if stored:
        networks.restore(stored.tensors())
    elif settings.start:
        started_from = start_from(networks, settings, request.task)
    journal = Journal(request.output, settings.tensorboard, world.is_main)
    run = _Run(request, settings, networks, device, total, world, journal, as_model, started_from)
    if given.batch_size == AUTO:
        request.say(f"batch_size=auto is {settings.batch_size} clips on {device.type}")
    if networks.launch.mode == "fused":
        request.say("compile=fused compiles in the first update, for one to two minutes")
    deadline = math.inf if settings.max_minutes is None else started + 60 * settings.max_minutes
    previous = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = settings.autotune
    try:
        step = run.steps(first, deadline)
        return run.finish(step, saved=step == first)
    finally:
        torch.backends.cudnn.benchmark = previous
        journal.close()


class _Run:
    """One call of `train`: the loop and what it writes."""

    def __init__(
        self,
        request: TrainRequest,
        settings: Settings,
        networks: Networks,
        device: torch.device,
        total: int,
        world: World,
        journal: Journal,
        as_model: Callable[[Generator, Settings], VideoModel],
        started_from: str,
    ) -> None:
        self._request, self._settings, self._networks = request, settings, networks
        self._device, self._total, self._world, self._journal = device, total, world, journal
        self._as_model, self._started_from = as_model, started_from
        self._pending: list[torch.Tensor] = []
        self._since, self._rate = (0, time.monotonic()), ""
        self._diverged_since: int | None = None
        self._diverged_looks = 0
        self._sampler_step = -1
        self._sampler_made: Generator | None = None

    def steps(self, first: int, deadline: float) -> int:
        """Make steps until the total or the deadline; returns the number of steps made in all."""
        settings, request = self._settings, self._request
        draws = range(first * settings.d_steps, self._total * settings.d_steps)
        step, rows = first, self._networks.rows
        self._since = (first, time.monotonic())
        with Prefetch(
            request.clips, request.task, draws, settings.batch_size, rows, settings.loader_threads, self._device
        ) as batches:
            while step < self._total and (step == first or self._in_time(deadline)):
                self._pending.append(self._networks.update(step, batches.take))
                if step == first:  # only now is the data known to be good
                    self._journal.write(self._header(first))
                step += 1
                if note := self._networks.launch.take_note():
                    self._journal.write({"event": "note", "step": step, "note": note})
                    request.say(note)
                last = step == self._total
                save, draw = step % settings.checkpoint_every == 0, step % settings.sample_every == 0
                measure = request.measure_every is not None and step % request.measure_every == 0
                if last or save or draw or measure or step % settings.log_every == 0:
                    self._look(step)
                if save and not last:
                    self._save(step)
                if draw and not last:
                    self._sheet(step)
                if measure and not last:
                    self._measure(step)
                request.progress(step, self._total, self._rate)
        if self._pending:
            self._look(step)
        return step

    def finish(self, step: int, saved: bool) -> Path:
        """Write the state, the sampling checkpoint and a last sheet; returns the checkpoint."""
        path = self._request.output / checkpoint.SAMPLER_FILE
        if not saved:
            self._save(step)
        if self._world.is_main:
            self._sheet(step)  # of the generator that the checkpoint keeps
            if self._request.measure_every is not None:
                self._measure(step)
            self._journal.write({"event": "stop", "step": step, "checkpoint_sha256": file_sha256(path)})
        self._world.agree(0)  # nobody leaves before the files are there
        return path

    def _header(self, first: int) -> dict[str, object]:
        request, settings = self._request, self._settings
        return {
            "event": "resume" if first else "start",
            "step": first,
            "steps": self._total,
            "task": request.task.name,
            "num_videos": request.clips.num_videos,
            "seed": request.seed,
            "device": str(self._device),
            "device_name": device_name(self._device),
            "processes": self._world.size,
            "precision": str(compute_dtype(settings, self._device)).removeprefix("torch."),
            "compile": self._networks.launch.mode,
            "versions": versions(),
            **({"start_sha256": self._started_from} if self._started_from else {}),
            "settings": settings.to_values(),
        }

    def _in_time(self, deadline: float) -> bool:
        """Whether to go on; the first process's clock holds for all."""
        return deadline == math.inf or bool(self._world.agree(int(time.monotonic() < deadline)))

    def _look(self, step: int) -> None:
        """Log the losses since the last look, of all processes; this waits for the device."""
        stacked = torch.stack(self._pending)
        self._world.average([stacked])
        values = stacked.cpu().numpy()
        start = step - len(self._pending)
        self._pending.clear()
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            bad = start + int(np.argmin(finite)) + 1
            raise InputError(
                f"A loss was not finite at step {bad} of the training in {self._request.output}; "
                f"{self._last_good(bad - 1)}: train again with lower learning rates (g_lr, d_lr) in another folder."
            )
        means = values.mean(axis=0)
        now = time.monotonic()
        made, since = self._since
        per_second = (step - made) / max(now - since, 1e-9)
        clips = per_second * self._settings.d_steps * self._settings.batch_size
        self._since, self._rate = (step, now), f"{clips:.0f} real clips/s"
        names = self._networks.loss_names
        losses = {name: round(float(v), 5) for name, v in zip(names, means, strict=True)}
        line: dict[str, object] = {
            "step": step,
            **losses,
            "steps_per_s": round(per_second, 3),
            "clips_per_s": round(clips, 1),
        }
        if factor_varies(self._settings):
            line["lr_factor"] = round(lr_factor(self._settings, step - 1), 5)
        self._journal.write(line)
        self._watch(start, step, max(abs(v) for name, v in losses.items() if name.startswith("loss_")))

    def _watch(self, start: int, step: int, worst: float) -> None:
        """Stop a training whose losses have stayed beyond the bound for some looks in a row."""
        settings = self._settings
        if worst <= settings.divergence_bound:
            self._diverged_since, self._diverged_looks = None, 0
            return
        if self._diverged_since is None:
            self._diverged_since = start
        self._diverged_looks += 1
        if self._diverged_looks >= settings.divergence_looks:
            raise InputError(
                f"A mean loss was {worst:.4g}, beyond divergence_bound={settings.divergence_bound:g}, in "
                f"{self._diverged_looks} looks in a row, from step {self._diverged_since + 1} to {step} of the training "
                f"in {self._request.output}; {self._last_good(self._diverged_since)}: train again with lower learning "
                "rates (g_lr, d_lr) in another folder."
            )

    def _last_good(self, step: int) -> str:
        """The newest state of a step or before, in words."""
        good = [path for made, path in checkpoint.list_states(self._request.output) if made <= step]
        return f"the last good state is {good[-1]}" if good else "no state from before that is kept"

    def _save(self, step: int) -> None:
        if self._world.is_main:
            request = self._request
            tensors = self._networks.tensors()
            checkpoint.write_state(request.output, step, tensors, request.task, self._settings, request.seed)

    def _sampler(self, step: int) -> Generator:
        """The averaged generator of a step, made once for sheet and metrics, and kept as the sampling checkpoint."""
        if self._sampler_made is None or self._sampler_step != step:
            request, settings = self._request, self._settings
            draws = range(settings.standing_batches if request.task.context_frames else 0)
            rows = np.arange(settings.batch_size)
            with Prefetch(
                request.clips, request.task, draws, settings.batch_size, rows, settings.loader_threads, self._device
            ) as clips:
                self._sampler_made = make_sampler(
                    self._networks.average, request.task, settings, request.seed, self._device, clips.take
                )
            self._sampler_step = step
            origin = {"steps": step, "seed": request.seed, "task": request.task.name,
                      "num_videos": request.clips.num_videos, "versions": versions()}  # fmt: skip
            path = request.output / checkpoint.SAMPLER_FILE
            checkpoint.write_sampler(path, self._sampler_made, request.task, settings, origin)
        return self._sampler_made

    def _sheet(self, step: int) -> None:
        if self._world.is_main:
            request = self._request
            path = request.output / f"samples-{step:08d}.png"
            write_sheet(path, self._sampler(step), self._settings.latent_dim, request.seed, self._device, request.clips)

    def _measure(self, step: int) -> None:
        """Metrics of the averaged generator, as a line of their own."""
        if self._world.is_main:
            request = self._request
            model = self._as_model(self._sampler(step), self._settings)
            metrics = {name: float(value) for name, value in request.measure(model).items()}
            self._journal.write({"event": "metrics", "step": step, "metrics": metrics})
