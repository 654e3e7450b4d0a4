"""The length that a container states, from whatever time it counts."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.abuse.videos.changes import copy_packets
from tests.abuse.videos.encodings import ENCODINGS, write
from vidbench.data.probe import examine_video, refuse_truncated


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
