"""Planted overlaps are found, each by what it is, and nothing else is."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.vidbench.data.leaks.planted import encode, film
from vidbench.data.leaks.search import find_shared
from vidbench.data.leaks.sides import side_of_path
from vidbench.errors import InputError
from vidbench.progress import Progress

QUIET = Progress(enabled=False)
# (actors, room) of each film: 4 and 5 are in the room of 3, as clips of one fixed camera are.
FILMS = {"a0": (0, 0), "a1": (1, 1), "a2": (2, 2), "a3": (3, 3), "a6": (6, 6), "a7": (7, 7), "a8": (8, 8)}


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Seven films, and on the other side a copy of each and four films of its own."""
    root = tmp_path_factory.mktemp("overlap")
    films = {name: film(*drawn) for name, drawn in FILMS.items()}
    for name, clip in films.items():
        encode(root / "A" / f"{name}.mp4", clip)
    still = film(9, 9, 1).repeat(20, axis=0)
    encode(root / "A" / "still.mp4", still)
    b = root / "B"
    b.mkdir()
    shutil.copy(root / "A" / "a0.mp4", b / "renamed.mp4")
    encode(b / "small.mp4", films["a1"], size=32, crf=30)
    encode(b / "large.mp4", films["a2"], size=128, crf=30)
    encode(b / "later.mp4", films["a3"][7:], crf=28)
    encode(b / "slower.mp4", films["a6"][np.arange(24) * 25 // 15], fps=15)
    encode(b / "mirror.mp4", films["a7"][:, :, ::-1], crf=28)
    encode(b / "another-rate.mp4", films["a8"][:30], fps=30)
    encode(b / "still-copy.mp4", still, size=32)
    encode(b / "same-room.mp4", film(4, 3))
    encode(b / "same-room-again.mp4", film(5, 3))
    encode(b / "a1.mp4", film(10, 10))
    encode(b / "still-other.mp4", film(11, 11, 1).repeat(20, axis=0))
    return root


COPIES = {
    ("a0.mp4", "renamed.mp4"): ("same bytes", "same frames"),
    ("a1.mp4", "a1.mp4"): ("same name",),
    ("a1.mp4", "small.mp4"): ("same frames",),
    ("a2.mp4", "large.mp4"): ("same frames",),
    ("a3.mp4", "later.mp4"): ("same frames",),
    ("a6.mp4", "slower.mp4"): ("same frames",),
    ("a7.mp4", "mirror.mp4"): ("mirrored frames",),
    ("a8.mp4", "another-rate.mp4"): ("same frames",),
    ("still.mp4", "still-copy.mp4"): ("same frames",),
}


def test_every_copy_is_found_and_nothing_else(sides):
    found = find_shared(side_of_path(sides / "A"), side_of_path(sides / "B"), "frames", 1, QUIET)
    assert {(pair.a, pair.b): pair.kinds for pair in found.shared} == COPIES
    match_of = {pair.b: pair.match for pair in found.shared}
    assert (match_of["later.mp4"].shift, match_of["later.mp4"].frames) == (-7, 33)
    assert match_of["small.mp4"].shift == match_of["another-rate.mp4"].shift == 0
    assert match_of["still-copy.mp4"].still
    assert match_of["a1.mp4"] is None
    assert (found.counts, found.num_shared, found.not_compared) == ((8, 12), (8, 9), ())
    assert found.counted() == {"same name": 1, "same bytes": 1, "same frames": 7, "mirrored frames": 1}


def test_the_sides_may_be_swapped(sides):
    found = find_shared(side_of_path(sides / "B"), side_of_path(sides / "A"), "frames", 1, QUIET)
    assert {(pair.b, pair.a): pair.kinds for pair in found.shared} == COPIES
    assert {pair.a: pair.match.shift for pair in found.shared if pair.a == "later.mp4"} == {"later.mp4": 7}


def test_names_and_bytes_alone_decode_nothing(sides, monkeypatch):
    monkeypatch.setattr("vidbench.data.leaks.search.thumbnails_of", pytest.fail)
    a, b = side_of_path(sides / "A"), side_of_path(sides / "B")
    assert [pair.kinds for pair in find_shared(a, b, "names", 1, QUIET).shared] == [("same name",)]
    found = find_shared(a, b, "bytes", 1, QUIET)
    assert {(pair.a, pair.b) for pair in found.shared} == {("a0.mp4", "renamed.mp4"), ("a1.mp4", "a1.mp4")}


def test_a_video_that_cannot_be_read_is_reported(sides, tmp_path):
    shutil.copy(sides / "A" / "a0.mp4", tmp_path / "whole.mp4")
    (tmp_path / "cut.mp4").write_bytes((sides / "A" / "a1.mp4").read_bytes()[:3000])
    found = find_shared(side_of_path(sides / "A"), side_of_path(tmp_path), "frames", 1, QUIET)
    assert [(pair.a, pair.b) for pair in found.shared] == [("a0.mp4", "whole.mp4")]
    assert [unread.name for unread in found.not_compared] == ["cut.mp4"]
    assert "cut.mp4" in found.not_compared[0].reason


def test_lists_share_names_and_recordings(tmp_path):
    (tmp_path / "k600.csv").write_text(
        "label,youtube_id,time_start,time_end,split\nx,abcdefghijk,10,20,val\nx,lmnopqrstuv,0,10,val\nx,00000000000,5,15,val\n"
    )
    (tmp_path / "k700.txt").write_text(
        "train/y/abcdefghijk_000010_000020.mp4\ntrain/y/lmnopqrstuv_000004_000014.mp4\ntrain/y/wxyzwxyzwxy_000000_000010.mp4\n"
    )
    a, b = side_of_path(tmp_path / "k600.csv"), side_of_path(tmp_path / "k700.txt")
    found = find_shared(a, b, "names", 1, QUIET)
    assert [(pair.a, pair.kinds, pair.seconds) for pair in found.shared] == [
        ("abcdefghijk_000010_000020", ("same name",), 10),
        ("lmnopqrstuv_000000_000010", ("same recording",), 6),
    ]
    with pytest.raises(InputError, match="names but no videos, so frames cannot be compared: add --by names"):
        find_shared(a, b, "frames", 1, QUIET)


def test_lists_of_ucf101_differ_in_capitals_and_share_groups(tmp_path):
    (tmp_path / "train.txt").write_text("HandstandPushups/v_HandstandPushups_g08_c01.avi 37\nA/v_A_g09_c01.avi 1\n")
    (tmp_path / "test.txt").write_text("A/v_HandStandPushups_g08_c01.avi\nA/v_A_g09_c04.avi\nA/v_A_g10_c01.avi\n")
    sides = side_of_path(tmp_path / "train.txt"), side_of_path(tmp_path / "test.txt")
    kinds = [pair.kinds for pair in find_shared(*sides, "names", 1, QUIET).shared]
    assert sorted(kinds) == [("same name",), ("same recording",)]


def test_a_list_that_names_nothing_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("path,label\n")
    with pytest.raises(InputError, match="names no video"):
        side_of_path(tmp_path / "empty.csv")
