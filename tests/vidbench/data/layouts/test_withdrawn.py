"""The list of withdrawn videos: what it may hold, and that a withdrawn video stays listed and is never read."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from vidbench.data.layouts import withdrawn
from vidbench.data.layouts.listing import Listing, VideoFile

NAME = "-v000000002_000000_000004"
ENTRY = f"""
[[withdrawn]]
datasets = ["kinetics-600", "kinetics"]
name_sha256 = "{withdrawn.name_sha256(NAME)}"
date = "2026-12-01"
asked_by = "person shown"
"""


def _listing():
    names = ("-v000000001_000000_000004", NAME)
    sources = {name: VideoFile(Path(f"val/{name}.mp4")) for name in names}
    return Listing(
        "kinetics-600", ("a", "b"), {names[0]: 0, names[1]: 1, "lost": 0}, sources, "list", unused={"hidden": 1}
    )


def test_the_shipped_list_is_valid_and_empty():
    assert withdrawn.withdrawals(withdrawn.LIST) == ()
    listing = _listing()
    assert withdrawn.without_withdrawn("kinetics-600", listing) is listing


def test_a_withdrawn_video_stays_on_the_list_and_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "withdrawn.toml"
    path.write_text(ENTRY)
    monkeypatch.setattr(withdrawn, "LIST", path)
    before, after = _listing(), withdrawn.without_withdrawn("kinetics-600", _listing())
    assert list(after.labels) == list(before.labels)
    assert (list(after.sources), after.missing) == (["-v000000001_000000_000004"], (NAME, "lost"))
    assert after.withdrawn == {NAME: Path(f"val/{NAME}.mp4")}
    assert after.unused == {"hidden": 1, "withdrawn": 1}
    assert (before.coverage, after.coverage) == (2 / 3, 1 / 3)
    # Of a dataset that the entry does not name, the same name is another video.
    assert withdrawn.without_withdrawn("folder", _listing()).withdrawn == {}
    # The list names nobody: neither the video nor who asked.
    assert NAME not in path.read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"person shown"', '"Jane Roe"'),
        ("2026-12-01", "last week"),
        ("kinetics-600", "kinetics-800"),
        (withdrawn.name_sha256(NAME), NAME),
        ("datasets = ", "dataset = "),
    ],
    ids=["a name", "a date", "a dataset", "no digest", "a key"],
)
def test_an_entry_that_would_do_nothing_or_name_somebody_is_an_error(old, new, tmp_path):
    path = tmp_path / "withdrawn.toml"
    path.write_text(ENTRY.replace(old, new))
    with pytest.raises((ValidationError, ValueError)):
        withdrawn.withdrawals(path)
