"""How far the values of a result that is made again may differ, and which of them do."""

from __future__ import annotations

import json

import pytest

from tests.result_texts import result_document
from vidbench.leaderboard.agreement import in_last_digits, tolerance, values_again
from vidbench.results.schema import Result


def _result(*, device=None, torch=None, samples=False, precision=None, factor=1.0):
    document = result_document()
    document["environment"] |= {
        key: value for key, value in {"device": device, "torch": torch}.items() if value is not None
    }
    if samples:
        document["model"] |= {"samples_sha256": "1" * 64, "checkpoint_sha256": None}
    for network in document["networks"].values():
        network["precision"] = precision or network["precision"]
    document["metrics"]["fvd-shapes"]["value"] *= factor
    return Result.model_validate_json(json.dumps(document))


@pytest.mark.parametrize(
    ("of_both", "of_again", "relative", "as_printed"),
    [
        ({}, {}, 0, False),
        ({"precision": "fast"}, {}, 0, False),
        ({}, {"torch": "9.9"}, 1e-6, True),
        ({"samples": True}, {"torch": "9.9"}, 1e-6, False),
        ({"precision": "fast", "device": "NVIDIA A"}, {"device": "NVIDIA B"}, 1e-3, False),
        ({"precision": "fast"}, {"device": "NVIDIA B"}, 1e-2, False),
    ],
)
def test_the_bound_follows_from_machine_samples_and_precision(of_both, of_again, relative, as_printed):
    bound = tolerance(_result(**of_both), _result(**(of_both | of_again)))
    assert (bound.relative, bound.as_printed) == (relative, as_printed)
    assert all(f"another {name}" in bound.why for name in of_again)
    assert tolerance(_result(), _result(), 0.5).relative == 0.5


@pytest.mark.parametrize(("factor", "agrees"), [(1 + 0.9e-6, True), (1 + 1.2e-6, False)])
def test_a_value_of_stored_samples_agrees_up_to_the_bound(factor, agrees):
    claimed, again = _result(samples=True), _result(samples=True, torch="9.9", factor=factor)
    values = {value.name: value.agrees for value in values_again(claimed, again, tolerance(claimed, again))}
    assert values.pop("fvd-shapes") is agrees
    assert {"fvd-shapes floor", "fvd-shapes ceiling", "fvd-shapes interval low"} <= set(values)
    assert all(values.values())


def test_ends_of_intervals_are_left_out_where_samples_have_other_pixels():
    claimed, again = _result(), _result(torch="9.9")
    names = {value.name for value in values_again(claimed, again, tolerance(claimed, again))}
    assert {"fvd-shapes", "fvd-shapes floor"} <= names
    assert not any("interval" in name for name in names)


def test_where_bits_are_required_the_last_digits_are_told_from_more():
    claimed = _result()
    bound = tolerance(claimed, claimed)
    near, far = (values_again(claimed, _result(factor=1 + share), bound) for share in (1e-12, 1e-3))
    assert [[value.agrees for value in values].count(False) for values in (near, far)] == [1, 1]
    assert (in_last_digits(near, bound), in_last_digits(far, bound)) == (True, False)
    missing = claimed.model_copy(update={"metrics": {}})
    assert not any(value.agrees for value in values_again(claimed, missing, bound))
