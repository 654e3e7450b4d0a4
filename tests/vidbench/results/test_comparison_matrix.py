"""`vidbench compare` of more than two results: every pair, at a level that allows for their number."""

from __future__ import annotations

import copy
import json

import pytest
from click.testing import CliRunner

from vidbench.cli.compare import command
from vidbench.errors import InputError
from vidbench.results.comparison_matrix import compare_many
from vidbench.results.schema import Result


@pytest.fixture
def documents(result_document):
    """Three results: 56 ± 4, 62 ± 4, 90 ± 4; the first two differ beyond their own noise, not beyond that of three comparisons."""
    found = []
    for value in (62.0, 56.0, 90.0):
        document = copy.deepcopy(result_document)
        document["metrics"]["fvd-shapes"] |= {"value": value, "interval": [value - 4, value + 4]}
        found.append(document)
    return found


def test_the_level_allows_for_the_number_of_comparisons(documents):
    results = [Result.model_validate(document) for document in documents]
    two = compare_many(results[:2])[0]
    assert (two.places, two.level) == ((1, 0), 0.95)
    assert two.pairs[0].difference.exceeds_noise  # 6 against 5.66
    three = compare_many(results)[0]
    assert three.places == (1, 0, 2)
    assert three.level == pytest.approx(1 - 0.05 / 3)
    # The normal quantile of 1 - 0.05 / 6 is 2.394.
    assert [(pair.a, pair.b, pair.difference.exceeds_noise) for pair in three.pairs] == [
        (1, 0, False), (1, 2, True), (0, 2, True)
    ]  # fmt: skip
    low, high = three.pairs[0].difference.interval
    assert (high - low) / 2 == pytest.approx(32**0.5 * 2.3940 / 1.9600, rel=1e-4)
    best = compare_many(results)[2]
    assert (best.metric, best.places) == ("is-shapes", (0, 1, 2))


def test_higher_is_better_turns_the_order(documents):
    documents[2]["metrics"]["is-shapes"] |= {"value": 14.0, "interval": [13.0, 15.0]}
    found = compare_many([Result.model_validate(document) for document in documents])
    assert [each.places for each in found if each.metric == "is-shapes"] == [(2, 0, 1)]


def test_what_is_not_comparable_has_no_difference(documents):
    documents[2]["task"]["version"] = 2
    found = compare_many([Result.model_validate(document) for document in documents])[0]
    assert [pair.difference is None for pair in found.pairs] == [False, True, True]
    assert "versions of shapes-gen differ" in found.pairs[1].obstacles[0]


def test_no_common_metric_is_an_error(documents):
    first, second = documents[:2]
    first["metrics"] = {"fvd-shapes": first["metrics"]["fvd-shapes"]}
    second["metrics"] = {"is-shapes": second["metrics"]["is-shapes"]}
    with pytest.raises(InputError, match="No two of these results have a metric in common"):
        compare_many([Result.model_validate(document) for document in (first, second)])


def test_the_command(documents, tmp_path):
    documents[2]["task"]["version"] = 2
    paths = [str(tmp_path / f"{name}.json") for name in "abc"]
    for path, document in zip(paths, documents, strict=True):
        (tmp_path / path).write_text(json.dumps(document))
    done = CliRunner().invoke(command, paths)
    assert done.exit_code == 0
    assert "fvd-shapes, best first: column - row; * exceeds the noise of 3 comparisons together" in done.output
    assert "A and C are not comparable: The versions of shapes-gen differ: 1 and 2." in done.output
    rows = [line.split("│")[1:-1] for line in done.output.splitlines() if line.startswith("│ B")]
    assert [cell.strip() for cell in rows[0]] == ["B", "56.00", "+6.00", "-"]
    document = json.loads(CliRunner().invoke(command, [*paths, "--json"]).output)
    assert document["matrices"][0]["places"] == [1, 0, 2]
    refused = CliRunner().invoke(command, [*paths, "--max-regression", "0"])
    assert isinstance(refused.exception, InputError)
    assert "exactly two results" in str(refused.exception)
