"""No sound video is refused, and none is accepted whose damage shows; `python -m tests.abuse.videos` tries every container."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from tests.abuse.videos.changes import BARE, DAMAGED, SOUND, copy_packets
from tests.abuse.videos.encodings import ENCODINGS, FRAMES, Encoding, picture, write
from tests.abuse.videos.evaluation import answers, fault, judge
from vidbench.data.decode import decode_frames
from vidbench.data.opening import UnusableVideoError

# What no container and no codec may hide, unless the stream is bare.
NEVER_ACCEPTED = {"cut at 60 % of the bytes", "cut at 95 % of the bytes", "a transport packet dropped"}
# Codecs in which damaged data are other pictures, as a rule without a message.
SILENT = ("vp9", "vp9, hidden frames")


def one_container_each() -> dict[str, Encoding]:
    """Return the encodings with the container that is the rarest so far, so that all occur."""
    used = Counter[str]()
    chosen = {}
    for title, encoding in ENCODINGS.items():
        rarest = min(reversed(encoding.containers), key=lambda container: used[container])
        used[rarest] += 1
        chosen[title] = encoding._replace(containers=(rarest,))
    return chosen


CHOSEN = one_container_each()


def test_every_codec_and_container_is_tried():
    containers = {container for encoding in CHOSEN.values() for container in encoding.containers}
    assert containers >= {"mp4", "fmp4", "mkv", "webm", "avi", "ts", "h264"}
    assert len({encoding.encoder for encoding in CHOSEN.values()}) == 6


@pytest.mark.parametrize("title", CHOSEN)
def test_sound_videos_are_accepted_and_those_that_show_damage_are_refused(title, tmp_path):
    found = list(answers(tmp_path, {title: CHOSEN[title]}, {**SOUND, **DAMAGED}))
    assert len(found) >= 8
    assert [message for message in map(fault, found) if message] == []
    for answer in found:
        if answer.change in NEVER_ACCEPTED and not answer.sound and answer.container not in BARE:
            assert answer.refusal, answer.name
        if answer.change == "200 bytes of zeros" and not answer.sound and title not in SILENT:
            assert answer.refusal, answer.name


def test_a_missing_frame_and_a_wrong_refusal_are_faults(tmp_path):
    (sound, damaged) = answers(
        tmp_path,
        {"mpeg4": ENCODINGS["mpeg4"]._replace(containers=("mkv",))},
        {each: {**SOUND, **DAMAGED}[each] for each in ("as written", "200 bytes of zeros")},
    )
    assert fault(sound) is None
    assert fault(damaged) is None
    assert "although it is sound" in str(fault(sound._replace(refusal="no")))
    assert "not those of the original" in str(fault(sound._replace(frames=47)))
    assert "although it shows damage" in str(fault(damaged._replace(refusal=None)))


def test_hidden_and_missing_time_stamps_change_no_frame(tmp_path):
    """A bare stream has no time stamps; an edit list hides frames that are stored."""
    encoding = ENCODINGS["h264, open GOP, B-pyramid"]
    write(tmp_path / "whole.mp4", encoding, "mp4")
    copy_packets(tmp_path / "whole.mp4", tmp_path / "bare.h264", "h264", lambda _: True)
    assert judge(tmp_path / "bare.h264") == (None, FRAMES)
    SOUND["edit list that hides 12 frames"].make(tmp_path / "whole.mp4", tmp_path / "edited.mp4", encoding, "mp4")
    whole = decode_frames(tmp_path / "whole.mp4")
    np.testing.assert_array_equal(decode_frames(tmp_path / "bare.h264"), whole)
    np.testing.assert_array_equal(decode_frames(tmp_path / "edited.mp4"), whole[12:])


@pytest.mark.parametrize(
    ("guard", "title", "container", "change"),
    [
        ("vidbench.data.damage.Damage._add", "hevc, closed GOP", "mkv", "200 bytes of zeros"),
        ("vidbench.data.decode.ends_early", "mpeg2", "ts", "cut at 95 % of the bytes"),
        ("vidbench.data.decode.ends_early", "h264", "fmp4", "200 bytes of zeros"),
    ],
)
def test_a_broken_guard_lets_damage_through(guard, title, container, change, tmp_path, monkeypatch):
    encodings = {title: ENCODINGS[title]._replace(containers=(container,))}
    (refused,) = answers(tmp_path, encodings, {change: DAMAGED[change]})
    assert refused.refusal
    monkeypatch.setattr(guard, lambda *_: None)
    (accepted,) = answers(tmp_path, encodings, {change: DAMAGED[change]})
    assert accepted.refusal is None


def with_sound(path: Path, live: bool) -> None:
    """Write a Matroska file with sound, without any length if it is live."""
    with av.open(str(path), "w", options={"live": "1"} if live else {}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream("libmp3lame", rate=44100, layout="mono")
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
            noise = av.AudioFrame.from_ndarray(np.full((1, 1152), 0.1, np.float32), format="fltp", layout="mono")
            noise.rate, noise.pts = 44100, 1152 * number
            container.mux(sound.encode(noise))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))


@pytest.mark.parametrize("live", [False, True])
def test_matroska_is_accepted_without_a_length_and_refused_where_it_is_cut(tmp_path, live):
    path, shorter = tmp_path / "sound.mkv", tmp_path / "cut.mkv"
    with_sound(path, live)
    assert judge(path) == (None, 24)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        last = max(packet.pos + packet.size for packet in container.demux(video=0) if packet.size)
    for end in range(len(data) // 2, last, 41):
        shorter.write_bytes(data[:end])
        refusal, frames = judge(shorter)
        assert refusal, (end, frames)


@pytest.mark.parametrize("title", ["h264", "h264, open GOP, B-pyramid", "hevc, closed GOP", "vp9", "av1"])
def test_an_mp4_file_is_as_long_as_its_index_says(title, tmp_path):
    """With the index in front, a file may be cut anywhere; FFmpeg says nothing where a frame begins."""
    path, shorter = tmp_path / "sound.mp4", tmp_path / "cut.mp4"
    write(tmp_path / "first.mp4", ENCODINGS[title], "mp4")
    with (
        av.open(str(path), "w", options={"movflags": "faststart"}) as output,
        av.open(str(tmp_path / "first.mp4")) as first,
    ):
        stream = output.add_stream_from_template(first.streams.video[0], opaque=True)
        for packet in first.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    assert judge(path) == (None, FRAMES)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        places = [entry.pos for entry in container.streams.video[0].index_entries]
    for place in places[FRAMES // 2 :]:
        shorter.write_bytes(data[:place])
        with pytest.raises(UnusableVideoError, match="cut off"):
            decode_frames(shorter)


def test_a_fragment_without_its_data_is_cut_off(tmp_path):
    path = tmp_path / "video.fmp4"
    write(path, ENCODINGS["h264"], "fmp4")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"mdat") - 4])
    with pytest.raises(UnusableVideoError, match="cut off"):
        decode_frames(path)


def test_two_mp4_files_joined_byte_by_byte_are_refused(tmp_path):
    path = tmp_path / "video.mp4"
    write(path, ENCODINGS["mpeg4"], "mp4")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(UnusableVideoError, match="two movies"):
        decode_frames(path)
