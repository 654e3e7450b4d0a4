"""Which clips of a result its networks and its model have seen in training, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from vidbench.results.schema import Result
from vidbench.tasks.schema import Task
from vidmetrics.catalog.training_data import seen_of


def seen_sentences(result: Result, task: Task) -> list[str]:
    """Return a sentence for each network, and for the model, that was trained on clips of the reference set or on held-out clips.

    Args:
        result: a result; one from before the field says nothing.
        task: its protocol.
    """
    found = [
        f"The network {name} was trained on {words}."
        for name, network in result.networks.items()
        for words in _on_sides(network.trained_on, task).values()
    ]
    sides = _on_sides(result.model.trained_on, task)
    return found + [f"The model declares that it was trained on {words}." for words in sides.values()]


def saw_held_out(result: Result, task: Task) -> bool:
    """Return whether the model declares training data that has held-out clips of the task."""
    return "held-out clips" in _on_sides(result.model.trained_on, task)


def _on_sides(names: tuple[str, ...] | None, task: Task) -> Mapping[str, str]:
    sides = {"reference set": task.data.reference_split, "held-out clips": task.data.evaluation_split}
    found = {side: seen_of(names or (), task.data.dataset, split) for side, split in sides.items()}
    return {side: f"{' and '.join(seen)}: the {side} of the task" for side, seen in found.items() if seen}
