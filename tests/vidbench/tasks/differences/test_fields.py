"""Two tasks differ in exactly the fields that were changed, each with what it decides about a metric."""

from __future__ import annotations

import pytest

from tests.task_texts import task_text
from vidbench.tasks import load_task
from vidbench.tasks.differences.compared_fields import FIELDS
from vidbench.tasks.differences.fields import task_differences
from vidbench.tasks.differences.metric_terms import metric_terms, related_metrics
from vidbench.tasks.schema import PlanSpec, Task
from vidbench.tasks.words import protocol_text

# Not compared: the name of the protocol, words about it, and the metrics, which are listed as such.
NOT_COMPARED = {
    "name",
    "version",
    "title",
    "description",
    "notes",
    "successor",
    "reason",
    "unranked",
    "evaluation.metrics",
}


def changed(name, section=None, **fields):
    """Return a shipped task with some fields of a section changed."""
    task = load_task(name).task
    if section is None:
        return task.model_copy(update=fields)
    part = getattr(task, section)
    return task.model_copy(update={section: part.model_copy(update=fields)})


def titles(a, b):
    return [each.title for each in task_differences(a, b)]


def test_every_key_of_a_task_file_is_compared():
    sections = ("data", "clips", "reference", "evaluation")
    keys = {name for name in Task.model_fields if name not in sections}
    for section in sections:
        names = set(Task.model_fields[section].annotation.model_fields)
        if section == "reference":
            names = (names - {"clips"}) | {f"clips.{name}" for name in PlanSpec.model_fields}
        keys |= {f"{section}.{name}" for name in names}
    covered = [key for field in FIELDS for key in field.covers]
    assert len(covered) == len(set(covered))
    assert set(covered) == keys - NOT_COMPARED


@pytest.mark.parametrize("name", ["k600-pred", "k600-gen", "ucf101-gen-fvd", "shapes-pred"])
def test_a_task_does_not_differ_from_itself(name):
    assert task_differences(load_task(name).task, load_task(name).task) == ()


@pytest.mark.parametrize(
    ("name", "section", "fields", "title", "bearing"),
    [
        ("k600-pred-disjoint", "data", {"reference_split": "test"}, "reference split", {"fvd": "score", "ssim": "beside"}),
        ("k600-pred", "data", {"frozen": "2026", "frozen_sha256": "a" * 64}, "frozen list", {"fvd": "score", "ssim": "score"}),
        ("k600-pred", "data", {"train_split": "all"}, "training split", {"fvd": "score", "ssim": "score"}),
        ("k600-pred", "data", {"min_coverage": 0.5}, "coverage", {"fvd": "draw", "ssim": "draw"}),
        ("k600-pred", "clips", {"num_frames": 17}, "length", {"fvd": "score", "ssim": "score"}),
        ("k600-pred", "clips", {"stride": 2}, "stride", {"fvd": "score", "ssim": "score"}),
        ("ucf101-gen", "reference", {"clips": PlanSpec(stride=3)}, "stride of the reference set", {"is-c3d-ucf101": "beside", "fvd": "score"}),
        ("ucf101-gen-fvd", "reference", {"clips": PlanSpec(order="path")}, "order of the reference set", {"fvd": "score"}),
        ("ucf101-gen-fvd", "reference", {"clips": PlanSpec(min_frames=30)}, "least length of the reference videos", {"fvd": "score"}),
        ("shapes-t2v", "evaluation", {"prompts": "first"}, "texts", {"fvd-shapes": "score", "fid-shapes": "score"}),
        ("k600-pred", "clips", {"width": 128}, "resolution", {"fvd": "score", "ssim": "score"}),
        ("k600-pred", "clips", {"spares": "none"}, "missing videos", {"fvd": "draw", "ssim": "draw"}),
        ("k600-pred", "reference", {"num_clips": "all"}, "size of the reference set", {"fvd": "score", "ssim": "beside"}),
        ("k600-pred", "evaluation", {"num_samples": 2048}, "samples", {"fvd": "score", "ssim": "score"}),
        ("k600-pred", "evaluation", {"repeats": 4}, "runs", {"fvd": "draw", "ssim": "draw"}),
        ("k600-pred", "evaluation", {"seed": 1}, "seed of the samples", {"fvd": "draw", "ssim": "draw"}),
        ("k600-pred", "evaluation", {"labels": "evaluation"}, "labels", {"fvd": "score", "ssim": "score"}),
        ("k600-pred", "evaluation", {"ceiling": "noise"}, "bounds", {"fvd": "beside", "ssim": "beside"}),
        # An Inception Score has no reference set, and held-out clips of a generation are the floor alone.
        ("k600-gen", "reference", {"num_clips": 50_000}, "size of the reference set", {"fid-i3d-k600": "score", "is-i3d-k600": "beside"}),
        ("k600-gen", "clips", {"pixels": "ffmpeg-default"}, "pixels", {"fid-i3d-k600": "score", "is-i3d-k600": "score"}),
        ("k600-gen", None, {"status": "broken"}, "status", {"fid-i3d-k600": "beside", "is-i3d-k600": "beside"}),
    ],
)  # fmt: skip
def test_one_change_is_one_difference_and_says_what_it_decides(name, section, fields, title, bearing):
    a, b = load_task(name).task, changed(name, section, **fields)
    (found,) = [each for each in task_differences(a, b) if each.title == title]
    assert found.bearing == bearing
    assert found.said[0] != found.said[1]
    assert [each.title for each in task_differences(b, a)] == titles(a, b) == [title]


