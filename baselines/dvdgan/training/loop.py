"""The training loop: updates, log, states, sample sheets, metrics, and the sampling checkpoint at the end.

It runs in one process, or under torchrun in many; all of them compute every update, and only the first writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from dvdgan import checkpoint
from dvdgan.config import DEFAULT_STEPS, Settings, resolve_auto
from dvdgan.fast.modes import compute_dtype
from dvdgan.generator import Generator
from dvdgan.parallel import World
from dvdgan.setting import AUTO
from dvdgan.training.early_checks import settings_of_run
from dvdgan.training.interruption import Interruption
from dvdgan.training.loss_log import LossLog
from dvdgan.training.memory_need import refuse_large_run
from dvdgan.training.outputs import Outputs
from dvdgan.training.prefetch import Prefetch
from dvdgan.training.recorded_rates import gpu_training_sentence
from dvdgan.training.starting import start_from
from dvdgan.training.training_log import TrainingLog, device_name, versions
from dvdgan.training.update import Networks
from vidbench.models import InputError, TrainRequest, VideoModel, file_sha256


def train(request: TrainRequest, base: Settings, as_model: Callable[[Generator, Settings], VideoModel]) -> Path:
    """Train, or resume the run found in the output folder.

    A resumed run ends with the weights of an unbroken one: bit for bit on the CPU in one process, up to the order of
    floating-point sums on a GPU or with another number of processes.

    Args:
        request: task, clips, output folder and settings.
        base: settings that the model starts from.
        as_model: from the averaged generator to the model that `TrainRequest.measure` is called with.

    Returns:
        The sampling checkpoint, ``generator.safetensors`` in the output folder.

    Raises:
        InputError: the task does not fit, a setting or the data is wrong or differs from the run found, or a loss is not
            finite or has diverged (the message names the step and the last good state).
        KeyboardInterrupt: SIGINT or SIGTERM came; a training state of the last step was saved.
    """
    started, device = time.monotonic(), torch.device(request.device)
    world = World(device, request.rank, request.world_size)
    total = DEFAULT_STEPS if request.steps is None else request.steps
    settings, networks, first, start_sha256 = _begin(request, base, world, total)
    deadline = math.inf if settings.max_minutes is None else started + 60 * settings.max_minutes
    draws = range(first * settings.d_steps, total * settings.d_steps)
    with (
        TrainingLog(request.output, settings.tensorboard, world.is_main, request.say, request.record) as log,
        _autotuning(settings.autotune),
        Interruption() as interruption,
    ):
        losses = LossLog(request.output, settings, networks.loss_names, world, log, first)
        outputs = Outputs(request, settings, networks, world, log, as_model)
        step = first
        with Prefetch(request, settings, draws, networks.rows) as batches:
            while step < total and (step == first or _in_time(deadline, world, step % settings.log_every == 0)):
                losses.add(networks.update(step, batches.take))
                if step == first:  # only now are the clips known to be good
                    log.write(_header(request, settings, networks, world, first, total, start_sha256))
                step += 1
                if note := networks.launch.take_note():
                    log.write({"event": "note", "step": step, "note": note})
                    request.say(note)
                last = step == total
                save, draw = step % settings.checkpoint_every == 0, step % settings.sample_every == 0
                measure = request.measure_every is not None and step % request.measure_every == 0
                if last or save or draw or measure or step % settings.log_every == 0:
                    losses.write(step)
                if not last:  # `finish` writes the outputs of the last step
                    outputs.write(step, save=save, draw=draw, measure=measure)
                    if _interrupted(interruption, world, device, step % settings.log_every == 0):
                        losses.write(step)
                        if not save:
                            outputs.save(step)
                        request.say(f"Interrupted: the training state of step {step} is saved in {request.output}.")
                        raise KeyboardInterrupt
                request.progress(step, total, losses.note)
        losses.write(step)
        return outputs.finish(step, saved=step == first)


def _begin(request: TrainRequest, base: Settings, world: World, total: int) -> tuple[Settings, Networks, int, str]:
    """Settings, networks, steps already made, and the SHA-256 of the file that the run starts from, if any."""
    device = torch.device(request.device)
    stored = _find_state(request)
    first = stored.step if stored else 0
    if not world.all_agree(first):
        raise InputError(
            f"The processes of this run find different training states in {request.output}; give an output folder that "
            "all machines share."
        )
    given = settings_of_run(request.settings, base, stored, output=request.output, seed=request.seed, total=total)
    settings = resolve_auto(given, device.type)
    if stored and request.data_sha256 and stored.data_sha256 not in ("", request.data_sha256):
        raise InputError(
            f"The training data is not what the run in {request.output} was trained on; restore it, or train on the new data "
            f"in another output folder, with --set start={stored.path} to keep the weights."
        )
    refuse_large_run(request.task, settings)
    networks = Networks(request.task, settings, request.seed, device, world)
    start_sha256 = ""
    if stored:
        networks.restore(stored.tensors()[0], stored.path)
    elif settings.start:
        start_sha256 = start_from(networks, settings, request.task)
    request.agree("the checkpoint to start from", start_sha256)
    request.agree("the settings", settings.to_values())
    if given.batch_size == AUTO:
        request.say(f"batch_size=auto is {settings.batch_size} clips on {device.type}")
    if total > first and (elsewhere := gpu_training_sentence(request.task, total - first, device.type, settings)):
        request.say(elsewhere)
    if networks.launch.mode == "fused":
        request.say("compile=fused compiles in the first update, for one to two minutes")
    return settings, networks, first, start_sha256


def _find_state(request: TrainRequest) -> checkpoint.StoredTraining | None:
    """The state to resume from, the same in all processes: the first one decides, the others wait until they see it."""
    found = None

    def find() -> list[object]:
        nonlocal found
        found = checkpoint.find_training(request.output, request.task, request.say)
        return [found.step, file_sha256(found.path)] if found else []

    decided = request.from_main(find)
    if decided and found is None:
        path = checkpoint.state_path(request.output, decided[0])
        if not request.visible(path.is_file):
            raise InputError(
                f"The training state {path} that the first process found is not visible here; give an output folder that "
                "all machines share."
            )
        found = checkpoint.read_state(path, request.task)
    request.agree("the training state found in --output", [found.step, file_sha256(found.path)] if found else [])
    return found


def _interrupted(interruption: Interruption, world: World, device: torch.device, synchronised: bool) -> bool:
    """Whether all processes stop after this step; on GPUs they compare only where they wait for the device anyway."""
    if device.type == "cuda" and world.size > 1 and not synchronised:
        return False
    return world.any(interruption.requested)


def _header(
    request: TrainRequest, settings: Settings, networks: Networks, world: World, first: int, total: int,
    start_sha256: str,
) -> dict[str, object]:  # fmt: skip
    """First line of the log, or of a resumed run in it."""
    device = torch.device(request.device)
    return {
        "event": "resume" if first else "start",
        "step": first,
        "steps": total,
        "task": request.task.name,
        "num_videos": request.clips.num_videos,
        "seed": request.seed,
        "device": str(device),
        "device_name": device_name(device),
        "processes": world.size,
        "precision": str(compute_dtype(settings, device)).removeprefix("torch."),
        "compile": networks.launch.mode,
        "versions": versions(),
        **({"start_sha256": start_sha256} if start_sha256 else {}),
        "settings": settings.to_values(),
    }


def _in_time(deadline: float, world: World, synchronised: bool) -> bool:
    """Whether to make another step; the first process's clock decides for all, where they wait for their devices anyway."""
    if deadline == math.inf or (world.size > 1 and not synchronised):
        return True
    return bool(world.agree(int(time.monotonic() < deadline)))


@contextmanager
def _autotuning(on: bool) -> Iterator[None]:
    """Let cuDNN time its algorithms inside the block, or not."""
    previous = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = on
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = previous
