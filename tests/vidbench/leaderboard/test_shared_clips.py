"""One rule: `compare` calls two results comparable on a metric exactly where `leaderboard add` puts them into one group."""

from __future__ import annotations

import copy
import json

import pytest

from tests.vidbench.leaderboard.verified_rows import call_verified
from vidbench.errors import InputError
from vidbench.leaderboard import placement
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.flags import row_flags
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.shared_clips import beside_equals
from vidbench.leaderboard.tables import as_json, as_table
from vidbench.results.comparability import obstacles, real_clips_sha256
from vidbench.results.comparison import compare_results
from vidbench.results.schema import Result
from vidbench.tasks import load_task

OTHER = "0" * 64
SAID = {"training": "train", "extra_data": "none"}


def k600(document):
    """An official result of k600-gen, made of one of shapes-gen."""
    made, task = copy.deepcopy(document), load_task("k600-gen").task
    made["task"] = {"name": task.name, "version": task.version, "fingerprint": task.fingerprint}
    network = {**made["networks"].pop("shapes"), "proven": True, "weights_sha256": "a" * 64}
    made["networks"]["i3d-kinetics-600"] = network
    fid, score = made["metrics"]["fid-shapes"], made["metrics"]["is-shapes"]
    for metric in (fid, score):
        metric |= {"num_samples": 50_000, "network": "i3d-kinetics-600"}
    fid |= {"value": 2.04, "interval": [1.9, 2.2], "floor": 0.1, "ceiling": 500.0, "num_reference": 380_000}
    score |= {"value": 30.0, "interval": [29.0, 31.0], "floor": 50.0, "ceiling": 1.0}
    made["metrics"] = {"fid-i3d-k600": fid, "is-i3d-k600": score}
    made["bounds"] = {}
    for split, name in (("reference", "train"), ("evaluation", "val")):
        made["data"][split] |= {"split": name, "coverage": 0.97}
    made["data"]["coverage"] = 0.97
    made["against_count"], made["truncation"] = {}, []
    return made


def changed(document, changes):
    made = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, last = path.split("/")
        place = made
        for key in parents:
            place = place[key]
        place[last] = value
    # Another run: its scores are not those of the first.
    for metric in made["metrics"].values():
        metric["value"] *= 1.01
    return made


SCAN = {"data/manifest": "scan"}
# Changes of A, changes of B, and the metrics on which the two stand together; None where B is refused.
SHAPES = {"fvd-shapes", "fid-shapes", "is-shapes"}
PAIRS = {
    "equal": ({}, {}, SHAPES),
    "other machine": ({}, {"environment/torch": "2.14.0", "networks/shapes/implementation": "fp16x2-2"}, SHAPES),
    "other reference clips": ({}, {"data/reference/sha256": OTHER}, {"is-shapes"}),
    "other held-out clips": ({}, {"data/evaluation/sha256": OTHER}, {"is-shapes"}),
    "other files, same scanned frames": (SCAN, {**SCAN, "data/reference/sha256": OTHER}, SHAPES),
    "other files, other frames": (
        SCAN,
        {**SCAN, "data/reference/sha256": OTHER, "data/manifest_sha256": "1" * 64},
        {"is-shapes"},
    ),
    "other files, one scan": ({}, {**SCAN, "data/reference/sha256": OTHER}, {"is-shapes"}),
    "half of the clips": ({}, {"data/reference/coverage": 0.5}, None),
    "other weights": ({}, {"networks/shapes/weights_sha256": OTHER}, None),
    "other precision": ({}, {"networks/shapes/precision": "fast"}, None),
    "fewer samples": ({}, {"metrics/fvd-shapes/num_samples": 512}, None),
    "other fingerprint": ({}, {"task/fingerprint": OTHER}, None),
    "other version": ({}, {"task/version": 2}, None),
    "unofficial": ({}, {"official": False, "reasons": ["The seed is 1."]}, None),
    "other pixels": ({}, {"pixels": {"convention": "ffmpeg-default"}}, None),
}


@pytest.mark.parametrize("name", PAIRS)
def test_compare_and_add_follow_one_rule(tmp_path, result_document, name):
    of_a, of_b, together = PAIRS[name]
    a, b = changed(result_document, of_a), changed(result_document, of_b)
    for metric in b["metrics"].values():
        metric["value"] *= 1.02
    first, second = Result.model_validate(a), Result.model_validate(b)
    found = compare_results(first, second)
    folder = tmp_path / "boards"
    _add(tmp_path, a, "A")
    if together is None:
        assert not found.comparable
        with pytest.raises(InputError, match="cannot enter a leaderboard"):
            _add(tmp_path, b, "B")
        return
    _add(tmp_path, b, "B")
    rows = {(row.model, row.metric): row for row in read_board(folder, "shapes-gen").rows}
    for metric in SHAPES:
        one_group = rows["A", metric].group == rows["B", metric].group
        assert one_group == (metric in together) == (not obstacles(first, second, metric)), metric
    assert found.comparable == (together == SHAPES)
    assert check_folder(folder)[1] == []


