"""Sealed files: every bit counts, and what is read back is what was written."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import load

from vidmetrics.errors import InputError
from vidmetrics.sealed import (
    UNSEALED,
    DamagedFileError,
    check_seal,
    read_content,
    safetensors_metadata,
    sealed,
    sealed_json,
    sealed_tensors,
    unsealed_json,
    unsealed_tensors,
)

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7, np.int64)}
FIELDS = {"format": "test-1", "of": ['a "quoted" text', 3]}


def test_the_seal_is_the_digest_with_zeros_in_its_place():
    content = sealed_json(FIELDS)
    seal = json.loads(content)["seal"]
    assert hashlib.sha256(content.replace(seal.encode(), b"0" * 64)).hexdigest() == seal
    assert unsealed_json(content) == FIELDS


def test_sealed_tensors_are_safetensors_of_the_same_bytes_each_time():
    content = sealed_tensors(TENSORS, FIELDS)
    assert content == sealed_tensors(dict(reversed(TENSORS.items())), dict(reversed(FIELDS.items())))
    np.testing.assert_array_equal(load(content)["a"], TENSORS["a"])
    tensors, fields = unsealed_tensors(content)
    assert {name: (each.shape, each.dtype) for name, each in tensors.items()} == {
        "a": ((2, 3), np.float32),
        "b": ((), np.int64),
    }
    assert fields == FIELDS
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        np.testing.assert_array_equal(tensor, TENSORS[name])


@pytest.mark.parametrize("content", [sealed_json(FIELDS), sealed_tensors(TENSORS, FIELDS)], ids=["json", "tensors"])
def test_every_bit_and_every_cut_is_found(content):
    for place in range(len(content)):
        for bit in range(8):
            with pytest.raises(DamagedFileError):
                check_seal(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        with pytest.raises(DamagedFileError):
            check_seal(content[:place])
    with pytest.raises(DamagedFileError):
        check_seal(content + b"\n")
    check_seal(content)


def test_what_was_sealed_by_another_rule_is_refused(tmp_path):
    with pytest.raises(DamagedFileError, match="no safetensors header"):
        unsealed_tensors(sealed_json(FIELDS))
    with pytest.raises(DamagedFileError, match="it is empty"):
        unsealed_json(b"")
    with pytest.raises(DamagedFileError, match="no readable seal"):
        unsealed_json(b'{"value": 1}')
    with pytest.raises(DamagedFileError, match="cannot be read"):
        read_content(tmp_path / "absent")
    # A folder is no damage that could be written again.
    with pytest.raises(InputError, match="is a folder where a stored file belongs: move or remove it") as refused:
        read_content(tmp_path)
    assert not isinstance(refused.value, DamagedFileError)
    with pytest.raises(ValueError, match="no empty seal"):
        sealed(b"{}")
    with pytest.raises(ValueError, match="JSON compliant"):
        sealed_json({"value": float("nan")})
    assert safetensors_metadata(sealed_tensors(TENSORS, FIELDS)).keys() == {"sealed"}
    assert len(UNSEALED) == 64


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_never_sealed(number):
    with pytest.raises(ValueError, match="JSON"):
        sealed_tensors(TENSORS, {**FIELDS, "number": number})
    with pytest.raises(ValueError, match="JSON"):
        sealed_json({"number": number})
