"""`vidbench data statistics DIR --metric ID`: the statistics of any folder have the place of its clips, to the bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

import vidbench
import vidmetrics
from tests.vidbench.cli.test_command_line import assert_refused, run
from tests.vidmetrics.metric_objects.rank_program import clips
from vidbench.errors import InputError
from vidbench.jobs.folder_statistics import save_folder_statistics
from vidbench.jobs.measure import MeasureOptions
from vidbench.progress import Progress

IDS = ("fvd-shapes", "coverage-shapes")
METRICS = [argument for id in IDS for argument in ("--metric", id)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Real and generated clips, and what `data statistics` wrote of the real ones."""
    place = tmp_path_factory.mktemp("clips")
    np.save(place / "real.npy", clips(1, 69))
    np.save(place / "generated.npy", clips(0, 45))
    return place


@pytest.fixture
def statistics(folder):
    path = folder / "real.safetensors"
    if not path.exists():
        out = run(
            "data",
            "statistics",
            folder / "real.npy",
            *METRICS,
            "--num-frames",
            8,
            "--output",
            path,
            "--json",
            cwd=folder,
        ).stdout
        document = json.loads(out)
        assert (document["num_clips"], document["size"], document["metrics"]) == (69, [8, 32, 32], list(IDS))
        assert document["protocol"]["stride"] == 1
        assert document["networks"]["shapes"]["proven"]
    return path


def test_the_command_and_python_give_the_same_bits_from_clips_and_from_statistics(folder, statistics):
    loaded = vidmetrics.Statistics.load(statistics)
    from_clips, from_file = (
        vidbench.measure(real, folder / "generated.npy", IDS, num_frames=8) for real in (folder / "real.npy", loaded)
    )
    assert from_clips.metrics == from_file.metrics
    assert from_file.real.path.endswith("real.npy")
    assert from_file.reasons[-1] == "The real clips are represented by statistics, whose clips were not seen."
    metrics = vidmetrics.metric(IDS)
    metrics.update(loaded, real=True)
    metrics.update(np.load(folder / "generated.npy"), real=False)
    assert {id: each.value for id, each in metrics.compute().items()} == {
        id: each.value for id, each in from_clips.metrics.items()
    }
    made_in_python = vidmetrics.metric(IDS)
    made_in_python.update(np.load(folder / "real.npy"), real=True)
    assert made_in_python.statistics().content.keys() == loaded.content.keys()
    mine, theirs = (each.content["shapes", "logits"] for each in (made_in_python.statistics(), loaded))
    assert np.array_equal(mine.covariance, theirs.covariance)


def test_the_file_is_safetensors_and_none_is_replaced(folder, statistics):
    options = MeasureOptions(metrics=("fvd-shapes",))
    for path, sentence in ((folder / "real.npz", r"name the output real\.safetensors"), (statistics, "exists")):
        with pytest.raises(InputError, match=sentence):
            save_folder_statistics(folder / "real.npy", path, options, Progress(enabled=False))


def test_samples_that_are_cut_otherwise_are_refused(folder, statistics):
    loaded = vidmetrics.Statistics.load(statistics)
    np.save(folder / "longer.npy", clips(0, 3).repeat(2, axis=1))
    for options, sentence in (
        ({"num_frames": 9}, "with --num-frames 8, and the samples are read with --num-frames 9: use --num-frames 8"),
        ({"num_frames": 8, "stride": 2}, "with --stride 1, and the samples are read with --stride 2: use --stride 1"),
        ({"num_frames": 8, "resolution": 16}, "of 32x32 pixels and frames of .* have 16x16: use --resolution 32"),
    ):
        with pytest.raises(InputError, match=sentence):
            vidbench.measure(loaded, folder / "longer.npy", IDS, **options)


def test_a_distance_of_few_clips_comes_with_its_bias(folder):
    np.save(folder / "few.npy", clips(0, 9))
    with pytest.warns(UserWarning, match="fvd-shapes of 9 generated and 69 real clips is biased upwards") as warned:
        found = vidbench.measure(folder / "real.npy", folder / "few.npy", "fvd-shapes", num_frames=8)
    assert [str(each.message) for each in warned] == [found.metrics["fvd-shapes"].bias]
    assert "fvd-shapes of 9 generated and 69 real clips is biased upwards" in found.metrics["fvd-shapes"].bias
    assert found.metrics["fvd-shapes"].bias in found.remarks


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["REAL"], "--metric ID is missing: name the metrics that the statistics of"),
        ([], "of a task (--task TASK) or of the clips of a folder (DIR --metric ID); name one of them"),
        (["REAL", "--task", "shapes-gen"], "not of both"),
        (["--task", "shapes-gen", "--metric", "fvd-shapes"], "a task has its own metrics: leave it out"),
        (["--task", "shapes-gen", "--num-frames", "16"], "--num-frames is of a folder, and a task says"),
        (["REAL", "--metric", "is-shapes"], "'is-shapes' uses no statistics of real clips: leave it out"),
        (["REAL", "--metric", "fvd-shapes", "--data", "x"], "--data x belongs to a task"),
        (["REAL", "--metric", "fvd-shapes"], "have 8 frames, but 16 are needed"),
    ],
)
def test_what_is_not_one_thing_is_refused(folder, arguments, sentence):
    named = [str(folder / "real.npy") if argument == "REAL" else argument for argument in arguments]
    ended = run("data", "statistics", *named, "--output", "other.safetensors", cwd=folder)
    assert_refused(ended, sentence)
    assert not (folder / "other.safetensors").exists()


def test_what_is_no_path_and_no_metric_is_refused(folder):
    for sides, sentence in (
        ((clips(1, 3), "few.npy"), "real clips are of type ndarray, .* clips in memory are for vidmetrics.measure"),
        (("real.npy", ["few.npy"]), "samples are of type list, and vidbench.measure reads the clips of one path"),
    ):
        with pytest.raises(InputError, match=sentence):
            vidbench.measure(*sides, "fvd-shapes")
    with pytest.raises(InputError, match="no metric to measure; name at least one"):
        vidbench.measure(folder / "real.npy", folder / "generated.npy", metrics=[])
