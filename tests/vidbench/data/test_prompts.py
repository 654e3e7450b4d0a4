"""Which caption becomes the prompt of a sample: by rule, by clip, and by nothing else."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.data.contexts import SampleContexts
from vidbench.data.prompts import sample_prompts
from vidbench.data.shapes.dataset import CLASS_NAMES, ShapesDataset
from vidbench.errors import InputError

SAID = {"a#0": ("one",), "b#0": ("b1", "b2", "b3"), "b#1": ("b1", "b2", "b3"), "c#0": ()}


def clips(*names):
    return SimpleNamespace(
        clip_ids=lambda indices: tuple(names[i] for i in indices), captions=lambda indices: tuple(SAID[names[i]] for i in indices)
    )  # fmt: skip


def task(rule, seed=0):
    evaluation = SimpleNamespace(prompts=rule, seed=seed)
    return SimpleNamespace(name="t", evaluation=evaluation, data=SimpleNamespace(evaluation_split="test"))


def test_a_task_without_prompts_asks_for_no_captions():
    assert sample_prompts(task("none"), np.arange(2), None) is None


def test_the_first_caption_is_that_of_the_data():
    assert sample_prompts(task("first"), np.array([2, 0, 1]), clips("a#0", "b#0", "b#1")) == ("b1", "one", "b1")


def test_a_drawn_caption_depends_on_seed_and_clip_alone():
    def expected(name, seed):
        text = json.dumps([seed, name], sort_keys=True, separators=(",", ":"))
        return SAID[name][int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % len(SAID[name])]

    for seed in (0, 1, 7):
        drawn = sample_prompts(task("drawn", seed), np.arange(3), clips("a#0", "b#0", "b#1"))
        assert drawn == tuple(expected(name, seed) for name in ("a#0", "b#0", "b#1"))
        assert sample_prompts(task("drawn", seed), np.array([1]), clips("b#1", "b#0")) == (expected("b#0", seed),)


def test_every_caption_is_drawn_about_as_often():
    shapes = ShapesDataset("test", 2400, 1, 8, 8)
    drawn = Counter(text.startswith("the video") for text in sample_prompts(task("drawn"), np.arange(2400), shapes))
    assert abs(drawn[True] - 1200) < 4 * (2400 / 4) ** 0.5


def test_a_clip_without_a_caption_is_named():
    with pytest.raises(InputError, match="'test' has none for the clip 'c#0'"):
        sample_prompts(task("first"), np.arange(2), clips("a#0", "c#0"))


def test_shapes_say_their_class_in_words_and_samples_those_of_their_clip():
    shapes = ShapesDataset("test", 30, 1, 8, 8)
    for dataset in (shapes, ShapesDataset("test", 30, 1, 8, 8, "shapes-crossing")):
        said = dataset.captions(np.arange(30))
        assert len({text for texts in said for text in texts}) == 2 * 24
        for label, texts in zip(dataset.labels, said, strict=True):
            words = set(dataset.class_names[label].split("-"))
            assert all(words <= set(text.split()) for text in texts)
    assert said[0][1] == "the video shows a disc over a square leftward"
    contexts = SampleContexts(shapes, 30, 3, 2)
    assert contexts.captions(np.array([0, 2, 3, 30])) == tuple(shapes.captions(np.array([0, 0, 1, 0])))
    assert shapes.captions(np.array([25])) == shapes.captions(np.array([1]))
    assert CLASS_NAMES[1] == "disc-drifting-right"
