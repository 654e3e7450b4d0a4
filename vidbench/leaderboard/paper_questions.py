"""The eight questions about a number in a paper, and whether an answer fits a task or a published row."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vidbench.errors import InputError
from vidbench.leaderboard.rows import BoardRow, family
from vidbench.tasks import load_task, task_names
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import METRICS
from vidmetrics.catalog.published_names import PUBLISHED_NAMES
from vidmetrics.errors import unknown_name

NOT_STATED = "not-stated"
"""The answer to a question that a paper leaves open."""

_LARGEST = 10**9
_KINDS = ("generation", "prediction", "reconstruction")
_SPLITS = {"train+test": "all", "train+val": "all", "validation": "val", "eval": "val", "evaluation": "val"}


@dataclass(frozen=True)
class PaperQuestion:
    """One question.

    Attributes:
        name: the option, without dashes.
        text: what is asked.
        metavar: what an answer looks like.
        read: returns an answer in its normal form; InputError if it is none.
        of_task: the answers that are true of a task.
        of_row: what a published row states, ``""`` if it does not; None for a question that rows do not answer in these terms.
    """

    name: str
    text: str
    metavar: str
    read: Callable[[str], str]
    of_task: Callable[[Task], tuple[str, ...]]
    of_row: Callable[[BoardRow], str] | None = None


def fits(question: PaperQuestion, answer: str, task: Task) -> bool:
    """Return whether an answer is true of a task; a question that is left open fits every task."""
    return answer == NOT_STATED or answer in question.of_task(task)


@functools.cache
def known_datasets() -> tuple[str, ...]:
    """Return the datasets of the shipped tasks as papers call them: both cameras of BAIR are one."""
    return tuple(sorted({_dataset(load_task(name).task) for name in task_names()}))


def read_answers(given: Mapping[str, str | None]) -> dict[str, str]:
    """Return the answers in normal form, by question; what is not given counts as not stated.

    Raises:
        InputError: an answer is none, or two contradict each other.
    """
    answers = {each.name: _answer(each, given.get(each.name)) for each in QUESTIONS}
    kind, context = answers["kind"], answers["context-frames"]
    if (kind == "generation" and context not in ("0", NOT_STATED)) or (kind == "prediction" and context == "0"):
        raise InputError(
            f"A {kind} with {context} context frames is none: a prediction has at least one, a generation has none; change one answer."
        )
    return answers


def _answer(question: PaperQuestion, given: str | None) -> str:
    return NOT_STATED if given is None or given == NOT_STATED else question.read(given.strip())


def _read_dataset(text: str) -> str:
    known = known_datasets()
    plain = text.lower().replace("_", "-").replace(" ", "-")
    if plain not in known:
        raise InputError(unknown_name("dataset", text, known))
    return plain


def _read_kind(text: str) -> str:
    if text.lower() not in _KINDS:
        raise InputError(unknown_name("kind", text, _KINDS))
    return text.lower()


def _read_count(what: str, least: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        plain = text.replace(",", "")
        if not re.fullmatch(r"[0-9]{1,10}", plain) or not least <= int(plain) <= _LARGEST:
            raise InputError(f"'{text[:60]}' is not a number of {what}: give one from {least} on, or {NOT_STATED}.")
        return str(int(plain))

    return read


def _read_resolution(text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?", text.lower())
    if found is None or not int(found[1]) or not int(found[2] or found[1]):
        raise InputError(
            f"'{text[:60]}' is not a resolution: give WIDTHxHEIGHT or one side, such as 64, or {NOT_STATED}."
        )
    return f"{int(found[1])}x{int(found[2] or found[1])}"


def _read_metric(text: str) -> str:
    if text in PUBLISHED_NAMES or text in METRICS:
        return text
    plain = {name.lower(): name for name in (*METRICS, *PUBLISHED_NAMES)}
    if text.lower() not in plain:
        raise InputError(unknown_name("metric", text, (*PUBLISHED_NAMES, *METRICS)))
    return plain[text.lower()]


def _read_split(text: str) -> str:
    plain = text.lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.+-]{0,60}", plain):
        raise InputError(f"'{text[:60]}' is not a split: give its name, such as train, test or all, or {NOT_STATED}.")
    return _SPLITS.get(plain, plain)


def _dataset(task: Task) -> str:
    return "bair" if task.data.dataset.startswith("bair-") else task.data.dataset


def metrics_named(name: str, task: Task) -> tuple[str, ...]:
    """Return the metrics of a task that a name means: an id is itself, a printed name every metric that is printed so."""
    return tuple(id for id in task.evaluation.metrics if name in (id, family(id)))


def _splits(task: Task) -> tuple[str, ...]:
    split = task.data.reference_split
    return (split, split.rstrip("0123456789"))


QUESTIONS: tuple[PaperQuestion, ...] = (
    PaperQuestion("dataset", "Which dataset?", "NAME", _read_dataset, lambda task: (_dataset(task),)),
    PaperQuestion(
        "kind",
        "Generation, prediction or reconstruction?",
        "KIND",
        _read_kind,
        # Papers call rollouts and what follows from actions a prediction too.
        lambda task: (dict(zip(("nothing", "context", "clip"), _KINDS, strict=True))[task.does.given],),
        lambda row: {"": "", "frames": "prediction", "actions": "prediction", "clip": "reconstruction"}.get(
            row.conditioning.partition("-mean")[0], "generation"
        ),
    ),
    PaperQuestion(
        "frames",
        "How many frames has a scored clip, context frames included?",
        "N",
        _read_count("frames", 1),
        lambda task: (str(task.clips.num_frames),),
        lambda row: "" if row.frames is None else str(row.frames),
    ),
    PaperQuestion(
        "context-frames",
        "How many of them are context frames (0 for generation)?",
        "N",
        _read_count("context frames", 0),
        lambda task: (str(task.clips.context_frames),),
        lambda row: "" if row.context_frames is None else str(row.context_frames),
    ),
    PaperQuestion(
        "resolution",
        "At which resolution are they scored?",
        "WxH",
        _read_resolution,
        lambda task: (f"{task.clips.width}x{task.clips.height}",),
        lambda row: row.resolution,
    ),
    PaperQuestion(
        "metric",
        "Which metric, by the name that the paper prints or by its id?",
        "NAME",
        _read_metric,
        lambda task: tuple({*task.evaluation.metrics, *map(family, task.evaluation.metrics)}),
        lambda row: row.metric,
    ),
    PaperQuestion(
        "samples",
        "How many samples has one run?",
        "N",
        _read_count("samples", 1),
        lambda task: (str(task.evaluation.num_samples),),
        lambda row: "" if row.samples is None else str(row.samples),
    ),
    PaperQuestion("reference", "Which split is the reference set of?", "SPLIT", _read_split, _splits),
)
"""The questions, in the order in which they are asked."""
