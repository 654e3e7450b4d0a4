"""The short pages of the datasets: one for each data sheet, as written from ``guides.toml``, with sources that exist."""

from __future__ import annotations

import re
from pathlib import Path

from vidbench.tasks.datasheets import sheet_entry, sheet_names
from vidbench.tasks.datasheets.guides import guide_names, guide_page

_DOCS = Path(__file__).resolve().parents[4] / "docs"


def test_every_data_sheet_has_a_page_that_is_current():
    assert set(guide_names()) == set(sheet_names()), "add the dataset to guides.toml"
    for name in guide_names():
        text = (_DOCS / "datasets" / f"{name}.md").read_text(encoding="utf-8")
        assert text == guide_page(name), "run `python tools/write_datasheets.py`"
        for part in ("How to get it", "Licence", "Size", "What goes wrong"):
            assert f"**{part}" in text
        cited = {int(number) for number in re.findall(r"\[(\d+)\](?!\()", text)}
        assert cited <= set(range(1, 1 + len(sheet_entry(name)["sources"])))
    assert {path.stem for path in (_DOCS / "datasets").iterdir()} == set(guide_names())
