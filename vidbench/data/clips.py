"""The clip plan: which frames of which video, from the task's seed and the names of the videos alone.

Every (video, clip number) has its own 64-bit draw from a keyed hash, and the start of the clip is that draw scaled to
the starts the video allows. The order of the plan comes from hashes too: round by round (clip 0 of every video, then
clip 1 of every video, ...), in each round the videos in the same hashed order. So the first M clips are a fair subset
across classes, use as many different videos as possible, and a video that is missing takes its own clips away and
moves no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from vidbench.errors import InputError


def clip_span(num_frames: int, stride: int) -> int:
    """Number of consecutive video frames that a clip covers, its first and last one included."""
    return (num_frames - 1) * stride + 1


def clip_draws(video_ids: Sequence[str], seed: int, clips_per_video: int) -> np.ndarray:
    """Draw one uniform 64-bit number per clip.

    Args:
        video_ids: official names of the videos.
        seed: the task's seed of the clip plan.
        clips_per_video: clips drawn from each video.

    Returns:
        uint64 ``[len(video_ids), clips_per_video]``; row v depends on ``video_ids[v]`` and the seed alone.
    """
    draws = [[_draw("start", seed, clip, name) for clip in range(clips_per_video)] for name in video_ids]
    return np.array(draws, dtype=np.uint64).reshape(len(video_ids), clips_per_video)


def plan_order(video_ids: Sequence[str], seed: int, clips_per_video: int) -> np.ndarray:
    """Order the clips of all videos.

    Args:
        video_ids: official names of the videos, each once, in any order.
        seed: the task's seed of the clip plan.
        clips_per_video: clips drawn from each video.

    Returns:
        int64 ``[len(video_ids) * clips_per_video, 2]``: (position in ``video_ids``, clip number) of each clip.
    """
    keys = [(_draw("order", seed, 0, name), name) for name in video_ids]
    videos = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
    clips = np.arange(clips_per_video, dtype=np.int64)
    return np.stack([np.tile(videos, clips_per_video), np.repeat(clips, len(videos))], axis=1)


def clip_start(draw: int, num_available: int, span: int, source: str) -> int:
    """Turn a draw into the first frame of a clip: ``floor(draw * starts / 2**64)``, in integer arithmetic.

    Args:
        draw: a number from `clip_draws`.
        num_available: frames that the video has.
        span: frames that the clip covers, see `clip_span`.
        source: the video's file, for an error.

    Raises:
        InputError: the video is shorter than the clip; names the file and both lengths.
    """
    if num_available < span:
        raise InputError(
            f"The video '{source}' has {num_available} frames but a clip of this task covers {span}; remove the file "
            "or choose a task with shorter clips."
        )
    return (int(draw) * (num_available - span + 1)) >> 64


def clip_frames(start: int, num_frames: int, stride: int) -> np.ndarray:
    """Frame indices int64 ``[num_frames]`` of a clip that starts at ``start``."""
    return start + stride * np.arange(num_frames, dtype=np.int64)


def _draw(purpose: str, seed: int, clip: int, video_id: str) -> int:
    """Uniform 64-bit number from BLAKE2b; the id comes last, so no two inputs share a text."""
    text = f"vidbench clip plan 1:{purpose}:{seed}:{clip}:{video_id}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
