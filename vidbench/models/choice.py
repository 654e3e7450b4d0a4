"""Resolving ``--model`` to a model, and loading it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from vidbench.errors import InputError
from vidbench.kinds import KINDS, kinds_of
from vidbench.models.evidence import code_sha256
from vidbench.models.interface import Model, ModelTask
from vidbench.models.not_finite import require_finite
from vidmetrics.errors import unknown_name
from vidmetrics.formats.faults import reason
from vidmetrics.regular_files import why_no_file

GROUP = "vidbench.models"


@dataclass(frozen=True)
class ModelChoice:
    """A model as the user named it.

    Attributes:
        name: registered name, or ``package.module:callable``.
        factory: a `Model` subclass, or a callable ``(checkpoint, task, device)``.
        checkpoint: path given after the name, or None for the model's default.
    """

    name: str
    factory: Any
    checkpoint: Path | None

    @property
    def folder_name(self) -> str:
        """Name of the default output folder for its results and training runs."""
        name = self.name.replace(":", "-")
        return f"{name}-{self.checkpoint.stem}" if self.checkpoint else name

    def load(self, task: ModelTask, device: str) -> Any:
        """Load the model; the returned object has at least the method that the kind of the task calls.

        Raises:
            InputError: it is for other kinds of task, or is no model; or the model's own, see `Model.load`.
        """
        load: Callable[..., Any] = self.factory.load if _is_model_class(self.factory) else self.factory
        _refuse_other_arguments(self.name, load, (self.checkpoint, task, device))
        model = load(self.checkpoint, task, device)
        method = KINDS[task.kind].method
        if not kinds_of(model) or (task.kind in kinds_of(model) and not callable(getattr(model, method, None))):
            raise InputError(
                f"The model '{self.name}' is a {type(model).__name__}, which has no {method}(request) method."
            )
        self.check_kind(task, model)
        _refuse_without_prompts(self.name, model, task)
        require_finite(model, self.name)
        return model

    def check_sampling(self, task: ModelTask) -> None:
        """Refuse what can be refused before data is read; ``task`` is without its class names.

        Raises:
            InputError: the model is for other kinds of task, or reads no prompts and the task gives them; or the model's own, see
                `Model.check_sampling`.
        """
        if _is_model_class(self.factory):
            self.check_kind(task)
            _refuse_without_prompts(self.name, self.factory, task)
            self.factory.check_sampling(self.checkpoint, task)
        else:
            _refuse_other_arguments(self.name, self.factory, (self.checkpoint, task, "cpu"))

    def check_kind(self, task: ModelTask, model: Any = None) -> None:
        """Refuse a model that is for other kinds of task; a function tells only by the model that it has loaded.

        Raises:
            InputError: names the kinds of both.
        """
        kinds = kinds_of(self.factory if model is None else model)
        if task.kind in kinds:
            return
        raise InputError(
            f"The model '{self.name}' is for tasks of the kind {' or '.join(map(repr, kinds))} and the task '{task.name}' is of the "
            f"kind '{task.kind}': choose a model of that kind (`vidbench models list`), or a task of the kind of the model."
        )

    @property
    def code_sha256(self) -> str | None:
        """Digest of the model's source files, with the modules that they import; None if they are not known."""
        return code_sha256(self.factory)


def model_names() -> list[str]:
    """Return the names registered in the entry-point group, sorted."""
    return sorted(_registered())


def choose_model(text: str) -> ModelChoice:
    """Resolve ``NAME``, ``NAME:CHECKPOINT``, ``package.module:callable`` or ``FILE.py:callable`` without loading weights.

    Raises:
        InputError: the name is unknown (suggests the closest known one), its module cannot be imported, or it has no such
            callable.
    """
    name, _, rest = text.partition(":")
    entries = _registered()
    if name.endswith(".py"):
        name = _module_of_file(name, rest)
        text = f"{name}:{rest}"
    if name in entries and text.endswith(":"):
        raise InputError(f"The model '{text}' ends in a colon: give '{name}', or '{name}:CHECKPOINT'.")
    if name in entries:
        return ModelChoice(name, _load(entries[name]), Path(rest) if rest else None)
    if rest and _looks_like_module(name):
        return ModelChoice(text, _import(name, rest, known=list(entries)), None)
    raise InputError(unknown_name("model", name, entries))


def choose_registered(name: str) -> ModelChoice:
    """Resolve a registered name alone: what a task file may name, since it cannot name code or files.

    Raises:
        InputError: no model of that name is registered.
    """
    entries = _registered()
    if name not in entries:
        raise InputError(unknown_name("registered model", name, sorted(entries)))
    return ModelChoice(name, _load(entries[name]), None)


def _registered() -> dict[str, metadata.EntryPoint]:
    # Each call reads the record of every installed package.
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


def _module_of_file(name: str, rest: str) -> str:
    """Return the module of a Python file in or below the current folder, as ``--model`` names it.

    Raises:
        InputError: nothing follows the file, there is none, or it is elsewhere.
    """
    path = Path(name)
    if not rest:
        raise InputError(f"--model '{name}' names a file and no callable in it: give for example '{name}:load'.")
    if not path.is_file():
        raise InputError(f"The file '{name}' of --model {why_no_file(path)}: check its path.")
    if path.is_absolute() or ".." in path.parts:
        raise InputError(
            f"The file '{name}' of --model is not named from the current folder: go to its folder and give "
            f"'{path.stem}:{rest}'."
        )
    return ".".join(path.with_suffix("").parts)


def _looks_like_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _load(entry: metadata.EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"The model '{entry.name}' is registered as {entry.value}, which cannot be imported ({reason(error)}): install its "
            "package again."
        ) from error


def _import(module_name: str, attribute: str, known: list[str]) -> Callable[..., Any]:
    # As with `python -m`, modules in the current folder can be imported.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            sentence = unknown_name("model", module_name, known)
            raise InputError(f"{sentence.rstrip('.')} (and there is no Python module of that name)") from None
        raise InputError(
            f"The module '{module_name}' of --model needs '{error.name}', which is not installed."
        ) from None
    found = getattr(module, attribute, None)
    if not callable(found):
        raise InputError(
            f"The module '{module_name}' has no callable '{attribute}': give the name of one after the colon."
        )
    return found


def _refuse_other_arguments(name: str, load: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Refuse a callable that is none of a model's, such as os:system, before it is called."""
    try:
        inspect.signature(load).bind(*arguments)
    except ValueError:  # a built-in without a signature
        return
    except TypeError as error:
        raise InputError(
            f"'{name}' cannot be called with (checkpoint, task, device), as a model is ({reason(error)}): name a function of "
            "these three arguments."
        ) from None


def _refuse_without_prompts(name: str, model: Any, task: ModelTask) -> None:
    if task.gives_prompts and not getattr(model, "reads_prompts", False):
        raise InputError(
            f"The model '{name}' reads no text, and every sample of the task '{task.name}' is generated from one: choose a model "
            "that sets reads_prompts, or a task without prompts."
        )


def _is_model_class(factory: Any) -> bool:
    return inspect.isclass(factory) and issubclass(factory, Model)


def offers_training(factory: Any) -> bool:
    """Return whether the model overrides `Model.train`."""
    return _is_model_class(factory) and factory.train.__func__ is not Model.train.__func__  # type: ignore[attr-defined]
