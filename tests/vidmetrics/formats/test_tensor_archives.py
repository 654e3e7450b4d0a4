"""safetensors files: read as the library does, and refused with our error for whatever it throws."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from vidmetrics.formats.faults import UnreadableError
from vidmetrics.formats.tensor_archives import read_safetensors, safetensors_content, safetensors_header
from vidmetrics.sealed import safetensors_metadata

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(3), "c": np.zeros((0, 2))}


def test_tensors_and_metadata_are_what_was_saved(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(TENSORS, path, {"key": "value"})
    for found in (read_safetensors(path), safetensors_content(path.read_bytes())):
        assert set(found) == set(TENSORS)
        for name, value in TENSORS.items():
            np.testing.assert_array_equal(found[name], value)
    with path.open("rb") as file:
        assert safetensors_header(file)["__metadata__"] == {"key": "value"}
    assert safetensors_metadata(path.read_bytes()) == {"key": "value"}


@pytest.mark.parametrize(
    "header", [{"a": {}}, {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, [], 7, "x"]
)
def test_a_header_of_another_shape_is_refused(header, tmp_path):
    text = json.dumps(header).encode()
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(UnreadableError):
        read_safetensors(tmp_path / "a.safetensors")


def test_every_cut_is_refused(tmp_path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    for length in range(len(content)):
        (tmp_path / "a.safetensors").write_bytes(content[:length])
        with pytest.raises(UnreadableError):
            read_safetensors(tmp_path / "a.safetensors")
