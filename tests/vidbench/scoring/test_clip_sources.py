"""Requests to a model and clips from its samples: seeds, labels, context frames, and refusals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.errors import InputError
from vidbench.scoring.clip_sources import ModelSource, sample_labels
from vidbench.scoring.seeds import sample_seeds

CLIPS = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3, 3), dtype=np.uint8)
INDICES = np.array([4, 1])


def a_task(context_frames, labels="none"):
    return SimpleNamespace(
        name="small", predicted_frames=5 - context_frames, evaluation=SimpleNamespace(labels=labels),
        clips=SimpleNamespace(context_frames=context_frames, height=4, width=3, num_frames=5),
    )  # fmt: skip


def a_split(class_names=(), labels=None):
    return SimpleNamespace(class_names=class_names, labels=labels, read=lambda indices: CLIPS[indices])


def a_source(context_frames, answer, task=None, split=None):
    asked = []

    def sample(request):
        asked.append(request)
        return answer

    model = SimpleNamespace(sample=sample)
    task = task or a_task(context_frames)
    return ModelSource(model, {"name": "mine"}, task, split or a_split(), seed=3, truncation=0.5), asked


def test_predictions_continue_the_context_frames_of_their_clips():
    answer = np.full((2, 3, 4, 3, 3), 7, np.uint8)
    source, asked = a_source(2, answer)
    clips = source.read(INDICES)
    np.testing.assert_array_equal(clips, np.concatenate([CLIPS[[4, 1], :2], answer], axis=1))
    (request,) = asked
    np.testing.assert_array_equal(request.context_NTHWC, CLIPS[[4, 1], :2])
    assert request.context_NTHWC.flags.c_contiguous
    assert request.seeds.tolist() == sample_seeds(3, INDICES).tolist()
    assert (request.num_frames, request.truncation, request.labels) == (3, 0.5, None)


def test_generated_clips_are_those_of_the_model():
    answer = np.full((2, 5, 4, 3, 3), 9, np.uint8)
    source, asked = a_source(0, answer)
    assert source.read(INDICES) is answer
    assert asked[0].context_NTHWC is None


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros((2, 5, 4, 3, 3), np.float32),
        np.zeros((2, 5, 3, 4, 3), np.uint8),
        np.zeros((1, 5, 4, 3, 3), np.uint8),
        np.zeros((2, 5, 4, 3, 3), np.uint8).tolist(),
        None,
    ],
)
def test_other_answers_are_refused(answer):
    source, _ = a_source(0, answer)
    with pytest.raises(InputError, match=r"The model 'mine' returned .* uint8 array \[2, 5, 4, 3, 3\]"):
        source.read(INDICES)


def test_labels_of_samples():
    names, of_clips = ("a", "b", "c"), np.array([2, 2, 0, 1, 0, 1])
    split = a_split(names, of_clips)
    assert sample_labels(a_task(0), INDICES, split) is None
    assert sample_labels(a_task(0, "balanced"), INDICES, split).tolist() == [1, 1]
    assert sample_labels(a_task(0, "evaluation"), INDICES, split).tolist() == [0, 2]
    # Without labels of clips, balanced ones need the classes alone.
    assert sample_labels(a_task(0, "balanced"), np.arange(5), a_split(names)).tolist() == [0, 1, 2, 0, 1]
    for task, without in (
        (a_task(0, "evaluation"), a_split(names)), (a_task(0, "balanced"), a_split()), (a_task(0, "evaluation"), a_split()),
    ):  # fmt: skip
        with pytest.raises(InputError, match="is class-conditional, but its data has no labels"):
            sample_labels(task, INDICES, without)
    source, asked = a_source(0, np.zeros((2, 5, 4, 3, 3), np.uint8), a_task(0, "evaluation"), split)
    source.read(INDICES)
    assert asked[0].labels.tolist() == [0, 2]
