"""A result says which clips of its task its networks and its model have seen."""

from __future__ import annotations

import json

import pytest

from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.flags import row_flags
from vidbench.leaderboard.pages.build import build_site
from vidbench.models.interface import ModelTask
from vidbench.models.trivial import NoiseModel
from vidbench.report.provenance import provenance
from vidbench.results.schema import Result
from vidbench.results.trained_on import saw_held_out, seen_sentences
from vidbench.tasks import load_task


def _result(document, model=None, **networks):
    document["model"]["trained_on"] = model
    for name, seen in networks.items():
        document["networks"][name.replace("_", "-")] = {**document["networks"]["shapes"], "trained_on": seen}
    return Result.model_validate(document)


def test_what_was_seen_of_either_side_is_told_with_its_source(result_document):
    task = load_task("k600-gen").task
    assert (task.data.reference_split, task.data.evaluation_split) == ("train", "val")
    seen = {"i3d_kinetics_600": ["kinetics-600/train"], "vjepa_ssv2": ["kinetics-710/train"]}
    result = _result(result_document, ["kinetics-700/train"], **seen)
    assert seen_sentences(result, task) == [
        "The network i3d-kinetics-600 was trained on kinetics-600/train: the reference set of the task.",
        "The network vjepa-ssv2 was trained on kinetics-710/train, which has most of the clips of kinetics-600/train (arXiv 2211.09552): "
        "the reference set of the task.",
        "The model declares that it was trained on kinetics-700/train, which has many of the clips of kinetics-600/val (arXiv 1907.06987): "
        "the held-out clips of the task.",
    ]
    assert saw_held_out(result, task)
    assert not saw_held_out(_result(result_document, ["kinetics-600/train"]), task)
    assert seen_sentences(_result(result_document), load_task("bair-pred").task) == []


@pytest.mark.parametrize(
    ("declared", "flags"), [(["shapes/test"], ("seen-held-out",)), (["shapes/train"], ()), (None, ())]
)
def test_a_model_that_has_seen_held_out_clips_is_flagged(result_document, declared, flags):
    assert row_flags(_result(result_document, declared)) == flags


def test_the_board_and_the_provenance_show_it(result_document, tmp_path):
    result_document["networks"]["shapes"]["trained_on"] = ["shapes/train"]
    result = _result(result_document, ["shapes/test", "ucf101"])
    rows = dict(provenance(result))
    assert (rows["trained on"], rows["shapes trained on"]) == ("shapes/test, ucf101", "shapes/train")
    assert dict(provenance(_result(result_document, [])))["trained on"] == "nothing"
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result.model_dump(mode="json")))
    add_result(path, tmp_path / "boards", Submission(model="Mine", training="train", extra_data="none"))
    build_site(tmp_path / "boards", tmp_path / "site")
    text = (tmp_path / "site" / "shapes-gen.html").read_text()
    assert text.count("The network shapes was trained on shapes/train: the reference set of the task.") == 3
    assert text.count("The model declares that it was trained on shapes/test: the held-out clips of the task.") == 3


def test_the_bounds_have_seen_nothing():
    assert NoiseModel.load(None, ModelTask("t", 4, 0, 8, 8, ()), "cpu").trained_on == ()
