"""The samplers of published protocols, written out from docs/tasks.md over a list of videos: the clips that a task must take.

Each returns (red number of the video, first frame, stride) of every clip, in order where the protocol has one.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from tests.end_to_end.miniatures import long_length, long_videos

CLIPS = 5
"""Reference clips of a miniature task whose number is not that of its contexts."""


class Listed(NamedTuple):
    """A video of the miniature."""

    red: int
    label: str
    name: str
    frames: int
    tested: bool


VIDEOS = [
    Listed(red, label, f"v_{label}_g{group:02d}_c01", long_length(red), group % 3 == 0)
    for red, (label, group) in enumerate(long_videos())
]

Clips = list[tuple[int, int, int]]


def draw(purpose: str, seed: int, clip: int, name: str) -> int:
    text = f"vidbench clip plan 1:{purpose}:{seed}:{clip}:{name}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(video: Listed, span: int) -> int:
    return draw("start", 0, 0, video.name) * (video.frames - span + 1) >> 64


def first_by_name(num_frames: int, stride: int, least: int) -> Clips:
    """StyleGAN-V and Latte: the names sorted, shorter videos skipped, the first ones taken, one random window each."""
    long = [video for video in sorted(VIDEOS, key=lambda video: video.name) if video.frames >= least]
    span = (num_frames - 1) * stride + 1
    return [(video.red, uniform(video, span), stride) for video in long][:CLIPS]


PUBLISHED_SAMPLERS: dict[str, Callable[[], Clips]] = {
    "ucf101-gen-styleganv": lambda: first_by_name(16, 1, 16),
    "ucf101-gen-styleganv-128f": lambda: first_by_name(128, 1, 128),
    "ucf101-gen-styleganv-128f8": lambda: first_by_name(16, 8, 128),
    "ucf101-gen-latte": lambda: first_by_name(16, 3, 48),
}
"""The reference set of each task."""
