"""The shipped leaderboards: no row lost, no change without a record, known pitfalls marked."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.rows import group_parts

ROOT = Path(__file__).resolve().parents[3]
BOARDS = ROOT / "leaderboards"
PUBLISHED = ("bair-pred", "k600-gen", "k600-pred", "ucf101-gen")


def test_the_shipped_leaderboards_pass_their_check():
    boards, findings = check_folder(BOARDS)
    assert [str(finding) for finding in findings] == []
    assert set(PUBLISHED) <= {board.name for board in boards}
    assert sum(row.status == "reported" for board in boards for row in board.rows) == 309


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_row_is_there_as_it_was_read(name):
    source = Path(os.environ.get("VIDBENCH_SHARED") or ROOT.parent / "shared") / "facts" / "published" / f"{name}.csv"
    if not source.is_file():
        pytest.skip(f"the published tables are not here: no {source} (set VIDBENCH_SHARED)")

    def key(row, spread, given):
        cells = (row["model"], row["metric"], row["value"], row[spread], row["frames"], row[given], row["resolution"])
        return tuple(cell.strip() for cell in (*cells, row["setting"], row["paper"], row["arxiv"], row["confidence"]))

    with source.open(newline="") as file:
        published = list(csv.DictReader(file))
    with (BOARDS / f"{name}.csv").open(newline="") as file:
        ours = [row for row in csv.DictReader(file) if row["status"] == "reported"]
    theirs = Counter(key(row, "stderr", "cond_frames") for row in published)
    assert Counter(key(row, "spread", "context_frames") for row in ours) == theirs
    for row, original in zip(ours, published, strict=True):
        assert row["year"] == original["year"] or f"year {original['year']} -> {row['year']}" in row["correction"]


def _find(board, **wanted):
    found = [row for row in read_board(BOARDS, board).rows if all(getattr(row, k) == v for k, v in wanted.items())]
    assert len(found) == 1, [row.id for row in found]
    return found[0]


def test_the_known_copy_errors_are_marked():
    headline = _find("k600-pred", value=69.15)
    assert (headline.spread, headline.errors) == (1.16, ("copied-spread",))
    assert _find("k600-pred", value=68.66).spread == 0.78
    synthesis = _find("k600-pred", value=31.1)
    assert synthesis.errors == ("synthesis-as-prediction",)
    assert synthesis.conditioning == "class"
    assert _find("k600-gen", value=31.1).errors == ("synthesis-as-prediction",)
    for board, value in (("k600-pred", 59.55), ("ucf101-gen", 545.0)):
        assert _find(board, value=value).reference == "reconstructions"
    for value in (66.92, 68.19):
        assert _find("bair-pred", value=value).camera == "image-main"


def test_no_group_mixes_what_cannot_be_compared():
    for name in PUBLISHED:
        groups = rank_groups(read_board(BOARDS, name).rows)
        for group in groups:
            assert len({tuple(group_parts(entry.row).items()) for entry in group.entries}) == 1, group.name
        assert sum(len(group.entries) for group in groups) == len(read_board(BOARDS, name).rows)
    by_row = {
        entry.row.id: group.name
        for group in rank_groups(read_board(BOARDS, "bair-pred").rows)
        for entry in group.entries
    }
    # 62 against 256 real clips and 31 against 3,840 are the same samples.
    assert by_row["magvit-l-fp-fvd"] != by_row["magvit-l-fp-debiased-fvd"]
    assert by_row["vdm-langevin-fvd"] != by_row["fitvid-fvd"]


def test_real_data_is_shown_and_not_ranked():
    groups = rank_groups(read_board(BOARDS, "ucf101-gen").rows)
    real = [entry for group in groups for entry in group.entries if entry.row.role == "real-data"]
    assert {entry.row.value for entry in real} == {60.2, 90.0, 97.0}
    assert all(entry.rank is None for entry in real)


def test_no_source_names_a_number_only_we_could_look_up():
    for name in PUBLISHED:
        for row in read_board(BOARDS, name).rows:
            assert row.source
            assert not any(word.isdigit() and len(word) > 8 for word in row.source.replace(";", " ").split())
