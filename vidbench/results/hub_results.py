"""A result in the form of the Hugging Face Hub: ``.eval_results/*.yaml`` in the repository of a model.

A benchmark there is a dataset repository whose ``eval.yaml`` names tasks; each task has one value per model, so every metric is a
task of its own. Both documents are written in the part of YAML that is JSON scalars, so that no reader can take them differently.
"""

from __future__ import annotations

import json
import re

from vidbench.errors import InputError
from vidbench.results.schema import Result
from vidbench.tasks.schema import Task

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def require_repository(text: str, option: str) -> str:
    """Return the name of a repository, ``OWNER/NAME``.

    Raises:
        InputError: it has another form.
    """
    if not _REPOSITORY.fullmatch(text):
        raise InputError(f"{option} is '{text}', which is not the name of a repository: give OWNER/NAME.")
    return text


def benchmark_task_id(task: str, version: int, metric: str) -> str:
    """Return the id under which a benchmark lists a metric of a task."""
    return f"{task}-v{version}-{metric}"


def eval_results_yaml(result: Result, dataset: str, source_url: str = "") -> str:
    """Return the document that belongs into ``.eval_results/`` of the repository of the model.

    Args:
        result: the result.
        dataset: repository of the benchmark, ``OWNER/NAME``.
        source_url: where the result file can be read; left out if empty.
    """
    lines = []
    for name, metric in result.metrics.items():
        lines += [
            "- dataset:",
            f"    id: {_quoted(dataset)}",
            f"    task_id: {_quoted(benchmark_task_id(result.task.name, result.task.version, name))}",
            f"  value: {json.dumps(metric.value)}",
            f"  date: {_quoted(result.execution.finished)}",
        ]
        if source_url:
            lines += ["  source:", f"    url: {_quoted(source_url)}", f"    name: {_quoted('vidbench result')}"]
        lines += [f"  evaluation_framework: {_quoted('vidbench')}", f"  notes: {_quoted(_notes(result, name))}"]
    return "\n".join(lines) + "\n"


def benchmark_yaml(task: Task) -> str:
    """Return the ``eval.yaml`` of a dataset repository that hosts the board of a task."""
    lines = [
        f"name: {_quoted(f'{task.name} v{task.version}')}",
        f"description: {_quoted(f'{task.title}. {task.description}'.strip())}",
        f"evaluation_framework: {_quoted('vidbench')}",
        "tasks:",
    ]
    for name in task.evaluation.metrics:
        lines += [
            f"  - id: {_quoted(benchmark_task_id(task.name, task.version, name))}",
            f"    config: {_quoted('default')}",
            f"    split: {_quoted(task.data.evaluation_split)}",
        ]
    return "\n".join(lines) + "\n"


def _notes(result: Result, name: str) -> str:
    metric = result.metrics[name]
    parts = [
        f"vidbench {result.environment.vidbench}",
        "official" if result.official else f"unofficial: {' '.join(result.reasons)}",
        f"{metric.num_samples} samples",
        *([] if metric.num_reference is None else [f"{metric.num_reference} reference clips"]),
        "higher is better" if metric.higher_is_better else "lower is better",
        *([] if metric.interval is None else [f"95 % interval {metric.interval[0]:.6g} to {metric.interval[1]:.6g}"]),
        f"task fingerprint {result.task.fingerprint}",
    ]
    return "; ".join(parts)


def _quoted(text: str) -> str:
    return json.dumps(text)
