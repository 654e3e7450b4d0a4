"""The expected loss of truncated sums, against its closed form."""

from __future__ import annotations

import pytest

from vidmetrics.networks.fast.accumulation import mean_loss


@pytest.mark.parametrize(
    ("depth", "roots"), [(16, 1), (32, 1.7071067811865475), (64, 3.0731321849709863), (144, 6.435333508678574)]
)
def test_the_loss_is_half_a_last_place_per_truncation_of_a_sum_that_grows_with_its_root(depth, roots):
    # 0.71 of 2^-24 / (2 ln 2) for each 16 products, of sums of sqrt(1/n), sqrt(2/n), ..., 1.
    assert mean_loss(depth) == pytest.approx(
        0.71 * 5.9604644775390625e-08 / 1.3862943611198906 * roots, rel=1e-12, abs=0
    )
