"""Samples in videos: no more is decoded, and no more is in memory, than the task needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.abuse.rows.videos import long_video
from vidbench.data import decode
from vidbench.errors import InputError
from vidbench.samples import media
from vidbench.samples.exchange import open_samples


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """Frames that were decoded and frames that became RGB, counted by the test."""
    counts = [0, 0]
    original, to_rgb = decode.decoding, decode.to_rgb

    @contextmanager
    def counted(path: Path) -> Iterator[decode.Decoding]:
        def frames(video: decode.Decoding) -> Iterator[object]:
            for frame in video.frames:
                counts[0] += 1
                yield frame

        with original(path) as video:
            yield video._replace(frames=frames(video))

    def converted(*arguments: object) -> np.ndarray:
        counts[1] += 1
        return to_rgb(*arguments)

    for module in (decode, media):
        monkeypatch.setattr(module, "decoding", counted)
        monkeypatch.setattr(module, "to_rgb", converted)
    return counts


def test_a_first_video_that_is_too_long_is_not_decoded_to_its_end(tmp_path, decoded):
    long_video(tmp_path / "a.webm", 3000, 32, 48)
    with pytest.raises(
        InputError, match=r"a\.webm' \(48x32\) has more than the 16 frames that the task requires of a sample; write"
    ):
        open_samples(tmp_path, needed_frames=16)
    assert decoded == [17, 1]


def test_a_later_video_that_is_too_long_is_not_decoded_to_its_end(tmp_path, decoded):
    long_video(tmp_path / "a.webm", 16, 32, 48)
    long_video(tmp_path / "b.webm", 3000, 32, 48)
    samples = open_samples(tmp_path, needed_frames=16)
    assert (samples.num_frames, samples.height, samples.width) == (16, 32, 48)
    assert decoded == [16, 1]
    with pytest.raises(InputError, match=r"b\.webm' has more than 16 frame\(s\), the length of '.*a\.webm'"):
        samples.read(np.array([1]))
    assert decoded == [33, 18]


def test_without_a_task_frames_are_counted_and_not_stored(tmp_path, decoded):
    long_video(tmp_path / "a.webm", 200, 32, 48)
    assert open_samples(tmp_path).num_frames == 200
    assert decoded == [200, 1]


def test_a_video_that_is_too_short_or_of_another_size_is_refused(tmp_path):
    long_video(tmp_path / "a.webm", 16, 32, 48)
    long_video(tmp_path / "b.webm", 15, 32, 48)
    long_video(tmp_path / "c.webm", 16, 48, 32)
    samples = open_samples(tmp_path, needed_frames=16)
    assert samples.read(np.array([0])).shape == (1, 16, 32, 48, 3)
    with pytest.raises(InputError, match=r"b\.webm' has 15 frame\(s\) of 48x32 pixels but '.*a\.webm' has 16 of 48x32"):
        samples.read(np.array([1]))
    with pytest.raises(InputError, match=r"c\.webm' has frames of 32x48 pixels but '.*a\.webm' of 48x32; all samples"):
        samples.read(np.array([2]))
