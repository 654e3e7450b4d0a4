"""Which tasks a number in a paper may belong to, what the paper leaves open, and where such numbers are ranked."""

from __future__ import annotations

import itertools
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidbench.leaderboard.boards import board_names, board_of_task, leaderboards_folder, read_board
from vidbench.leaderboard.paper_questions import NOT_STATED, QUESTIONS, fits, metrics_named
from vidbench.leaderboard.rows import family
from vidbench.leaderboard.task_groups import task_group
from vidbench.rendering.numbers import counted
from vidbench.tasks import load_task, task_names
from vidbench.tasks.differences.compared_fields import FIELDS
from vidbench.tasks.differences.fields import task_differences
from vidbench.tasks.schema import Task

_WIDTH = 100
_MOST_GROUPS = 8
# Fields that a question is about: while it is open, its answers are listed and not the field again.
_ASKED = {
    "dataset": "dataset",
    "length": "frames",
    "context frames": "context-frames",
    "resolution": "resolution",
    "samples": "samples",
    "reference split": "reference",
}


@dataclass(frozen=True)
class PossibleTasks:
    """What the answers about a number allow.

    Attributes:
        answers: by question; ``not-stated`` for what is open.
        tasks: the tasks that no answer contradicts.
        nearest: without any, those that the fewest answers contradict, of the dataset if it has tasks.
    """

    answers: Mapping[str, str]
    tasks: tuple[Task, ...]
    nearest: tuple[tuple[Task, tuple[str, ...]], ...]


def possible_tasks(answers: Mapping[str, str]) -> PossibleTasks:
    """Return the shipped tasks that answers in normal form (`paper_questions.read_answers`) allow."""
    against = []
    for name in task_names():
        task = load_task(name).task
        against.append((task, tuple(each.name for each in QUESTIONS if not fits(each, answers[each.name], task))))
    tasks = tuple(task for task, contradicted in against if not contradicted)
    # A number on another dataset is another number, however much of the rest agrees.
    distances = [("dataset" in contradicted, len(contradicted)) for _, contradicted in against]
    pairs = zip(against, distances, strict=True)
    nearest = () if tasks else tuple(each for each, distance in pairs if distance == min(distances))
    return PossibleTasks(answers, tasks, nearest)


def open_fields(tasks: Sequence[Task], metric: str = NOT_STATED) -> dict[str, dict[str, str]]:
    """Return the fields that decide a number and differ among tasks, each with its words by task.

    Args:
        tasks: the tasks that are possible.
        metric: printed name or id of the number's metric; only what decides it counts.
    """
    titles = {
        each.title
        for one, other in itertools.combinations(tasks, 2)
        for each in task_differences(one, other)
        if "score"
        in ({each.bearing[id] for id in metrics_named(metric, one) if id in each.bearing} or {each.strongest})
    }
    return {field.title: {task.name: field.said(task) for task in tasks} for field in FIELDS if field.title in titles}


def published_groups(answers: Mapping[str, str], boards: Sequence[str], folder: Path) -> Counter[str]:
    """Return the groups of published rows that no answer contradicts, with the number of such rows in each.

    Rows that do not state what was answered are possible as well.
    """
    found: Counter[str] = Counter()
    for board in boards:
        for row in read_board(folder, board).rows:
            stated = {each.name: each.of_row(row) for each in QUESTIONS if each.of_row is not None}
            # Papers print names, so an id is looked up by the name that it is printed by.
            wanted = {**answers, "metric": family(answers["metric"])}
            if row.status == "reported" and all(
                wanted[name] in (NOT_STATED, value) or not value for name, value in stated.items()
            ):
                found[row.group] += 1
    return found


