"""The score over the samples of a context, pooled or averaged, against scores of each set alone."""

from __future__ import annotations

import numpy as np
import pytest

import vidbench
from tests.task_texts import prediction_text
from vidbench.errors import InputError
from vidbench.scoring.repeats import scored_sets
from vidbench.tasks import load_task

CONTEXTS, EACH = 6, 2


def predictions(folder) -> np.ndarray:
    """Predictions of 11 frames that differ for every sample, none of them right."""
    samples = np.random.default_rng(0).integers(0, 256, (CONTEXTS * EACH, 11, 32, 32, 3), np.uint8)
    samples[1::EACH] //= 4
    np.save(folder / "all.npy", samples)
    for number in range(EACH):
        np.save(folder / f"{number}.npy", samples[number::EACH])
    return samples


def scored(folder, name: str, samples: str, num_samples: int, more: str = ""):
    path = folder / f"{name}.toml"
    path.write_text(prediction_text(name, 8, num_samples, more))
    result = vidbench.score(str(path), str(folder / samples), output=folder / name, device="cpu")
    return result.metrics["fvd-shapes"], result.bounds["copy"].values["fvd-shapes"]


def test_the_average_is_the_mean_of_the_scores_of_one_sample_of_every_context(tmp_path):
    predictions(tmp_path)
    together = f"samples_per_context = {EACH}\n"
    averaged, bound = scored(tmp_path, "averaged", "all.npy", CONTEXTS * EACH, f'{together}contexts = "averaged"\n')
    alone = [scored(tmp_path, f"alone{number}", f"{number}.npy", CONTEXTS) for number in range(EACH)]
    pooled, _ = scored(tmp_path, "pooled", "all.npy", CONTEXTS * EACH, together)
    assert averaged.averaged == tuple(metric.value for metric, _ in alone)
    assert averaged.value == pytest.approx(np.mean(averaged.averaged), rel=1e-12)
    assert (averaged.runs, averaged.num_samples, averaged.leave_one_out) == (None, CONTEXTS * EACH, None)
    assert abs(pooled.value / averaged.value - 1) > 0.01
    assert pooled.averaged is None
    # A bound is scored in the same way; each sample of `copy` is that of its context.
    assert bound == pytest.approx(alone[0][1], rel=1e-9)


def test_the_sets_of_a_run():
    task = load_task("bair-pred-c1p15-averaged").task
    sets = scored_sets(task, range(2560, 5120))
    assert len(sets) == 10
    assert sorted(index for each in sets for index in each) == list(range(2560, 5120))
    # Sample i belongs to context i // 10.
    assert all([index // 10 for index in each] == list(range(256, 512)) for each in sets)
    assert scored_sets(load_task("bair-pred-c1p15").task, range(2560)) == [range(2560)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("samples_per_context = 10\n", "", "samples_per_context above 1"),
        ("num_clips = 256", "num_clips = 255", "reference.paired"),
        ('reference_split = "test"', 'reference_split = "train"', "reference.paired"),
        ("height = 64", "height = 63", None),
        ("paired = true", "paired = false", None),
    ],
)
def test_what_cannot_be_averaged_or_paired_is_refused(tmp_path, old, new, words):
    from pathlib import Path

    text = Path(load_task("bair-pred-c1p15-averaged").origin).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "own.toml").write_text(text.replace(old, new, 1))
    if words is None:
        assert (
            load_task(str(tmp_path / "own.toml")).task.fingerprint
            != load_task("bair-pred-c1p15-averaged").task.fingerprint
        )
        return
    with pytest.raises(InputError, match=words):
        load_task(str(tmp_path / "own.toml"))
