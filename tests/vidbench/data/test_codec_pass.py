"""Clips through a codec are what a file of them gives, each by itself, and another codec or none is another clip."""

from __future__ import annotations

import av
import numpy as np

from vidbench.data.codec_pass import encoder_version, through_codec
from vidbench.data.decode import decode_frames
from vidbench.scoring.coded_clips import coded


def moving(count: int) -> np.ndarray:
    """Coloured ramps that move, with noise that a lossy codec cannot keep."""
    noise = np.random.default_rng(0).integers(0, 60, (count, 6, 32, 48, 3))
    ramp = 3 * np.arange(48)[:, None] + np.array([0, 30, 60])
    frames = np.stack([np.roll(ramp, frame, axis=0) for frame in range(6)])[:, None]
    return np.clip(frames[None] + noise, 0, 255).astype(np.uint8)


def test_each_clip_is_what_a_file_written_at_that_quality_gives(tmp_path):
    clips = moving(2)
    found = through_codec(clips, "h264-crf25")
    for number, clip in enumerate(clips):
        with av.open(str(tmp_path / f"{number}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=8, options={"crf": "25", "threads": "1"})
            stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
            for frame in clip:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode(None))
        np.testing.assert_array_equal(found[number], decode_frames(tmp_path / f"{number}.mp4"))
    np.testing.assert_array_equal(found[1:], through_codec(clips[1:], "h264-crf25"))
    error = np.abs(found.astype(int) - clips).mean()
    assert 1 < error < 30
    assert through_codec(clips, "none") is clips
    assert through_codec(clips[:0], "h264-crf25").shape == (0, 6, 32, 48, 3)


class Source:
    """Two clips; a `vidbench.scoring.clip_sources.ClipSource`."""

    most_readers, identity = 1, {"source": "test"}

    def read(self, indices):
        return moving(2)[indices]


def test_a_coded_source_has_another_identity_and_the_decoded_clips():
    source = coded(Source(), "h264-crf25")
    assert source.identity == {"source": "test", "codec": "h264-crf25", "encoder": encoder_version()}
    np.testing.assert_array_equal(source.read(np.array([1])), through_codec(moving(2)[1:], "h264-crf25"))
    assert (source.most_readers, source.given_keys(np.array([0])), source.doubt()) == (1, None, None)
    plain = Source()
    assert coded(plain, "none") is plain
