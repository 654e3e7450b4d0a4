"""Places between floor and ceiling on two networks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.attacks.clips import fresh, held_out, optimised_stills, stills, training
from vidbench.validity.second_network import RATIO, RESOLUTION, Scale, second_network
from vidmetrics import Moments, frechet_distance, load_network


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


def test_stills_that_were_changed_by_eight_levels_for_the_network_are_flagged_and_honest_clips_and_stills_are_not():
    count = 48
    clips = {
        "held-out": fresh(count),
        "stills": stills(count),
        "optimised": optimised_stills(count, levels=8, steps=16),
        "floor": held_out(count),
        "ceiling": np.random.default_rng(0).integers(0, 256, (count, 12, 32, 32, 3), np.uint8),
        "reference": training(4 * count),
    }
    changed = np.abs(clips["optimised"].astype(int) - clips["stills"])
    assert 0 < changed.max() <= 8
    scores = {}
    for name in ("shapes", "shapes-second"):
        network, moments = load_network(name), {}
        for what, each in clips.items():
            moments[what] = Moments(network.outputs["logits"])
            for start in range(0, len(each), 48):
                moments[what].update(network(each[start : start + 48])["logits"])
        reference = moments.pop("reference")
        scores[name] = {
            what: frechet_distance(own.mean, own.covariance, reference.mean, reference.covariance)
            for what, own in moments.items()
        }

    def judged(what):
        return second_network(*(Scale(name, of[what], of["floor"], of["ceiling"]) for name, of in scores.items()))

    # The network that they were made for sees much better clips than stills.
    assert scores["shapes"]["optimised"] < scores["shapes"]["stills"] / 2
    assert judged("optimised").flagged
    assert not judged("stills").flagged
    assert not judged("held-out").flagged