def test_held_out_clips_are_the_floor_of_a_generation_and_the_question_of_a_prediction():
    for name, bearing in (("k600-gen", "beside"), ("k600-pred", "draw")):
        a, b = load_task(name).task, changed(name, "clips", seed=5)
        found = {each.title: each.bearing for each in task_differences(a, b)}
        assert set(found["seed of the held-out clips"].values()) == {bearing}


def test_shared_windows_are_found_however_the_plans_say_so():
    vdm, pred = load_task("k600-pred-vdm").task, load_task("k600-pred").task
    found = {each.title: each for each in task_differences(vdm, pred)}["reference set and held-out clips"]
    assert found.said == ("the same windows of the same videos", "other windows of the same videos")
    assert found.bearing == {"fvd": "score"}
    # The seed of `clips` is that of the reference set too, until the task says otherwise.
    own = pred.model_copy(
        update={"reference": pred.reference.model_copy(update={"clips": PlanSpec(seed=pred.clips.seed)})}
    )
    assert "reference set and held-out clips" in titles(pred, own)


def test_a_reference_set_that_follows_the_clips_is_listed_once():
    a, b = load_task("k600-gen").task, changed("k600-gen", "clips", crop="none", resize="pil-box")
    assert titles(a, b) == ["crop", "resize"]
    own = b.model_copy(
        update={"reference": b.reference.model_copy(update={"clips": PlanSpec(crop="center", clips_per_video=1)})}
    )
    assert titles(b, own) == ["crop of the reference set"]


def test_both_values_are_in_the_words_of_tasks_show():
    a, b = load_task("k600-pred-magvit").task, load_task("k600-pred-disjoint").task
    shown = [" ".join(protocol_text(task).split()) for task in (a, b)]
    checked = 0
    for each in task_differences(a, b):
        if each.title in (
            "resize",
            "crop of the reference set",
            "size of the reference set",
            "reference split",
            "samples",
        ):
            checked += 1
            assert all(said in text for said, text in zip(each.said, shown, strict=True)), each
    assert checked == 4


def test_metrics_of_one_printed_name_are_compared_term_by_term(tmp_path):
    tasks = []
    for name, metrics in (("one", ("fvd", "psnr")), ("other", ("fvd-styleganv", "ssim"))):
        (tmp_path / f"{name}.toml").write_text(
            task_text(
                name, num_clips=600, num_samples=600, num_frames=16, context_frames=5, labels="none", metrics=metrics
            )
        )
        tasks.append(load_task(str(tmp_path / f"{name}.toml")).task)
    assert related_metrics(*tasks) == (("fvd", "fvd-styleganv"),)
    # As docs/conventions.md has it: another resize, and N instead of N - 1.
    assert {term.title: term.said for term in metric_terms("fvd", "fvd-styleganv")} == {
        "resize to the network": ("tf1-bilinear to 224x224", "bilinear to 224x224"),
        "divisor of the covariance": ("N - 1", "N"),
    }
    assert metric_terms("fvd", "fvd") == ()
