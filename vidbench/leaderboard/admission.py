"""Whether a result may enter a leaderboard: every claim in it is checked against the shipped task."""

from __future__ import annotations

import math
from datetime import datetime

from vidbench.errors import InputError
from vidbench.results.schema import MetricRecord, Result
from vidbench.tasks import load_task, task_names
from vidbench.tasks.loading import LoadedTask, measured_task
from vidbench.tasks.rehearsals import rehearsed
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import METRICS, MetricDefinition
from vidmetrics.catalog.network_cards import embedded_networks
from vidmetrics.networks import is_shipped


def objections(result: Result, *, there: bool = False) -> list[str]:
    """Return every reason why a result cannot enter; empty if it can.

    Args:
        result: a result that satisfies the schema.
        there: whether its rows are on a board already, so that it may be of an earlier version of its task.
    """
    if rehearsed(result.task.name, result.reasons):
        return ["it is a rehearsal, with made-up videos and random networks"]
    if result.task.name not in task_names():
        return [f"'{result.task.name}' is not a shipped task, and only those have leaderboards"]
    loaded = measured_task(result.task.name, result.task.version) if there else load_task(result.task.name)
    found = _protocol(result, loaded)
    if found:
        # Counts and bounds of another protocol would only repeat the same reason.
        return found
    found += _claims(result, loaded)
    for name, metric in result.metrics.items():
        reasons = implausible(METRICS[name], metric)
        found += [f"{name}: {reason}" for reason in reasons]
    return found


def require_admissible(result: Result, origin: str) -> None:
    """Refuse a result that cannot enter.

    Raises:
        InputError: with every objection.
    """
    found = objections(result)
    if found:
        raise InputError(f"The result {origin} cannot enter a leaderboard: {'; '.join(found)}.")


def _protocol(result: Result, loaded: LoadedTask) -> list[str]:
    task = loaded.task
    if result.task.version != task.version:
        return [
            f"it uses version {result.task.version} of '{task.name}', but this vidbench ships version {task.version}"
        ]
    if result.task.fingerprint != task.fingerprint:
        return [
            f"its fingerprint {result.task.fingerprint[:12]} differs from the shipped task ({task.fingerprint[:12]})"
        ]
    if set(result.metrics) != set(task.evaluation.metrics):
        return [
            f"its metrics are {', '.join(sorted(result.metrics))} but the task has "
            f"{', '.join(sorted(task.evaluation.metrics))}"
        ]
    return []


def _claims(result: Result, loaded: LoadedTask) -> list[str]:
    task = loaded.task
    found = [f"it is unofficial: {reason.rstrip('.')}" for reason in result.reasons]
    if not result.official and not result.reasons:
        found.append("it is unofficial without a reason")
    if result.official and result.reasons:
        found.append("it claims to be official and gives reasons why it is not")
    if result.model.name in {task.evaluation.floor, task.evaluation.ceiling, *result.bounds}:
        found.append(f"'{result.model.name}' is a bound of the task, which every result already includes")
    if result.model.checkpoint_sha256 is None and result.model.samples_sha256 is None and not result.model.code_sha256:
        found.append("nothing identifies the model: there is no digest of a checkpoint, of code or of samples")
    if result.seed != task.evaluation.seed:
        found.append(f"its seed is {result.seed} but the task has {task.evaluation.seed}")
    for side in (result.data.reference, result.data.evaluation):
        if side.coverage < task.data.min_coverage:
            found.append(
                f"{side.coverage:.2%} of the split '{side.split}' were present; the task requires {task.data.min_coverage:.2%}"
            )
    if result.data.imported is not None and any(
        METRICS[name].facts.is_distance and metric.floor is None for name, metric in result.metrics.items()
    ):
        found.append(
            "its reference statistics come from a file without the score of real clips, so nobody can tell whether it is "
            "better than real clips"
        )
    if result.pixels.convention != "exact":
        found.append(
            f"its frames were converted to RGB by '{result.pixels.convention}', and official results use 'exact'"
        )
    if not _is_date(result.execution.finished):
        found.append(f"execution.finished is '{result.execution.finished}', which is not a date")
    for name, metric in result.metrics.items():
        found += _counts(name, metric, loaded)
        found += _network(name, metric, result)
    for name, network in result.networks.items():
        if not network.proven:
            found.append(f"the weights of '{name}' are not proven")
        if network.precision not in task.evaluation.precision:
            found.append(f"'{name}' ran with precision '{network.precision}', which the task does not allow")
        if name in embedded_networks() and not is_shipped(name, network.weights_sha256):
            found.append(f"the weights of '{name}' are not the ones that ship with vidbench")
    return found


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _counts(name: str, metric: MetricRecord, loaded: LoadedTask) -> list[str]:
    task = loaded.task
    found = []
    if metric.num_samples != task.evaluation.num_samples:
        found.append(f"{name} uses {metric.num_samples} samples but the task has {task.evaluation.num_samples}")
    repeats, runs = task.evaluation.repeats, len(metric.runs or [metric.value])
    if runs != repeats:
        found.append(f"{name} uses {runs} runs but the task has {repeats}")
    wanted = task.reference.num_clips
    if METRICS[name].needs_reference == "frames":
        wanted = task.evaluation.num_samples // task.evaluation.samples_per_context
    if METRICS[name].needs_reference != "none" and wanted != "all" and metric.num_reference != wanted:
        found.append(f"{name} uses {metric.num_reference} real clips but the task has {wanted}")
    return found


def _network(name: str, metric: MetricRecord, result: Result) -> list[str]:
    definition = METRICS[name]
    if definition.network and metric.network != definition.network:
        return [f"{name} was measured with '{metric.network}' but is defined with '{definition.network}'"]
    if definition.uses_network and metric.network not in result.networks:
        return [f"{name} names the network '{metric.network}', which the result does not describe"]
    if metric.higher_is_better != definition.higher_is_better:
        return [f"{name} has the wrong direction"]
    return []


def shares_frames(task: Task) -> bool:
    """Return whether context frames belong to the reference set, so that the floor uses clips of other videos."""
    return task.does.given == "context" and task.data.reference_split == task.data.evaluation_split


def implausible(definition: MetricDefinition, metric: MetricRecord) -> list[str]:
    """Return why a score is implausible: beyond what arithmetic allows, too bad for a working pipeline, or inconsistent.

    A score better than that of real clips is possible, by chance, and no reason: `vidbench.leaderboard.better_than_real` says when it
    is flagged.

    Args:
        definition: definition of the metric.
        metric: its record in the result.
    """
    value, facts = metric.value, definition.facts
    found = []
    if metric.interval is not None and not metric.interval[0] <= value <= metric.interval[1]:
        found.append(f"{value:.4g} lies outside its own interval {metric.interval[0]:.4g} to {metric.interval[1]:.4g}")
    if metric.runs and not math.isclose(value, math.fsum(metric.runs) / len(metric.runs), rel_tol=1e-6, abs_tol=1e-9):
        found.append(f"{value:.4g} is not the mean of its {len(metric.runs)} runs")
    lowest, highest = definition.attainable_range
    if not lowest <= value <= highest:
        classes = " (the number of classes)" if facts.at_most_classes else ""
        found.append(f"{value:.4g} is outside the attainable range, {lowest:g} to {highest:g}{classes}")
    if metric.ceiling is not None:
        worse = value < metric.ceiling if definition.higher_is_better else value > metric.ceiling
        if worse:
            found.append(
                f"{value:.4g} is worse than the ceiling of the task ({metric.ceiling:.4g}), "
                "which a trivial model reaches"
            )
    return found
