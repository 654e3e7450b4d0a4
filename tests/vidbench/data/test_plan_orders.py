"""Plans that follow a list, against the samplers of published protocols written out slowly."""

from __future__ import annotations

import math
import random
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from vidbench.data.clips import planned_clips, window_start
from vidbench.data.folders.inventory import TOO_SHORT
from vidbench.data.images import covering_size, fit_frames
from vidbench.data.layouts.listing import Listing
from vidbench.data.video_training import VideoTrainingClips
from vidbench.data.videos import VideoDataset
from vidbench.tasks.schema import ClipSpec

CLASSES = ("Basketball", "BasketballDunk", "Archery")
# By name BasketballDunk comes before Basketball ('D' < '_'), by path after it ('/' < 'D').
LENGTHS = {
    f"v_{label}_g{group:02d}_c01": (29, 15, 48, 47, 130, 46, 16, 95)[(5 * group + number) % 8]
    for number, label in enumerate(CLASSES)
    for group in range(1, 13)
}
NAMES = random.Random(0).sample(sorted(LENGTHS), len(LENGTHS))


class Counted:
    """A video in memory whose frames show their index; its file exists, since a dataset watches it."""

    def __init__(self, name: str) -> None:
        self.path, self.num_frames = Path(f"{name}.avi"), LENGTHS[name]

    def count(self):
        return self.num_frames

    def frames(self, frame_indices=None):
        for index in range(self.num_frames) if frame_indices is None else frame_indices:
            yield np.full((4, 4, 3), index, np.uint8)

    def sha256(self):
        return sha256(str(self.path).encode()).hexdigest()


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        Path(f"{name}.avi").touch()


def spec(**changes) -> ClipSpec:
    fields = {"num_frames": 16, "height": 4, "width": 4, "resize": "none", "crop": "none"}
    return ClipSpec(**{**fields, **changes})


def dataset(clips: ClipSpec, limit: int | None, gone: tuple[str, ...] = ()) -> VideoDataset:
    labels = {name: CLASSES.index(name.split("_")[1]) for name in NAMES}
    sources = {name: Counted(name) for name in NAMES if name not in gone}
    return VideoDataset(Listing("test", CLASSES, labels, sources, "a test"), clips, limit)


def tuples(data: VideoDataset) -> list[tuple[str, int, int]]:
    """(video, first frame, stride) of each clip, from its decoded frames."""
    clips = data.read(np.arange(data.num_clips))[:, :, 0, 0, 0].astype(int)
    assert all(len(set(steps)) == 1 for steps in np.diff(clips, axis=1).tolist())
    names = [clip_id.partition("#")[0] for clip_id in data.clip_ids(np.arange(data.num_clips))]
    return [(name, int(clip[0]), int(clip[1] - clip[0])) for name, clip in zip(names, clips, strict=True)]


def test_the_first_videos_by_name_that_are_long_enough():
    """As StyleGAN-V's and Latte's tools: sorted names, shorter videos skipped, a loop that ends at the count."""
    data = dataset(spec(order="name", stride=3, min_frames=48, seed=5), limit=12)
    chosen = [name for name in sorted(NAMES) if LENGTHS[name] >= 48][:12]
    found = tuples(data)
    assert [name for name, _, _ in found] == chosen
    # u[0, n - 48 + 2], both ends included.
    assert all(0 <= start <= LENGTHS[name] - 46 and stride == 3 for name, start, stride in found)
    assert len({start for _, start, _ in found}) > 2
    assert data.unused == {TOO_SHORT: sum(length < 48 for length in LENGTHS.values())}
    assert dataset(spec(order="name"), 12, tuple(name for name in NAMES if LENGTHS[name] < 16)).unused == {}


