"""Tasks: evaluation protocols as data. `load_task` reads one by name or from a TOML file."""

from __future__ import annotations

from vidbench.tasks.loading import LoadedTask, load_task, task_names
from vidbench.tasks.schema import Task

__all__ = ["LoadedTask", "Task", "load_task", "task_names"]
