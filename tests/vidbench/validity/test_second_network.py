"""Places between floor and ceiling on two networks."""

from __future__ import annotations

import pytest

from vidbench.validity.second_network import RATIO, RESOLUTION, Scale, second_network


def test_the_place_is_relative_to_floor_and_ceiling():
    assert Scale("a", 3.0, 1.0, 5.0).place == 0.5
    assert Scale("a", 0.5, 1.0, 5.0).place == 0.0


def test_samples_that_are_good_on_one_network_only_are_flagged():
    honest = second_network(Scale("a", 2.0, 0.0, 100.0), Scale("b", 3.0, 0.0, 100.0))
    assert not honest.flagged
    assert honest.value == pytest.approx((0.03 + RESOLUTION) / (0.02 + RESOLUTION))
    made_for_it = second_network(Scale("a", 2.0, 0.0, 100.0), Scale("b", 40.0, 0.0, 100.0))
    assert made_for_it.flagged
    assert made_for_it.value > RATIO
    assert not second_network(Scale("a", 40.0, 0.0, 100.0), Scale("b", 2.0, 0.0, 100.0)).flagged


def test_bounds_that_are_no_scale_say_nothing():
    assert "no worse than the floor" in second_network(Scale("a", 2.0, 1.0, 9.0), Scale("b", 2.0, 9.0, 1.0)).absent
