"""Numbers of a training run for TensorBoard and Weights & Biases, which extras install; off unless asked for."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vidbench.errors import InputError
from vidmetrics.errors import unknown_name
from vidmetrics.weights.fetch import is_offline


class Recorder(Protocol):
    """Where the numbers of a step go."""

    def record(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take the numbers of a step; a step may come again after a run was resumed."""

    def close(self) -> None:
        """Write what is left."""


@dataclass(frozen=True)
class RunIdentity:
    """What a run is called elsewhere.

    Attributes:
        model: name of the model.
        task: name of the task.
        output: folder of the run; a resumed run has the same.
        settings: the settings that the user chose.
    """

    model: str
    task: str
    output: Path
    settings: Mapping[str, Any]


class TensorBoardRecorder:
    """Event files in ``OUTPUT/tensorboard``."""

    def __init__(self, run: RunIdentity) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(run.output / "tensorboard"))

    def record(self, step: int, numbers: Mapping[str, float]) -> None:
        """See `Recorder`."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """See `Recorder`."""
        self._writer.close()


class WandbRecorder:
    """A run of the project ``vidbench``; a resumed training run resumes it. Files are in ``OUTPUT/wandb``.

    Whether it is sent, and to whom, is decided by W&B's own settings, such as WANDB_MODE and WANDB_PROJECT; with
    VIDBENCH_OFFLINE it is only written.
    """

    def __init__(self, run: RunIdentity) -> None:
        wandb: Any = importlib.import_module("wandb")
        settings: dict[str, Any] = {"mode": "offline"} if is_offline() else {}
        if "WANDB_PROJECT" not in os.environ:
            settings["project"] = "vidbench"
        # Of the folder, so that the resumed run has the same.
        identity = hashlib.sha256(str(run.output.resolve()).encode()).hexdigest()[:16]
        try:
            self._run: Any = wandb.init(
                id=identity,
                resume="allow",
                dir=str(run.output),
                name=f"{run.task} {run.model} {run.output.name}",
                config={"model": run.model, "task": run.task, **run.settings},
                **settings,
            )
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"Weights & Biases cannot be used ({first}): run `wandb login`, or set WANDB_MODE=offline to write its files only."
            ) from error
        # W&B's own step never falls; that of a run resumed from an earlier state does.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def record(self, step: int, numbers: Mapping[str, float]) -> None:
        """See `Recorder`."""
        self._run.log({"step": step, **numbers})

    def close(self) -> None:
        """See `Recorder`."""
        self._run.finish()


_RECORDERS: Mapping[str, Callable[[RunIdentity], Recorder]] = {
    "tensorboard": TensorBoardRecorder,
    "wandb": WandbRecorder,
}
_MODULES = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb"}
RECORDER_NAMES = tuple(_RECORDERS)
"""What `vidbench train --log` accepts."""


def check_recorders(names: Sequence[str]) -> None:
    """Refuse a log whose package is absent, before data is looked into.

    Raises:
        InputError: says which extra to install.
    """
    for name in names:
        if name not in _RECORDERS:
            raise InputError(unknown_name("log", name, _RECORDERS))
        try:
            importlib.import_module(_MODULES[name])
        except ImportError as error:
            raise InputError(
                f"--log {name} needs a package that is not installed ({error}): `pip install 'vidbench[{name}]'`, or leave "
                "it out: the model's own log may hold the same numbers."
            ) from error


class Recorders:
    """All logs of a run; they are opened by the first number, when the run is known to be sound."""

    def __init__(self, names: Sequence[str], run: RunIdentity) -> None:
        self._names, self._run = tuple(dict.fromkeys(names)), run
        self._open: list[Recorder] | None = None
        self._stack = ExitStack()

    def __call__(self, step: int, numbers: Mapping[str, float]) -> None:
        """Record the numbers of a step."""
        if self._open is None:
            self._open = []
            for name in self._names:
                recorder = _RECORDERS[name](self._run)
                self._stack.callback(recorder.close)
                self._open.append(recorder)
        for recorder in self._open:
            recorder.record(step, numbers)

    @contextmanager
    def closed_at_the_end(self) -> Iterator[None]:
        """Close them whatever happens."""
        with self._stack:
            yield
