"""Better than real clips is a flag at 1 % over a whole board, and no reason for a refusal."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import hypergeom, norm, t

from vidbench.data.shapes.dataset import render
from vidbench.leaderboard.admission import objections
from vidbench.leaderboard.better_than_real import BOARD_LEVEL, BOARD_ROWS, floor_chance, real_clip_flags
from vidbench.leaderboard.flags import FLAGS, row_flags
from vidbench.results.real_clips import floor_sets
from vidbench.results.schema import MetricRecord, Result
from vidmetrics.catalog.definitions import METRICS
from vidmetrics.networks import load_network
from vidmetrics.statistics.exchangeability import count_sides


def _result(document):
    return Result.model_validate_json(json.dumps(document))


def _record(value, floor=None, interval=None):
    fields = {"value": value, "interval": interval, "num_samples": 64, "num_reference": 64, "network": ""}
    return MetricRecord.model_validate(fields | {"floor": floor, "ceiling": None, "higher_is_better": False})


def _nearest(found, found_in_reference):
    sizes = {"num_samples": 1024, "num_reference": 4096, "num_held_out": 1024}
    return {"shapes": {"output": "pool", **sizes, "found": found, "found_in_reference": found_in_reference}}


@pytest.mark.parametrize(
    ("metric", "value", "flagged"),
    [
        ("fvd-shapes", 0.19, False),  # below the one draw 0.2, as every third honest set is
        ("fvd-shapes", 0.131, False),  # copies of the reference set score this: the distance alone cannot tell
        ("fvd-shapes", 0.001, True),
        ("fid-shapes", 0.0, True),
        ("fid-shapes", 0.07, False),
        ("is-shapes", 23.9, False),  # samples can be classified with more confidence than real clips
    ],
)
def test_a_score_below_the_floor_is_no_objection_and_a_flag_only_beyond_chance(result_document, metric, value, flagged):
    result_document["metrics"][metric] |= {"value": value, "interval": [max(0.0, value - 0.05), value + 0.05]}
    result = _result(result_document)
    assert objections(result) == []
    flags = real_clip_flags(result)
    assert row_flags(result) == tuple(flags) == (("below-floor",) if flagged else ())
    assert all(f"{metric}: " in flag and "16 sets" in flag for flag in flags.values())


def test_every_flag_of_this_module_has_its_words():
    assert {"below-floor", "near-reference", "near-held-out"} <= set(FLAGS)


def test_copies_of_the_reference_set_and_held_out_clips_are_flagged_by_their_neighbours(result_document):
    assert real_clip_flags(_result(result_document)) == {}
    result_document["nearest"] = _nearest(890, 712)  # 80 %, as expected
    assert real_clip_flags(_result(result_document)) == {}
    result_document["nearest"] = _nearest(890, 890)
    flag = real_clip_flags(_result(result_document))["near-reference"]
    assert "890 are reference clips, and 712 are expected" in flag
    result_document["nearest"] = _nearest(1024, 0)
    assert row_flags(_result(result_document)) == ("near-held-out",)
    flag = real_clip_flags(_result(result_document))["near-held-out"]
    assert "1,024 are held-out clips, and 205 are expected" in flag
    assert objections(_result(result_document)) == []


def test_training_clips_as_samples_are_flagged_and_fresh_streams_are_not(result_document):
    network = load_network("shapes", device="cpu")
    streams = {"train": 128, "test": 64, **{f"fresh-{number}": 64 for number in range(4)}}
    clips = {name: render(name, np.arange(count), 12, 32, 32)[0] for name, count in streams.items()}
    noise = np.random.default_rng(0).normal(0, 2, (64, 12, 32, 32, 3))
    made = {
        "copies": clips["train"][:64],
        "copies-in-another-order": clips["train"][np.random.default_rng(1).permutation(128)[:64]],
        "noisy-copies": np.clip(clips["train"][64:] + noise + 0.5, 0, 255).astype(np.uint8),
        "held-out": clips["test"],
        **{name: samples for name, samples in clips.items() if name.startswith("fresh")},
    }
    sides = [[network(clips[side])["pool"]] for side in ("train", "test")]
    flags = {}
    for name, samples in made.items():
        counts = count_sides(network(samples)["pool"], *sides)
        record = {"output": "pool", "num_samples": 64, **asdict(counts)}
        result = _result(result_document | {"nearest": {"shapes": record}})
        assert objections(result) == []
        flags[name] = row_flags(result)
    copies = dict.fromkeys(("copies", "copies-in-another-order", "noisy-copies"), ("near-reference",))
    assert flags == {**copies, "held-out": ("near-held-out",), **{f"fresh-{number}": () for number in range(4)}}


def test_the_level_is_shared_by_the_rows_of_a_board_and_the_tests_of_a_row(result_document):
    level = BOARD_LEVEL / BOARD_ROWS / 4  # two distances, two sides
    least = next(k for k in range(890) if hypergeom.sf(k - 1, 5120, 4096, 890) < level)
    for found, flagged in ((least - 1, False), (least, True)):
        result_document["nearest"] = _nearest(890, found)
        assert bool(real_clip_flags(_result(result_document))) == flagged


def test_the_chance_is_students_of_one_more_set():
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(-1.4, 0.35, 16))
    sets, fvd = floor_sets(values.tolist()), METRICS["fvd-shapes"]
    logs = np.log(values)
    expected = t.cdf((np.log(0.1) - logs.mean()) / (logs.std(ddof=1) * np.sqrt(17 / 16)), 15)
    assert floor_chance(fvd, _record(0.1), sets) == pytest.approx(expected, rel=1e-9)
    # An unbiased estimate may be negative, so it is compared as it is.
    sets, kvd = floor_sets((values - 0.3).tolist()), METRICS["kvd-shapes"]
    expected = t.cdf((-0.4 - np.mean(values - 0.3)) / (values.std(ddof=1) * np.sqrt(17 / 16)), 15)
    assert floor_chance(kvd, _record(-0.4), sets) == pytest.approx(expected, rel=1e-9)
    assert floor_chance(fvd, _record(0.0), floor_sets([0.1, 0.2, 0.3])) == 0.0


def test_of_honest_sets_a_share_of_the_level_is_found():
    rng = np.random.default_rng(1)
    fvd, level = METRICS["fvd-shapes"], 0.05
    found = [
        floor_chance(fvd, _record(float(np.exp(rng.normal()))), floor_sets(np.exp(rng.normal(size=16)).tolist()))
        < level
        for _ in range(1000)
    ]
    assert np.mean(found) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 1000))


def test_without_sets_the_interval_tells_how_far_chance_reaches():
    fvd = METRICS["fvd"]
    assert floor_chance(fvd, _record(100.0), None) is None
    assert floor_chance(fvd, _record(100.0, floor=90.0), None) == 1.0
    # The upper half, since the lower one may be cut at 0; and the floor is a draw of as many clips.
    chance = floor_chance(fvd, _record(80.0, floor=90.0, interval=(79.0, 86.0)), None)
    assert chance == pytest.approx(norm.cdf(-10 / (6 / norm.ppf(0.975) * np.sqrt(2))), rel=1e-9)
    assert floor_chance(fvd, _record(80.0, floor=90.0), None) == 0.0
    assert floor_chance(fvd, _record(80.0, floor=90.0), floor_sets([90.0])) == 0.0


def test_a_prediction_from_frames_of_the_reference_may_beat_real_clips_of_other_videos(result_document):
    # In k600-pred the real clips of the floor are those of other videos.
    fields = result_document | {"metrics": {"fvd": _record(0.1, floor=2.0).model_dump(mode="json")}}
    assert (
        "better than held-out real clips (2.00) by more than chance" in real_clip_flags(_result(fields))["below-floor"]
    )
    for task, flagged in (("k600-pred", False), ("k600-gen", True)):
        fields["task"] = fields["task"] | {"name": task}
        assert bool(real_clip_flags(_result(fields))) == flagged


def test_an_embedded_task_is_judged_by_its_recorded_sets_whatever_the_result_says(result_document):
    result_document["metrics"]["fid-shapes"] |= {"value": 0.001, "interval": [0.0, 0.01]}
    of_its_own = {"fid-shapes": floor_sets([0.001, 0.002, 0.0005]).model_dump(mode="json")}
    result_document["bounds"] = {"real": {"what": "", "values": {}, "absent": None, "sets": of_its_own}}
    assert "16 sets" in real_clip_flags(_result(result_document))["below-floor"]
    result_document["task"]["name"] = "somebody-elses"
    assert real_clip_flags(_result(result_document)) == {}
