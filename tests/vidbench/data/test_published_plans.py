"""The clip plans of published protocols: positions of windows, draws, and the effect of missing videos."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b, sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.data.clips import fill_places, planned_clips, replacement_order, window_start
from vidbench.data.contexts import SampleContexts
from vidbench.data.layouts.listing import Listing
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.scoring.official import unofficial_reasons
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec

HEIGHT, WIDTH = 16, 40
NAMES = [f"video{number:02d}" for number in range(20)]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch) -> None:
    """A dataset refuses files that change while it reads them, so each video has one."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        Path(f"{name}.mp4").touch()


class Coded:
    """A video in memory: red encodes the video, green the frame, blue the column."""

    def __init__(self, number: int, count: int = 30) -> None:
        self.number, self._count = number, count
        self.path = Path(f"{NAMES[number]}.mp4")

    def count(self):
        return self._count

    def frames(self, frame_indices=None):
        for index in range(self._count) if frame_indices is None else frame_indices:
            frame_HWC = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            frame_HWC[..., 0], frame_HWC[..., 1] = 10 * self.number, index
            frame_HWC[..., 2] = 6 * np.arange(WIDTH)
            yield frame_HWC

    def sha256(self):
        return sha256(str(self.number).encode()).hexdigest()


def spec(**changes) -> ClipSpec:
    fields = {"num_frames": 4, "stride": 2, "height": 16, "width": 16, "resize": "none", "crop": "center", "seed": 3}
    return ClipSpec(**{**fields, **changes})


def dataset(clips: ClipSpec, limit: int | None = None, gone: tuple[int, ...] = (), count: int = 30) -> VideoDataset:
    sources = {name: Coded(number, count) for number, name in enumerate(NAMES) if number not in gone}
    return VideoDataset(Listing("test", (), dict.fromkeys(NAMES), sources, "a test"), clips, limit)


def decoded(data: VideoDataset) -> list[tuple[int, int, int]]:
    """(video, first frame, left column of the window) of each clip, and the stride checked."""
    clips = data.read(np.arange(data.num_clips))
    assert (np.diff(clips[:, :, 0, 0, 1].astype(int), axis=1) == data.clips.stride).all()
    return [(int(r) // 10, int(g), int(b) // 6) for r, g, b in clips[:, 0, 0, 0]]


def test_first_is_frame_0_of_every_video():
    found = decoded(dataset(spec(starts="first")))
    assert sorted(found) == [(number, 0, 12) for number in range(20)]


def test_even_windows_and_three_crops_are_six_clips_of_each_video():
    found = decoded(dataset(spec(starts="even", crop="three", clips_per_video=6)))
    windows = [(start, left) for start in (0, 23) for left in (0, 12, 24)]
    assert sorted(found) == sorted((number, *window) for number in range(20) for window in windows)
    # All windows of a video are consecutive, in order.
    assert [clip[1:] for clip in found] == windows * 20
    assert [video for video, _, _ in found[::6]] == [video for video, _, _ in decoded(dataset(spec()))]


@pytest.mark.parametrize(("windows", "expected"), [(1, [11]), (2, [0, 23]), (3, [0, 11, 23]), (4, [0, 7, 15, 23])])
def test_even_windows_reach_both_ends(windows, expected):
    clips = spec(starts="even", clips_per_video=windows)
    assert [window_start(clips, number, "x", 30, "x.mp4") for number in range(windows)] == expected


def test_every_window_of_a_trajectory_of_30_frames():
    clips = spec(num_frames=16, stride=1, starts="all", clips_per_video=15)
    found = decoded(dataset(clips))
    assert sorted(found) == [(number, start, 12) for number in range(20) for start in range(15)]
    for count in (29, 31):
        with pytest.raises(InputError, match=rf"has {count} frames and so {count - 15} clips of 16.*exactly 15"):
            dataset(clips, count=count).read(np.arange(1))


def test_tall_frames_are_cut_from_top_to_bottom():
    from vidbench.data.images import fit_frames

    frames = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None], (1, 40, 16, 3))
    tops = [int(fit_frames(frames, 16, 16, "none", crop)[0, 0, 0, 0]) for crop in ("start", "center", "end")]
    assert tops == [0, 12, 24]


def test_draws_with_replacement_are_uniform_independent_and_fixed():
    order = replacement_order(NAMES, 0, 4000)
    counts = np.bincount(order[:, 0], minlength=20)
    assert np.abs(counts - 200).max() < 70  # five standard deviations
    np.testing.assert_array_equal(order[:, 1], np.arange(4000))
    np.testing.assert_array_equal(replacement_order(NAMES, 0, 100), order[:100])
    # The order of the list does not matter, the seed does.
    backwards = replacement_order(NAMES[::-1], 0, 4000)
    np.testing.assert_array_equal(19 - backwards[:, 0], order[:, 0])
    assert (replacement_order(NAMES, 1, 4000)[:, 0] != order[:, 0]).mean() > 0.9
    draw = int.from_bytes(blake2b(b"vidbench clip plan 1:video:0:7:", digest_size=8).digest(), "big")
    assert order[7, 0] == draw * 20 // 2**64


