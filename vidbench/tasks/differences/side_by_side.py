"""Two tasks side by side, as text and as a JSON document: what `vidbench tasks diff` prints."""

from __future__ import annotations

import textwrap
from typing import Any

from vidbench.tasks.differences.compared_fields import BEARINGS
from vidbench.tasks.differences.effects import NOT_MEASURED, Effect, effects_of
from vidbench.tasks.differences.fields import TaskDifference
from vidbench.tasks.differences.metric_terms import metric_terms, related_metrics
from vidbench.tasks.differences.verdict import RULE, MetricComparability, TaskComparability, compare_tasks
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import get_metric

_WIDTH = 100


def difference_document(a: Task, b: Task) -> dict[str, Any]:
    """Return two tasks side by side as JSON values: verdict, rule, metrics, and every difference with its effect."""
    found = compare_tasks(a, b)
    return {
        "a": _identity(a),
        "b": _identity(b),
        "verdict": found.verdict,
        "rule": RULE,
        "metrics": [
            {"id": each.metric, "verdict": each.verdict, "because": list(each.because)} for each in found.metrics
        ],
        "only_in_a": [metric for metric in a.evaluation.metrics if metric not in b.evaluation.metrics],
        "only_in_b": [metric for metric in b.evaluation.metrics if metric not in a.evaluation.metrics],
        "differences": [
            {
                "field": each.title,
                "keys": list(each.keys),
                "a": each.said[0],
                "b": each.said[1],
                "bearing": each.bearing,
                "effects": [_effect(effect) for effect in _effects(each, a, b)],
            }
            for each in found.differences
        ],
        "definitions": [
            {
                "a": one,
                "b": other,
                "effects": [_effect(effect) for effect in _of_conventions(one, other)],
                "terms": [
                    {
                        "term": term.title,
                        "a": term.said[0],
                        "b": term.said[1],
                        "effects": [_effect(effect) for effect in effects_of(term.title, term.said, ("", ""))],
                    }
                    for term in metric_terms(one, other)
                ],
            }
            for one, other in related_metrics(a, b)
        ],
    }


def difference_text(a: Task, b: Task) -> str:
    """Return two tasks side by side as text."""
    found = compare_tasks(a, b)
    lines = [line for name, task in (("A", a), ("B", b)) for line in _wrapped(f"{name}  {_title(task)}", "", "   ")] + [
        ""
    ]
    lines += _wrapped(_verdict_words(found, a, b), "", "")
    for each in found.metrics:
        lines += _wrapped(f"{each.metric}: {_metric_words(each)}", "  ", "    ")
    alone = a.evaluation.metrics == b.evaluation.metrics
    for difference in found.differences:
        lines += [
            "",
            *_wrapped(f"{difference.title} ({_bearing_words(difference, alone)})", "", "  "),
            *_said(difference.said),
        ]
        if difference.strongest != "beside":
            lines += _effect_lines(_effects(difference, a, b))
    for one, other in related_metrics(a, b):
        lines += ["", *_wrapped(f"{one} and {other}: two definitions that papers print under one name", "", "  ")]
        lines += _effect_lines(_of_conventions(one, other)) if _of_conventions(one, other) else []
        for term in metric_terms(one, other):
            lines += [f"  {term.title}", *_said(term.said, "    ")]
            lines += _effect_lines(effects_of(term.title, term.said, ("", "")), "    ")
    return "\n".join([*lines, "", *_wrapped(f"rule: {RULE}", "", "  ")])


def _title(task: Task) -> str:
    return f"{task.name} v{task.version}: {task.title}"


def _identity(task: Task) -> dict[str, Any]:
    return {"name": task.name, "version": task.version, "fingerprint": task.fingerprint, "status": task.status}


def _effect(effect: Effect) -> dict[str, Any]:
    return {"text": effect.text, "measured_on": effect.measured_on, "sources": list(effect.sources)}


def _effects(difference: TaskDifference, a: Task, b: Task) -> tuple[Effect, ...]:
    # Every measurement of a field is of a distance to a reference set.
    if not all(any(get_metric(metric).facts.is_distance for metric in task.evaluation.metrics) for task in (a, b)):
        return ()
    return effects_of(difference.title, difference.values, (a.data.dataset, b.data.dataset))


def _of_conventions(one: str, other: str) -> tuple[Effect, ...]:
    if "fvd" not in (one, other):
        return ()
    return effects_of(other if one == "fvd" else one, ("", ""), ("", ""))


def _verdict_words(found: TaskComparability, a: Task, b: Task) -> str:
    if not found.metrics:
        return f"{found.verdict}: no metric is in both ({_list(a)}; {_list(b)})."
    spared = ""
    for verdict in dict.fromkeys(each.verdict for each in found.metrics if each.verdict != found.verdict):
        spared += f"; but {', '.join(each.metric for each in found.metrics if each.verdict == verdict)}: {verdict}"
    only = [
        f"only {name} has {', '.join(metrics)}"
        for name, metrics in (
            ("A", [metric for metric in a.evaluation.metrics if metric not in b.evaluation.metrics]),
            ("B", [metric for metric in b.evaluation.metrics if metric not in a.evaluation.metrics]),
        )
        if metrics
    ]
    return f"{found.verdict}{spared}{''.join(f'; {each}' for each in only)}."


def _list(task: Task) -> str:
    return ", ".join(task.evaluation.metrics)


def _metric_words(each: MetricComparability) -> str:
    if each.verdict == "comparable":
        return "comparable: one protocol"
    if each.verdict == "not comparable":
        return f"not comparable: {', '.join(each.because)}"
    draws = f"another draw ({', '.join(each.because)})" if each.because else "the same clips, samples and definition"
    return f"comparable with care: {draws}; boards rank the two tasks apart"


def _bearing_words(difference: TaskDifference, alone: bool) -> str:
    if not difference.bearing:
        return BEARINGS[difference.strongest]
    if alone and len(set(difference.bearing.values())) == 1:
        return BEARINGS[next(iter(difference.bearing.values()))]
    groups = [
        f"{words}: {', '.join(metrics)}"
        for bearing, words in BEARINGS.items()
        if (metrics := [metric for metric, each in difference.bearing.items() if each == bearing])
    ]
    return "; ".join(groups)


def _said(said: tuple[str, str], margin: str = "  ") -> list[str]:
    pairs = zip("AB", said, strict=True)
    return [line for name, text in pairs for line in _wrapped(text, f"{margin}{name}  ", f"{margin}   ")]


def _effect_lines(effects: tuple[Effect, ...], margin: str = "  ") -> list[str]:
    texts = [f"{each.text} [{each.measured_on}; {'; '.join(each.sources)}]" for each in effects] or [NOT_MEASURED]
    return [line for text in texts for line in _wrapped(f"effect: {text}", margin, f"{margin}  ")]


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
