"""The result record: results of every earlier schema version are still read, and say what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidbench.results.schema import SCHEMA_VERSION, Result, read_result

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def _contains(new, old):
    """Return whether a JSON value holds all of another; only objects may have gained keys."""
    if isinstance(old, dict):
        return all(key in new and _contains(new[key], value) for key, value in old.items())
    return new == old


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_results_of_earlier_schemas_are_still_read_with_the_only_pixel_convention_they_had(version):
    # Written by `vidbench evaluate --model noise --task examples/tasks/weizmann.toml --data DATA` at that time.
    path = GOLDEN / f"result_schema_{version}.json"
    stored = json.loads(path.read_text())
    assert (stored["schema_version"], "pixels" in stored) == (version, False)
    old = read_result(path)
    assert old.schema_version == version
    assert old.pixels.convention == "exact"
    # Reading adds keys and changes none.
    read = json.loads(old.to_json())
    assert all(_contains(read[key], value) for key, value in stored.items())


def test_a_new_result_states_its_pixel_convention(result_document):
    written = json.loads(Result.model_validate(result_document).to_json())
    assert (written["schema_version"], written["pixels"]) == (3, {"convention": "exact"})
