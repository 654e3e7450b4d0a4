"""What a model is told and what stops a run before it starts, at the edges of what is allowed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.models.choice import choose_model
from vidbench.progress import Progress
from vidbench.scoring import bounds
from vidbench.scoring.bounds import _model, _stored_value, bound_values, disjoint_real
from vidbench.scoring.clip_sources import model_task, open_model
from vidbench.scoring.imported_reference import AbsentClips
from vidbench.scoring.run import open_run
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task
from vidmetrics.sealed import DamagedFileError, sealed_json


def test_class_names_are_told_only_if_samples_have_labels():
    with_labels, without = (load_task(name).task for name in ("shapes-gen", "shapes-pred"))
    assert with_labels.evaluation.labels != "none"
    assert without.evaluation.labels == "none"
    assert model_task(with_labels, ("a", "b")).class_names == ("a", "b")
    assert model_task(without, ("a", "b")).class_names == ()


@pytest.mark.parametrize(("clips", "samples"), [(1, 2), (2, 2), (3, 2)])
def test_real_clips_are_shown_once_each(clips, samples):
    task = load_task("shapes-pred").task
    evaluation = SimpleNamespace(num_clips=clips, class_names=(), read=lambda indices: np.zeros(len(indices)))
    arguments = {"seed": 0, "num_samples": samples, "device": "cpu"}
    if clips < samples:
        with pytest.raises(InputError, match="has only 1 real clips for 2 samples"):
            open_model(choose_model("real"), task, evaluation, **arguments)
    else:
        open_model(choose_model("real"), task, evaluation, **arguments)


def test_the_static_bound_needs_one_clip_per_sample():
    task = load_task("shapes-gen").task
    run = SimpleNamespace(
        task=task,
        has_evaluation_clips=True,
        num_samples=2,
        evaluation=SimpleNamespace(num_clips=1, class_names=()),
    )
    bound = _model(run, "static")
    assert bound.source is None
    assert "has 1 clips for 2 samples" in bound.absent
    noise = _model(run, "noise")
    assert noise.absent is None
    assert noise.source is not None


def test_a_stored_bound_of_other_clips_is_damage(tmp_path):
    (tmp_path / "bound.json").write_bytes(sealed_json({"metric": "fvd", "value": 2.5}))
    assert _stored_value(tmp_path / "bound.json", {"metric": "fvd"}) == 2.5
    with pytest.raises(DamagedFileError, match="of another metric or of other clips"):
        _stored_value(tmp_path / "bound.json", {"metric": "fid"})


@pytest.mark.parametrize(("number", "reason"), [(1, "too few for a covariance"), (2, None), (3, None)])
def test_two_samples_are_the_fewest(small_task, number, reason):
    def opened():
        chosen = RunOptions(device="cpu", num_samples=number)
        quiet = Progress(enabled=False)
        return open_run(load_task(str(small_task)), chosen, ranks=Ranks(), progress=quiet, default_name="x")

    if reason:
        with pytest.raises(InputError, match=reason):
            opened()
    else:
        assert opened().num_samples == number


def test_a_statistics_file_contains_no_clips():
    clips = AbsentClips.__new__(AbsentClips)
    clips._name = "test"
    with pytest.raises(InputError, match="real clips of the split 'test' are needed"):
        clips.read(np.arange(2))


def test_real_clips_outside_the_reference_are_of_the_first_split_that_shares_no_video(monkeypatch):
    def split(count, *videos):
        return SimpleNamespace(num_clips=count, origins=lambda _: frozenset(videos))

    opened = []
    train = split(4, "c")

    def open_split(task, name, data, count, ignore):
        opened.append((name, count))
        return train

    monkeypatch.setattr(bounds, "open_split", open_split)

    def run(evaluation):
        data = SimpleNamespace(evaluation_split="test", train_split="train")
        return SimpleNamespace(
            task=SimpleNamespace(data=data), num_samples=3, num_reference=5, reference=split(5, "a", "b"),
            evaluation=evaluation, options=SimpleNamespace(data=None, ignore=()),
        )  # fmt: skip

    held_out = split(3, "d")
    assert disjoint_real(run(held_out)) == (held_out, "test")
    assert opened == []
    for other in (split(3, "b"), split(2, "d")):
        assert disjoint_real(run(other)) == (train, "train")
    assert opened == [("train", 3)] * 2
    train = split(2, "c")
    with pytest.raises(InputError, match=r"'test' shares 1 videos with the reference set; split 'train' has 2 clips"):
        disjoint_real(run(split(3, "b")))


def test_bounds_have_the_scores_that_can_be_computed(monkeypatch):
    metrics = [
        SimpleNamespace(id=id, needs_reference=needs, network="n")
        for id, needs in (("fvd", "moments"), ("psnr", "frames"))
    ]
    run = SimpleNamespace(
        metrics=metrics, num_samples=4, task=SimpleNamespace(evaluation=SimpleNamespace(samples_per_context=2))
    )
    monkeypatch.setattr(bounds, "bound_value", lambda metric, store, real, cache, run: 7.0)
    scores = {"value": 30.0}
    monkeypatch.setattr(
        bounds, "estimate_frames", lambda metric, store, clips, per: SimpleNamespace(value=scores["value"])
    )
    stores, real = {"n": None}, {"n": None}
    assert bound_values(run, stores, real, None) == {"fvd": 7.0}
    assert bound_values(run, {**stores, bounds.FRAMES: None}, real, None) == {"fvd": 7.0, "psnr": 30.0}
    scores["value"] = float("inf")
    assert bound_values(run, {**stores, bounds.FRAMES: None}, real, None) == {"fvd": 7.0}
