"""The study of what the tasks of moving shapes say: its statistics against oracles, and its material."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import pytest

from tests.end_to_end.test_interval_coverage import ROOT


@pytest.fixture(scope="module")
def tools():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        yield {name: importlib.import_module(name) for name in ("rank_agreement", "shapes_material")}


def rank_correlation(a, b):
    """Spearman's coefficient of values without ties, from the squared differences of ranks."""
    n, differences = len(a), np.argsort(np.argsort(a)) - np.argsort(np.argsort(b))
    return 1 - 6 * float((differences**2).sum()) / (n * (n**2 - 1))


def test_coefficients_are_spearmans_of_every_pair(tools):
    scores = np.random.default_rng(0).normal(size=(4, 15))
    expected = [rank_correlation(a, b) for a, b in itertools.combinations(scores, 2)]
    assert np.allclose(tools["rank_agreement"].pairwise(scores), expected)
    assert np.allclose(tools["rank_agreement"].pairwise(scores[:2]), expected[:1])


def test_the_summary_has_every_pair_and_the_median_of_all_and_of_those_between_architectures(tools):
    cases = [f"case {i}" for i in range(12)]
    rising = dict(zip(cases, range(12), strict=True))
    swapped = {**rising, "case 0": 1, "case 1": 0}
    scores = {"a seed 0": rising, "a seed 1": rising, "b seed 0": swapped}
    found = tools["rank_agreement"].agreement(scores, {case: case for case in cases})
    close = round(1 - 6 * 2 / (12 * 143), 4)
    assert found["pairs"] == {"a seed 0 | a seed 1": 1.0, "a seed 0 | b seed 0": close, "a seed 1 | b seed 0": close}
    assert found["median"] == found["median_between_architectures"] == found["lowest"] == close
    low, high = found["median_interval"]
    assert low <= close <= high <= 1
    assert found["enough"]


def test_one_network_is_compared_with_each_of_the_others_case_by_case(tools):
    own, other = np.random.default_rng(2).normal(size=(2, 9))
    cases = [f"case {i}" for i in range(9)]
    scores = dict(zip(cases, own, strict=True))
    others = {"a seed 0": dict(reversed(list(scores.items()))), "b seed 0": dict(zip(cases, other, strict=True))}
    found = tools["rank_agreement"].against(scores, others)
    assert found == {"a seed 0": 1.0, "b seed 0": round(rank_correlation(own, other), 4)}


def test_the_interval_draws_families_whole(tools):
    """Networks that order families alike and levels within a family at random: levels are no cases of their own."""
    rng = np.random.default_rng(1)
    families = np.repeat(np.arange(6), 8)
    scores = np.stack([families * 10 + rng.permutation(8)[np.arange(48) % 8] for _ in range(3)])
    by_family = tools["rank_agreement"].median_interval(scores, [str(f) for f in families], draws=300)
    alone = tools["rank_agreement"].median_interval(scores, [str(i) for i in range(48)], draws=300)
    assert by_family[1] - by_family[0] > 2 * (alone[1] - alone[0])


def test_corruptions_are_graded_and_keep_what_they_are_given(tools):
    made = {name: (family, make()) for name, (family, make) in tools["shapes_material"].corrupted_clips(48).items()}
    clips = made["none"][1].astype(float)
    assert len(made) >= 20
    for family, (_, levels) in tools["shapes_material"].FAMILIES.items():
        if family in ("classes left of 24", "frames shuffled within"):  # other clips, and the same frames
            continue
        changes = [np.abs(made[f"{family}: {level:g}"][1] - clips).mean() for level in levels]
        assert changes == sorted(changes), family
        assert changes[0] > 0, family
    assert {(values.shape, values.dtype) for _, values in made.values()} == {((48, 12, 32, 32, 3), np.dtype(np.uint8))}
    of_8 = made["classes left of 24: 8"][1]
    assert np.array_equal(of_8, made["none"][1][np.tile(np.r_[0:8, 24:32], 3)])
    shuffled = made["frames shuffled within: 2"][1]
    assert np.array_equal(np.sort(shuffled.reshape(48, 6, 2, -1), axis=2), np.sort(clips.reshape(48, 6, 2, -1), axis=2))
