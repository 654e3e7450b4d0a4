"""The keys of a clip plan in words, each on its own: `vidbench tasks show` joins them, `vidbench tasks diff` compares them."""

from __future__ import annotations

from vidbench.tasks.clip_spec import ClipSpec, Crop, Order, Starts

ORDERS: dict[Order, str] = {
    "seed": "",
    "list": "in the order of the official list",
    "name": "in the order of their names",
    "path": "in the order of class and name",
    "balanced": "equally many of each class, rounded up",
}
"""In which order videos give clips; a seed has its own words."""

WINDOWS: dict[Crop, str] = {
    "none": "the whole frame",
    "center": "the largest central window",
    "three": "the largest windows at the start, the centre and the end of the longer side",
}
"""What of a frame a clip shows."""


def stride_words(clips: ClipSpec) -> str:
    """Return which frames of the video a clip takes."""
    short = f" ({_ordinal(clips.short_stride)} where the video is too short for that)" if clips.short_stride else ""
    return f"{_ordinal(clips.stride)} frame{short}"


def _ordinal(stride: int) -> str:
    return {1: "every", 2: "every second", 3: "every third"}.get(stride, f"every {stride}th")


def crop_words(clips: ClipSpec) -> str:
    """Return what of a frame a clip shows; the resize comes after it, or before it where these words say so."""
    if clips.crop_after_resize:
        return "the centre of the frame after its short side is resized to that of the clip"
    return WINDOWS[clips.crop]


def start_words(starts: Starts, seed: int) -> str:
    """Return where in a video its clips begin."""
    return {
        "uniform": f"starts from seed {seed}",
        "first": "starts at frame 0",
        "even": "starts spread evenly over the video",
        "all": "one at every possible start",
        "before-last": f"starts from seed {seed}, never the last possible one unless it is the only one",
        "center": "the middle of the video",
        "disjoint": "all windows after each other, from frame 0 without gaps",
    }[starts]


def videos_words(clips: ClipSpec) -> str:
    """Return how many clips a video gives, or how videos are drawn."""
    if clips.draw == "replacement":
        return f"videos drawn with replacement from seed {clips.seed}"
    videos = "as many as each video has" if clips.starts == "disjoint" else f"{clips.clips_per_video} per video"
    if clips.crop == "three":
        videos += f" ({clips.starts_per_video} temporal x 3 spatial windows)"
    return videos


def order_words(clips: ClipSpec) -> str:
    """Return in which order videos give clips, and which are left out; ``""`` for all in the order of a seed."""
    words = [ORDERS[clips.order]] if clips.order != "seed" else []
    if clips.every > 1:
        words.append(f"every {clips.every}th video")
    if clips.spread:
        words.append("spread evenly from the first to the last")
    if clips.draw == "python-sample":
        words.append(f"as Python's random.Random({clips.seed}).sample draws clips")
    if clips.min_frames is not None:
        words.append(f"videos of fewer than {clips.min_frames} frames are dropped and counted in the result")
    return ", ".join(words)


def spare_words(clips: ClipSpec) -> str:
    """Return what becomes of the clips of missing videos; ``""`` if nothing does."""
    return "clips of missing videos are replaced by the next ones of the plan" if clips.spares == "next" else ""


def plan_words(clips: ClipSpec) -> str:
    """Return the whole plan: how many clips of which videos, from where, in which order."""
    starts = start_words(clips.starts, clips.seed)
    if clips.draw == "once" and clips.starts not in ("uniform", "before-last") and clips.order in ("seed", "balanced"):
        starts += f", order from seed {clips.seed}"
    return "; ".join(filter(None, (f"{videos_words(clips)}, {starts}", order_words(clips), spare_words(clips))))
