"""The length that a container states, from whatever time it counts."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import pytest

from tests.abuse.videos.changes import copy_packets
from tests.abuse.videos.encodings import ENCODINGS, write
from vidbench.data.probe import examine_video, refuse_truncated
from vidbench.errors import InputError


def key_frames(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return [number for number, packet in enumerate(packets) if packet.is_keyframe]


@pytest.mark.parametrize("container", ["mp4", "mkv", "avi", "ts"])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("title", ["h264, open GOP, B-pyramid", "h264"])
def test_a_video_that_begins_late_lasts_as_long_as_its_frames(tmp_path, container, number, title):
    whole, late = tmp_path / f"whole.{container}", tmp_path / f"late.{container}"
    write(whole, ENCODINGS[title], container)
    first = key_frames(whole)[number]
    copy_packets(whole, late, container, lambda each: each >= first)
    facts = examine_video(late)
    assert 48 - first - 4 < facts.frames <= 48 - first
    assert facts.seconds == pytest.approx(facts.frames / 25, abs=0.13)
    assert facts.shortfall == 0
    refuse_truncated(late, facts)


def test_a_matroska_file_of_a_few_late_frames_is_not_truncated(tmp_path):
    """FFmpeg does not find its first time on opening, and takes the file's length, counted from 0, for the stream's."""
    encoding = ENCODINGS["h264, open GOP, B-pyramid"]
    write(tmp_path / "whole.mkv", encoding, "mkv")
    first = key_frames(tmp_path / "whole.mkv")[3]
    copy_packets(tmp_path / "whole.mkv", tmp_path / "few.mkv", "mkv", lambda number: first <= number < first + 3)
    facts = examine_video(tmp_path / "few.mkv")
    assert 1 <= facts.frames <= 3
    assert facts.shortfall == 0


def test_frames_that_are_missing_at_the_end_still_show(tmp_path: Path):
    """Beginning late does not excuse ending early."""
    write(tmp_path / "whole.mkv", ENCODINGS["mpeg4"], "mkv")
    copy_packets(tmp_path / "whole.mkv", tmp_path / "late.mkv", "mkv", lambda _: True, lambda time: time + 5)
    data = (tmp_path / "late.mkv").read_bytes()
    assert data.count(b"00:00:06.920000000") == 1
    (tmp_path / "late.mkv").write_bytes(data.replace(b"00:00:06.920000000", b"00:00:09.920000000"))
    facts = examine_video(tmp_path / "late.mkv")
    assert facts.seconds == pytest.approx(1.92, abs=0.01)
    assert facts.shortfall == pytest.approx(3.0, abs=0.01)


def with_stated_length(data: bytes, seconds: float, version: int) -> bytes:
    """Insert the box that states the length of all fragments."""
    scale = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    number = struct.pack(">Q" if version else ">I", round(seconds * scale))
    box = struct.pack(">I4sBBH", 12 + len(number), b"mehd", version, 0, 0) + number
    new = bytearray(data)
    for name in (b"moov", b"mvex"):
        at = new.index(name) - 4
        struct.pack_into(">I", new, at, struct.unpack_from(">I", new, at)[0] + len(box))
    at = new.index(b"mvex") + 4
    return bytes(new[:at] + box + new[at:])


@pytest.mark.parametrize("version", [0, 1])
def test_a_missing_last_fragment_shows_where_the_header_states_the_length(tmp_path, version):
    encoding = ENCODINGS["h264"]
    write(tmp_path / "sound.fmp4", encoding, "fmp4")
    data = with_stated_length((tmp_path / "sound.fmp4").read_bytes(), 1.92, version)
    (tmp_path / "stated.mp4").write_bytes(data)
    facts = examine_video(tmp_path / "stated.mp4")
    assert (facts.frames, facts.shortfall) == (48, 0)
    assert facts.promised_seconds == pytest.approx(1.92, abs=0.01)
    (tmp_path / "cut.mp4").write_bytes(data[: data.rindex(b"moof") - 4])
    facts = examine_video(tmp_path / "cut.mp4")
    assert (facts.frames, facts.shortfall) == (36, pytest.approx(0.48, abs=0.01))
    with pytest.raises(InputError, match=r"cut\.mp4' has 1\.44 s of the 1\.92 s"):
        refuse_truncated(tmp_path / "cut.mp4", facts)


def test_a_missing_last_fragment_shows_where_an_index_precedes_the_fragments(tmp_path):
    path = tmp_path / "sound.mp4"
    write(path, ENCODINGS["h264"], "fmp4", "frag_keyframe+empty_moov+dash+global_sidx")
    assert examine_video(path).shortfall == 0
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moof") - 4])
    assert examine_video(path).shortfall > 0.4
