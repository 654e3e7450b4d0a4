"""The samplers of published protocols, written out from docs/tasks.md over a list of videos: the clips that a task must take.

Each returns (red number of the video, first frame, stride) of every clip, in order where the protocol has one.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from tests.end_to_end.miniatures import NUM_FRAMES, PRESENT, SAMPLES, long_length, long_videos, video_name

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
    """StyleGAN-V: the names sorted, shorter videos skipped, the first ones taken, one random window each."""
    long = [video for video in sorted(VIDEOS, key=lambda video: video.name) if video.frames >= least]
    span = (num_frames - 1) * stride + 1
    return [(video.red, uniform(video, span), stride) for video in long][:CLIPS]


def sampled_windows(paths: list[str], frames: dict[str, int], red_of: dict[str, int]) -> Clips:
    """LARP: all windows [16 k, 16 k + 16) of the sorted paths, and random.Random(42).sample of their numbers."""
    windows = [(red_of[path], 16 * k, 1) for path in sorted(paths) for k in range(frames[path] // 16)]
    return [windows[place] for place in random.Random(42).sample(range(len(windows)), SAMPLES)]


def larp_ucf101() -> Clips:
    videos = {f"data/ucf101/{video.label}/{video.name}.avi": video for video in VIDEOS if not video.tested}
    return sampled_windows(
        list(videos), {path: videos[path].frames for path in videos}, {path: videos[path].red for path in videos}
    )


def larp_kinetics() -> Clips:
    reds = {f"data/k600/val/{video_name('val', number)}.mp4": red for red, number in enumerate(PRESENT)}
    return sampled_windows(list(reds), dict.fromkeys(reds, NUM_FRAMES), reds)


def dfot() -> Clips:
    """One random window of each test video, in a random order, the first ones."""
    names = {video_name("test", number): red for red, number in enumerate(PRESENT)}
    order = sorted(names, key=lambda name: draw("order", 0, 0, name))[:SAMPLES]
    return [(names[name], draw("start", 0, 0, name) * (NUM_FRAMES - 15) >> 64, 1) for name in order]


def omnitokenizer() -> Clips:
    """The first videos of the list that are there, 17 frames around the middle."""
    return [(red, NUM_FRAMES // 2 - 8, 1) for red in range(SAMPLES)]


def tested() -> list[Listed]:
    """The test list, in its order."""
    return [video for video in VIDEOS if video.tested]


def far_prediction() -> Clips:
    """FAR: data_list[::k], the first ones, from frame 0; the miniature has k = 2 and three contexts."""
    return [(video.red, 0, 1) for video in tested()[::2][:3]]


def mcvd_prediction(num_frames: int) -> Clips:
    """MCVD: video number round(i / (N - 1) * (V - 1)) of every k-th one; a start of numpy's choice(n - L), 0 where n is L."""
    every = tested()[::2]
    chosen = [every[round(i / 2 * (len(every) - 1))] for i in range(3)]
    assert all(video.frames > num_frames for video in chosen)
    return [(v.red, draw("start", 0, 0, v.name) * (v.frames - num_frames) >> 64, 1) for v in chosen]


def far_generation() -> Clips:
    """FAR: ceil(N / C) of each class in a random order, cut to N; frame 0, stride 3 or 1."""
    each, taken, clips = -(-SAMPLES // 3), Counter[str](), []
    for video in sorted(VIDEOS, key=lambda video: draw("order", 0, 0, video.name)):
        if taken[video.label] < each:
            taken[video.label] += 1
            clips.append((video.red, 0, 3 if video.frames >= 46 else 1))
    return clips[:SAMPLES]


def trajectories(num_frames: int) -> Clips:
    """MCVD on BAIR's 30 frames: every trajectory, by name."""
    names = [f"traj_{number:05d}" for number in range(3)]
    return [(record, draw("start", 0, 0, name) * max(1, 30 - num_frames) >> 64, 1) for record, name in enumerate(names)]


def any_of_all(num_frames: int, stride: int, least: int) -> Clips:
    """Latte: some of the videos that are long enough, drawn without replacement, one random window each."""
    long = [video for video in VIDEOS if video.frames >= least]
    drawn = sorted(long, key=lambda video: draw("order", 0, 0, video.name))
    span = (num_frames - 1) * stride + 1
    return [(video.red, uniform(video, span), stride) for video in drawn][:CLIPS]


PUBLISHED_SAMPLERS: dict[str, Callable[[], Clips]] = {
    "ucf101-gen-styleganv": lambda: first_by_name(16, 1, 16),
    "ucf101-gen-styleganv-128f": lambda: first_by_name(128, 1, 128),
    "ucf101-gen-styleganv-128f8": lambda: first_by_name(16, 8, 128),
    "ucf101-gen-larp": larp_ucf101,
    "ucf101-gen-far-256": far_generation,
    "ucf101-gen-far-256-uncond": far_generation,
    "ucf101-gen-far-128": far_generation,
    "ucf101-gen-far-128-uncond": far_generation,
    "ucf101-pred-4to12-far": far_prediction,
    "ucf101-pred-4to12-mcvd": lambda: mcvd_prediction(16),
    "ucf101-pred-4to16-mcvd": lambda: mcvd_prediction(20),
    "k600-pred-larp": larp_kinetics,
    "k600-pred-dfot": dfot,
    "k600-pred-omnitokenizer": omnitokenizer,
    "bair-pred-c1p15": lambda: trajectories(16),
    "bair-pred-c1p15-averaged": lambda: trajectories(16),
    "bair-pred-c2p14": lambda: trajectories(16),
    "bair-pred-c2p14-averaged": lambda: trajectories(16),
    "bair-pred-c2p28": lambda: trajectories(30),
    "bair-pred-c2p28-averaged": lambda: trajectories(30),
    "bair-pred-c2p28-far": lambda: trajectories(30),
    "ucf101-gen-latte": lambda: any_of_all(16, 3, 48),
}
"""The reference set of each task."""