def _add(tmp_path, document, model):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document))
    return add_result(path, tmp_path / "boards", Submission(model=model, **SAID))


def test_a_result_on_other_real_clips_is_ranked_apart_and_the_board_says_why(tmp_path, result_document, monkeypatch):
    # The missing 5 % of the reference set chosen by the author: 2.04 becomes 0.55.
    honest = k600(result_document)
    chosen = changed(honest, {"data/reference/sha256": OTHER, "data/reference/coverage": 0.95})
    chosen["metrics"]["fid-i3d-k600"] |= {"value": 0.55, "interval": [0.5, 0.6]}
    _add(tmp_path, honest, "Honest")
    monkeypatch.setattr(placement, "leaderboards_folder", lambda given: tmp_path / "boards")
    lines = placement.placement_lines(Result.model_validate(chosen), load_task("k600-gen").task)
    assert any("fid-i3d-k600: no rank until a reviewer clears: partial-clips" in line for line in lines)
    _add(tmp_path, chosen, "Chosen")
    assert check_folder(tmp_path / "boards")[1] == []
    call_verified(tmp_path / "boards" / "k600-gen.csv")
    groups = [g for g in rank_groups(read_board(tmp_path / "boards", "k600-gen").rows) if g.metric == "fid-i3d-k600"]
    # Nobody can tell whose missing clips were chosen, so neither has a rank until a reviewer knows.
    assert [[(e.rank, e.row.model, e.unranked) for e in group.entries] for group in groups] == [
        [(None, "Honest", "flagged partial-clips")],
        [(None, "Chosen", "flagged partial-clips")],
    ]
    note = "Other real clips than in 1 other group of the same protocol, hence ranked apart"
    assert all(any(note in line for line in group.notes) for group in groups)
    assert as_table(groups).count(note) == 2
    assert note in json.loads(as_json(groups))[0]["notes"][0]
    assert not compare_results(Result.model_validate(honest), Result.model_validate(chosen)).comparable


def test_a_result_on_every_clip_has_no_flag_for_missing_ones(result_document):
    whole = k600(result_document)
    for coverage, flags in ((1.0, ()), (0.999, ("partial-clips",))):
        for split in ("reference", "evaluation"):
            made = changed(whole, {"data/reference/coverage": 1.0, "data/evaluation/coverage": 1.0})
            made["data"][split]["coverage"] = coverage
            assert row_flags(Result.model_validate(made)) == flags


def test_two_files_of_the_published_weights_stand_together(tmp_path, result_document):
    one = k600(result_document)
    other = changed(one, {"networks/i3d-kinetics-600/weights_sha256": "b" * 64})
    found = compare_results(Result.model_validate(one), Result.model_validate(other))
    assert found.comparable
    assert "The files of the weights of i3d-kinetics-600 differ, and both hold the published weights." in found.remarks
    rows = _add(tmp_path, one, "One") + _add(tmp_path, other, "Other")
    assert len({row.group for row in rows if row.metric == "fid-i3d-k600"}) == 1


def test_a_digest_that_is_borrowed_from_no_equal_row_is_a_fault(tmp_path, result_document):
    _add(tmp_path, changed(result_document, SCAN), "A")
    same = changed(result_document, {**SCAN, "data/reference/sha256": OTHER})
    same["metrics"]["fvd-shapes"]["value"] *= 1.02
    _add(tmp_path, same, "B")
    folder = tmp_path / "boards"
    a, b = (row for row in read_board(folder, "shapes-gen").rows if row.metric == "fvd-shapes")
    assert (
        a.reference_sha256 == b.reference_sha256 == real_clips_sha256(Result.model_validate(result_document), a.metric)
    )
    assert check_folder(folder)[1] == []
    # Without the scan it is another set of clips, and the row would only claim the digest.
    unscanned = {**same, "data": {**same["data"], "manifest": "splits"}}
    alone = b.model_copy(update={"reference_sha256": OTHER})
    assert beside_equals(alone, Result.model_validate(unscanned), [a], folder) == alone
    board = folder / "shapes-gen.csv"
    board.write_text(board.read_text().replace(b.reference_sha256, OTHER).replace(b.reference_sha256[:12], OTHER[:12]))
    (fault, *_) = check_folder(folder)[1]
    assert fault.column == "reference_sha256"
