"""The reader of TensorFlow checkpoints, on TensorFlow's own files and on damaged ones."""

from __future__ import annotations

import base64
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmetrics import InputError
from vidmetrics.weights import proof
from vidmetrics.weights.crc32c import masked_crc32c
from vidmetrics.weights.i3d_variables import is_network_variable
from vidmetrics.weights.snappy import decompress
from vidmetrics.weights.tf_checkpoint import _shape, open_checkpoint
from vidmetrics.weights.wire import DamagedError, fields

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SMALL = GOLDEN / "tf_checkpoint" / "small"


@pytest.fixture(scope="module")
def expected():
    with np.load(SMALL.with_suffix(".npz"), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_every_tensor_that_tensorflow_wrote(expected):
    checkpoint = open_checkpoint(SMALL)
    assert checkpoint.num_shards == 2
    assert set(checkpoint.entries) == {*expected, "notes", "brain"}
    assert {entry.shard for entry in checkpoint.entries.values()} == {0, 1}
    for name, value in expected.items():
        ours = checkpoint.read(name)
        assert (ours.dtype, ours.shape) == (value.dtype, value.shape), name
        assert np.array_equal(ours, value), name
        assert ours.flags.writeable
    assert checkpoint.entries["notes"].is_text
    with pytest.raises(InputError, match=r"'brain'.*data type number 14"):
        checkpoint.read("brain")
    with pytest.raises(InputError, match="no tensor 'absent'"):
        checkpoint.read("absent")


def test_prefix_and_index_name_the_same_checkpoint():
    assert open_checkpoint(SMALL).entries == open_checkpoint(SMALL.with_suffix(".index")).entries
    with pytest.raises(InputError, match=r"nowhere\.index cannot be read"):
        open_checkpoint(SMALL.with_name("nowhere"))


@pytest.mark.parametrize(
    ("file", "checkpoint", "size"),
    [
        ("i3d-kinetics-400/published-variables.index", "i3d-kinetics-400", 50_818_176),
        ("i3d-kinetics-600/model.ckpt.index", "i3d-kinetics-600", 103_218_112),
    ],
)
def test_the_published_indexes_give_the_table_of_checksums(shared, file, checkpoint, size):
    entries = open_checkpoint(shared / "data" / file).entries
    with Path(proof.__file__).with_name("i3d_tensor_crc32c.csv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["checkpoint"] == checkpoint]
    assert len(rows) == 230
    found = {
        (name, "x".join(map(str, entry.shape)), f"{entry.crc32c:08x}")
        for name, entry in entries.items()
        if is_network_variable(name)
    }
    assert found == {(row["tensor"], row["shape"], row["masked_crc32c"]) for row in rows}
    assert sum(entry.size for entry in entries.values()) == size


def test_checksums_are_those_of_the_definition(writer):
    # The check value of CRC-32C, then the mask against a bit-by-bit version.
    assert writer.crc32c(b"123456789") == 0xE3069283
    for data in (b"", b"a", bytes(range(256)), b"\xff" * 33):
        assert masked_crc32c(data) == writer.masked(data)


@pytest.mark.parametrize("per_block", [1, 2, 7, 17, 1000])
def test_tables_of_many_blocks(writer, tmp_path, per_block):
    rng = np.random.default_rng(per_block)
    tensors = {f"net/unit_{i:03}/w": rng.normal(size=(i % 3, 2)).astype(np.float32) for i in range(60)}
    writer.write_checkpoint(tmp_path / "many", tensors, per_block)
    read = open_checkpoint(tmp_path / "many").read_all()
    assert list(read) == sorted(tensors)
    assert all(np.array_equal(read[name], value) and read[name].shape == value.shape for name, value in tensors.items())


class TestSnappy:
    cases = json.loads((GOLDEN / "snappy.json").read_text())["cases"]

    @pytest.mark.parametrize("name", cases)
    def test_what_the_reference_compressed(self, name):
        compressed, plain = (base64.b64decode(self.cases[name][key]) for key in ("compressed", "plain"))
        assert decompress(compressed, len(plain)) == plain
        if plain:
            with pytest.raises(DamagedError, match="claims"):
                decompress(compressed, len(plain) - 1)

    def test_every_kind_of_element(self):
        long_literal = bytes([62 << 2, 2, 0, 0]) + b"xyz"  # length - 1 in three bytes
        for data, plain in (
            (b"\x07" + bytes([2 << 2]) + b"abc" + bytes([0 << 5 | 0 << 2 | 1, 3]), b"abcabca"),
            (b"\x08" + bytes([1 << 2]) + b"ab" + bytes([5 << 2 | 2, 2, 0]), b"abababab"),
            (b"\x05" + bytes([2 << 2]) + b"abc" + bytes([1 << 2 | 3, 3, 0, 0, 0]), b"abcab"),
            (b"\x03" + long_literal, b"xyz"),
        ):
            assert decompress(data, 100) == plain

    @pytest.mark.parametrize(
        "data",
        [b"", b"\x80", b"\x03\x08ab", b"\x04\x00a\x01\x02", b"\x04\x00a\x01\x00", b"\x01", b"\x01\x04ab", b"\x05\xf4"],
        ids=["no-size", "size-ends", "literal-ends", "too-far", "offset-0", "less", "more", "length-ends"],
    )
    def test_damage(self, data):
        with pytest.raises(DamagedError):
            decompress(data, 100)

    @settings(max_examples=1000, deadline=None)
    @given(data=st.data())
    def test_a_damaged_block_gives_what_the_definition_gives(self, data, plain_snappy):
        names = ("names", "zeros", "empty")
        block = bytearray(base64.b64decode(self.cases[data.draw(st.sampled_from(names))]["compressed"])[:400])
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(block)))
            block[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        try:
            found = decompress(bytes(block), 2**20)
        except DamagedError:
            found = None
        expected = plain_snappy.decompress(bytes(block))
        assert found == (expected if expected is None or len(expected) <= 2**20 else None)

    def test_a_compressed_table(self, writer, tmp_path):
        def literal(plain):
            return writer.varint(len(plain)) + bytes([61 << 2]) + (len(plain) - 1).to_bytes(2, "little") + plain

        plain = writer.table([(b"", writer.header()), (b"a", writer.entry(1, (2,), 0, bytes(8)))])
        (tmp_path / "plain.index").write_bytes(plain)
        data = writer.table([(b"", writer.header()), (b"a", writer.entry(1, (2,), 0, bytes(8)))], compress=literal)
        (tmp_path / "snappy.index").write_bytes(data)
        assert open_checkpoint(tmp_path / "snappy").entries == open_checkpoint(tmp_path / "plain").entries


class TestDamage:
    """For any bytes the result is correct or an `InputError`; a lost or flipped bit is always detected."""

    index = SMALL.with_suffix(".index").read_bytes()

    def attempt(self, folder, index):
        """Return the entries of an index, or None if it is refused with one sentence."""
        (folder / "x.index").write_bytes(index)
        try:
            return open_checkpoint(folder / "x").entries
        except InputError as error:
            sentence = str(error)
        assert sentence.endswith("; get it again.")
        assert "\n" not in sentence
        return None

    def test_every_truncation_is_refused(self, tmp_path):
        assert self.attempt(tmp_path, self.index) is not None
        for length in range(0, len(self.index), 7):
            assert self.attempt(tmp_path, self.index[:length]) is None

    @settings(max_examples=400, deadline=None)
    @given(data=st.data())
    def test_no_flipped_bit_changes_the_answer(self, data, tmp_path_factory):
        folder = tmp_path_factory.getbasetemp()
        position = data.draw(st.integers(0, len(self.index) * 8 - 1))
        flipped = bytearray(self.index)
        flipped[position // 8] ^= 1 << position % 8
        found = self.attempt(folder, bytes(flipped))
        # The padding of the footer and the meta-index are not read.
        assert found is None or found == open_checkpoint(SMALL).entries

    @settings(max_examples=400, deadline=None)
    @given(data=st.data())
    def test_wrong_contents_with_right_checksums(self, data, writer, tmp_path_factory):
        # Checksums detect flipped bits; this tests the parsers after them on any bytes.
        folder = tmp_path_factory.getbasetemp()
        message = writer.entry(1, (2, 3), 0, bytes(24))
        at = data.draw(st.integers(0, len(message)))
        junk = data.draw(st.binary(max_size=12))
        broken = message[:at] + junk + message[at + data.draw(st.integers(0, 12)) :]
        head = data.draw(st.sampled_from([writer.header(), writer.header()[:3], junk]))
        key = data.draw(st.binary(min_size=1, max_size=3))
        index = writer.table([(b"", head), (key, broken)], per_block=data.draw(st.integers(1, 2)))
        (folder / "x.data-00000-of-00001").write_bytes(bytes(24))
        entries = self.attempt(folder, index)
        for name in entries or ():
            try:
                open_checkpoint(folder / "x").read(name)
            except InputError as error:
                sentence = str(error)
            else:
                continue
            assert "\n" not in sentence

    @settings(max_examples=300, deadline=None)
    @given(block=st.binary(max_size=60))
    def test_any_bytes_as_a_block(self, block, writer, tmp_path_factory):
        import struct

        body = block + b"\0" + struct.pack("<I", writer.masked(block + b"\0"))
        handles = writer.varint(0) + writer.varint(len(block))
        footer = (handles + handles).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
        self.attempt(tmp_path_factory.getbasetemp(), body + footer)

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda w: w.table([(b"a", w.entry(1, (2,), 0, bytes(8)))]), "no header"),
            (lambda w: w.table([(b"", w.header(num_shards=0))]), "0 data files"),
            (lambda w: w.table([(b"", w.header(endianness=1))]), "big-endian"),
            (lambda w: w.table([(b"", w.header(min_consumer=2))]), "version 2"),
            (lambda w: w.table([(b"", w.header()), (b"a", w.entry(1, (3,), 0, bytes(8)))]), "size of 'a'"),
            (lambda w: w.table([(b"", w.header()), (b"a", w.entry(1, (2,), 0, bytes(8), shard=1))]), "place of 'a'"),
            (lambda w: w.table([(b"", w.header()), (b"a", w.entry(1, (2,), 2**63, bytes(8)))]), "place of 'a'"),
            (lambda w: w.table([(b"", w.header()), (b"a", w.entry(1, (0, 2**31, 2**31), 0, b""))]), "shape"),
            (lambda w: w.table([(b"", w.header()), (b"b", b""), (b"a", b"")]), "not sorted"),
            (lambda w: w.table([(b"", w.header()), (b"\xff", b"")]), "UTF-8"),
        ],
    )
    def test_nonsense_is_named(self, make, reason, writer, tmp_path):
        (tmp_path / "x.index").write_bytes(make(writer))
        with pytest.raises(InputError, match=reason):
            open_checkpoint(tmp_path / "x")

    def test_slices_are_refused(self, writer, tmp_path):
        sliced = writer.entry(1, (2,), 0, b"", more=writer.field(7, b""))
        (tmp_path / "x.index").write_bytes(writer.table([(b"", writer.header()), (b"a", sliced)]))
        with pytest.raises(InputError, match=r"'a'.*slices"):
            open_checkpoint(tmp_path / "x").read("a")

    def test_data_files(self, writer, tmp_path):
        writer.write_checkpoint(tmp_path / "x", {"a": np.arange(6.0), "b": np.arange(4, dtype=np.float32)})
        data = tmp_path / "x.data-00000-of-00001"
        good = data.read_bytes()
        for bit in (0, 100, 48 * 8 - 1):
            flipped = bytearray(good)
            flipped[bit // 8] ^= 1 << bit % 8
            data.write_bytes(flipped)
            with pytest.raises(InputError, match=r"'a' in .* does not have the checksum"):
                open_checkpoint(tmp_path / "x").read("a")
            assert np.array_equal(open_checkpoint(tmp_path / "x").read("b"), np.arange(4))
        data.write_bytes(good[:-1])
        with pytest.raises(InputError, match="cut short: tensor 'b'"):
            open_checkpoint(tmp_path / "x").read_all()
        data.unlink()
        with pytest.raises(InputError, match="data-00000-of-00001 there"):
            open_checkpoint(tmp_path / "x").read("a")


def _sizes(*sizes, unknown=None):
    """A TensorShapeProto: field 2 holds the sizes, each with field 1; field 3 says that the rank is unknown."""

    def varint(value):
        value %= 2**64
        parts = bytearray()
        while value > 127:
            parts.append(value & 127 | 128)
            value >>= 7
        return bytes([*parts, value])

    message = b""
    for size in sizes:
        part = b"\x08" + varint(size)
        message += b"\x12" + varint(len(part)) + part
    return message if unknown is None else message + b"\x18" + varint(unknown)


def test_shapes_at_the_edges():
    assert _shape(_sizes()) == ()
    assert _shape(_sizes(2, 3, unknown=0)) == (2, 3)
    assert _shape(_sizes(*[1] * 8)) == (1,) * 8
    assert _shape(_sizes(2**32 - 1)) == (2**32 - 1,)
    assert _shape(_sizes(0, 2**32 - 1)) == (0, 2**32 - 1)
    with pytest.raises(DamagedError, match="not known"):
        _shape(_sizes(2, unknown=1))
    for sizes in ([1] * 9, [2**32], [-1], [0, 2**16, 2**16]):
        with pytest.raises(DamagedError, match="makes no sense"):
            _shape(_sizes(*sizes))


def test_a_field_that_ends_early_is_damage():
    assert list(fields(b"\x0a\x02ab\x10\x07")) == [(1, b"ab"), (2, 7)]
    for message in (b"\x0a\x03ab", b"\x00\x0a\x03ab"[1:], b"\x0d\x00\x00\x00", b"\x09" + bytes(7)):
        with pytest.raises(DamagedError, match="ends early"):
            list(fields(message))
