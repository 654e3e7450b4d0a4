"""No sound video is refused, and none is accepted whose damage shows; `python -m tests.abuse.videos` tries every container."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.abuse.videos.changes import BARE, DAMAGED, SOUND, copy_packets
from tests.abuse.videos.encodings import ENCODINGS, FRAMES, Encoding, write
from tests.abuse.videos.evaluation import answers, fault, judge
from vidbench.data.decode import decode_frames

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
