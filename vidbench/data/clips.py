"""The clip plan: which frames of which video, determined by the task's seed and the names of the videos only.

Every (video, clip number) has its own 64-bit draw from a keyed hash; the start of the clip is that draw scaled to the
starts that the video allows. The order of the plan is hashed too: round by round (clip 0 of every video, then clip 1 of
every video, ...), with the videos in the same hashed order in each round. So the first M clips are a fair subset across
classes and use as many different videos as possible, and a missing video removes its own clips without moving others.

Some published protocols draw a video for each clip instead, with replacement (`replacement_order`), follow a sorted list
(`vidbench.data.plan_orders`), or place the windows of a video otherwise (`window_start`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from vidbench.data.plan_orders import balanced_plan, listed_plan, python_sample, spread_plan, windows_of_video
from vidbench.errors import InputError
from vidbench.tasks.schema import ClipSpec

# A plan that draws with replacement never ends; stop after this many times the requested clips.
_REPLACEMENT_ROUNDS = 2


def clip_span(num_frames: int, stride: int) -> int:
    """Return the number of consecutive video frames that a clip covers, from its first to its last."""
    return (num_frames - 1) * stride + 1


def start_draw(video_id: str, seed: int, window: int) -> int:
    """Draw the uniform 64-bit number that decides where a clip starts in its video.

    Args:
        video_id: official name of the video.
        seed: the task's clip plan seed.
        window: number of the clip within the video.
    """
    return _draw("start", seed, window, video_id)


def plan_order(video_ids: Sequence[str], seed: int, clips_per_video: int) -> np.ndarray:
    """Order the clips of all videos.

    Args:
        video_ids: official names of the videos, each once, in any order.
        seed: the task's clip plan seed.
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
        num_available: number of frames in the video.
        span: frames that the clip covers, see `clip_span`.
        source: the video's file, for error messages.

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
    """Draw a video for each clip, uniformly and independently of the other clips.

    Args:
        video_ids: official names of the videos, each once, in any order.
        seed: the task's clip plan seed.
        num_clips: length of the plan.

    Returns:
        int64 ``[num_clips, 2]``: (position in ``video_ids``, place in the plan) of each clip; the place serves as clip
        number, so that a video drawn twice has two starts.
    """
    by_name = sorted(range(len(video_ids)), key=video_ids.__getitem__)
    drawn = [by_name[(_draw("video", seed, place, "") * len(by_name)) >> 64] for place in range(num_clips)]
    return np.stack([np.array(drawn, dtype=np.int64), np.arange(num_clips, dtype=np.int64)], axis=1)


def planned_clips(
    video_ids: Sequence[str],
    clips: ClipSpec,
    limit: int | None,
    *,
    classes: Sequence[str | None] = (),
    frames: Sequence[int] = (),
) -> np.ndarray:
    """Return the plan over a list of videos: the official one, or what is on disk where the plan depends on lengths.

    Args:
        video_ids: official names of the videos, each once, in any order.
        clips: how clips are planned.
        limit: number of clips requested, or None for all. With `ClipSpec.spares` ``"next"`` the plan continues past it.
        classes: name of the class of each video, or None; not needed without classes.
        frames: length of each video; needed where `ClipSpec.depends_on_lengths`.

    Returns:
        int64 ``[M, 2]``: (position in ``video_ids``, clip number) of each clip.

    Raises:
        InputError: no limit on a plan that draws with replacement.
    """
    if clips.draw == "replacement":
        if limit is None:
            raise InputError("A plan that draws videos with replacement has no end; say how many clips to take.")
        return replacement_order(video_ids, clips.seed, limit * (_REPLACEMENT_ROUNDS if clips.spares == "next" else 1))
    lengths: Sequence[int | None] = frames or [None] * len(video_ids)
    windows = [windows_of_video(clips, count) for count in lengths]
    classes = classes or [None] * len(video_ids)
    if clips.order in ("list", "name", "path"):
        order = listed_plan(video_ids, classes, clips, windows)
    else:
        order = _by_seed(video_ids, clips, windows)
    if clips.draw == "python-sample":
        return python_sample(order, clips.seed, limit)
    if clips.spread:
        return spread_plan(order, limit)
    if clips.order == "balanced":
        return balanced_plan(order, classes, limit)
    return order if limit is None or clips.spares == "next" else order[:limit]


def _by_seed(video_ids: Sequence[str], clips: ClipSpec, windows: Sequence[int]) -> np.ndarray:
    most = max(windows, default=0)
    order = plan_order(video_ids, clips.seed, most)
    if clips.starts in ("even", "all", "disjoint"):
        # All windows of a video belong together here; next to each other, they need one decoding of the video.
        order = order.reshape(most, -1, 2).swapaxes(0, 1).reshape(-1, 2)
    return order[order[:, 1] < np.array(windows, np.int64)[order[:, 0]]] if clips.depends_on_lengths else order


def fill_places(present: Iterator[int], limit: int) -> list[tuple[int, int]]:
    """Fill the first ``limit`` places of a plan: each with its own clip, or with the next spare one past the limit.

    Args:
        present: places of the plan whose video is on disk, in ascending order.
        limit: number of clips requested.

    Returns:
        ``(place, place of the clip that fills it)`` by place; fewer than ``limit`` if the plan has too few clips.
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
        number: number of the clip within its video.
        video_id: official name of the video.
        num_available: number of frames in the video.
        source: the video's file, for error messages.

    Raises:
        InputError: the video is shorter than the clip, or ``starts = "all"`` requires another number of windows.
    """
    span = clip_span(clips.num_frames, stride_in(clips, num_available))
    window = number // 3 if clips.crop == "three" else number
    last = clip_start(2**64 - 1, num_available, span, source)
    if clips.starts == "first":
        return 0
    if clips.starts == "even":
        others = clips.starts_per_video - 1
        return window * last // others if others else last // 2
    if clips.starts == "center":
        return min(max(0, num_available // 2 - span // 2), last)
    if clips.starts == "disjoint":
        return window * clips.num_frames * clips.stride
    if clips.starts == "all":
        if last + 1 != clips.starts_per_video:
            raise InputError(
                f"The video '{source}' has {num_available} frames and so {last + 1} clips of {span}, but the task takes "
                f"exactly {clips.starts_per_video}; remove the file or check that it is the published one."
            )
        return window
    draw = start_draw(video_id, clips.seed, window)
    if clips.starts == "before-last":
        return (draw * max(1, last)) >> 64
    return clip_start(draw, num_available, span, source)


def stride_in(clips: ClipSpec, num_available: int) -> int:
    """Return the stride of the clips of a video with ``num_available`` frames: `ClipSpec.short_stride` where it is too short."""
    if clips.short_stride is None or num_available >= clip_span(clips.num_frames, clips.stride):
        return clips.stride
    return clips.short_stride


def crop_of_clip(clips: ClipSpec, number: int) -> str:
    """Return the spatial window of a clip, as `vidbench.data.images.fit_frames` names it."""
    return ("start", "center", "end")[number % 3] if clips.crop == "three" else clips.crop


def clip_frames(start: int, num_frames: int, stride: int) -> np.ndarray:
    """Return the frame indices int64 ``[num_frames]`` of a clip that starts at ``start``."""
    return start + stride * np.arange(num_frames, dtype=np.int64)


def _draw(purpose: str, seed: int, clip: int, video_id: str) -> int:
    """Return a uniform 64-bit number from BLAKE2b; the id comes last, so that no two inputs share a text."""
    text = f"vidbench clip plan 1:{purpose}:{seed}:{clip}:{video_id}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
