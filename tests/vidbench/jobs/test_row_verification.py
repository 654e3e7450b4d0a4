"""`vidbench leaderboard verify`: what is made again earns its tier, what is not does not, and the log says from what."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tests.task_texts import task_text
from tests.vidbench.leaderboard.test_check import edit
from vidbench.cli.leaderboard import command
from vidbench.errors import InputError
from vidbench.jobs import row_verification
from vidbench.jobs.evaluate import evaluate_model, score_samples
from vidbench.jobs.row_verification import VerifyOptions, verify_row
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import packaged_folder, read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.verification import read_verification, verification_path
from vidbench.progress import Progress
from vidbench.results.schema import Result
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import loading
from vidmetrics.home import home_at

_N = 24
_MODELS = """
import numpy as np

class Model:
    checkpoint_sha256 = {digest!r}
    def __init__(self, seed_of):
        self.seed_of = seed_of
    def sample(self, request):
        clips = []
        for index, seed, label in zip(request.indices, request.seeds, request.labels):
            rng = np.random.default_rng(self.seed_of(int(index), int(seed)))
            noise = rng.integers(0, 80, (request.num_frames, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
            clips.append(noise + 5 * int(label))
        return np.stack(clips).astype(np.uint8)

def honest(checkpoint, task, device):
    return Model(lambda index, seed: seed)

def deaf(checkpoint, task, device):
    return Model(lambda index, seed: index)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a small task that counts as shipped, a module of models, and a result of each and of stored samples."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "tasks").mkdir()
    text = task_text("shapes-gen", num_clips=_N, num_samples=_N, metrics=("fvd-shapes", "is-shapes"))
    (folder / "tasks" / "shapes-gen.toml").write_text(text)
    (folder / "board_models.py").write_text(_MODELS.format(digest=None))
    with pytest.MonkeyPatch.context() as patch, home_at(folder / "home"):
        patch.setattr(loading, "resources", SimpleNamespace(files=lambda package: folder / "tasks"))
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        np.save(folder / "clips.npy", _clips())
        quiet = Progress(enabled=False)
        evaluate_model("board_models:honest", "shapes-gen", RunOptions(output=folder / "honest"), quiet)
        score_samples(folder / "clips.npy", "shapes-gen", RunOptions(output=folder / "scored"), quiet)
        yield folder
    sys.modules.pop("board_models", None)


def _clips():
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 80, (_N, 12, 8, 8, 3)).repeat(4, axis=2).repeat(4, axis=3)
    return (noise + 5 * (np.arange(_N) % 24).reshape(-1, 1, 1, 1, 1)).astype(np.uint8)


@pytest.fixture
def boards(place, tmp_path, monkeypatch):
    """Leaderboards to which results are added."""
    monkeypatch.setattr(loading, "resources", SimpleNamespace(files=lambda package: place / "tasks"))
    monkeypatch.chdir(place)
    return tmp_path / "boards"


def _row(boards, place, name):
    """Add a result and return the id of its first row."""
    said = Submission(model=name, training="train", extra_data="none")
    return add_result(_official(place / name / "result.json"), boards, said)[0].id


def _official(path):
    """Let samples without labels count: how they are marked is tested elsewhere."""
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"official": True, "reasons": []}))
    return path


def _verify(row, boards, tmp_path, *, name="work", **options):
    run = RunOptions(output=tmp_path / name)
    return verify_row(row, boards, VerifyOptions(run=run, **options), Progress(enabled=False))


def _entries(boards):
    groups = rank_groups(read_board(boards, "shapes-gen").rows)
    return {entry.row.id: entry for group in groups for entry in group.entries}


def test_a_model_that_is_made_again_with_drawn_seeds_is_verified_and_ranked(place, boards, tmp_path):
    row = _row(boards, place, "honest")
    assert _entries(boards)[row].rank is None
    outcome = _verify(row, boards, tmp_path, model="board_models:honest", by="A. Reviewer")
    assert (outcome.differing, outcome.log.flags, outcome.log.tier) == ((), (), "verified")
    assert {(entry.row.status, entry.rank) for entry in _entries(boards).values()} == {("verified", 1)}
    assert check_folder(boards)[1] == []
    log = read_verification(verification_path(boards, _entries(boards)[row].row.result_sha256))
    assert len(set(log.drawn_seeds)) == 8
    assert log.seed not in log.drawn_seeds
    assert {len(set(value.drawn)) for value in log.values.values()} == {8}
    assert (log.unchanged, log.by) == (0.0, "A. Reviewer")
    assert all(value.again == value.claimed for value in log.values.values())
    # Replayed, the log gives the same values, and no row changes.
    before = (boards / "shapes-gen.csv").read_bytes()
    again = _verify(row, boards, tmp_path, name="replay", model="board_models:honest", replay=True)
    assert again.log.values == log.values
    assert again.log.drawn_seeds == log.drawn_seeds
    assert (boards / "shapes-gen.csv").read_bytes() == before


