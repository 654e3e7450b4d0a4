"""Every known way to a false row, at a small number of samples: none ends ranked without a flag, and the honest model does.

`python -m tests.attacks` runs the same at full size and prints a table.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from tests.attacks import clips
from tests.attacks.board import attacked_board
from vidbench.errors import InputError
from vidbench.jobs.evaluate import score_samples
from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.rows import group_of
from vidbench.leaderboard.verification import read_verification
from vidbench.progress import Progress
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import loading
from vidmetrics.sealed import read_content, sealed_tensors, unsealed_tensors

_COUNT = 96
"""Samples: four of each class, as many as the panel judges."""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with attacked_board(tmp_path_factory.mktemp("attacks"), _COUNT) as found:
        yield found


@pytest.fixture(scope="module")
def honest(board):
    """The row of the true generator, in the best tier."""
    board.added(board.evaluated("honest"), "Honest")
    board.in_the_best_tier(board.row_of("Honest"))
    return board.row_of("Honest")


def test_the_honest_model_ends_ranked(board, honest):
    fate = board.fate(honest)
    assert (fate.status, fate.flags, fate.rank) == ("verified", (), 1)


@pytest.mark.parametrize("attack", ["held_out", "training", "noisy_training", "blurred_training"])
def test_clips_of_the_task_are_flagged_whatever_their_tier(board, honest, attack):
    board.added(board.scored(attack, getattr(clips, attack)(_COUNT)), attack)
    fate = board.in_the_best_tier(board.row_of(attack))
    assert (fate.status, fate.rank) == ("verified", None)
    assert fate.flags


def test_clips_shuffled_across_labels_are_flagged(board, honest):
    board.added(board.scored("shuffled", clips.shuffled(_COUNT)), "shuffled")
    fate = board.in_the_best_tier(board.row_of("shuffled"))
    assert (fate.rank, "label-agreement" in fate.flags) == (None, True)


def test_true_futures_handed_in_as_predictions_are_flagged(board):
    board.added(board.evaluated("futures", "shapes-pred"), "futures")
    fate = board.in_the_best_tier(board.row_of("futures"))
    assert (fate.rank, "true-futures" in fate.flags) == (None, True)


def test_stills_that_were_optimised_on_the_network_are_flagged(board, honest):
    assert clips.scaled_as_the_network_does(clips.stills(2))
    plain = board.added(board.scored("stills", clips.stills(_COUNT)), "stills")
    optimised = clips.optimised_stills(_COUNT)
    assert np.abs(optimised.astype(int) - clips.stills(_COUNT)).max() <= 8
    assert board.added(board.scored("optimised", optimised), "optimised").value < plain.value / 2
    fate = board.in_the_best_tier(board.row_of("optimised"))
    assert fate.rank is None
    assert fate.flags


def test_statistics_of_ones_own_are_refused(board, tmp_path, monkeypatch):
    from tests.abuse.fuzz.parsers import PARSERS

    monkeypatch.setattr(loading, "resources", resources)
    # Sound in every respect, for the shipped task.
    (tmp_path / "own.safetensors").write_bytes(PARSERS["statistics"].samples(Path())[1])
    options = RunOptions(output=tmp_path / "out", reference=tmp_path / "own.safetensors")
    np.save(tmp_path / "clips.npy", clips.stills(_COUNT))
    with pytest.raises(InputError, match="are embedded, so that its reference statistics are always computed"):
        score_samples(tmp_path / "clips.npy", "shapes-gen", options, Progress(enabled=False))


def test_an_edited_result_stays_claimed(board, honest):
    result = board.scored("edited", clips.stills(_COUNT))
    document = json.loads(result.read_text())
    floor = document["metrics"]["fvd-shapes"]["floor"]
    document["metrics"]["fvd-shapes"] |= {"value": 1.5 * floor, "interval": [floor, 2 * floor]}
    result.write_text(json.dumps(document))
    board.added(result, "edited")
    row = board.row_of("edited")
    assert not board.verified(row, samples=board.folder / "edited.npz")
    assert (board.fate(row).status, board.fate(row).rank) == ("claimed", None)


def _outputs(shard):
    return set(unsealed_tensors(read_content(shard))[0])


def test_overwritten_feature_shards_stay_claimed(board, honest):
    # The features of honest clips, sealed again as those of stills: what was stored is not measured again by the author.
    good = board.scored("generous", clips.fresh(_COUNT)).parent / "features"
    before = board.scored("shards", clips.stills(_COUNT))
    first = json.loads(before.read_text())["metrics"]["fvd-shapes"]["value"]
    for mine in (before.parent / "features").rglob("features-*"):
        tensors, fields = unsealed_tensors(read_content(mine))
        alike = [path for path in sorted(good.rglob(mine.name)) if _outputs(path) == set(tensors)]
        mine.write_bytes(sealed_tensors(unsealed_tensors(read_content(alike[0]))[0], fields))
    before.unlink()
    board.added(board.scored("shards", clips.stills(_COUNT)), "shards")
    row = board.row_of("shards")
    assert board.fate(row).value < first / 10
    assert not board.verified(row, samples=board.folder / "shards.npz")
    assert (board.fate(row).status, board.fate(row).rank) == ("claimed", None)


def test_a_model_that_ignores_the_seeds_is_flagged(board, honest):
    board.added(board.evaluated("chosen"), "chosen")
    row = board.row_of("chosen")
    assert board.verified(row, model="attack_models:chosen")
    fate = board.fate(row)
    assert (fate.status, fate.flags, fate.rank) == ("verified", ("seed-ignored",), None)
    (log,) = (board.boards / "verifications").iterdir()
    assert read_verification(log).unchanged == 1.0


def test_an_order_within_classes_does_not_narrow_the_interval(board):
    fresh = clips.fresh(_COUNT)
    by_brightness = np.argsort(fresh.mean(axis=(1, 2, 3, 4)), kind="stable")
    ordered = np.empty_like(fresh)
    for label in range(24):
        ordered[label::24] = fresh[[i for i in by_brightness if i % 24 == label]]
    one = board.added(board.scored("given-order", fresh), "given order")
    other = board.added(board.scored("chosen-order", ordered), "chosen order")
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert one.interval is not None
    assert other.interval == pytest.approx(one.interval, rel=0.1)


def test_a_part_of_the_reference_set_that_its_author_chose_is_compared_with_nobody(board, honest):
    (row,) = [each for each in read_board(board.boards, "shapes-gen").rows if each.id == honest]
    chosen = row.model_copy(update={"id": "chosen-clips", "value": row.value / 3, "reference_sha256": "0" * 64})
    chosen = chosen.model_copy(update={"group": group_of(chosen)})
    groups = rank_groups([row, chosen])
    assert [[entry.row.id for entry in group.entries] for group in groups] in (
        [[honest], [chosen.id]],
        [[chosen.id], [honest]],
    )
