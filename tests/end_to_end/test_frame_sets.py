"""The tasks of SkyTimelapse, FaceForensics, TaiChi-HD, KTH and Cityscapes on miniature copies: their clips, and a complete evaluation.

Frames are of one colour: red tells the clip, green the number of the frame, so that a clip says where it was taken from. The plans are
worked out here from the words of the protocols, and the starts from the hash of docs/tasks.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vidbench
from tests.end_to_end.miniatures import SAMPLES, STEP, miniature, write_video
from tests.end_to_end.published_samplers import draw
from vidbench.data import open_evaluation, open_reference
from vidbench.tasks import load_task

# Frames of a clip, its stride, and how long a video must be.
GENERATION = {
    "sky-gen-styleganv": (16, 1, 16),
    "sky-gen-styleganv-128f": (128, 1, 128),
    "sky-gen-latte": (16, 3, 48),
    "ffs-gen-styleganv": (16, 1, 16),
    "ffs-gen-styleganv-128f": (128, 1, 128),
    "ffs-gen-latte": (16, 3, 48),
    "taichi-gen-styleganv": (16, 1, 16),
    "taichi-gen-styleganv-128f": (128, 1, 128),
    "taichi-gen-latte": (16, 6, 96),
    "taichi-gen-latte-s3": (16, 3, 48),
}
PREDICTION = {
    "kth-pred-10to30": 40,
    "kth-pred-10to40": 50,
    "cityscapes-pred-2to28": 30,
    "cityscapes-pred-2to28-all": 30,
}
FRAME_SETS = (*GENERATION, *PREDICTION)
ALWAYS = ("sky-gen-styleganv", "ffs-gen-latte", "taichi-gen-latte", "kth-pred-10to30", "cityscapes-pred-2to28")
# Lengths on both sides of every limit, in an order that is not that of names.
LENGTHS = (47, 150, 15, 96, 16, 2, 128, 48, 95, 127, 131, 17)
PERSONS = (21, 22, 23, 24, 25, 4, 9)
SCENARIOS = (("running", 1), ("boxing", 3))


def clip_names(prefix: str) -> list[str]:
    """Names of the clips with the lengths of `LENGTHS`, sorted otherwise."""
    return [f"{prefix}{number * 7 % 12:02d}" for number in range(len(LENGTHS))]


def write_frames(paths: list[Path], red: int) -> None:
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    options = {"quality": 100, "subsampling": 0} if paths[0].suffix == ".jpg" else {"compress_level": 1}
    for green, path in enumerate(paths):
        Image.new("RGB", (20, 16), (STEP * red, green, 99)).save(path, **options)


def kth_names() -> list[str]:
    return [f"person{person:02d}_{action}_d{scenario}" for person in PERSONS for action, scenario in SCENARIOS]


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Data folder by the first word of a task's name."""
    root = tmp_path_factory.mktemp("data")
    for split in ("train", "test"):
        for red, (name, count) in enumerate(zip(clip_names("c"), LENGTHS, strict=True)):
            if split == "test" and count < 128:
                continue
            video, sky = f"{name}x_1", root / "sky" / f"sky_{split}"
            write_frames(
                [sky / f"{name}x" / video / f"{name}x_frames_{frame + 9:08d}.jpg" for frame in range(count)], red
            )
            write_frames([root / "ffs" / split / f"{name}_0" / f"{frame:06d}.jpg" for frame in range(count)], red)
            clip = root / "taichi" / split / f"{name}#000000#{count:06d}"
            write_frames([clip / f"{frame:07d}.png" for frame in range(count)], red)
    (root / "sky" / "sky_train" / "z6Yr7KDZhm0").mkdir()
    (root / "kth").mkdir()
    lines = [f"{name} frames 1-40, 41-60" for name in sorted(kth_names(), reverse=True)]
    (root / "kth" / "00sequences.txt").write_text("\n".join(lines) + "\n")
    for red, name in enumerate(kth_names()):
        write_video(root / "kth" / name.split("_")[1] / f"{name}_uncomp.mp4", red, 60)
    for split in ("train", "test"):
        for red in range(8):
            city = root / "cityscapes" / "leftImg8bit_sequence" / split / "ab"[red % 2]
            write_frames([city / f"{city.name}_{red:06d}_{frame:06d}_leftImg8bit.png" for frame in range(30)], red)
    return lambda name: root / name.split("-")[0]