def test_samples_that_are_made_again_are_recomputed(place, boards, tmp_path):
    row = _row(boards, place, "scored")
    before = read_board(boards, "shapes-gen").rows
    outcome = _verify(row, boards, tmp_path, samples=place / "clips.npy")
    assert (outcome.differing, outcome.log.tier, outcome.log.drawn_seeds) == ((), "recomputed", ())
    assert {each.status for each in outcome.rows} == {"recomputed"}
    assert [each.model_copy(update={"status": "claimed"}) for each in outcome.rows] == list(before)
    assert check_folder(boards)[1] == []


def _lie(path, tmp_path, metric="fvd-shapes"):
    document = json.loads(_official(path).read_text())
    record = document["metrics"][metric]
    value = record["value"] - (record["value"] - record["floor"]) / 3
    record |= {"value": value, "interval": None}
    changed = tmp_path / "lie.json"
    changed.write_text(json.dumps(document))
    return changed


def test_an_edited_result_is_not_made_again_and_stays_claimed(place, boards, tmp_path):
    add_result(
        _lie(place / "scored" / "result.json", tmp_path),
        boards,
        Submission(model="Lie", training="train", extra_data="none"),
    )
    board = (boards / "shapes-gen.csv").read_bytes()
    row = read_board(boards, "shapes-gen").rows[0].id
    said = [
        "verify",
        row,
        "--leaderboards",
        str(boards),
        "--samples",
        str(place / "clips.npy"),
        "--output",
        str(tmp_path / "w"),
    ]
    done = CliRunner().invoke(command, said)
    assert done.exit_code == 1, done.output
    assert "not made again: fvd-shapes; the rows stay as they were" in done.output
    assert (boards / "shapes-gen.csv").read_bytes() == board
    assert not (boards / "verifications").exists()
    assert check_folder(boards)[1] == []


def _of_other_clips(place):
    document = json.loads((place / "scored" / "result.json").read_text())
    document["data"]["evaluation"]["sha256"] = "0" * 64
    return Result.model_validate(document)


def test_a_row_of_a_paper_is_not_made_again(tmp_path):
    shipped, _ = packaged_folder()
    row = next(row for row in read_board(shipped, "k600-gen").rows if row.status == "reported")
    with pytest.raises(InputError, match=r"was printed in a paper.* measure its model with `vidbench evaluate`"):
        _verify(row.id, shipped, tmp_path)
    assert not (tmp_path / "work").exists()


def test_what_cannot_be_verified_is_refused_in_one_sentence(place, boards, tmp_path, monkeypatch):
    honest, scored = _row(boards, place, "honest"), _row(boards, place, "scored")
    np.save(tmp_path / "others.npy", 255 - _clips())
    for row, options, words in (
        ("hones", {}, "Unknown row 'hones'"),
        (honest, {}, "which is not registered here: give it with --model"),
        (honest, {"samples": place / "clips.npy"}, "names no stored samples: make it again with --model"),
        (scored, {"model": "noise"}, "is of stored samples, whose digest begins with"),
        (scored, {"samples": tmp_path / "others.npy"}, "are not those of"),
        (
            honest,
            {"model": "board_models:deaf", "replay": True},
            r"no stored log to repeat: .* without --replay, which verifies",
        ),
    ):
        with pytest.raises(InputError, match=words) as refusal:
            _verify(row, boards, tmp_path, **options)
        assert str(refusal.value).count("\n") == 0
        assert not (tmp_path / "work").exists()
    with pytest.raises(InputError, match="code of the model 'noise' is not that"):
        _verify(honest, boards, tmp_path, name="noise", model="noise")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="is not empty and holds no verification"):
        _verify(scored, boards, tmp_path, name="thesis", samples=place / "clips.npy")
    (tmp_path / "taken").mkdir()
    for plan, words in (
        ({"result_sha256": "0" * 64}, "holds another verification: choose"),
        (None, "remove .*taken or"),
    ):
        (tmp_path / "taken" / "verification-plan.json").write_text("{" if plan is None else json.dumps(plan))
        with pytest.raises(InputError, match=words):
            _verify(scored, boards, tmp_path, name="taken", samples=place / "clips.npy")
    with monkeypatch.context() as patch:
        patch.setattr(row_verification, "score_samples", lambda *_: (_of_other_clips(place), None))
        with pytest.raises(InputError, match="clips of the split 'test' are not those of"):
            _verify(scored, boards, tmp_path, name="other", samples=place / "clips.npy")
    both = ["verify", scored, "--samples", str(place / "clips.npy"), "--model", "noise", "--leaderboards", str(boards)]
    assert "give one of them" in CliRunner().invoke(command, both).output
    edit(boards / "shapes-gen.csv", 2, retracted="2026-11-30: a mistake")
    with pytest.raises(InputError, match="is retracted"):
        _verify(honest, boards, tmp_path, model="board_models:honest")
    for stored in (boards / "results").iterdir():
        stored.write_text(stored.read_text() + " ")
    with pytest.raises(InputError, match="is missing or was edited"):
        _verify(scored, boards, tmp_path, samples=place / "clips.npy")


