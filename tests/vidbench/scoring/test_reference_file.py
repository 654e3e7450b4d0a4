"""The checks of a statistics file at their limits, on files in memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from vidbench.errors import InputError
from vidbench.files import arrays_sha256
from vidbench.kinds import KINDS, implied_kind
from vidbench.scoring.imported_reference import (
    AbsentClips,
    ImportedRealSide,
    _refuse_foreign_bounds,
    absent_evaluation,
)
from vidbench.scoring.reference_file import (
    Provenance,
    StatisticsFile,
    read_moments,
    read_statistics,
    statistics_tensors,
)
from vidbench.tasks.limits import MOST_SAMPLES
from vidmetrics.statistics.moments import Moments

ROWS = np.random.default_rng(0).normal(size=(9, 3))
EXPECTED = {("net", "pool"): (3, 9)}


def tensors():
    moments = Moments(3)
    moments.update(ROWS)
    return statistics_tensors({("net", "pool"): moments})


def a_file(changed, sha256=None):
    provenance = SimpleNamespace(tensors_sha256=sha256 or arrays_sha256(changed))
    return StatisticsFile(Path("s.safetensors"), "0" * 64, provenance, changed)


def test_moments_are_those_of_the_rows():
    found = read_moments(a_file(tensors()), EXPECTED)
    assert list(found) == [("net", "pool")]
    np.testing.assert_allclose(found["net", "pool"].mean, ROWS.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["net", "pool"].covariance, np.cov(ROWS.T), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("net/pool/mean"), "'net/pool/mean' is missing or unexpected"),
        (lambda t: t.update(more=np.zeros(1)), "'more' is missing or unexpected"),
        (lambda t: t.update({"net/pool/mean": np.zeros(4)}), r"has shape \[4\] where \[3\] is required"),
        (lambda t: t.update({"net/pool/count": np.array(8)}), "are of 8 rows where the provenance requires 9"),
        (lambda t: t.update({"net/pool/mean": np.full(3, np.nan)}), "are invalid"),
        (lambda t: t["net/pool/scatter"].__setitem__((0, 1), 1.0), "is not a scatter matrix"),
        (lambda t: t.update({"net/pool/scatter": -np.eye(3)}), "is not a scatter matrix"),
    ],
)
def test_other_moments_are_refused(change, words):
    changed = {name: value.copy() for name, value in tensors().items()}
    change(changed)
    with pytest.raises(InputError, match=words):
        read_moments(a_file(changed), EXPECTED)


def test_a_changed_value_is_refused():
    with pytest.raises(InputError, match="was changed after it was written"):
        read_moments(a_file(tensors(), "1" * 64), EXPECTED)


@pytest.mark.parametrize(("part", "accepted"), [(0.9e-8, True), (1.2e-8, False), (1e-3, False)])
def test_a_scatter_may_be_rounded_to_a_hundred_millionth(part, accepted):
    for entry, scale in (((0, 1), 4.0), ((2, 2), 4.0)):
        scatter = np.diag([4.0, 1.0, 0.0])
        scatter[entry] = -part * scale
        changed = {**tensors(), "net/pool/scatter": scatter}
        if accepted:
            read_moments(a_file(changed), EXPECTED)
        else:
            with pytest.raises(InputError, match="is not a scatter matrix"):
                read_moments(a_file(changed), EXPECTED)


def a_provenance(num_clips=5, coverage=1.0, labels=None, ids=None, classes=("a", "b")):
    split = SimpleNamespace(split="test", num_clips=num_clips, coverage=coverage, sha256="0" * 64)
    return Provenance.model_construct(
        reference=split, evaluation=split, evaluation_labels=labels, evaluation_ids=ids, class_names=classes,
        scan_sha256=None, entries=SimpleNamespace(unused={}), bounds=None,
    )  # fmt: skip


def test_counts_and_coverages_that_can_be():
    for good in (
        {"num_clips": 0}, {"num_clips": MOST_SAMPLES}, {"coverage": 0.0}, {"coverage": 0.5},
        {"labels": (1, 0), "ids": ("x", "y")},
    ):  # fmt: skip
        provenance = a_provenance(**good)
        assert provenance._consistent() is provenance
    for bad, words in (
        ({"num_clips": -1}, "which cannot be"), ({"num_clips": MOST_SAMPLES + 1}, "which cannot be"),
        ({"coverage": -0.1}, "which cannot be"), ({"coverage": 1.1}, "which cannot be"),
        ({"labels": (0,)}, "not of the same clips"), ({"ids": ("x",)}, "not of the same clips"),
        ({"labels": (0,), "ids": ("x", "y")}, "not of the same clips"),
        ({"labels": (0, 2), "ids": ("x", "y")}, "the class 2, and there are 2 classes"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            a_provenance(**bad)._consistent()


def a_task(context_frames=0, labels="balanced", prompts="none"):
    evaluation = SimpleNamespace(
        labels=labels, prompts=prompts, floor="floor", ceiling="ceiling", metrics=("fvd", "is")
    )
    return SimpleNamespace(
        name="t", does=KINDS[implied_kind(context_frames)], given_frames=context_frames,
        clips=SimpleNamespace(context_frames=context_frames), evaluation=evaluation,
    )  # fmt: skip


def test_names_and_labels_of_absent_clips():
    provenance = a_provenance(labels=(1, 0, 1), ids=("x", "y", "z"))
    clips = absent_evaluation(provenance, a_task(labels="evaluation"))
    assert clips.clip_ids(np.array([2, 0])) == ("z", "x")
    assert clips.labels.tolist() == [1, 0, 1]
    unlabelled = absent_evaluation(a_provenance(), a_task())
    assert unlabelled.labels is None
    for ask, words in (
        (lambda: unlabelled.clip_ids(np.arange(1)), "names of the clips of the split 'test' are needed"),
        (lambda: clips.read(np.arange(1)), "real clips of the split 'test' are needed"),
        (lambda: clips.origins(1), "source videos of the split 'test' are needed"),
        (lambda: absent_evaluation(a_provenance(), a_task(labels="evaluation")), "and the statistics contain none"),
        (
            lambda: absent_evaluation(provenance, a_task(prompts="first")),
            "gives each sample a caption of a held-out clip",
        ),
        (lambda: clips.captions(np.arange(1)), "captions of the split 'test' are needed"),
        (lambda: absent_evaluation(provenance, a_task(context_frames=2)), "also scores the 2 context frames"),
    ):
        with pytest.raises(InputError, match=words):
            ask()
    assert isinstance(clips, AbsentClips)


def test_bounds_that_a_task_cannot_have():
    def refuse(**bounds):
        records = {name: SimpleNamespace(values=values) for name, values in bounds.items()}
        task = a_task(context_frames=1)
        _refuse_foreign_bounds(Path("s"), SimpleNamespace(bounds=SimpleNamespace(bounds=records)), task)

    refuse()
    for name in ("real", "copy", "static", "noise", "floor", "ceiling"):
        refuse(**{name: {"fvd": 0.0, "is": 1.0}})
    with pytest.raises(InputError, match="the bound 'other', which the task 't' lacks"):
        refuse(real={}, other={})
    with pytest.raises(InputError, match="a score of 'real' on 'kvd', which is no metric"):
        refuse(real={"fvd": 1.0, "kvd": 1.0})
    with pytest.raises(InputError, match="the score -1 of 'noise' on 'fvd', which no clips can have"):
        refuse(noise={"fvd": -1.0})
    _refuse_foreign_bounds(Path("s"), SimpleNamespace(bounds=None), a_task())


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist: give the path of a"):
        read_statistics(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (None, "is safetensors, but not a statistics file"),
        ({"vidbenchx": '{"format": "vidbench-statistics"}'}, "was changed after it was written"),
        ({"vidbench": "{}"}, "is not valid at"),
    ],
)
def test_other_safetensors_files_are_refused(tmp_path, metadata, words):
    save_file({"w": np.zeros(3)}, tmp_path / "other.safetensors", metadata)
    with pytest.raises(InputError, match=words):
        read_statistics(tmp_path / "other.safetensors")


def test_what_is_no_safetensors_file_is_refused(tmp_path):
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(InputError, match="is not readable as safetensors"):
        read_statistics(tmp_path / "text.safetensors")


def test_rows_of_the_missing_clips_are_counted_by_the_network():
    network = SimpleNamespace(rows_per_clip=lambda num_frames: 2 * num_frames)
    side = ImportedRealSide(SimpleNamespace(sha256="0" * 64), network, 8)
    assert side.rows_per_clip == 16
    assert side.identity == ["statistics", "0" * 64]
