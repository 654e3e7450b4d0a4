"""Clips that begin at a keyframe are those of the whole decoding, and what is not as indexed is never returned."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from tests.abuse.videos.changes import SOUND
from tests.abuse.videos.encodings import ENCODINGS, FRAMES, Encoding, write
from tests.abuse.videos.seeking import MORE_ENCODINGS, Sought, seek_every_clip, table
from vidbench.data.decode import decode_frames
from vidbench.data.layouts.listing import VideoFile
from vidbench.data.probe import examine_video
from vidbench.data.seek import proving, seek_frames
from vidbench.data.seek.index import KeyframeIndex
from vidbench.data.seek.proving import FrameLog, prove_index
from vidbench.data.seek.seek_frames import IndexDisagreesError, iterate_indexed
from vidbench.errors import InputError

ALL = {**ENCODINGS, **MORE_ENCODINGS}
# One of each kind of difficulty; `python -m tests.abuse.videos --seek` reads every clip of all of them.
SAMPLE = [
    ("h264, open GOP, B-pyramid", "mp4", "as written", 4),
    ("h264, open GOP, B-pyramid", "ts", "variable rate", 4),
    ("h264, closed GOP, B-pyramid", "mkv", "starts at 5 s", 4),
    ("h264, long groups, B-pyramid", "mp4", "edit list that hides 12 frames", 2),
    ("h264, long groups, B-pyramid", "avi", "as written", 2),
    ("h264, intra refresh", "mp4", "as written", 1),
    ("h264", "h264", "as written", 4),
    ("vp9, hidden frames", "webm", "as written", 4),
    ("mpeg4, B-frames", "avi", "as written", 5),
    ("gif", "gif", "as written", 1),
]
LONG = "h264, long groups, B-pyramid"


@pytest.fixture(autouse=True)
def _short_groups_are_long(monkeypatch):
    """Skipping frames is proven in groups of pictures as short as those of the small videos."""
    monkeypatch.setattr(proving, "_LONG_GROUP", 24)


def indexed(path: Path) -> KeyframeIndex:
    log = FrameLog()
    examine_video(path, decoded=log)
    index = prove_index(path, log)
    assert index is not None
    return index


def read(path: Path, index: KeyframeIndex, *frames: int) -> np.ndarray:
    return np.stack(list(iterate_indexed(path, index, np.array(frames))))


@pytest.fixture
def long(tmp_path) -> Path:
    path = tmp_path / "long.mp4"
    write(path, ALL[LONG], "mp4")
    return path


def count_decoded(monkeypatch) -> list[int]:
    """Return a list that collects the numbers of frames that FFmpeg returns."""
    numbers: list[int] = []
    decode = seek_frames.decode_stretch

    def counted(*arguments):
        for number, frame in decode(*arguments):
            numbers.append(number)
            yield number, frame

    monkeypatch.setattr(seek_frames, "decode_stretch", counted)
    return numbers


@pytest.mark.parametrize(("encoding", "container", "change", "keyframes"), SAMPLE)
def test_seek_yields_the_frames_of_the_whole_decoding(encoding, container, change, keyframes, tmp_path):
    source, path = tmp_path / f"source.{container}", tmp_path / f"changed.{container}"
    write(source, ALL[encoding], container)
    SOUND[change].make(source, path, ALL[encoding], container)
    index, clips, wrong = seek_every_clip(path, step=5)
    assert index is not None
    assert len(index.keyframes) == keyframes
    assert clips > 5
    assert wrong == 0


def test_seek_decodes_what_lies_between_a_keyframe_and_a_clip_and_no_other_frame(long, monkeypatch):
    index, whole_FHWC = indexed(long), decode_frames(long)
    assert [keyframe.frame for keyframe in index.keyframes] == [0, 24]
    numbers = count_decoded(monkeypatch)
    frames = [30, 31, 31, 35]
    assert np.array_equal(read(long, index, *frames), whole_FHWC[frames])
    assert numbers[0] == 24
    assert numbers[-1] == 35
    # Of a B-pyramid, every second frame is referred to by no other.
    assert index.skips
    assert len(numbers) < 12
    numbers.clear()
    read(long, index.model_copy(update={"skips": False}), *frames)
    assert numbers == list(range(24, 36))


def test_seek_skips_no_wanted_frame_wherever_it_stands(long):
    index, whole_FHWC = indexed(long), decode_frames(long)
    random = np.random.default_rng(5)
    for _ in range(12):
        frames = np.sort(random.choice(FRAMES, 5, replace=False)).tolist()
        assert np.array_equal(read(long, index, *frames), whole_FHWC[frames])


@pytest.mark.parametrize(
    "change",
    [
        {"pts": 1},
        {"byte": 1},
        {"size": 1},
        {"frame": 25},
        {"sha256": "0" * 16},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("way", ["time", "byte", "order"])
def test_seek_refuses_a_keyframe_that_is_not_as_indexed(way, change, tmp_path):
    path = tmp_path / "long.ts"
    write(path, ALL[LONG], "ts")
    right = indexed(path).model_copy(update={"way": way})
    assert np.array_equal(read(path, right, 30), decode_frames(path, np.array([30])))
    start, keyframe = right.keyframes
    wrong = keyframe._replace(**change)
    with pytest.raises(IndexDisagreesError):
        read(path, right.model_copy(update={"keyframes": (start, wrong)}), 30)


def test_seek_compares_the_keyframes_that_it_passes(long):
    index = indexed(long)
    start, keyframe = index.keyframes
    wrong = index.model_copy(update={"keyframes": (start, keyframe._replace(sha256="0" * 16))})
    read(long, wrong, 20)
    with pytest.raises(IndexDisagreesError, match="frame 24 has other pixels"):
        read(long, wrong, 20, 26)


@pytest.mark.parametrize("skips", [True, False])
def test_seek_refuses_frames_at_other_times(long, skips):
    index = indexed(long).model_copy(update={"skips": skips})
    first, ((step, count),) = index.times
    moved = index.model_copy(update={"times": (first, ((step, 30), (step + 1, count - 30)))})
    read(long, moved, 28)
    with pytest.raises(IndexDisagreesError):
        read(long, moved, 36)


def test_seek_refuses_frames_behind_the_last_one(long):
    index = indexed(long)
    with pytest.raises(IndexDisagreesError):
        read(long, index, FRAMES)
    with pytest.raises(IndexDisagreesError):
        read(long, index.model_copy(update={"frames": 60, "times": None, "skips": False}), 55)


def test_seek_sees_the_damage_that_the_whole_decoding_sees_from_the_keyframe_on(long):
    index, state = indexed(long), long.stat()
    data = bytearray(long.read_bytes())
    with av.open(str(long)) as container:
        at = next(packet.pos + packet.size // 2 for packet in container.demux(video=0) if packet.pts == 28 * 512)
    data[at : at + 40] = np.random.default_rng(5).integers(0, 256, 40, np.uint8).tobytes()
    long.write_bytes(data)
    os.utime(long, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(InputError, match="damaged"):
        decode_frames(long, np.array([47]))
    read(long, index, 20)
    with pytest.raises(IndexDisagreesError, match="damaged"):
        read(long, index.model_copy(update={"skips": False}), 47)


def test_seek_begins_at_no_keyframe_that_was_not_proven(long, monkeypatch):
    monkeypatch.setattr(proving, "_is_right", lambda *_: False)
    assert [keyframe.frame for keyframe in indexed(long).keyframes] == [0]


@pytest.mark.parametrize("what", ["digests", "times"])
def test_seek_proof_compares_with_the_whole_decoding(long, what):
    log = FrameLog()
    examine_video(long, decoded=log)
    getattr(log, what)[30] = "other" if what == "digests" else None
    index = prove_index(long, log)
    if what == "digests":
        assert [keyframe.frame for keyframe in index.keyframes] == [0]
        assert not index.skips
    else:
        assert index.times is None
        assert not index.skips


def test_seek_skips_nothing_where_groups_are_short(long, monkeypatch):
    monkeypatch.setattr(proving, "_LONG_GROUP", 25)
    assert not indexed(long).skips


def test_seek_of_frames_without_a_digest_is_not_proven(long):
    log = FrameLog()
    examine_video(long, decoded=log)
    log.digests[-1] = None
    assert prove_index(long, log) is None


def test_seek_without_the_leading_frames_of_an_open_group(tmp_path):
    """They are stored behind their keyframe, shown before it, and refer to frames before it: never decoded from there."""
    path = tmp_path / "open.mp4"
    write(path, ALL["h264, open GOP, B-pyramid"], "mp4")
    index, whole_FHWC = indexed(path), decode_frames(path)
    keyframe = index.keyframes[1]
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert any(packet.pts < keyframe.pts for packet in packets[keyframe.packet :]), "the group is not open"
    for frame in range(keyframe.frame - 3, keyframe.frame + 3):
        assert np.array_equal(read(path, index, frame)[0], whole_FHWC[frame])


def test_seek_in_colours_of_both_conventions(long):
    index = indexed(long)
    for pixels in ("exact", "ffmpeg-default"):
        found = list(iterate_indexed(long, index, np.array([30, 31]), pixels))
        assert np.array_equal(np.stack(found), decode_frames(long, np.array([30, 31]), pixels))
    assert VideoFile(long).count() == index.frames


def test_seek_table_counts_files_and_wrong_clips(long):
    index = indexed(long)
    found = [Sought("h264, a", "mp4", "as written", index, 43, 1), Sought("gif", "gif", "as written", None, 0, 0)]
    lines = table(found, lambda each: each.container)
    assert lines[2] == "| mp4 | 1 | 1 | 0 | 0 | 1 | 43 | 1 |"
    assert lines[3] == "| gif | 1 | 0 | 0 | 1 | 0 | 0 | 0 |"
    assert lines[4] == "| all | 2 | 1 | 0 | 1 | 1 | 43 | 1 |"


def test_every_seek_encoding_has_a_name_of_its_own():
    assert not set(ENCODINGS) & set(MORE_ENCODINGS)
    assert all(isinstance(each, Encoding) for each in ALL.values())
