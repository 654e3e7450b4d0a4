"""A model of text from its plug-in to an official result, in this process and through an export, and models that read none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.task_texts import task_text
from tests.vidbench.cli.test_command_line import run
from vidbench.data.prompts import sample_prompts
from vidbench.data.shapes.dataset import CLASS_NAMES, ShapesDataset, render
from vidbench.samples.export_folder import Export
from vidbench.tasks import load_task

PLUG_IN = '''
"""Draws what the text says, if it is one of the 24 things that it knows."""

from pathlib import Path

import numpy as np

from vidbench.data.shapes.dataset import CLASS_NAMES, render
from vidbench.models import VideoModel


def clips_of(prompts, seeds):
    labels = [CLASS_NAMES.index("-".join(text.split("a ", 1)[1].split())) for text in prompts]
    numbers = np.array([24 * int(seed % 1000) + label for seed, label in zip(seeds.tolist(), labels)])
    return render("train", numbers, 12, 32, 32)[0]


class Reader(VideoModel):
    reads_prompts = True

    @classmethod
    def load(cls, checkpoint, task, device):
        assert task.gives_prompts and not task.class_names
        return cls()

    def sample(self, request):
        assert request.labels is None
        with Path("asked.txt").open("a") as log:
            log.write("".join(f"{index} {text}\\n" for index, text in zip(request.indices, request.prompts)))
        return clips_of(request.prompts, request.seeds)


def deaf(checkpoint, task, device):
    class Model:
        def sample(self, request):
            raise AssertionError("was asked")

    return Model()
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    more = 'prompts = "drawn"'
    text = task_text("tiny-t2v", num_clips=48, num_samples=8, metrics=("fvd-shapes",), labels="none", more=more)
    (folder / "t2v.toml").write_text(text)
    (folder / "texts.py").write_text(PLUG_IN)
    return folder


def expected(place):
    task = load_task(str(place / "t2v.toml")).task
    return sample_prompts(task, np.arange(8), ShapesDataset("test", 8, 12, 32, 32))


def test_each_sample_is_asked_for_with_the_text_of_its_clip(place):
    done = run(
        "evaluate", "--model", "texts:Reader", "--task", "t2v.toml", "--device", "cpu", "--output", "out", cwd=place
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((place / "out" / "result.json").read_text())
    assert [reason for reason in result["reasons"] if "file of the user's own" not in reason] == []
    asked = dict(line.split(" ", 1) for line in (place / "asked.txt").read_text().splitlines())
    assert tuple(asked[str(index)] for index in range(8)) == expected(place)
    assert all(" ".join(CLASS_NAMES[index].split("-")) in text for index, text in enumerate(expected(place)))


def test_an_export_brings_the_text_and_samples_of_other_text_are_refused(place):
    assert run("data", "export", "--task", "t2v.toml", "--output", "export", cwd=place).returncode == 0
    export = Export(place / "export")
    prompts = []
    with export.writer(place / "samples") as writer:
        for batch in export.batches(3):
            prompts += batch.prompts
            labels = batch.indices % 24
            writer.add(render("train", 24 * batch.indices + labels, 12, 32, 32)[0])
    assert tuple(prompts) == expected(place)
    score = ("score", "--samples", "samples", "--task", "t2v.toml", "--device", "cpu", "--output", "scored")
    done = run(*score, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "text" not in " ".join(json.loads((place / "scored" / "result.json").read_text())["reasons"])
    manifest = json.loads((place / "samples" / "manifest.json").read_text())
    manifest["answers"]["prompts"][3] = "a cat"
    (place / "samples" / "manifest.json").write_text(json.dumps(manifest))
    done = run(*score, "--replace", cwd=place)
    assert (done.returncode, "(number 3 is 'a cat' instead of" in done.stderr) == (2, True)
    manifest["answers"]["prompts"] = None
    (place / "samples" / "manifest.json").write_text(json.dumps(manifest))
    assert run(*score, "--replace", cwd=place).returncode == 0
    assert "do not state the text" in " ".join(json.loads((place / "scored" / "result.json").read_text())["reasons"])


@pytest.mark.parametrize("model", ["texts:deaf", "dvdgan", "static"])
def test_a_model_that_reads_no_text_is_refused_before_anything_is_written(place, model):
    done = run("evaluate", "--model", model, "--task", "t2v.toml", "--device", "cpu", "--output", "refused", cwd=place)
    if model == "static":  # a bound, which is defined for every task
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2
    assert f"The model '{model}' reads no text" in done.stderr
    assert not (place / "refused").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": "balanced"}, "sample i belongs to evaluation clip i"),
        ({"dataset": "folder", "resize": "pil-box", "crop": "center"}, "the data 'folder' has none"),
    ],
)
def test_tasks_that_cannot_give_text_are_refused(place, tmp_path, changes, words):
    keys = {"num_clips": 48, "num_samples": 8, "metrics": ("fvd-shapes",), "labels": "none", **changes}
    (tmp_path / "task.toml").write_text(task_text("t", more='prompts = "first"', **keys))
    done = run("tasks", "show", "task.toml", cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
