"""The clip plan: which frames of which video, from the task's seed and the names of the videos alone.

Every (video, clip number) has its own 64-bit draw from a keyed hash, and the start of the clip is that draw scaled to
the starts the video allows. The order of the plan comes from hashes too: round by round (clip 0 of every video, then
clip 1 of every video, ...), in each round the videos in the same hashed order. So the first M clips are a fair subset
across classes, use as many different videos as possible, and a video that is missing takes its own clips away and
moves no other.

Some published protocols draw a video for each clip instead, so that some come twice (`replacement_order`), or place
the windows of a video evenly or one at each frame (`window_start`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from vidbench.errors import InputError
from vidbench.tasks.schema import ClipSpec

# A plan that draws with replacement could go on for ever; so many times the wanted clips it does.
_REPLACEMENT_ROUNDS = 2


def clip_span(num_frames: int, stride: int) -> int:
    """Number of consecutive video frames that a clip covers, its first and last one included."""
    return (num_frames - 1) * stride + 1


def start_draw(video_id: str, seed: int, window: int) -> int:
    """Draw the uniform 64-bit number that decides where a clip starts; of its own video alone.

    Args:
        video_id: official name of the video.
        seed: the task's seed of the clip plan.
        window: number of the clip among those of the video.
    """
    return _draw("start", seed, window, video_id)


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
        draw: a number from `start_draw`.
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


def replacement_order(video_ids: Sequence[str], seed: int, num_clips: int) -> np.ndarray:
    """Draw a video for each clip, all equally likely, independently of the other clips.

    Args:
        video_ids: official names of the videos, each once, in any order.
        seed: the task's seed of the clip plan.
        num_clips: length of the plan.

    Returns:
        int64 ``[num_clips, 2]``: (position in ``video_ids``, place in the plan) of each clip; the place serves as the
        number of the clip, so that a video that comes twice has two starts.
    """
    by_name = sorted(range(len(video_ids)), key=video_ids.__getitem__)
    drawn = [by_name[(_draw("video", seed, place, "") * len(by_name)) >> 64] for place in range(num_clips)]
    return np.stack([np.array(drawn, dtype=np.int64), np.arange(num_clips, dtype=np.int64)], axis=1)


def planned_clips(video_ids: Sequence[str], clips: ClipSpec, limit: int | None) -> np.ndarray:
    """Return the plan over an official list, before anyone looks at what is on disk.

    Args:
        video_ids: official names of the videos, each once, in any order.
        clips: how clips are planned.
        limit: number of clips wanted, or None for all. Where `ClipSpec.spares` is ``"next"`` the plan goes on behind it.

    Returns:
        int64 ``[M, 2]``: (position in ``video_ids``, clip number) of each clip.

    Raises:
        InputError: all clips of a plan that draws with replacement are asked for.
    """
    if clips.draw == "replacement":
        if limit is None:
            raise InputError("A plan that draws videos with replacement has no end; say how many clips are wanted.")
        return replacement_order(video_ids, clips.seed, limit * (_REPLACEMENT_ROUNDS if clips.spares == "next" else 1))
    order = plan_order(video_ids, clips.seed, clips.clips_per_video)
    if clips.starts in ("even", "all"):
        # Windows that were laid over a video as a whole are meant to be taken as a whole, and side by side a video is
        # decoded once for all of them.
        order = order.reshape(clips.clips_per_video, -1, 2).swapaxes(0, 1).reshape(-1, 2)
    return order if limit is None or clips.spares == "next" else order[:limit]


def fill_places(present: Iterator[int], limit: int) -> list[tuple[int, int]]:
    """Give each of the first ``limit`` places of a plan a clip: its own, or the next one from behind the limit.

    Args:
        present: places of the plan whose video is on disk, in ascending order.
        limit: number of clips wanted.

    Returns:
        ``(place, place of the plan whose clip lies there)`` in order of the places; fewer than ``limit`` where the plan
        has too few clips.
    """
    own: list[int] = []
    spares: list[int] = []
    for place in present:
        if place < limit:
            own.append(place)
        elif len(own) + len(spares) < limit:
            spares.append(place)
        else:
            break
    holes = sorted(set(range(limit)) - set(own))
    return sorted([*zip(own, own, strict=True), *zip(holes, spares, strict=False)])


def window_start(clips: ClipSpec, number: int, video_id: str, num_available: int, source: str) -> int:
    """Return the first frame of a clip.

    Args:
        clips: how clips are planned.
        number: number of the clip in its video.
        video_id: official name of the video.
        num_available: frames that the video has.
        source: the video's file, for an error.

    Raises:
        InputError: the video is shorter than the clip, or has another number of windows than ``starts = "all"`` fixes.
    """
    span = clip_span(clips.num_frames, clips.stride)
    window = number // 3 if clips.crop == "three" else number
    last = clip_start(2**64 - 1, num_available, span, source)
    if clips.starts == "first":
        return 0
    if clips.starts == "even":
        others = clips.starts_per_video - 1
        return window * last // others if others else last // 2
    if clips.starts == "all":
        if last + 1 != clips.starts_per_video:
            raise InputError(
                f"The video '{source}' has {num_available} frames and so {last + 1} clips of {span}, where the task takes "
                f"each of exactly {clips.starts_per_video}; remove the file or check that it is the published one."
            )
        return window
    return clip_start(start_draw(video_id, clips.seed, window), num_available, span, source)


def crop_of_clip(clips: ClipSpec, number: int) -> str:
    """Return which window in space a clip takes, by its name in `vidbench.data.images.fit_frames`."""
    return ("start", "center", "end")[number % 3] if clips.crop == "three" else clips.crop


def clip_frames(start: int, num_frames: int, stride: int) -> np.ndarray:
    """Frame indices int64 ``[num_frames]`` of a clip that starts at ``start``."""
    return start + stride * np.arange(num_frames, dtype=np.int64)


def _draw(purpose: str, seed: int, clip: int, video_id: str) -> int:
    """Uniform 64-bit number from BLAKE2b; the id comes last, so no two inputs share a text."""
    text = f"vidbench clip plan 1:{purpose}:{seed}:{clip}:{video_id}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
