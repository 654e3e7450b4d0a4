"""numpy files: what is declared is checked against the file, and what is read is what numpy wrote."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from vidmetrics.errors import InputError
from vidmetrics.formats import memory
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.formats.npy_files import map_npy, npy_header, npz_headers, read_npz, unpack_npy

ARRAYS = {
    "c": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "f": np.asfortranarray(np.arange(24, dtype=">i8").reshape(2, 3, 4)),
    "scalar": np.array(7, np.uint8),
    "empty": np.zeros((0, 3), np.float64),
    "flags": np.array([True, False]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_what_numpy_wrote(name, tmp_path):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    found = map_npy(tmp_path / "a.npy")
    assert found.dtype == ARRAYS[name].dtype
    np.testing.assert_array_equal(found, ARRAYS[name])
    assert npy_header(tmp_path / "a.npy").num_bytes == ARRAYS[name].nbytes


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_are_what_numpy_wrote(save, tmp_path):
    save(tmp_path / "a.npz", **ARRAYS)
    found = read_npz(tmp_path / "a.npz")
    assert list(found) == list(ARRAYS)
    for name, value in ARRAYS.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)
    assert list(read_npz(tmp_path / "a.npz", ["f"])) == ["f"]
    stream = io.BytesIO()
    unpack_npy(tmp_path / "a.npz", "c", stream)
    stream.seek(0)
    np.testing.assert_array_equal(np.load(stream), ARRAYS["c"])


def test_an_archive_that_needs_more_than_the_machine_has_is_refused_before_it_is_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(10**6))
    monkeypatch.setattr(memory, "memory_bytes", lambda: 7 * 10**6)
    with pytest.raises(InputError, match=r"needs .* GB, and this machine has"):
        read_npz(tmp_path / "a.npz")
    assert npz_headers(tmp_path / "a.npz")["a"].num_bytes == 8 * 10**6


def test_more_bytes_than_the_array_are_refused(tmp_path):
    stream = io.BytesIO()
    np.save(stream, ARRAYS["c"])
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", stream.getvalue() + bytes(10**7))
    with pytest.raises(UnreadableError, match="more than one array"):
        read_npz(tmp_path / "a.npz")
    (tmp_path / "a.npy").write_bytes(stream.getvalue() + b"x")
    with pytest.raises(UnreadableError, match="more than one array"):
        map_npy(tmp_path / "a.npy")


def test_a_changed_member_fails_its_checksum(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(1000))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[4000] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UnreadableError, match="CRC-32"):
        read_npz(tmp_path / "a.npz")