def test_disjoint_windows_by_path_and_pythons_sample():
    """As LARP's sampler: all windows [16 k, 16 k + 16) of sorted paths, and random.Random(42).sample of their numbers."""
    windows = []
    for path in sorted(f"data/ucf101/{name.split('_')[1]}/{name}.avi" for name in NAMES):
        name = Path(path).stem
        windows += [(name, 16 * k, 1) for k in range(LENGTHS[name] // 16)]
    expected = [windows[place] for place in random.Random(42).sample(range(len(windows)), 30)]
    data = dataset(spec(order="path", starts="disjoint", draw="python-sample", seed=42), limit=30)
    assert tuples(data) == expected
    np.testing.assert_array_equal(data.labels, [CLASSES.index(name.split("_")[1]) for name, _, _ in expected])
    # The draw depends on how many are drawn and on what is there, and so does the identity.
    fewer = dataset(spec(order="path", starts="disjoint", draw="python-sample", seed=42), limit=29)
    part = dataset(spec(order="path", starts="disjoint", draw="python-sample", seed=42), limit=30, gone=(NAMES[0],))
    assert len({data.identity_sha256, fewer.identity_sha256, part.identity_sha256}) == 3
    assert data.unused == {TOO_SHORT: sum(length < 16 for length in LENGTHS.values())}
    everything = dataset(spec(order="path", starts="disjoint"), limit=None)
    assert tuples(everything) == windows
    by_seed = dataset(spec(starts="disjoint"), limit=None)
    assert sorted(tuples(by_seed)) == sorted(windows)


def test_every_tenth_of_a_list_first_or_spread():
    """As FAR takes [::k] and then the first, and MCVD round(i / (N - 1) * (V - 1)) of the V = len // k it counts."""
    listed = [NAMES[place] for place in range(0, len(NAMES), 5)]

    def names(limit, **changes):
        plan = planned_clips(NAMES, spec(order="list", every=5, **changes), limit)
        return [NAMES[video] for video in plan[:, 0]]

    assert names(4) == listed[:4]
    kept = len(NAMES) // 5
    assert names(4, spread=True) == [listed[round(i / 3 * (kept - 1))] for i in range(4)]
    # More than there are: a video comes again with another window.
    plan = planned_clips(NAMES, spec(order="list", every=5, spread=True), 10)
    assert [NAMES[video] for video in plan[:, 0]] == [listed[round(i / 9 * (kept - 1))] for i in range(10)]
    assert len({tuple(row) for row in plan.tolist()}) == 10
    assert (len(listed), kept) == (8, 7)


def test_balanced_is_as_many_of_each_class_rounded_up():
    data = dataset(spec(order="balanced", starts="first", short_stride=1, stride=3, min_frames=16), limit=20)
    counts = Counter(name.split("_")[1] for name, _, _ in tuples(data))
    each = math.ceil(20 / 3)
    assert sum(counts.values()) == 20
    assert max(counts.values()) <= each
    assert min(counts.values()) >= 20 - 2 * each
    # Frame 0, every third frame if there are 46 of them, else every frame.
    assert all(start == 0 and stride == (3 if LENGTHS[name] >= 46 else 1) for name, start, stride in tuples(data))
    assert {stride for _, _, stride in tuples(data)} == {1, 3}
    assert tuples(data) != tuples(dataset(spec(**{**data.clips.model_dump(), "seed": 1}), limit=20))


@pytest.mark.parametrize("count", range(17, 24))
def test_the_middle_of_a_video(count):
    middle = count // 2
    start = window_start(spec(num_frames=17, starts="center"), 0, "x", count, "x.avi")
    assert list(range(start, start + 17)) == list(range(middle - 8, middle + 9))


def test_the_last_start_is_never_drawn_unless_it_is_the_only_one():
    clips = spec(starts="before-last")
    found = {window_start(clips, 0, str(i), 20, "x.avi") for i in range(200)}
    assert found == {0, 1, 2, 3}  # numpy's choice(20 - 16)
    assert {window_start(clips, 0, str(i), 16, "x.avi") for i in range(20)} == {0}
    assert {window_start(spec(), 0, str(i), 20, "x.avi") for i in range(200)} == {0, 1, 2, 3, 4}


def test_training_uses_the_videos_of_the_plan_at_its_stride():
    data = dataset(spec(stride=3, short_stride=1, min_frames=29), limit=1)
    training = VideoTrainingClips(data, 0)
    assert training.num_videos == sum(length >= 29 for length in LENGTHS.values())
    clips, _ = training.draw(0, 64)
    assert set(np.diff(clips[:, :, 0, 0, 0].astype(int), axis=1).ravel().tolist()) == {1, 3}


@pytest.mark.parametrize(("height", "width"), [(240, 320), (256, 340), (320, 240), (64, 64), (90, 160), (101, 67)])
@pytest.mark.parametrize("side", [64, 43])
def test_the_crop_after_the_resize(height, width, side):
    from PIL import Image

    frame_HWC = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    # The rules of torchvision's Resize(side) and CenterCrop(side), in its own arithmetic.
    short, long = sorted((height, width))
    new_long = int(side * long / short)
    size = (side, new_long) if height <= width else (new_long, side)
    image = Image.fromarray(frame_HWC)
    resized = np.asarray(image if (height, width) == size else image.resize(size[::-1], Image.Resampling.LANCZOS))
    top, left = round((size[0] - side) / 2.0), round((size[1] - side) / 2.0)
    expected = resized[top : top + side, left : left + side]
    assert covering_size(height, width, side, side) == size
    found = fit_frames(frame_HWC[None], side, side, "pil-lanczos", "center", resize_first=True)[0]
    np.testing.assert_array_equal(found, expected)
    if height != width:
        assert (found != fit_frames(frame_HWC[None], side, side, "pil-lanczos", "center")[0]).any()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"draw": "python-sample"}, "sorted list"),
        ({"draw": "replacement", "order": "name"}, "whole list"),
        ({"order": "balanced", "spares": "next"}, "on disk"),
        ({"every": 2}, "set order"),
        ({"order": "name", "spread": True, "clips_per_video": 2}, "a video for each clip"),
        ({"starts": "disjoint", "clips_per_video": 2}, "number of windows"),
        ({"min_frames": 15}, "at least 16"),
        ({"short_stride": 1}, "smaller"),
        ({"crop_after_resize": True}, "kernel"),
    ],
)
def test_plans_that_contradict_themselves_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        spec(**fields)
