"""Moving shapes: the same bytes everywhere, each clip a function of its index, and motions that match their names."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vidbench.data.shapes.dataset import CLASS_NAMES, MOTIONS, SHAPES, ShapesDataset, ShapesTrainingClips, render
from vidbench.data.shapes.script import cosine, course, sine, write_script
from vidmetrics.errors import InputError

# sha256 of the uint8 bytes of clips start .. start + count - 1. Recorded with numpy 2.4.6 on an AMD EPYC (AVX2), Python
# 3.11; a change of any of them is a change of the dataset and needs a new GENERATOR_VERSION.
GOLDEN = [
    ("train", 0, 240, 12, 32, 32, "5d34d1441bd6c9d5ff06362f73e146a6c2a959a12a1ea71d6f99fd67a94f599b"),
    ("test", 0, 240, 16, 32, 32, "b524cc43cc42280879d7074fcd27b06f92fcaf9b722b2b0e249ccde53b08d76b"),
    ("train", 1_000_000_007, 96, 9, 64, 48, "47059336025b4257e0b4e0c9ed90c09a46d415348979fd541d0b1ee2422bbec3"),
    ("test", 77, 96, 5, 45, 80, "1c94d314b29f7ecda8abc5557fc1253ee8a745d948162fb9c2e46e8dfcb237c7"),
    ("a third", 2**40, 24, 48, 64, 64, "e367a1c37e9eafdcef1bd7c764cf940bdcc289e36d77839919854b609468d47d"),
    ("train", 5, 48, 200, 16, 16, "ff51c9ff7521343446e25f55d1307d80f5a1d258c65d42e9b95c2a93b531625c"),
]


@pytest.mark.parametrize(("split", "start", "count", "num_frames", "height", "width", "sha256"), GOLDEN)
def test_bytes_are_the_recorded_ones(split, start, count, num_frames, height, width, sha256):
    clips_NTHWC, labels = render(split, np.arange(start, start + count), num_frames, height, width)
    assert clips_NTHWC.shape == (count, num_frames, height, width, 3)
    assert clips_NTHWC.dtype == np.uint8
    assert labels.dtype == np.int64
    assert np.array_equal(labels, np.arange(start, start + count) % 24)
    assert hashlib.sha256(clips_NTHWC.tobytes()).hexdigest() == sha256


def test_a_clip_depends_on_its_index_alone():
    together, labels = render("train", np.arange(100, 164), 12, 32, 32)
    order = np.random.default_rng(0).permutation(64)
    shuffled, shuffled_labels = render("train", 100 + order, 12, 32, 32)
    assert np.array_equal(shuffled, together[order])
    assert np.array_equal(shuffled_labels, labels[order])
    for i in (0, 17, 63):
        assert np.array_equal(render("train", np.array([100 + i]), 12, 32, 32)[0][0], together[i])


def test_a_longer_clip_begins_with_the_shorter_one():
    indices = np.arange(48)
    assert np.array_equal(render("test", indices, 16, 32, 32)[0][:, :12], render("test", indices, 12, 32, 32)[0])


def test_a_finer_clip_shows_the_same_scene():
    indices = np.arange(96)
    coarse = render("test", indices, 3, 32, 32)[0].astype(float)
    fine = render("test", indices, 3, 128, 128)[0].astype(float)
    averaged = fine.reshape(96, 3, 32, 4, 32, 4, 3).mean(axis=(3, 5))
    other = averaged[np.roll(indices, 24)]  # clips of the same class
    assert np.abs(averaged - coarse).mean() < 3
    assert np.abs(other - coarse).mean() > 30


def test_splits_and_indices_share_no_clip():
    clips = np.concatenate([render(split, np.arange(480), 2, 8, 8)[0] for split in ("train", "test", "other")])
    assert len({clip.tobytes() for clip in clips}) == len(clips)


def test_sine_and_cosine_agree_with_the_c_library():
    turns = np.linspace(-3, 3, 10001)
    assert np.abs(sine(turns) - np.sin(2 * np.pi * turns)).max() < 1e-8
    assert np.abs(cosine(turns) - np.cos(2 * np.pi * turns)).max() < 1e-8


def test_frames_and_frame_sets_do_not_tell_the_direction():
    """Start values are uniform for every motion, and opposite motions are the same trajectory in both orders."""
    script = write_script("train", np.arange(24 * 1000))
    for motion in range(len(MOTIONS)):
        of_motion = script.label % len(MOTIONS) == motion
        for start in (script.x, script.angle, script.size):
            values = np.sort(start[of_motion])
            assert np.abs(values - np.linspace(0, 1, len(values))).max() < 0.03  # Kolmogorov-Smirnov, 4000 values
    for speed in (script.x_speed, script.angle_speed, script.size_speed):
        forward, backward = np.sort(speed[speed > 0]), np.sort(-speed[speed < 0])
        assert len(forward) == len(backward) == 4000
        assert np.abs(forward - backward).max() < 0.06 * np.ptp(forward)
    moving = (script.x_speed != 0).astype(int) + (script.angle_speed != 0) + (script.size_speed != 0)
    assert (moving == 1).all()


def shape_masks(clips_NTHWC: np.ndarray) -> np.ndarray:
    """Pixels that differ from the ground, found as the commonest colour of the top and bottom rows: [N, T, H, W]."""
    edge = np.concatenate([clips_NTHWC[:, :, :2], clips_NTHWC[:, :, -2:]], axis=2).astype(float)
    ground = np.median(edge, axis=(1, 2, 3), keepdims=True)
    return np.abs(clips_NTHWC.astype(float) - ground).max(axis=-1) > 48


def of_class(shape: str, motion: str, count: int) -> np.ndarray:
    return CLASS_NAMES.index(f"{shape}-{motion}") + 24 * np.arange(count)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("motion", "sign"), [("drifting-left", -1), ("drifting-right", 1)])
def test_drifting_shapes_move_sideways(shape, motion, sign):
    masks = shape_masks(render("test", of_class(shape, motion, 40), 8, 64, 64)[0])
    column = np.exp(2j * np.pi * np.arange(64) / 64)
    place = (masks.sum(axis=2) * column).sum(axis=-1)  # [N, T]; its phase is the place on the ring
    step = np.angle(place[:, 1:] / place[:, :-1])
    assert (np.sign(np.median(step, axis=1)) == sign).mean() > 0.9


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("motion", "sign"), [("growing", 1), ("shrinking", -1)])
def test_growing_shapes_cover_more(shape, motion, sign):
    area = shape_masks(render("test", of_class(shape, motion, 40), 8, 64, 64)[0]).sum(axis=(2, 3))
    assert (np.sign(np.median(np.diff(area, axis=1), axis=1)) == sign).mean() > 0.9


@pytest.mark.parametrize(("shape", "symmetry"), [("triangle", 3), ("square", 4), ("cross", 4)])
@pytest.mark.parametrize(("motion", "sign"), [("turning-clockwise", 1), ("turning-counterclockwise", -1)])
def test_turning_shapes_turn(shape, symmetry, motion, sign):
    """The phase of the k-th complex moment turns k times as fast as a shape of k-fold symmetry; rows count down."""
    masks = shape_masks(render("test", of_class(shape, motion, 80), 8, 64, 64)[0])
    masks = masks[~masks[..., [0, 1, -2, -1]].any(axis=(1, 2, 3))]  # keep those that do not cross the border
    assert len(masks) >= 15
    rows, columns = np.mgrid[:64, :64]
    points = columns + 1j * rows
    centre = (masks * points).sum(axis=(2, 3), keepdims=True) / masks.sum(axis=(2, 3), keepdims=True)
    moment = (masks * (points - centre) ** symmetry).sum(axis=(2, 3))
    step = np.angle(moment[:, 1:] / moment[:, :-1])
    assert (np.sign(np.median(step, axis=1)) == sign).mean() > 0.85


def test_dataset_answers_the_protocol():
    data = ShapesDataset("test", 100, 12, 32, 32)
    assert data.num_clips == 100
    assert data.coverage == 1.0
    assert len(data.class_names) == len(set(data.class_names)) == 24
    clips, labels = render("test", np.array([99, 0, 42]), 12, 32, 32)
    assert np.array_equal(data.read(np.array([99, 0, 42])), clips)
    assert np.array_equal(data.labels[[99, 0, 42]], labels)
    same = ShapesDataset("test", 100, 12, 32, 32).identity_sha256
    others = {
        ShapesDataset(*arguments).identity_sha256
        for arguments in (
            ("train", 100, 12, 32, 32),
            ("test", 101, 12, 32, 32),
            ("test", 100, 16, 32, 32),
            ("test", 100, 12, 64, 32),
            ("test", 100, 12, 32, 64),
        )
    }
    assert data.identity_sha256 == same
    assert len(others | {same}) == 6


def test_bad_requests_are_refused():
    with pytest.raises(InputError, match="non-negative"):
        render("test", np.array([-1]), 12, 32, 32)
    with pytest.raises(InputError, match="integers"):
        render("test", np.array([0.5]), 12, 32, 32)
    with pytest.raises(InputError, match="empty"):
        render("test", np.array([0]), 0, 32, 32)
    with pytest.raises(InputError, match="use 0 to 9"):
        ShapesDataset("test", 10, 12, 32, 32).read(np.array([10]))
    with pytest.raises(InputError, match="4 GiB"):
        ShapesTrainingClips("train", num_videos=100_000, num_frames=16, height=64, width=64, seed=0)
    with pytest.raises(InputError, match="Step"):
        ShapesTrainingClips("train", num_videos=10, num_frames=2, height=8, width=8, seed=0).draw(-1, 4)


def training_clips(seed: int = 7) -> ShapesTrainingClips:
    return ShapesTrainingClips("train", num_videos=700, num_frames=2, height=8, width=8, seed=seed)


def test_training_batches_depend_on_seed_and_step_alone():
    forward, backward = training_clips(), training_clips()
    batches = {step: forward.draw(step, 64) for step in range(30)}
    with ThreadPoolExecutor(4) as pool:
        again = dict(
            zip(reversed(range(30)), pool.map(lambda s: backward.draw(s, 64), reversed(range(30))), strict=True)
        )
    for step, (clips, labels) in batches.items():
        assert np.array_equal(clips, again[step][0])
        assert np.array_equal(labels, again[step][1])
    other = training_clips(seed=8).draw(0, 64)
    assert not np.array_equal(other[0], batches[0][0])


def test_there_are_80_000_training_clips_or_as_many_as_4_gib_hold():
    small = ShapesTrainingClips("train", num_frames=16, height=32, width=32, seed=0)
    large = ShapesTrainingClips("train", num_frames=48, height=128, width=128, seed=0)
    assert (small.num_videos, large.num_videos) == (80_000, (4 << 30) // (48 * 128 * 128 * 3))


def test_a_training_clip_is_rendered_when_first_drawn_and_not_again(monkeypatch):
    asked = []
    read = ShapesDataset.read
    monkeypatch.setattr(ShapesDataset, "read", lambda self, indices: asked.extend(indices) or read(self, indices))
    source = training_clips()
    for step in range(25):
        source.draw(step, 64)
        assert len(asked) == len(set(asked)) == min(700, 64 * (step + 1))


def test_trainings_of_a_process_render_a_clip_once_and_each_has_its_order(monkeypatch):
    def source(seed, side=8):
        return ShapesTrainingClips("train", num_frames=2, height=side, width=side, seed=seed, num_videos=300)

    alone = [source(seed).draw(0, 200) for seed in range(2)]
    asked = []
    read = ShapesDataset.read
    monkeypatch.setattr(ShapesDataset, "read", lambda self, indices: asked.extend(indices) or read(self, indices))
    together = [source(seed) for seed in range(2)]
    for mine, expected in zip(together, alone, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(mine.draw(0, 200), expected, strict=True))
    for mine in together:
        mine.draw(0, 300)
    assert sorted(asked) == list(range(300))
    assert source(0, side=16).draw(0, 3)[0].shape == (3, 2, 16, 16, 3)
    assert len(asked) == 303


def test_threads_that_want_one_clip_wait_for_the_one_that_renders_it(monkeypatch):
    asked = []
    read = ShapesDataset.read

    def slowly(self, indices):
        asked.extend(indices)
        time.sleep(0.01)  # long enough for the others to arrive
        return read(self, indices)

    monkeypatch.setattr(ShapesDataset, "read", slowly)
    sources = [training_clips() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        drawn = list(pool.map(lambda source: [source.draw(step, 64)[0] for step in range(11)], sources))
    assert sorted(asked) == list(range(700))
    monkeypatch.undo()
    alone = training_clips()
    for step in range(11):
        expected = alone.draw(step, 64)[0]
        assert all(np.array_equal(batches[step], expected) for batches in drawn)


def test_clips_that_one_thread_fails_to_render_are_rendered_by_the_next(monkeypatch):
    first_has_begun, may_fail = threading.Event(), threading.Event()
    read, calls = ShapesDataset.read, []

    def fails_at_first(self, indices):
        calls.append(len(indices))
        if len(calls) == 1:
            first_has_begun.set()
            assert may_fail.wait(10)
            raise MemoryError("no room")
        return read(self, indices)

    monkeypatch.setattr(ShapesDataset, "read", fails_at_first)
    sources = [training_clips() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        failing = pool.submit(sources[0].draw, 0, 64)
        assert first_has_begun.wait(10)
        waiting = pool.submit(sources[1].draw, 0, 64)
        time.sleep(0.05)  # it has no clip to render, whether it waits by now or not
        assert calls == [64]
        may_fail.set()
        with pytest.raises(MemoryError):
            failing.result(10)
        clips = waiting.result(10)[0]
    assert calls == [64, 64]
    monkeypatch.undo()
    assert np.array_equal(clips, training_clips().draw(0, 64)[0])


def test_every_pass_shows_every_training_clip_once_with_its_label():
    source = training_clips()
    known, labels = render("train", np.arange(700), 2, 8, 8)
    place = {clip.tobytes(): i for i, clip in enumerate(known)}
    passes = []
    for number in range(2):
        seen = []
        for step in range(number * 7, number * 7 + 7):
            clips, drawn = source.draw(step, 100)
            seen += [place[clip.tobytes()] for clip in clips]
            assert np.array_equal(drawn, labels[seen[-100:]])
        assert sorted(seen) == list(range(700))
        passes.append(seen)
    assert passes[0] != passes[1]


def test_positions_are_within_the_frame():
    script = write_script("train", np.arange(200))
    x, _, radius = course(script, 40, 32.0)
    assert (x >= 0).all()
    assert (x < 32.0).all()
    assert (radius > 0).all()
