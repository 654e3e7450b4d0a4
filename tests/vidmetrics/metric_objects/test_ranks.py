"""A score over the ranks of torch.distributed has the bits of one process, and no rank waits for one that was refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.forked import run_ranks
from tests.vidmetrics.metric_objects.rank_program import measured
from vidmetrics.metric_objects.rank_exchange import interleaved, repeats_sentence

PROGRAM = Path(__file__).with_name("rank_program.py")


WHOLE, OTHER_SIZE, TOO_FEW, SAME_REAL = "101,75,none", "40,40,size", "1,40,none", "40,40,same"


def run(size, *cases):
    """What the ranks find in each case, as one list per rank."""
    ended = run_ranks([PROGRAM, *cases], size)
    assert [rank.returncode for rank in ended] == [0] * size, ended[0].stderr + ended[-1].stderr
    return [[json.loads(line) for line in rank.stdout.splitlines()[-len(cases) :]] for rank in ended]


@pytest.fixture(scope="module")
def alone():
    # The ranks compute with one thread each; with two, convolutions add in another order and differ by 1e-9.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        metrics = measured(101, 75, 0, 1)
        found = {id: [each.value, list(each.interval), each.num_samples] for id, each in metrics.compute().items()}
        return found | {"statistics": len(metrics.statistics().to_bytes())}
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def two_ranks():
    """What each of two ranks finds, by case: the refused ones are first, so no rank keeps anything of them."""
    cases = OTHER_SIZE, TOO_FEW, WHOLE, SAME_REAL
    return {case: list(found) for case, found in zip(cases, zip(*run(2, *cases), strict=True), strict=True)}


# 101 and 75 are no multiples of the batch of 32, nor of the number of ranks.
def test_the_bits_are_those_of_one_process_on_two_ranks(alone, two_ranks):
    assert two_ranks[WHOLE] == [alone] * 2


def test_the_bits_are_those_of_one_process_on_four_ranks(alone):
    assert run(4, WHOLE) == [[alone]] * 4


def test_other_clips_on_one_rank_are_refused_on_all(two_ranks):
    found = two_ranks[OTHER_SIZE]
    assert found[0] == found[1]
    assert found[0]["error"].startswith("The ranks have clips of 8 frames of 32x16 and 8 frames of 32x32;")


def test_too_few_clips_are_refused_on_all_ranks(two_ranks):
    assert two_ranks[TOO_FEW] == [{"error": "A covariance needs at least 2 samples, not 1; add more clips."}] * 2


@pytest.mark.parametrize("counts", [[5, 5, 4], [3, 0, 4], [7]])
def test_clips_are_ordered_rank_by_rank(counts):
    by_hand = sorted((turn, rank) for rank, count in enumerate(counts) for turn in range(count))
    for rank, count in enumerate(counts):
        expected = [by_hand.index((turn, rank)) for turn in range(count)]
        assert interleaved(counts, rank).tolist() == expected
    assert np.array_equal(
        np.sort(np.concatenate([interleaved(counts, r) for r in range(len(counts))])), np.arange(sum(counts))
    )


def test_clips_that_a_distributed_sampler_repeats_are_found():
    rows = np.random.default_rng(0).normal(size=(2 * 10, 3)).astype(np.float32)  # two rows for each clip
    assert repeats_sentence(rows, 10, 4, "real clips") is None
    for count in (1, 2, 3):
        padded = np.concatenate([rows, rows[: 2 * count]])
        sentence = repeats_sentence(padded, 10 + count, 4, "real clips")
        assert sentence.startswith(f"The last {count} of the real clips have the features of the first {count}:")
    assert repeats_sentence(np.concatenate([rows, rows[:2]]), 11, 1, "real clips") is None  # one process pads nothing


def test_ranks_that_each_hold_all_clips_are_found():
    rows = np.random.default_rng(0).normal(size=(10, 2, 3)).astype(np.float32)
    order = np.concatenate([interleaved([10] * 4, rank) for rank in range(4)])
    merged = np.concatenate([rows] * 4)[np.argsort(order)]
    sentence = repeats_sentence(merged.reshape(-1, 3), 40, 4, "real clips")
    assert sentence.startswith("The real clips of all 4 ranks have the same features, so that each counts 4 times:")
    merged[17] += 1
    assert repeats_sentence(merged.reshape(-1, 3), 40, 4, "real clips") is None


def test_ranks_that_each_hold_all_real_clips_are_warned_of(two_ranks):
    (first, _) = two_ranks[SAME_REAL]
    assert [text.split(",")[0] for text in first["warned"]] == ["The real clips of all 2 ranks have the same features"]