def taken(dataset, frames: int, stride: int) -> list[tuple[int, int]]:
    """(red number of the video, first frame) of each clip; also checks length and stride."""
    clips = dataset.read(np.arange(dataset.num_clips))
    assert clips.shape[1] == frames
    found = []
    for clip in clips:
        # A frame is of one colour; JPEG moves it by at most one level.
        red, green = clip[:, :, :, 0].mean() / STEP, clip[:, 5, 5, 1].astype(float)
        offsets = green - stride * np.arange(frames)
        start = round(float(np.median(offsets)))
        assert np.abs(offsets - start).max() <= 2
        found.append((round(float(red)), start))
    return found


@pytest.mark.parametrize(("name", "frames", "stride", "least"), [(name, *rest) for name, rest in GENERATION.items()])
def test_generation_takes_clips_that_are_long_enough_the_first_by_name_or_as_latte_any(
    roots, tmp_path, name, frames, stride, least
):
    task = load_task(str(miniature(name, tmp_path))).task
    reference = open_reference(task, roots(name))
    official = {"sky": "{}x_1", "ffs": "{}_0", "taichi": "{}#000000#{:06d}"}[name.split("-")[0]]
    videos = sorted((official.format(clip, LENGTHS[red]), red) for red, clip in enumerate(clip_names("c")))
    long_enough = [(video, red) for video, red in videos if LENGTHS[red] >= least]
    if "latte" in name:
        long_enough.sort(key=lambda clip: draw("order", 0, 0, clip[0]))
    wanted = task.reference.num_clips
    assert (wanted == "all") == (load_task(name).task.reference.num_clips == "all")
    span = (frames - 1) * stride + 1
    expected = [(red, draw("start", 0, 0, video) * (LENGTHS[red] - span + 1) >> 64) for video, red in long_enough]
    expected = expected if wanted == "all" else expected[:wanted]
    assert taken(reference, frames, stride) == expected
    assert len(expected) < len(videos)
    assert reference.unused["too short for a clip, and dropped by the task"] == sum(
        length < least for length in LENGTHS
    )


@pytest.mark.parametrize("name", [name for name in PREDICTION if name.startswith("kth")])
def test_kth_spreads_windows_over_the_videos_of_the_last_five_persons(roots, tmp_path, name):
    task = load_task(str(miniature(name, tmp_path))).task
    frames = PREDICTION[name]
    videos = sorted((video, red) for red, video in enumerate(kth_names()) if video >= "person21")
    assert len(videos) == 10

    def expected(count: int) -> list[tuple[int, int]]:
        places = [round(place / (count - 1) * 9) for place in range(count)]
        # All possible starts but the last.
        return [(videos[p][1], draw("start", 0, 0, videos[p][0]) * (60 - frames) >> 64) for p in places]

    assert taken(open_reference(task, roots(name)), frames, 1) == expected(3)
    evaluation = open_evaluation(task, roots(name))
    assert taken(evaluation, frames, 1) == [window for window in expected(3) for _ in range(2)]
    assert all(start < 60 - frames for _, start in expected(3))


@pytest.mark.parametrize(
    ("name", "places"), [("cityscapes-pred-2to28", (0, 4, 7)), ("cityscapes-pred-2to28-all", range(8))]
)
def test_cityscapes_takes_whole_snippets_at_equal_distances_or_all(roots, tmp_path, name, places):
    task = load_task(str(miniature(name, tmp_path))).task
    by_name = sorted(range(8), key=lambda red: ("ab"[red % 2], red))
    expected = [(by_name[place], 0) for place in places]
    assert taken(open_reference(task, roots(name)), 30, 1) == expected
    assert task.clips.context_frames == 2


@pytest.mark.parametrize("name", FRAME_SETS)
def test_each_is_evaluated_from_end_to_end(roots, tmp_path, name):
    if name not in ALWAYS and not os.environ.get("VIDBENCH_ALL_REHEARSALS"):
        pytest.skip("set VIDBENCH_ALL_REHEARSALS=1 to evaluate every task")
    path = miniature(name, tmp_path)
    task = load_task(str(path)).task
    assert {note.origin for note in load_task(name).task.notes} == {"published", "ours"}
    model = "copy" if task.clips.context_frames else "noise"
    result = vidbench.evaluate(model, str(path), data=roots(name), output=tmp_path / "out", device="cpu")
    assert list(result.metrics) == list(task.evaluation.metrics)
    for id, metric in result.metrics.items():
        assert metric.num_samples == SAMPLES, id
        assert metric.value == metric.ceiling or id.startswith("psnr"), (
            "the ceiling's model was run, on the task's own seed"
        )
