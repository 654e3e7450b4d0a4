"""The result record: results of every earlier schema version are still read, and say what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidbench.errors import InputError
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


def _refused(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_result(path)
    return str(refused.value)


def test_a_result_of_a_later_schema_says_so(tmp_path, result_document):
    later = {**result_document, "schema_version": SCHEMA_VERSION + 1, "metrics": ["in another form"]}
    said = _refused(tmp_path / "r.json", json.dumps(later).encode())
    assert f"schema version {SCHEMA_VERSION + 1}" in said
    assert "later vidbench" in said


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_is_named(tmp_path, result_document, mark):
    assert "byte-order mark" in _refused(tmp_path / "r.json", mark + json.dumps(result_document).encode())


def test_a_file_that_is_too_large_for_a_result_is_not_read(tmp_path):
    with (tmp_path / "r.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="more than 64 MiB"):
        read_result(tmp_path / "r.json")


def test_a_measurement_is_told_from_a_result(tmp_path):
    said = _refused(tmp_path / "r.json", json.dumps({"metrics": {}, "not_measured": {}, "real": {}}).encode())
    assert "is of `vidbench measure`" in said
    assert "vidbench score" in said
