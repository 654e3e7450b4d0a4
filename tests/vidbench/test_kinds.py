"""The kinds of task: what each asks of a model, which models it takes, and a reconstruction from end to end."""

from __future__ import annotations

import numpy as np
import pytest

import vidbench
import vidmetrics
from tests.task_texts import task_text
from vidbench.errors import InputError
from vidbench.kinds import KINDS, implied_kind, kinds_of
from vidbench.models import Model, Reconstructor, RolloutModel, VideoModel
from vidbench.models.choice import choose_registered
from vidbench.models.interface import ModelTask
from vidbench.tasks import load_task


class _Darker(Reconstructor):
    @classmethod
    def load(cls, checkpoint, task, device):
        return cls()

    def reconstruct(self, request):
        return request.clips_NTHWC - (request.clips_NTHWC > 3) * np.uint8(2)


class _Both(_Darker, RolloutModel):
    kinds = ("rollout",)

    def rollout(self, request):
        yield from ()


def test_a_kind_is_told_by_context_frames_or_declared():
    assert [load_task(name).task.does.name for name in ("shapes-gen", "shapes-pred", "shapes-rollout", "shapes-act")] == [
        "generate",
        "predict",
        "rollout",
        "act",
    ]  # fmt: skip
    assert (implied_kind(0), implied_kind(3)) == ("generate", "predict")
    assert [KINDS[name].given_frames(16, 5) for name in ("generate", "predict", "rollout", "reconstruct")] == [
        0,
        5,
        5,
        16,
    ]
    assert ModelTask("t", 16, 5, 8, 8, ()).kind == "predict"


def test_a_model_is_of_the_kinds_whose_method_it_has_unless_it_declares_some():
    assert kinds_of(_Darker) == ("reconstruct",)
    assert kinds_of(_Both) == ("rollout",)
    assert kinds_of(VideoModel) == ("generate", "predict")
    assert kinds_of(Model) == ()
    assert kinds_of(choose_registered("noise").factory) == ("generate", "predict", "rollout", "act")


@pytest.mark.parametrize(
    ("model", "task"), [("jpeg", "shapes-gen"), ("copy", "reconstruct"), ("dvdgan-fp", "shapes-act")]
)
def test_a_model_of_another_kind_is_refused_in_one_sentence(model, task):
    kind = "reconstruct" if task == "reconstruct" else load_task(task).task.does.name
    choice = choose_registered(model)
    with pytest.raises(
        InputError, match=f"and the task 't' is of the kind '{kind}': choose a model of that kind"
    ) as caught:
        choice.check_sampling(
            ModelTask("t", 16, 0 if kind in ("generate", "reconstruct") else 1, 32, 32, (), kind=kind)
        )
    assert "\n" not in str(caught.value)


def test_a_reconstruction_is_compared_with_the_clip_that_was_given(tmp_path):
    text = task_text("tiny-rec", num_clips=4, num_samples=4, metrics=("fvd-shapes", "psnr"), labels="none")
    text = text.replace('reference_split = "train"', 'reference_split = "test"').replace(
        'name = "tiny-rec"', 'name = "tiny-rec"\nkind = "reconstruct"'
    )
    text = text.replace('labels = "none"', 'labels = "none"\nfloor = "identity"\nceiling = "half"')
    (tmp_path / "task.toml").write_text(text)
    task = load_task(str(tmp_path / "task.toml")).task
    assert (task.does.name, task.given_frames) == ("reconstruct", task.clips.num_frames)
    result = vidbench.evaluate(
        f"{__name__}:_Darker", str(tmp_path / "task.toml"), output=tmp_path / "out", device="cpu"
    )
    from vidbench.data import open_evaluation

    clips = open_evaluation(task, None).read(np.arange(4))
    darker = clips - (clips > 3) * np.uint8(2)
    assert result.metrics["psnr"].value == pytest.approx(vidmetrics.psnr_frames(clips, darker).mean())
    assert set(result.bounds) == {"identity", "jpeg", "half"}
    assert result.bounds["identity"].values["fvd-shapes"] < result.bounds["half"].values["fvd-shapes"]