def test_an_interrupted_verification_keeps_its_seeds(place, boards, tmp_path, monkeypatch):
    row = _row(boards, place, "honest")

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(row_verification, "_draws", stop)
        with pytest.raises(KeyboardInterrupt):
            _verify(row, boards, tmp_path, model="board_models:honest")
    plan = json.loads((tmp_path / "work" / "verification-plan.json").read_text())
    assert _entries(boards)[row].row.status == "claimed"
    assert list(_verify(row, boards, tmp_path, model="board_models:honest").log.drawn_seeds) == plan["seeds"]


def test_check_holds_tiers_against_their_logs(place, boards, tmp_path):
    row = _row(boards, place, "scored")
    board = boards / "shapes-gen.csv"
    claimed = board.read_bytes()
    _verify(row, boards, tmp_path, samples=place / "clips.npy")
    (log,) = (boards / "verifications").iterdir()
    good, text = board.read_bytes(), log.read_text()

    def faults():
        return [(Path(fault.file).name, fault.row, fault.message) for fault in check_folder(boards)[1]]

    def said(words):
        found = faults()
        assert found, words
        return all(words in message for *_, message in found)

    signature = log.with_name(f"{log.name}.minisig")
    signature.write_text("signed")
    assert faults() == []
    signature.unlink()
    board.write_bytes(claimed)
    assert said("no row of any board has the tier")
    board.write_bytes(good.replace(b",recomputed,", b",verified,"))
    assert said("is 'verified' but its log says 'recomputed'")
    board.write_bytes(good)
    edit(board, 2, model="Another")
    assert said("about another claim")
    board.write_bytes(good)
    document = json.loads(text)
    for path, value, words in (
        (("values", "fvd-shapes", "again"), 1.0, "not the claimed value"),
        (("values", "fvd-shapes", "claimed"), 1.0, "as the claimed value"),
        (("result_sha256",), "0" * 64, "about the result 000000000000"),
        (("flags",), ["seed-ignored"], "which the row does not show"),
        (("unchanged",), 0.5, "lacks the flag 'seed-ignored'"),
        (("tier",), "verified", "its log says 'verified'"),
        (("seconds",), "long", "is not valid at 'seconds'"),
    ):
        changed = json.loads(text)
        *parents, last = path
        inner = changed
        for key in parents:
            inner = inner[key]
        inner[last] = value
        log.write_text(json.dumps(changed))
        assert any(words in message for *_, message in faults()), words
    document |= {"tier": "verified", "drawn_seeds": [1, 2, 3]}
    log.write_text(json.dumps(document))
    board.write_bytes(good.replace(b",recomputed,", b",verified,"))
    assert said("has 3 drawn seeds, and 'verified' needs 8")
    log.unlink()
    assert said("needs a log")


def test_the_other_rows_of_a_board_keep_every_byte(place, boards, tmp_path):
    row = _row(boards, place, "scored")
    _row(boards, place, "honest")
    board = boards / "shapes-gen.csv"
    board.write_bytes(b"\xef\xbb\xbf" + board.read_bytes().replace(b"\n", b"\r\n"))
    before = board.read_bytes().split(b"\r\n")
    _verify(row, boards, tmp_path, samples=place / "clips.npy")
    after = board.read_bytes().split(b"\r\n")
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert changed == [1, 2]
    with board.open(newline="", encoding="utf-8-sig") as file:
        assert [line["status"] for line in csv.DictReader(file)] == ["recomputed", "recomputed", "claimed", "claimed"]
