"""Reading TFRecords without TensorFlow, compared with files that TensorFlow wrote, and the BAIR layout on top of them."""

from __future__ import annotations

import gzip
import json
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidbench.data.layouts.bair import find_bair
from vidbench.data.layouts.tfrecord import bytes_features, float_features, read_record, record_index
from vidbench.data.scan.scan import scan_folder
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec
from vidmetrics.weights.crc32c import masked_crc32c
from vidmetrics.weights.wire import DamagedError

GOLDEN = Path(__file__).parents[3] / "golden"
CLIPS = ClipSpec(num_frames=16, height=64, width=64, resize="none", crop="none")


@pytest.fixture(scope="module")
def content() -> bytes:
    return gzip.decompress((GOLDEN / "bair_records.tfrecords.gz").read_bytes())


@pytest.fixture
def root(content, tmp_path) -> Path:
    for split, name in (("train", "traj_256_to_258"), ("test", "traj_0_to_2")):
        folder = tmp_path / "softmotion30_44k" / split
        folder.mkdir(parents=True)
        (folder / f"{name}.tfrecords").write_bytes(content)
    return tmp_path


def frame(record: int, camera: str, number: int) -> np.ndarray:
    """Return a frame as tests/oracles/bair_tensorflow.py wrote it, uint8 ``[64, 64, 3]``."""
    bands = np.arange(64)[:, None, None] // 8
    value = 80 * record + 40 * (camera == "image_aux1") + number + 11 * bands + 3 * np.arange(3)
    return np.broadcast_to(value, (64, 64, 3)).astype(np.uint8)


def slow_crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, from the reversed Castagnoli polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """Frame a record, with the slow CRC."""

    def masked(part: bytes) -> bytes:
        crc = slow_crc32c(part)
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

    head = struct.pack("<Q", len(data))
    return head + masked(head) + data + masked(data)


def test_checksums_are_those_of_tensorflow_and_of_the_standard():
    inputs = {
        "empty": b"",
        "digits": b"123456789",
        "zeros": bytes(32),
        "ones": b"\xff" * 32,
        "count": bytes(range(256)) * 9,
    }
    expected = json.loads((GOLDEN / "bair_records.json").read_text())["masked_crc32c"]
    assert {name: masked_crc32c(data) for name, data in inputs.items()} == expected
    # RFC 3720, B.4, and the usual check value.
    assert slow_crc32c(b"123456789") == 0xE3069283
    assert slow_crc32c(bytes(32)) == 0x8A9136AA


