"""What a run lacks is listed at once: each thing once, with what brings it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidbench.cli import run_command
from vidbench.data.published import PUBLISHED, gigabytes_of
from vidbench.errors import LackingError
from vidbench.jobs.rehearse import FORMS
from vidbench.scoring import needs
from vidbench.scoring.forecast import real_clips
from vidbench.scoring.needs import RunFacts, feature_bytes, lacking, memory_needed, refuse_lacking
from vidbench.tasks import load_task, task_names
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.networks import build_body

K600 = load_task("k600-gen").task
SPLITS = ("train", "val")
COMPLETE = RunFacts(
    splits=SPLITS,
    data=Path("k600"),
    present=frozenset(SPLITS),
    absent_weights={},
    features={Path("out"): 5 * 10**9},
    free={Path("out"): 6 * 10**9},
    memory=8 * 10**9,
)


def facts(**changes) -> RunFacts:
    return RunFacts(**{**vars(COMPLETE), **changes})


def test_a_run_that_has_everything_lacks_nothing():
    assert lacking(K600, COMPLETE) == ()


@pytest.mark.parametrize(
    ("changes", "what", "words"),
    [
        ({"data": None, "present": None}, "data", "splits train and val, 650 GB, laid out as DIR/SPLIT/ID_"),
        ({"present": None}, "data", "there is no folder k600"),
        ({"present": frozenset({"val"})}, "data", "split train of Kinetics-600, 604 GB, not in k600"),
        (
            {"absent_weights": {"i3d-kinetics-600": 103_000_000}},
            "weights",
            "103 MB: `vidbench weights fetch i3d-kinetics-600`",
        ),
        ({"absent_weights": {"c3d-ucf101": None}}, "weights", "of unknown size"),
        ({"checkpoint": "No checkpoint ships; train one."}, "checkpoint", "no checkpoint ships: train one"),
        ({"free": {Path("out"): 4 * 10**9}}, "disk", "5.0 GB for features in out, where 4.0 GB are free"),
        ({"memory": 10**9 // 2}, "memory", "about 0.7 GB, and there are 0.5 GB"),
    ],
)
def test_each_thing_is_one_line_with_what_brings_it(changes, what, words):
    (need,) = lacking(K600, facts(**changes))
    assert need.what == what
    assert words in need.line(4)
    assert "\n" not in need.line(4)


def test_the_main_command_without_anything_lists_all_of_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["evaluate", "--model", "dvdgan", "--task", "k600-gen"]) == 2
    head, *lines, last = capsys.readouterr().err.splitlines()
    assert head == "Missing:"
    assert [line.split()[0] for line in lines] == ["data", "weights", "checkpoint"]
    assert "vidbench weights fetch i3d-kinetics-600" in lines[1]
    assert "vidbench train --model dvdgan --task k600-gen" in lines[2]
    assert last.startswith("Error: 3 things are missing")
    assert "`vidbench rehearse --task k600-gen --model dvdgan`" in last
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_is_not_there_is_told_with_the_rest(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    command = ["evaluate", "--model", "dvdgan:nope", "--task", "k600-gen", "--data", "empty"]
    assert run_command(command) == 2
    head, *lines, last = capsys.readouterr().err.splitlines()
    assert (head, [line.split()[0] for line in lines]) == ("Missing:", ["data", "weights", "checkpoint"])
    assert "there is no checkpoint nope: give a file that `vidbench train --model dvdgan` wrote" in lines[2]
    assert last.startswith("Error: 3 things are missing")
    # Alone it has its own sentence.
    assert run_command(["sample", "--model", "dvdgan:nope", "--task", "shapes-gen", "--output", "out"]) == 2
    assert capsys.readouterr().err.startswith("Error: There is no checkpoint nope; give a file")


def test_a_training_run_lists_what_its_curve_lacks_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["train", "--model", "dvdgan", "--task", "k600-gen", "--metrics-every", "10"]) == 2
    head, *lines, last = capsys.readouterr().err.splitlines()
    assert (head, [line.split()[0] for line in lines]) == ("Missing:", ["data", "weights"])
    assert "split train, 604 GB" in lines[0]
    assert last.startswith("Error: 2 things are missing")


@pytest.mark.parametrize(
    ("dataset", "split", "folders"),
    [
        ("sky-timelapse", "train", ("sky_timelapse/sky_train", "sky_train", "train")),
        ("faceforensics", "train", ("preprocess_ffs/train", "train")),
        ("taichi-hd", "train", ("frames/train", "train")),
        ("kth", "persons21-25", ("boxing", "raw/boxing")),
        ("cityscapes", "test", ("leftImg8bit_sequence/test", "test")),
    ],
)
def test_data_is_there_in_every_form_that_its_reader_takes(tmp_path, dataset, split, folders):
    for number, folder in enumerate(folders):
        (tmp_path / str(number) / folder).mkdir(parents=True)
        assert PUBLISHED[dataset].splits[split].entry in needs._present(dataset, tmp_path / str(number)), folder


def test_a_named_folder_that_lacks_a_split_is_told_with_the_rest(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k600" / "val").mkdir(parents=True)
    assert run_command(["evaluate", "--model", "dvdgan", "--task", "k600-gen", "--data", "k600"]) == 2
    said = capsys.readouterr().err
    assert "split train of Kinetics-600, 604 GB, not in k600" in said
    assert "; or statistics of the reference set instead: --reference FILE" in said
    assert "weights" in said


def test_one_missing_thing_keeps_its_own_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["sample", "--model", "noise", "--task", "k600-gen", "--output", "out"]) == 2
    assert capsys.readouterr().err.startswith("Error: The task 'k600-gen' reads videos from a folder")


def test_a_model_that_does_not_fit_is_told_before_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["evaluate", "--model", "dvdgan-fp", "--task", "k600-gen"]) == 2
    assert "predicts from context frames" in capsys.readouterr().err


def test_too_little_disk_is_told_though_it_is_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2 * 10**9})())
    monkeypatch.setattr(needs, "default_weights", lambda name: Path(__file__))
    data = tmp_path / "k600"
    for split in SPLITS:
        (data / split).mkdir(parents=True)
    with pytest.raises(LackingError, match="1 thing is missing") as raised:
        refuse_lacking(K600, splits=SPLITS, data=data, output=tmp_path / "out")
    assert "for features" in raised.value.lines[0]
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize("network", ["i3d-kinetics-400", "i3d-kinetics-600", "inception-2015-12-05"])
def test_the_size_of_features_is_that_of_the_networks_outputs(network):
    from vidmetrics.conformance.seeded_weights import seeded_weights

    id = {"i3d-kinetics-400": "fvd", "i3d-kinetics-600": "fid-i3d-k600", "inception-2015-12-05": "fid"}[network]
    outputs = build_body(network, seeded_weights(network, 0)).outputs
    rows = 12 if network.startswith("inception") else 1
    assert feature_bytes([get_metric(id)], 12) == 4 * rows * sum(outputs.values())


def test_the_features_of_c3d_are_its_logits_and_the_layer_before():
    import torch

    from vidmetrics.networks.c3d import C3D

    with torch.device("meta"):
        outputs = C3D().outputs
    assert feature_bytes([get_metric("is-c3d-ucf101")], 16) == 4 * sum(outputs.values())


def test_features_that_are_there_need_no_disk(tmp_path):
    folder = tmp_path / "out" / "features" / "one"
    folder.mkdir(parents=True)
    metrics = [get_metric(id) for id in K600.evaluation.metrics]
    before = sum(needs._features_left(K600, metrics, tmp_path / "out", 100, False).values())
    np.save(folder / "shard", np.zeros(10_000))
    after = sum(needs._features_left(K600, metrics, tmp_path / "out", 100, False).values())
    assert before - after == (folder / "shard.npy").stat().st_size
    (folder / "nowhere").symlink_to("absent")
    assert after == sum(needs._features_left(K600, metrics, tmp_path / "out", 100, False).values())


def test_the_memory_of_an_evaluation_is_the_sum_of_docs_scale():
    assert memory_needed(K600, SPLITS) == 30 * 1024 * 1024 * 8 + 422_622 * 1_100
    assert memory_needed(load_task("shapes-gen").task, ()) == 0


def test_every_shipped_dataset_is_described_with_its_splits():
    for name in task_names():
        data = load_task(name).task.data
        if not data.embedded:
            used = {data.train_split, data.reference_split, data.evaluation_split}
            assert used <= set(PUBLISHED[data.dataset].splits)
            assert data.dataset in FORMS
    assert gigabytes_of("kinetics-600", ("train", "val")) == 650
    assert gigabytes_of("kinetics-600", ("test",)) is None
    assert gigabytes_of("ucf101", ("all",)) == 7
    # A user's own task may name a split whose size is not known here.
    own = load_task("ucf101-gen-fvd").task
    assert real_clips(own.model_copy(update={"data": own.data.model_copy(update={"reference_split": "nowhere"})})) == 0
