"""Axes of the charts: positions, round ticks, printed numbers."""

from __future__ import annotations

import math

import pytest

from vidbench.rendering.axes import Axis, axis_over, linear_ticks, log_ticks
from vidbench.rendering.numbers import score_text


def test_an_axis_is_logarithmic_where_values_span_a_factor_of_ten():
    axis = axis_over([0.1, 10.0])
    assert axis.log
    assert axis.place(1.0) == pytest.approx(0.5)
    assert axis.place(0.0) == 0.0  # an interval may reach to 0
    assert axis.place(99.0) == 1.0
    assert not axis_over([-0.1, 10.0]).log
    assert axis_over([2.0, 4.0], reverse=True).place(4.0) == 0.0
    assert Axis(3.0, 3.0).place(3.0) == 0.5
    assert axis_over([2.0, 4.0], log=True, margin=0.25) == Axis(1.6, 5.0, log=True)


def test_linear_ticks_are_round_and_inside():
    assert linear_ticks(0.0, 1.0, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert linear_ticks(53.2, 61.3) == [54, 56, 58, 60]
    assert linear_ticks(0.013, 0.094) == pytest.approx([0.02, 0.04, 0.06, 0.08])
    assert linear_ticks(5.0, 5.0) == [5.0]
    assert [score_text(value) for value in (12345.6, 56.154, 0.2072, 186.04, 0.0, -3.14e-5)] == [
        "12,346",
        "56.15",
        "0.207",
        "186.0",
        "0",
        "-3.1e-05",
    ]


@pytest.mark.parametrize(("low", "high"), [(1.7, 300), (3, 9), (0.05, 500), (1e-3, 1e9), (41, 60)])
def test_log_ticks_are_few_round_and_inside(low, high):
    found = log_ticks(low, high)
    assert found == Axis(high, low, log=True).ticks()
    assert 1 <= len(found) <= 7
    assert all(low <= value <= high for value in found)
    assert all(round(value / 10 ** math.floor(math.log10(value) + 1e-9), 6) in (1, 1.5, 2, 3, 5, 7) for value in found)
