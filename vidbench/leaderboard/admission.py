"""Whether a result may enter a leaderboard: every claim it makes is held against the shipped task, not believed."""

from __future__ import annotations

import math
from datetime import datetime

from vidbench.errors import InputError
from vidbench.results.schema import MetricRecord, Result
from vidbench.tasks import load_task, task_names
from vidbench.tasks.loading import LoadedTask
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import METRICS, MetricDefinition
from vidmetrics.catalog.network_cards import embedded_networks
from vidmetrics.networks import is_shipped


def objections(result: Result) -> list[str]:
    """Every reason why a result cannot enter, in words; empty where it may.

    Args:
        result: a result that is valid against the schema.
    """
    if result.task.name not in task_names():
        return [f"'{result.task.name}' is not a shipped task, and only those have leaderboards"]
    loaded = load_task(result.task.name)
    found = _protocol(result, loaded)
    if found:
        # Counts and bounds of another protocol would only repeat the one reason that matters.
        return found
    found += _claims(result, loaded)
    for name, metric in result.metrics.items():
        reasons = implausible(METRICS[name], metric, _shares_frames(loaded.task))
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
        return [f"it is of version {result.task.version} of '{task.name}', and this vidbench ships {task.version}"]
    if result.task.fingerprint != task.fingerprint:
        return [
            f"its fingerprint {result.task.fingerprint[:12]} is not that of the shipped task ({task.fingerprint[:12]})"
        ]
    if set(result.metrics) != set(task.evaluation.metrics):
        return [
            f"its metrics are {', '.join(sorted(result.metrics))} where the task has "
            f"{', '.join(sorted(task.evaluation.metrics))}"
        ]
    return []


def _claims(result: Result, loaded: LoadedTask) -> list[str]:
    task = loaded.task
    found = [f"it is unofficial: {reason.rstrip('.')}" for reason in result.reasons]
    if not result.official and not result.reasons:
        found.append("it is unofficial without a reason")
    if result.official and result.reasons:
        found.append("it calls itself official and gives reasons why it is not")
    if result.model.name in {task.evaluation.floor, task.evaluation.ceiling, *result.bounds}:
        found.append(f"'{result.model.name}' is a bound of the task, which every result carries already")
    if result.model.checkpoint_sha256 is None and result.model.samples_sha256 is None and not result.model.code_sha256:
        found.append("nothing identifies the model: no digest of a checkpoint, of code or of samples")
    if result.seed != task.evaluation.seed:
        found.append(f"its seed is {result.seed} where the task has {task.evaluation.seed}")
    for side in (result.data.reference, result.data.evaluation):
        if side.coverage < task.data.min_coverage:
            found.append(
                f"{side.coverage:.2%} of the split '{side.split}' were present; the task needs {task.data.min_coverage:.2%}"
            )
    if result.data.imported is not None and any(
        METRICS[name].facts.is_distance and metric.floor is None for name, metric in result.metrics.items()
    ):
        found.append(
            "its real side is a file of statistics without the score of real clips, so that nobody can see whether it is "
            "better than they are"
        )
    if not _is_date(result.execution.finished):
        found.append(f"execution.finished is '{result.execution.finished}', which is no date")
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
        found.append(f"{name} is over {metric.num_samples} samples where the task has {task.evaluation.num_samples}")
    repeats, runs = task.evaluation.repeats, len(metric.runs or [metric.value])
    if runs != repeats:
        found.append(f"{name} is over {runs} runs where the task has {repeats}")
    wanted = task.reference.num_clips
    if METRICS[name].needs_reference == "frames":
        wanted = task.evaluation.num_samples // task.evaluation.samples_per_context
    if METRICS[name].needs_reference != "none" and wanted != "all" and metric.num_reference != wanted:
        found.append(f"{name} is against {metric.num_reference} real clips where the task has {wanted}")
    return found


def _network(name: str, metric: MetricRecord, result: Result) -> list[str]:
    definition = METRICS[name]
    if definition.network and metric.network != definition.network:
        return [f"{name} was measured on '{metric.network}' and is defined on '{definition.network}'"]
    if definition.network and metric.network not in result.networks:
        return [f"{name} names the network '{metric.network}', of which the result says nothing"]
    if metric.higher_is_better != definition.higher_is_better:
        return [f"{name} has its direction reversed"]
    return []


def _shares_frames(task: Task) -> bool:
    """Whether the given frames are part of the reference, so that the real clips of the floor come from elsewhere."""
    return task.kind == "prediction" and task.data.reference_split == task.data.evaluation_split


def implausible(definition: MetricDefinition, metric: MetricRecord, shares_frames: bool = False) -> list[str]:
    """Why a number cannot be: too good to be true, too bad to be a working pipeline, or at odds with itself.

    A distance to the reference below that of held-out real clips at the same N is not possible for a model that has not
    copied the reference clips. An Inception Score has no such floor, real clips being less sure of their class than
    samples can be; its bound is the number of classes. Nor has a prediction from frames of the reference itself: it shares
    more with the reference than real clips of other videos do.

    Args:
        definition: of the metric.
        metric: the record.
        shares_frames: whether the given frames are part of the reference.
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
    # Estimates without bias scatter around the floor on both sides; only their whole interval says anything.
    best = metric.interval[1] if facts.unbiased and metric.interval is not None else value
    if facts.is_distance and metric.floor is not None and best < metric.floor and not shares_frames:
        found.append(
            f"{value:.4g} is better than held-out real clips ({metric.floor:.4g}), "
            "which is impossible for a model that has not copied the reference clips"
        )
    if metric.ceiling is not None:
        worse = value < metric.ceiling if definition.higher_is_better else value > metric.ceiling
        if worse:
            found.append(
                f"{value:.4g} is worse than the ceiling of the task ({metric.ceiling:.4g}), "
                "which a model that knows nothing reaches"
            )
    return found