def possible_document(found: PossibleTasks, missing: Sequence[str]) -> dict[str, Any]:
    """Return the answer as JSON values.

    Args:
        found: what the answers allow.
        missing: questions that were not answered at all.
    """
    folder = leaderboards_folder(None)
    names = board_names(folder)
    boards = tuple(dict.fromkeys(board_of_task(task.name, names) for task in found.tasks))
    groups = published_groups(found.answers, [board for board in boards if board in names], folder)
    return {
        "answers": dict(found.answers),
        "missing": list(missing),
        "tasks": [
            {
                "name": task.name,
                "version": task.version,
                "title": task.title,
                "status": task.status,
                "board": board_of_task(task.name, names),
                "groups": {metric: task_group(task, metric) for metric in _metrics(found.answers, task)},
                "ours": [note.what for note in task.notes if note.origin == "ours"],
            }
            for task in found.tasks
        ],
        "open": {
            "answers": {
                each.name: {task.name: each.of_task(task)[0] for task in found.tasks}
                for each in QUESTIONS
                if found.answers[each.name] == NOT_STATED and each.name != "metric"
            },
            "fields": {
                title: values
                for title, values in open_fields(found.tasks, found.answers["metric"]).items()
                if found.answers.get(_ASKED.get(title, "")) != NOT_STATED
            },
        },
        "published_groups": dict(groups.most_common()),
        "nearest": [{"name": task.name, "contradicted": list(names)} for task, names in found.nearest],
    }


def possible_text(document: Mapping[str, Any]) -> str:
    """Return the answer of `possible_document` as text."""
    lines = []
    if document["missing"]:
        options = ", ".join(f"--{name}" for name in document["missing"])
        lines += _wrapped(f"not answered, and taken as not stated: {options}")
    tasks = document["tasks"]
    if not tasks:
        lines += _wrapped("No shipped task fits these answers.")
        for each in document["nearest"]:
            lines += _wrapped(f"  nearest: {each['name']}, but for {', '.join(each['contradicted'])}")
        return "\n".join(lines)
    lines += _wrapped(f"{counted(len(tasks), 'task')} that the number may belong to:")
    for task in tasks:
        status = "" if task["status"] == "active" else f" [{task['status']}]"
        lines += ["", *_wrapped(f"{task['name']} v{task['version']}{status}: {task['title']}")]
        for group in task["groups"].values():
            lines += _wrapped(f"  group on the board {task['board']}: {group}")
        lines += _wrapped(
            f"  {counted(len(task['ours']), 'choice')} where papers are silent: `vidbench tasks show {task['name']}`"
        )
    lines += ["", *_wrapped("The paper leaves open:")]
    left = {**document["open"]["answers"], **document["open"]["fields"]}
    for name, values in left.items():
        lines += _wrapped(f"  {name}: {_values(values)}")
    if not left:
        lines += _wrapped("  nothing that was asked here; the choices above are ours")
    groups = document["published_groups"]
    if groups:
        lines += [
            "",
            *_wrapped("Groups of published rows that the answers allow; rows of two groups are never ranked together:"),
        ]
        lines += [
            line
            for group, rows in [*groups.items()][:_MOST_GROUPS]
            for line in _wrapped(f"  {counted(rows, 'row')}: {group}")
        ]
    if len(groups) > _MOST_GROUPS:
        lines += _wrapped(f"  and {len(groups) - _MOST_GROUPS} more groups")
    return "\n".join(lines)


def _metrics(answers: Mapping[str, str], task: Task) -> tuple[str, ...]:
    return task.evaluation.metrics if answers["metric"] == NOT_STATED else metrics_named(answers["metric"], task)


def _values(by_task: Mapping[str, str]) -> str:
    tasks: dict[str, list[str]] = {}
    for name, value in by_task.items():
        tasks.setdefault(value, []).append(name)
    if len(tasks) == 1:
        return f"{next(iter(tasks))} in {'the task' if len(by_task) == 1 else 'each task'}"
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in tasks.items())


def _wrapped(text: str) -> list[str]:
    margin = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(text, _WIDTH, subsequent_indent=f"{margin}  ", break_on_hyphens=False, break_long_words=False)
