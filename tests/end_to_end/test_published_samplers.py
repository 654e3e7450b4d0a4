"""Tasks that follow the samplers of published code, on a miniature with videos of several lengths: their clips, and an evaluation."""

from __future__ import annotations

import os

import numpy as np
import pytest

import vidbench
from tests.end_to_end import miniatures as minis
from tests.end_to_end.published_samplers import CLIPS, PUBLISHED_SAMPLERS, VIDEOS
from vidbench.data import open_evaluation, open_reference
from vidbench.data.folders.inventory import TOO_SHORT
from vidbench.tasks import load_task

# One of each kind; VIDBENCH_ALL_REHEARSALS=1 evaluates all.
ALWAYS = ("ucf101-gen-latte", "ucf101-gen-larp", "ucf101-pred-4to12-far")


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return {
        "ucf101": minis.write_ucf101_lengths(folder / "ucf101"),
        "kinetics-600": minis.write_kinetics600(folder / "k600"),
        "bair-image-aux1": minis.write_bair(folder / "bair"),
    }


def taken(task, dataset) -> list[tuple[int, int, int]]:
    """(red number of the video, first frame, stride) of each clip."""
    found = []
    for index in range(dataset.num_clips):
        if task.data.dataset == "bair-image-aux1":
            values = dataset.read(np.array([index]))[0, :, 0, 0, 0].astype(int) - 40
            (stride,) = set(np.diff(values).tolist())
            found.append((int(values[0]) // 80, int(values[0]) % 80, stride))
            continue
        reds, greens = (dataset.read(np.array([index]))[0, :, 16, 16, axis].astype(int) for axis in (0, 1))
        assert len(set(reds.tolist())) == 1
        assert reds[0] % minis.STEP == 0
        (stride,) = set(np.diff(greens).tolist())
        found.append((int(reds[0]) // minis.STEP, int(greens[0]), stride))
    return found


@pytest.mark.parametrize("name", PUBLISHED_SAMPLERS)
def test_a_task_takes_the_clips_of_the_published_sampler(roots, tmp_path, name):
    task = load_task(str(minis.miniature(name, tmp_path))).task
    root = roots[task.data.dataset]
    reference = open_reference(task, root)
    expected = PUBLISHED_SAMPLERS[name]()
    assert taken(task, reference) == expected
    held = taken(task, open_evaluation(task, root))
    if task.reference.paired:
        each = [clip for clip in expected for _ in range(task.evaluation.samples_per_context)]
        assert held == each * task.evaluation.repeats
    if task.data.dataset == "ucf101":
        frames, spec = {video.red: video.frames for video in VIDEOS}, task.clips
        assert all(start + (spec.num_frames - 1) * stride < frames[red] for red, start, stride in held)
        assert reference.unused.get(TOO_SHORT, 0) == dropped(spec)


def dropped(spec) -> int:
    return sum(video.frames < (spec.min_frames or 0) for video in VIDEOS)


@pytest.mark.parametrize("name", PUBLISHED_SAMPLERS)
def test_a_task_is_evaluated_from_end_to_end_and_says_what_it_drops(roots, tmp_path, name):
    if name not in ALWAYS and not os.environ.get("VIDBENCH_ALL_REHEARSALS"):
        pytest.skip("set VIDBENCH_ALL_REHEARSALS=1 to evaluate every task")
    path = minis.miniature(name, tmp_path)
    task = load_task(str(path)).task
    assert {note.origin for note in load_task(name).task.notes} == {"published", "ours"}
    model = "copy" if task.clips.context_frames else "noise"
    result = vidbench.evaluate(model, str(path), data=roots[task.data.dataset], output=tmp_path / "out", device="cpu")
    assert list(result.metrics) == list(task.evaluation.metrics)
    for metric in result.metrics.values():
        assert metric.num_samples == task.evaluation.num_samples
        assert metric.num_reference in (None, len(PUBLISHED_SAMPLERS[name]()))
    if task.data.dataset == "ucf101" and task.data.reference_split == "all":
        reasons = {TOO_SHORT: dropped(task.clips)} if dropped(task.clips) else {}
        assert result.entries.unused.get("split 'all'", {}) == reasons
    coded = [reason for reason in result.reasons if "'h264-crf25'" in reason]
    assert len(coded) == (task.evaluation.codec != "none")
    if task.evaluation.contexts == "averaged":
        of_sets = result.metrics["fvd-shapes"].averaged
        assert len(of_sets) == task.evaluation.samples_per_context * task.evaluation.repeats
        assert result.metrics["fvd-shapes"].value == pytest.approx(np.mean(of_sets))


def test_the_miniature_has_what_tells_the_samplers_apart():
    by_name, by_path = (sorted(VIDEOS, key=key) for key in (lambda v: v.name, lambda v: (v.label + "/", v.name)))
    assert by_name != by_path
    assert {video.frames for video in VIDEOS} == set(minis.LENGTHS)
    references = [tuple(PUBLISHED_SAMPLERS[name]()) for name in PUBLISHED_SAMPLERS if name.startswith("ucf101-gen")]
    assert len(set(references)) == len(references) - 3  # the four of FAR have the same videos
    assert len(VIDEOS) > CLIPS
