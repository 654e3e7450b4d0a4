"""What can be refused of a training run before its data is read, which may take minutes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from dvdgan import checkpoint
from dvdgan.config import DEFAULT_STEPS, Settings, resolve_auto
from dvdgan.settings_text import resume_settings, settings_from_text
from dvdgan.training.memory_need import refuse_large_run
from dvdgan.training.starting import start_file
from dvdgan.training.training_log import TrainingLog
from vidbench.models import InputError, ModelTask


def settings_of_run(
    given: Mapping[str, str],
    base: Settings,
    stored: checkpoint.StoredTraining | None,
    *,
    output: Path,
    seed: int,
    total: int,
) -> Settings:
    """Return the settings of a new or a resumed run.

    Args:
        given: ``--set`` pairs.
        base: settings that the model starts from.
        stored: the training state to resume from, if any.
        output: folder of the run, for messages.
        seed: seed of the run.
        total: steps to reach.

    Raises:
        InputError: a setting is unknown or invalid, or settings, seed or steps do not fit the run found.
    """
    settings = resume_settings(given, stored.settings, base) if stored else settings_from_text(given, base)
    if stored and stored.seed != seed:
        raise InputError(
            f"The run in {output} was started with seed {stored.seed} and cannot be resumed with seed {seed}; give that seed, "
            "or choose another output folder."
        )
    first = stored.step if stored else 0
    if total < 1 or first > total:
        raise InputError(f"{total} steps were requested and this run has made {first}; request more steps.")
    return settings


def check_run(
    task: ModelTask,
    base: Settings,
    *,
    output: Path,
    steps: int | None,
    seed: int,
    device: str,
    settings: Mapping[str, str],
) -> None:
    """Refuse what can be refused without data; the arguments are those of a `TrainRequest`.

    Args:
        task: the task, perhaps without its classes, which the data names.
        base: settings that the model starts from.
        output: folder of the run.
        steps: steps to reach; None for the default.
        seed: seed of the run.
        device: torch device.
        settings: ``--set`` pairs.

    Raises:
        InputError: as `settings_of_run`, or TensorBoard or the file to start from is missing, or the run is too large.
    """
    stored = checkpoint.find_training(output, None)
    total = DEFAULT_STEPS if steps is None else steps
    chosen = settings_of_run(settings, base, stored, output=output, seed=seed, total=total)
    TrainingLog(output, chosen.tensorboard, enabled=True)
    if chosen.start and stored is None:
        checkpoint.is_state(start_file(chosen))
    refuse_large_run(task, resolve_auto(chosen, torch.device(device).type))
