"""`vidbench nearest`: planted copies of training clips, exact, noisy and encoded again, are all found and flagged, and only they."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest

from tests.task_texts import task_text
from tests.vidbench.cli.test_command_line import run
from vidbench.data import open_split
from vidbench.jobs.nearest_clips import NearestOptions, nearest_clips
from vidbench.progress import Progress
from vidbench.samples.clip_folder import ClipShape
from vidbench.scoring.features import FeatureStore
from vidbench.tasks import load_task

_TRAIN, _HELD_OUT = 128, 64
# Sample -> the training clip that it copies, and how.
_PLANTED = {2: (100, "exact"), 5: (7, "noise"), 9: (64, "encoded"), 11: (31, "exact")}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A task, 12 samples of which 4 copy training clips, and the same clips as arrays."""
    folder = tmp_path_factory.mktemp("nearest")
    text = task_text("tiny-gen", num_clips=_TRAIN, num_samples=_HELD_OUT, metrics=("fvd-shapes",))
    (folder / "tiny.toml").write_text(text)
    task = load_task(str(folder / "tiny.toml")).task
    train = open_split(task, "train", None, _TRAIN).read(np.arange(_TRAIN))
    unseen = open_split(task, "test", None, _HELD_OUT + 40).read(np.arange(_HELD_OUT + 40))
    samples = unseen[-12:].copy()
    for index, (clip, how) in _PLANTED.items():
        samples[index] = _copied(train[clip], how, folder)
    np.save(folder / "samples.npy", samples)
    np.save(folder / "train.npy", train)
    np.save(folder / "held.npy", unseen[:_HELD_OUT])
    return folder


def _copied(clip_THWC, how, folder):
    if how == "noise":
        noise = np.random.default_rng(0).integers(-2, 3, clip_THWC.shape)
        return np.clip(clip_THWC + noise, 0, 255).astype(np.uint8)
    if how == "encoded":
        with av.open(str(folder / "copy.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=8, options={"crf": "12"})
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv444p"
            for frame in clip_THWC:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
            container.mux(stream.encode())
        with av.open(str(folder / "copy.mp4")) as container:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    return clip_THWC


def _checked(document):
    for index, (clip, how) in _PLANTED.items():
        each = document["samples"][index]
        assert (each["nearest"][0]["clip"], each["flagged"]) == (clip, True), (index, each)
        assert (each["nearest"][0]["distance"] == 0) == (how == "exact")
    distances = [[near["distance"] for near in each["nearest"]] for each in document["samples"]]
    assert all(row == sorted(row) for row in distances)


def test_planted_copies_of_the_clips_of_a_task_are_found(place):
    arguments = ("nearest", "--samples", "samples.npy", "--task", "tiny.toml", "--device", "cpu", "--k", "3")
    done = run(*arguments, "--json", "--output", "found", cwd=place)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    _checked(document)
    assert document["num_flagged"] == len(_PLANTED)
    assert {len(each["nearest"]) for each in document["samples"]} == {3}
    assert json.loads((place / "found" / "nearest.json").read_text()) == document
    page = (place / "found" / "nearest.html").read_text()
    assert (page.count("<figure>"), page.count(", flagged</figcaption>")) == (12, len(_PLANTED))
    said = run(*arguments, cwd=place).stdout
    assert [line.split()[1] for line in said.splitlines() if line.endswith("  flagged")][:2] == ["2", "11"]
    assert "4 of 12 samples are flagged" in said


def test_folders_give_the_same_and_need_held_out_clips_for_flags(place):
    arguments = [
        "nearest",
        "--samples",
        "samples.npy",
        "--train",
        "train.npy",
        "--network",
        "shapes",
        "--num-frames",
        "12",
    ]
    done = run(*arguments, "--held-out", "held.npy", "--json", "--device", "cpu", cwd=place)
    assert done.returncode == 0, done.stderr
    _checked(json.loads(done.stdout))
    given = {"train": place / "train.npy", "network": "shapes", "shape": ClipShape(12), "device": "cpu"}
    found = nearest_clips(NearestOptions(samples=place / "samples.npy", **given), Progress(enabled=False))
    assert "none is flagged, because there are no held-out clips" in found.sentence()
    assert not found.flagged.any()


def test_an_interrupted_search_keeps_its_features(place, monkeypatch, tmp_path):
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path))
    arguments = ("nearest", "--samples", "samples.npy", "--task", "tiny.toml", "--device", "cpu", "--json")
    write, written, limit = FeatureStore.write, [], 2

    def interrupted(store, shard, *rest):
        if len(written) == limit:
            raise KeyboardInterrupt
        written.append(store.path(shard))
        write(store, shard, *rest)

    monkeypatch.setattr(FeatureStore, "write", interrupted)
    assert run(*arguments, cwd=place).returncode == 130
    limit = None
    done = run(*arguments, cwd=place)
    assert done.returncode == 0, done.stderr
    assert len(set(written)) == len(written) > 2
    _checked(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--task tiny.toml --train train.npy", "give --task, or --train with --held-out"),
        ("", "name a task with --task, or a folder with --train"),
        ("--train train.npy", "name a network with --network"),
        ("--train train.npy --network shapes --num-frames 12 --k 49", "--k 49"),
        ("--train train.npy --network nowhere --num-frames 12", "nowhere"),
        ("--train nowhere --network shapes --num-frames 12", "There are no clips at 'nowhere'"),
        ("--task shapes-pred", "write them again in that shape"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_sentence(place, arguments, words):
    done = run("nearest", "--samples", "samples.npy", *arguments.split(), cwd=place)
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert done.stderr.count("Error:") == 1
