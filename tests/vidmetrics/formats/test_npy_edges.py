"""Headers of numpy files are checked against the bytes that follow, at the edges of what is allowed."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from vidmetrics.formats import npy_files
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.formats.npy_files import map_npy, npy_header, npz_headers, read_npz, unpack_npy


def _written(path, header, version=(1, 0), values=b""):
    text = header.encode("latin1")
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    path.write_bytes(b"\x93NUMPY" + bytes(version) + length + text + values)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool, "S1", "U3", np.float16, np.complex128, "datetime64[s]"])
def test_a_sound_file_is_read(tmp_path, dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for order in "CF":
        np.save(tmp_path / "a.npy", np.asarray(array, order=order))
        header = npy_header(tmp_path / "a.npy")
        assert (header.shape, header.dtype, header.fortran_order) == ((3, 4), array.dtype, order == "F")
        assert header.offset + header.num_bytes == (tmp_path / "a.npy").stat().st_size
        np.testing.assert_array_equal(map_npy(tmp_path / "a.npy"), array)
    np.savez(tmp_path / "a.npz", a=array, b=np.asarray(array, order="F"))
    read = read_npz(tmp_path / "a.npz")
    assert list(read) == ["a", "b"]
    for values in read.values():
        np.testing.assert_array_equal(values, array)
    assert list(read_npz(tmp_path / "a.npz", ["b"])) == ["b"]
    target = io.BytesIO()
    unpack_npy(tmp_path / "a.npz", "b", target)
    np.testing.assert_array_equal(np.load(io.BytesIO(target.getvalue())), array)


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20 + 5])
def test_arrays_larger_than_one_read_are_whole(tmp_path, size):
    array = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    np.savez_compressed(tmp_path / "a.npz", a=array)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz")["a"], array)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(map_npy(tmp_path / "a.npy"), array)


def test_too_few_and_too_many_bytes(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(10))
    sound = path.read_bytes()
    path.write_bytes(sound[:-1])
    with pytest.raises(UnreadableError, match=r"is cut short: int64 \[10\] needs 80 bytes of values, and there are 79"):
        npy_header(path)
    path.write_bytes(sound + b"x")
    with pytest.raises(UnreadableError, match=r"holds more than one array: .* and there are 81"):
        npy_header(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", sound + b"x")
    with pytest.raises(UnreadableError, match=r"member 'a\.npy': it holds more than one array"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("header", "clause"),
    [
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (3,), }", "its values are <U0, not numbers"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "Python objects"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", "not numbers"),
        ("{'descr': '|V4', 'fortran_order': False, 'shape': (3,), }", "not numbers"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }", "an impossible shape"),
        (f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**63},), }}", "an impossible shape"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (True,), }", "an impossible shape"),
        (f"{{'descr': '|u1', 'fortran_order': False, 'shape': {(1,) * 33}, }}", "an impossible shape"),
        (f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({2**62},), }}", "more values than any file has"),
        (f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({2**62}, 0), }}", "more values than any file has"),
        (f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**63 - 1},), }}", "is cut short"),
        (f"{{'descr': '|u1', 'fortran_order': False, 'shape': {(1,) * 32}, }}", "is cut short"),
        ("[" * 3000, "not that of a numpy array"),
    ],
)
def test_impossible_headers(tmp_path, header, clause):
    with pytest.raises(UnreadableError, match=clause):
        npy_header(_written(tmp_path / "a.npy", header))


def test_versions(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n"
    for version in ((1, 0), (2, 0)):
        assert npy_header(_written(tmp_path / "a.npy", header, version, b"ab")).shape == (2,)
    with pytest.raises(UnreadableError, match=r"the unknown version 3\.0"):
        npy_header(_written(tmp_path / "a.npy", header, (3, 0), b"ab"))


def test_members_of_an_archive(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.zeros(2), b=np.ones(3))
    assert {name: header.shape for name, header in npz_headers(path).items()} == {"a": (2,), "b": (3,)}
    with pytest.raises(UnreadableError, match="it has no array 'c'"):
        read_npz(path, ["a", "c"])
    monkeypatch.setattr(npy_files, "MOST_MEMBERS", 2)
    npz_headers(path)
    monkeypatch.setattr(npy_files, "MOST_MEMBERS", 1)
    with pytest.raises(UnreadableError, match="it lists 2 arrays, more than 1"):
        npz_headers(path)
    monkeypatch.undo()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(UnreadableError, match=r"contains 'readme.txt', which is not a \.npy file"):
        npz_headers(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", "")
        archive.writestr("b.npy", "")
    path.write_bytes(path.read_bytes().replace(b"b.npy", b"a.npy"))
    with pytest.raises(UnreadableError, match="'a' twice"):
        npz_headers(path)
