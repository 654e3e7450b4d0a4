"""Every shipped task on a miniature copy of its data: its clips, and a complete evaluation.

The plan that is expected is worked out here from the task's words and the hash of docs/tasks.md, not from the code.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

import vidbench
from tests.end_to_end.published_samplers import PUBLISHED_SAMPLERS
from tests.end_to_end.test_frame_sets import FRAME_SETS
from vidbench.data import open_evaluation, open_reference
from vidbench.tasks import load_task, task_names

GENERATION = {"k600-gen": 12, "k600-gen-12x128": 12, "k600-gen-12x256": 12, "k600-gen-48x64": 48, "k600-gen-48x128": 48}
KINETICS = [
    *GENERATION,
    *(f"k600-pred{kind}" for kind in ("", "-disjoint", "-dvdgan", "-dvdgan-train", "-vdm", "-magvit")),
]
UCF101 = {"ucf101-gen": 24, "ucf101-gen-fvd": 24, "ucf101-gen-train": 16, "ucf101-gen-train-fvd": 16}
CENTER = 5  # left column of the central 30 of 40


@pytest.fixture(scope="module")
def minis():
    spec = importlib.util.spec_from_file_location("miniatures", Path(__file__).parent / "miniatures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def roots(minis, tmp_path_factory):
    """Data folder of each shipped task."""
    folder = tmp_path_factory.mktemp("data")
    made = {
        "k600": minis.write_kinetics600(folder / "k600"),
        "k600-whole": minis.write_kinetics600(folder / "k600-whole", whole="train"),
        "ucf101": minis.write_ucf101(folder / "ucf101"),
        "msrvtt": minis.write_msrvtt(folder / "msrvtt"),
        "bair": minis.write_bair(folder / "bair"),
    }

    def root(name: str) -> Path:
        return made["k600-whole" if name == "k600-pred-dvdgan-train" else name.split("-")[0]]

    return root


@pytest.fixture
def opened(minis, roots, tmp_path):
    """Task, reference and evaluation clips of a miniature."""

    def open_both(name: str):
        task = load_task(str(minis.miniature(name, tmp_path))).task
        return task, open_reference(task, roots(name)), open_evaluation(task, roots(name))

    return open_both


def draw(purpose: str, seed: int, clip: int, name: str) -> int:
    text = f"vidbench clip plan 1:{purpose}:{seed}:{clip}:{name}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def taken(task, dataset, minis) -> list[tuple[int, int, int]]:
    """(red number of the video, first frame, left column) of each clip; also checks length and stride."""
    clips = dataset.read(np.arange(dataset.num_clips))
    assert clips.shape[1:] == (task.clips.num_frames, 32, 32, 3)
    assert (np.diff(clips[:, :, 16, 16, 1].astype(int), axis=1) == task.clips.stride).all()
    found = []
    for red, green, _ in clips[:, 0, 16, 16]:
        assert red % minis.STEP == 0
        found.append((int(red) // minis.STEP, int(green)))
    lefts = np.round(clips[:, 0, 16, :, 2].mean(axis=1) / 6 - 14.5).astype(int)
    return [(*clip, int(left)) for clip, left in zip(found, lefts, strict=True)]


def red_of(number: int) -> int:
    return number // 25


def uniform(minis, split, seed, rounds, span, limit=None):
    """The first clips on disk of the plan: round by round, videos in hashed order, starts from the hash."""
    present = [n for n in minis.listed(split) if n in minis.PRESENT]
    order = sorted(present, key=lambda n: draw("order", seed, 0, minis.video_name(split, n)))
    clips = [
        (
            red_of(n),
            draw("start", seed, number, minis.video_name(split, n)) * (minis.NUM_FRAMES - span + 1) >> 64,
            CENTER,
        )
        for number in range(rounds)
        for n in order
    ]
    return clips[:limit]


def replaced(minis, split, seed, limit, on_disk):
    """One draw of a video for each place of the plan; places whose video is missing are skipped."""
    names = sorted((minis.video_name(split, n), n) for n in minis.listed(split))
    clips = []
    for place in range(2 * limit):
        name, number = names[draw("video", seed, place, "") * len(names) >> 64]
        if number in on_disk:
            start = draw("start", seed, place, name) * (minis.NUM_FRAMES - 16 + 1) >> 64
            clips.append((red_of(number), start, CENTER))
    return clips[:limit]


# Of frames that follow a whole trajectory: tests/end_to_end/test_rollouts_and_actions.py.
FUTURES = (
    "bair-act-ivideogpt",
    *(f"{data}-{kind}-teco" for data in ("dmlab", "minecraft") for kind in ("rollout-36to264", "act-144to156")),
)
HERE = (*KINETICS, *UCF101, "bair-pred", "bair-pred-debiased", "msrvtt-t2v")


def test_every_shipped_task_with_videos_is_tested_here_or_among_the_published_samplers_or_rollouts():
    assert {*HERE, *PUBLISHED_SAMPLERS, *FRAME_SETS, *FUTURES} == {
        name for name in task_names() if not load_task(name).task.data.embedded
    }


@pytest.mark.parametrize(("name", "frames"), GENERATION.items())
def test_generation_takes_one_clip_of_every_train_video(opened, minis, name, frames):
    task, reference, evaluation = opened(name)
    span = 2 * frames - 1
    assert sorted(taken(task, reference, minis)) == sorted(uniform(minis, "train", 0, 1, span))
    assert sorted(taken(task, evaluation, minis)) == sorted(uniform(minis, "val", 0, 2, span, minis.SAMPLES))
    assert len(evaluation.class_names) == 600
    reds = [red for red, _, _ in taken(task, evaluation, minis)]
    np.testing.assert_array_equal(evaluation.labels, [minis.PRESENT[red] for red in reds])


def test_prediction_takes_other_windows_of_the_same_videos(opened, minis):
    task, reference, evaluation = opened("k600-pred")
    real, given = taken(task, reference, minis), taken(task, evaluation, minis)
    assert sorted(real) == sorted(uniform(minis, "val", 1, 2, 16, 10))
    assert sorted(given) == sorted(uniform(minis, "val", 0, 2, 16, minis.SAMPLES))
    assert not set(real) & set(given)


def test_the_recommended_prediction_has_no_video_on_both_sides(opened, minis):
    task, reference, evaluation = opened("k600-pred-disjoint")
    assert sorted(taken(task, reference, minis)) == sorted(uniform(minis, "train", 0, 1, 16, 10))
    assert sorted(taken(task, evaluation, minis)) == sorted(uniform(minis, "val", 0, 2, 16, minis.SAMPLES))
    every = reference.origins(reference.num_clips), evaluation.origins(evaluation.num_clips)
    assert len(every[0]) == 10, "each train video once"
    assert not every[0] & every[1]


@pytest.mark.parametrize("split", ["test", "train"])
def test_dvdgan_draws_with_replacement_from_two_seeds(opened, minis, split):
    task, reference, evaluation = opened("k600-pred-dvdgan" + ("-train" if split == "train" else ""))
    on_disk = range(600) if split == "train" else minis.PRESENT
    assert Counter(taken(task, reference, minis)) == Counter(replaced(minis, split, 1, 10, on_disk))
    assert Counter(taken(task, evaluation, minis)) == Counter(replaced(minis, "test", 0, minis.SAMPLES, minis.PRESENT))


def test_vdm_uses_the_same_windows_on_both_sides(opened, minis):
    task, reference, evaluation = opened("k600-pred-vdm")
    real = taken(task, reference, minis)
    assert sorted(real) == sorted(uniform(minis, "test", 0, 1, 16, 10))
    assert len({red for red, _, _ in real}) == 10
    assert set(taken(task, evaluation, minis)) <= set(real)


def test_magvit_has_six_real_clips_of_every_video_and_two_steps_of_resize(opened, minis):
    task, reference, evaluation = opened("k600-pred-magvit")
    windows = [(start, left) for start in (0, minis.NUM_FRAMES - 16) for left in (0, CENTER, 10)]
    real = taken(task, reference, minis)
    assert sorted(real) == sorted((red, *window) for red in range(len(minis.PRESENT)) for window in windows)
    assert (reference.clips.via, evaluation._clips.clips.via) == ((48, 48), (48, 48))
    # Three runs over the same context frames; the miniature keeps three of the four.
    given = taken(task, evaluation, minis)
    assert len(given) == 3 * minis.SAMPLES
    assert given[: minis.SAMPLES] * 3 == given
    assert sorted(given[: minis.SAMPLES]) == sorted(uniform(minis, "val", 0, 2, 16, minis.SAMPLES))


@pytest.mark.parametrize(("name", "num_videos"), UCF101.items())
def test_ucf101_takes_one_clip_of_every_video(opened, minis, name, num_videos):
    task, reference, evaluation = opened(name)
    real = taken(task, reference, minis)
    assert sorted(red for red, _, _ in real) == list(range(num_videos))
    for red, start, left in real:
        group, number = red // 4 + (8 if red < 16 else -3), (1, 2, 50, 101)[red % 4]
        assert start == draw("start", 0, 0, f"v_Class{number:03d}_g{group:02d}_c01") * 15 >> 64
        assert left == CENTER
    np.testing.assert_array_equal(reference.labels, [(0, 1, 49, 100)[red % 4] for red, _, _ in real])
    assert {red for red, _, _ in taken(task, evaluation, minis)} <= set(range(16, 24))


@pytest.mark.parametrize(("name", "windows"), [("bair-pred", 1), ("bair-pred-debiased", 15)])
def test_bair_takes_the_first_window_or_all_and_each_context_several_times(opened, minis, name, windows):
    _, reference, evaluation = opened(name)

    def origins(dataset):
        values = dataset.read(np.arange(dataset.num_clips))[:, :, 0, 0, 0].astype(int) - 40  # the camera image_aux1
        assert (np.diff(values, axis=1) == 1).all()
        return [(value // 80, value % 80) for value in values[:, 0].tolist()]

    assert sorted(origins(reference)) == sorted((record, start) for record in range(3) for start in range(windows))
    given = origins(evaluation)
    assert [start for _, start in given] == [0] * minis.SAMPLES
    assert given[::2] == given[1::2]
    assert sorted(record for record, _ in given[::2]) == [0, 1, 2]


def test_msrvtt_takes_one_clip_and_one_sentence_of_every_test_video(opened, minis):
    task, reference, evaluation = opened("msrvtt-t2v")
    real, shown = taken(task, reference, minis), taken(task, evaluation, minis)
    assert sorted(red for red, _, _ in real) == list(range(14, 26))
    assert set(shown) < set(real)
    assert len(shown) == minis.SAMPLES
    for (red, _, _), sentences in zip(shown, evaluation.captions(np.arange(len(shown))), strict=True):
        assert sentences == tuple(f"scene {red}, sentence {number}" for number in range(2 + red % 2))


@pytest.mark.parametrize("name", HERE)
def test_every_shipped_task_is_evaluated_from_end_to_end(minis, roots, tmp_path, name):
    path = minis.miniature(name, tmp_path)
    task = load_task(str(path)).task
    assert {note.origin for note in load_task(name).task.notes} == {"published", "ours"}
    model = "copy" if task.clips.context_frames else "noise"
    result = vidbench.evaluate(model, str(path), data=roots(name), output=tmp_path / "out", device="cpu")
    assert list(result.metrics) == list(task.evaluation.metrics)
    counts = {"k600-gen": 24, "k600-pred-magvit": 144, **UCF101}
    counts |= {"bair-pred": 3, "bair-pred-debiased": 45, "msrvtt-t2v": 12}
    real = counts.get(name, 24 if name in GENERATION else 10)
    for id, metric in result.metrics.items():
        assert metric.num_samples == minis.SAMPLES, id
        repeats = task.evaluation.repeats
        assert (metric.runs is None) == (repeats == 1)
        assert metric.runs is None or len(metric.runs) == repeats
        if id.startswith(("fvd", "fid")):
            assert metric.num_reference == real
        if repeats == 1 and id not in ("psnr", "psnr-best"):
            assert metric.value == metric.ceiling, "the ceiling's model was run, on the task's own seed"
