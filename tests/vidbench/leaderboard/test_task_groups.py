"""The verdict on two tasks never contradicts `vidbench compare` or the groups of the boards, on every pair of shipped tasks."""

from __future__ import annotations

import copy
import functools
import hashlib
import itertools
import json
import re

from tests.result_texts import result_document
from vidbench.leaderboard.adding import Submission, result_rows
from vidbench.leaderboard.rows import group_of
from vidbench.leaderboard.task_groups import task_group
from vidbench.results.comparability import obstacles
from vidbench.results.schema import Result
from vidbench.tasks import load_task, task_names
from vidbench.tasks.differences.fields import shared_metrics
from vidbench.tasks.differences.verdict import compare_tasks
from vidmetrics.catalog.definitions import METRICS

DOCUMENT = result_document()


def digest(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def official(task):
    """An official result of a task, as far as comparability is concerned: its clips are those of its plan."""
    document = copy.deepcopy(DOCUMENT)
    plan, own = task.clips.model_dump(mode="json"), task.reference_clips.model_dump(mode="json")
    data, evaluation = task.data, task.evaluation
    contexts = evaluation.num_samples // evaluation.samples_per_context
    document["task"] = {"name": task.name, "version": task.version, "fingerprint": task.fingerprint}
    document["data"]["reference"] |= {
        "split": data.reference_split,
        "sha256": digest(data.dataset, data.reference_split, own, task.reference.num_clips),
    }
    document["data"]["evaluation"] |= {
        "split": data.evaluation_split,
        "sha256": digest(data.dataset, data.evaluation_split, plan, contexts),
    }
    network = document["networks"]["shapes"]
    metrics = [METRICS[id] for id in evaluation.metrics]
    document["networks"] = {metric.network: network for metric in metrics if metric.network}
    document["metrics"] = {
        metric.id: {
            **DOCUMENT["metrics"]["fvd-shapes"],
            "num_samples": evaluation.num_samples,
            "num_reference": {"none": None, "frames": contexts}.get(
                metric.needs_reference, 1000 if task.reference.num_clips == "all" else task.reference.num_clips
            ),
            "network": metric.network,
            "higher_is_better": metric.higher_is_better,
        }
        for metric in metrics
    }  # fmt: skip
    return Result.model_validate(document)


@functools.cache
def results():
    tasks = [load_task(name).task for name in task_names()]
    # Two protocols of one name, as of a changed copy, are no pair that ships.
    pred = load_task("k600-pred").task
    tasks.append(pred.model_copy(update={"evaluation": pred.evaluation.model_copy(update={"seed": 1})}))
    return [(task, official(task), rows(task, official(task))) for task in tasks]


def rows(task, result):
    return {row.metric: row for row in result_rows(result, task, "f" * 64, Submission())}


def without(group, *tags):
    return re.sub(rf"/(?:{'|'.join(tags)})=[^/]*", "", group)


def test_the_verdict_agrees_with_compare_and_with_the_boards():
    seen = set()
    for (a, of_a, ours), (b, of_b, theirs) in itertools.combinations_with_replacement(results(), 2):
        found = {each.metric: each.verdict for each in compare_tasks(a, b).metrics}
        assert tuple(found) == shared_metrics(a, b)
        for metric, verdict in found.items():
            pair = f"{a.name}, {b.name}, {metric}"
            groups = group_of(ours[metric]), group_of(theirs[metric])
            apart = obstacles(of_a, of_b, metric)
            assert (verdict == "comparable") == (apart == ()), (pair, apart)
            if verdict == "comparable":
                assert groups[0] == groups[1], pair
            if verdict == "comparable with care":
                # The same number under two names: nothing but the protocol's name and, for bounds, the clips is another.
                assert without(groups[0], "protocol", "clips") == without(groups[1], "protocol", "clips"), pair
            if without(groups[0], "protocol", "clips") != without(groups[1], "protocol", "clips"):
                assert verdict == "not comparable", pair
            seen.add(verdict)
    assert seen == {"comparable", "comparable with care", "not comparable"}


def test_the_group_of_a_task_is_that_of_its_rows():
    for task, _, measured in results():
        for metric, row in measured.items():
            assert task_group(task, metric) == without(row.group, "clips")


def test_frames_are_of_the_held_out_clips_whatever_the_reference_set_is():
    groups = {name: task_group(load_task(name).task, "ssim") for name in ("k600-pred", "k600-pred-disjoint")}
    assert groups["k600-pred"] == "ssim/frames=16/given=5/64x64/cond=frames/ref=val-50000/n=50000/protocol=k600-pred-v1"
    assert without(groups["k600-pred"], "protocol") == without(groups["k600-pred-disjoint"], "protocol")
    assert "/ref=test-256/" in task_group(load_task("bair-pred-debiased").task, "ssim")
    assert "/ref=test-3840/" in task_group(load_task("bair-pred-debiased").task, "fvd")
