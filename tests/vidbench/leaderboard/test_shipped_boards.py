"""The shipped leaderboards: no row lost, no change without a record, known pitfalls marked."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.rows import group_parts, has_locator, problems

ROOT = Path(__file__).resolve().parents[3]
BOARDS = ROOT / "leaderboards"
# Columns that were read from the published tables, and their names there.
_PUBLISHED_COLUMNS = {
    name: name
    for name in ("model", "metric", "value", "frames", "resolution", "setting", "paper", "arxiv", "confidence", "year")
}
_PUBLISHED_COLUMNS |= {"spread": "stderr", "context_frames": "cond_frames"}
_WORDS = ("setting", "paper")
PUBLISHED = ("bair-pred", "k600-gen", "k600-pred", "ucf101-gen")
# Boards that began with rows of ours, read one by one.
READ_HERE = ("ffs-gen", "sky-gen", "taichi-gen")


def test_the_shipped_leaderboards_pass_their_check():
    boards, findings = check_folder(BOARDS)
    assert [str(finding) for finding in findings] == []
    assert set(PUBLISHED) <= {board.name for board in boards}
    assert sum(row.status == "reported" for board in boards for row in board.rows) == 364


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_row_is_there_as_it_was_read(name):
    source = Path(os.environ.get("VIDBENCH_SHARED") or ROOT.parent / "shared") / "facts" / "published" / f"{name}.csv"
    if not source.is_file():
        pytest.skip(f"the published tables are not here: no {source} (set VIDBENCH_SHARED)")

    with source.open(newline="") as file:
        published = list(csv.DictReader(file))
    with (BOARDS / f"{name}.csv").open(newline="") as file:
        ours = [row for row in csv.DictReader(file) if row["status"] == "reported"]
    # Rows that were not in the tables follow; nothing is left out.
    for row, original in zip(ours, published, strict=False):
        corrected = {name for name in _PUBLISHED_COLUMNS if row[name] != original[_PUBLISHED_COLUMNS[name]].strip()}
        for name in corrected:
            change = f"{name} {original[_PUBLISHED_COLUMNS[name]] or 'empty'} -> {row[name] or 'empty'}"
            assert change in row["correction"] or (name in _WORDS and "setting: " in row["correction"]), (
                row["id"],
                name,
            )
        assert row["value"] == original["value"].strip()
        assert row["metric"] == original["metric"].strip()
    assert len(ours) >= len(published)
    assert all(row["correction"] == "" for row in ours[len(published) :])


def test_every_published_number_has_a_locator_or_is_of_low_confidence():
    for name in (*PUBLISHED, *READ_HERE):
        for row in read_board(BOARDS, name).rows:
            assert has_locator(row) or row.confidence in ("low", "unconfirmed"), row.id


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("MAGVIT full text Table 2", True),
        ("DanBmh/OpenCodePapers: dataset/benchmarks/video-generation-on-ucf-101.json", True),
        ("universome/stylegan-v: issue 26", True),
        ("https://example.org/paper", True),
        ("full text of the paper", False),
        ("not recorded", False),
        ("OpenCodePapers BAIR boards", False),
        ("train/test", False),
    ],
)
def test_what_a_reader_can_follow(source, found):
    row = read_board(BOARDS, "bair-pred").rows[0].model_copy(update={"table": "", "source": source})
    assert has_locator(row) is found
    assert ("confidence" in {column for column, _ in problems(row)}) is not found


def test_rows_that_their_source_contradicted_say_what_it_says():
    wam = _find("bair-pred", value=159.6)
    assert (wam.frames, wam.context_frames) == (30, 2)
    cogvideo, regis = _find("ucf101-gen", value=305.0), _find("ucf101-gen", value=141.0)
    assert (cogvideo.resolution, cogvideo.conditioning, _find("ucf101-gen", value=51.11).metric) == (
        "128x128",
        "class",
        "IS(C3D)",
    )
    assert (regis.resolution, regis.conditioning) == ("128x128", "text")
    dvg = _find("bair-pred", value=120.03)
    assert (dvg.frames, dvg.context_frames, dvg.confidence) == (None, None, "low")
    assert "14 predicted" in _find("bair-pred", value=131.0).setting
    for board, value in (("bair-pred", 99.3), ("ucf101-gen", 50.0), ("bair-pred", 65.2), ("ucf101-gen", 48.0)):
        assert _find(board, value=value).confidence == "low"


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
    for name in (*PUBLISHED, *READ_HERE):
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
    for name in (*PUBLISHED, *READ_HERE):
        for row in read_board(BOARDS, name).rows:
            assert row.source
            assert not any(word.isdigit() and len(word) > 8 for word in row.source.replace(";", " ").split())