def test_a_video_drawn_twice_gives_two_different_clips():
    data = dataset(spec(draw="replacement"), limit=60)
    found = decoded(data)
    assert len(found) == data.num_clips == 60
    most, times = Counter(video for video, _, _ in found).most_common(1)[0]
    assert times >= 4
    assert len({start for video, start, _ in found if video == most}) > 1
    assert len({video for video, _, _ in found}) < 20
    with pytest.raises(InputError, match="no end"):
        planned_clips(NAMES, spec(draw="replacement"), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"clips_per_video": 2},
        {"draw": "replacement"},
        {"starts": "even", "crop": "three", "clips_per_video": 3},
    ],
)
@pytest.mark.parametrize("spares", ["none", "next"])
def test_a_missing_video_takes_its_own_clips_and_moves_no_other(changes, spares):
    clips = spec(spares=spares, **changes)
    whole = decoded(dataset(clips, limit=18))
    assert len(whole) == 18
    gone = tuple({whole[2][0], whole[9][0]})
    part = dataset(clips, limit=18, gone=gone)
    found = decoded(part)
    kept = [clip for clip in whole if clip[0] not in gone]
    assert len(kept) < 18
    if spares == "none":
        assert found == kept
        np.testing.assert_array_equal(part.plan_positions, [i for i, clip in enumerate(whole) if clip[0] not in gone])
        return
    # No other clip moves; the missing ones are replaced by the next ones, in order.
    assert len(found) == 18
    assert [new for new, old in zip(found, whole, strict=True) if old[0] not in gone] == kept
    behind = [clip for clip in decoded(dataset(clips, limit=40))[18:] if clip[0] not in gone]
    assert [new for new, old in zip(found, whole, strict=True) if old[0] in gone] == behind[: 18 - len(kept)]


def test_spares_are_no_miracle_and_their_use_shows_in_the_identity():
    clips = spec(spares="next")
    assert dataset(clips, limit=18, gone=(0, 1)).num_clips == 18
    assert dataset(clips, limit=18, gone=(0, 1, 2)).num_clips == 17
    identities = {dataset(clips, limit=limit, gone=(0, 1)).identity_sha256 for limit in (10, 18, None)}
    assert len(identities) == 3
    assert len({dataset(spec(), limit=limit).identity_sha256 for limit in (10, 18, None)}) == 1
    # Where a plan ends early, missing videos decide which others it reaches.
    ten, eighteen, whole = (dataset(spec(), limit=limit, gone=(0, 1)).identity_sha256 for limit in (10, 18, None))
    assert ten == eighteen != whole
    assert dataset(spec(), limit=10, gone=(0, 2)).identity_sha256 != ten


def test_places_are_filled_in_order():
    assert fill_places(iter([0, 2, 5, 6, 9]), 4) == [(0, 0), (1, 5), (2, 2), (3, 6)]
    assert fill_places(iter([0, 2, 5]), 4) == [(0, 0), (1, 5), (2, 2)]
    assert fill_places(iter([]), 4) == []


def test_two_steps_of_resize_are_two_steps():
    from PIL import Image

    direct = dataset(spec(resize="pil-bilinear", height=8, width=8))
    twice = dataset(spec(resize="pil-bilinear", height=8, width=8, via=(12, 12)))
    a, b = direct.read(np.array([5]))[0, 0], twice.read(np.array([5]))[0, 0]
    image = Image.fromarray(next(Coded(0).frames())[:, 12:28])
    for size in ((12, 12), (8, 8)):
        image = image.resize(size, Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(b[..., 2], np.asarray(image)[..., 2])
    assert (a[..., 2] != b[..., 2]).any()


def test_samples_of_a_context_lie_side_by_side_in_every_run():
    shapes = ShapesDataset("test", 4, 12, 32, 32)
    contexts = SampleContexts(shapes, num_samples=12, samples_per_context=3, repeats=2)
    assert contexts.num_clips == 24
    expected = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3] * 2
    np.testing.assert_array_equal(contexts.labels, expected)
    np.testing.assert_array_equal(contexts.read(np.arange(24)), shapes.read(np.array(expected)))
    assert SampleContexts(shapes, 15, 3, 2).num_clips == 12  # one clip short, so the second run cannot start
    assert contexts.identity_sha256 != SampleContexts(shapes, 12, 2, 2).identity_sha256


def test_a_reference_that_is_too_small_is_a_reason():
    loaded = load_task("bair-pred")
    networks = []

    def reasons(num_reference: int) -> tuple[str, ...]:
        sides = [SimpleNamespace(num_clips=count, coverage=1.0) for count in (num_reference, 25600)]
        return unofficial_reasons(
            loaded, num_samples=25600, seed=0, precision="exact", networks=networks, datasets=sides
        )

    assert reasons(256) == ()
    assert reasons(255) == ("The reference set has 255 clips where the task requires 256.",)