def test_records_of_tensorflow_are_found_and_read(content, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(content)
    spans = record_index(path)
    assert len(spans) == 3
    assert spans[-1].offset + spans[-1].size + 4 == len(content)
    for number in (2, 0, 1):
        features = bytes_features(read_record(path, number))
        assert len(features) == 60  # floats, integers and empty features are not bytes
        (value,) = features["7/image_aux1/encoded"]
        assert bytes(value) == frame(number, "image_aux1", 7).tobytes()


def test_floats_of_tensorflow_are_the_actions(root, content, tmp_path):
    dataset = VideoDataset(find_bair(root, "train", "image_aux1"), CLIPS)
    actions = dataset.actions(np.arange(3))
    assert (actions.dtype, actions.shape) == (np.float32, (3, 15, 4))
    # tests/oracles/bair_tensorflow.py writes record + 0.5 into every action.
    expected = dataset._video_of + np.float32(0.5)
    np.testing.assert_array_equal(actions, np.broadcast_to(expected[:, None, None], actions.shape))
    floats = float_features(read_record(root / "softmotion30_44k" / "test" / "traj_0_to_2.tfrecords", 2))
    assert sorted(floats) == sorted(f"{frame}/{name}" for frame in range(30) for name in ("action", "endeffector_pos"))
    # The same list with one field for each number, which a parser of protobuf must accept.
    one_by_one = b"".join(b"\x0d" + struct.pack("<f", value) for value in (1.5, -2.0))
    entry = b"\x0a\x01a" + b"\x12" + bytes([2 + len(one_by_one)]) + b"\x12" + bytes([len(one_by_one)]) + one_by_one
    example = b"\x0a" + bytes([2 + len(entry)]) + b"\x0a" + bytes([len(entry)]) + entry
    assert float_features(example)["a"].tolist() == [1.5, -2.0]
    folder = root / "softmotion30_44k" / "train"
    (folder / "traj_9_to_9.tfrecords").write_bytes(record(b""))
    bare = VideoDataset(find_bair(root, "train", "image_aux1"), CLIPS)
    with pytest.raises(InputError, match="'0/action' has 0 numbers, and an action has 4"):
        bare.actions(np.arange(4))


def test_our_own_framing_is_read_too(tmp_path):
    path = tmp_path / "b"
    path.write_bytes(record(b"") + record(b"abc"))
    assert [read_record(path, number) for number in (0, 1)] == [b"", b"abc"]
    (tmp_path / "none").write_bytes(b"")
    assert record_index(tmp_path / "none") == ()


def test_map_entries_follow_protobuf_where_it_is_lenient():
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    def entry(name: bytes, value: bytes) -> bytes:
        return field(1, field(1, name) + field(2, field(1, field(1, value))))

    unknown = bytes([15 << 3, 7]) + bytes([9 << 3 | 5]) + bytes(4) + bytes([8 << 3 | 1]) + bytes(8)
    message = field(1, entry(b"a", b"old") + unknown) + unknown + field(1, entry(b"a", b"new") + entry(b"b", b""))
    assert {name: [bytes(v) for v in values] for name, values in bytes_features(message).items()} == {
        "a": [b"new"],
        "b": [b""],
    }
    assert bytes_features(b"") == {}


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_do_anything_but_parse_or_be_refused(data):
    for parse in (bytes_features, float_features):
        with suppress(DamagedError):
            parse(data)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_or_cut_file_is_refused_by_name(content, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "traj_0_to_2.tfrecords"
    if data.draw(st.booleans()):
        position = data.draw(st.integers(0, len(content) - 1))
        flipped = content[position] ^ data.draw(st.integers(1, 255))
        path.write_bytes(content[:position] + bytes([flipped]) + content[position + 1 :])
    else:
        path.write_bytes(content[: data.draw(st.integers(1, len(content) - 1))])

    def read_everything() -> None:
        assert [read_record(path, number) for number in range(len(record_index(path)))]
        if len(record_index(path)) < 3:  # cut between two records: the file does not show it
            find_bair(path.parent.parent, path.parent.name, "image_main")

    with pytest.raises(InputError, match=path.name):
        read_everything()


def test_a_length_beyond_the_file_costs_no_memory(tmp_path):
    head = struct.pack("<Q", 1 << 62)
    (tmp_path / "huge").write_bytes(head + struct.pack("<I", masked_crc32c(head)) + b"abc")
    with pytest.raises(InputError, match="cut off in record 0"):
        record_index(tmp_path / "huge")


@pytest.mark.parametrize("camera", ["image_aux1", "image_main"])
def test_clips_are_the_frames_of_the_camera(root, camera):
    listing = find_bair(root, "train", camera)
    assert tuple(listing.labels) == ("traj_00256", "traj_00257", "traj_00258")
    assert listing.coverage == 3 / 43264
    dataset = VideoDataset(listing, CLIPS)
    assert (dataset.num_clips, dataset.labels, dataset.class_names) == (3, None, ())
    clips = dataset.read(np.arange(3))
    for clip, video in zip(clips, dataset._video_of, strict=True):
        start = dataset.starts(int(video))[0]
        expected = np.stack([frame(int(video), camera, start + number) for number in range(16)])
        np.testing.assert_array_equal(clip, expected)


def test_identity_tells_cameras_and_bytes_apart_and_not_folders(root):
    def identity(folder: Path, split: str, camera: str) -> str:
        return VideoDataset(find_bair(folder, split, camera), CLIPS).identity_sha256

    inner = root / "softmotion30_44k"
    one = identity(root, "test", "image_aux1")
    assert identity(inner, "test", "image_aux1") == one
    assert len({one, identity(root, "test", "image_main"), identity(root, "train", "image_aux1")}) == 3


def test_what_goes_wrong_is_said(root, content):
    folder = root / "softmotion30_44k" / "train"

    def refused(*words: str) -> None:
        def read() -> None:
            dataset = VideoDataset(find_bair(root, "train", "image_aux1"), CLIPS)
            dataset.read(np.arange(dataset.num_clips))

        with pytest.raises(InputError) as caught:
            read()
        assert all(word in str(caught.value) for word in words), str(caught.value)
        assert "\n" not in str(caught.value)

    (folder / "traj_258_to_260.tfrecords").write_bytes(content)
    refused("trajectory 258", "remove one")
    (folder / "traj_258_to_260.tfrecords").rename(folder / "traj_300_to_555.tfrecords")
    refused("traj_300_to_555", "contains 3", "256")
    (folder / "traj_300_to_555.tfrecords").write_bytes(record(b"\x0a\x05abc") * 256)
    refused("traj_300_to_555", "not a tf.Example")
    (folder / "traj_300_to_555.tfrecords").unlink()
    (folder / "traj_9_to_9.tfrecords").write_bytes(record(b""))
    refused("0/image_aux1/encoded", "nothing", "12288")
    for path in folder.iterdir():
        path.unlink()
    (folder / "notes.txt").touch()
    refused("no files like 'traj_0_to_255.tfrecords'")
    with pytest.raises(InputError, match="no split 'val'"):
        find_bair(root, "val", "image_aux1")


def test_a_scan_counts_against_the_published_numbers_and_finds_damage(root, content, tmp_path):
    path = root / "softmotion30_44k" / "test" / "traj_0_to_2.tfrecords"
    damaged = bytearray(content)
    damaged[record_index(path)[1].offset + 1000] ^= 1
    path.write_bytes(damaged)
    shipped = load_task("shapes-pred").task
    names = {"train_split": "train", "reference_split": "test", "evaluation_split": "test"}
    data = shipped.data.model_copy(update={"dataset": "bair-image-aux1", **names})
    task = shipped.model_copy(update={"data": data, "clips": CLIPS})
    outcome = scan_folder(root, task, (), tmp_path / "scan", workers=1, progress=Progress(enabled=False))
    assert [(split.split, split.official, split.found, split.usable) for split in outcome.splits] == [
        ("train", 43264, 3, 3),
        ("test", 256, 3, 0),
    ]
    # Both files of this copy contain the same records.
    assert [(problem.id, problem.problem) for problem in outcome.problems] == [
        ("traj_00000", "duplicated"),
        ("traj_00001", "unreadable"),
        ("traj_00002", "duplicated"),
    ]
