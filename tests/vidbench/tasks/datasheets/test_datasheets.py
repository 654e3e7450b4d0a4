"""The data sheets: one for each dataset of a shipped task, its page as written from it, and every source that it refers to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vidbench.tasks import load_task, task_names
from vidbench.tasks.datasets import DATASETS
from vidbench.tasks.datasheets import RAI_TERMS, rai_statements, sheet_name, sheet_names, sheet_page

_ROOT = Path(__file__).resolve().parents[4]


def test_every_dataset_of_a_shipped_task_has_a_sheet_and_a_folder_of_ones_own_has_none():
    used = {load_task(name).task.data.dataset for name in task_names()}
    assert {sheet_name(dataset) for dataset in used} == set(sheet_names())
    assert [dataset for dataset in DATASETS if sheet_name(dataset) is None] == ["kinetics", "folder"]
    assert rai_statements("folder") == {}
    for dataset in used:
        assert set(rai_statements(dataset)) == set(RAI_TERMS)
        assert all(rai_statements(dataset).values())


@pytest.mark.parametrize("name", sheet_names())
def test_pages_are_those_of_the_sheets_and_figures_have_their_sources(name):
    page = _ROOT / "docs" / "datasheets" / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    assert text == sheet_page(name), "run `python tools/write_datasheets.py`"
    said, _, sources = text.partition("## Sources")
    cited = {int(number) for number in re.findall(r"\[(\d+)\](?!\()", said)}
    assert cited <= set(range(1, 1 + len(re.findall(r"^\d+\. ", sources, re.MULTILINE))))
    assert cited or name == "shapes"
    for question in ("licence", "Who is in the clips", "taken down", "decay", "store"):
        assert re.search(f"^## .*{question}", said, re.MULTILINE)
    assert f"(datasheets/{name}.md)" in (_ROOT / "docs" / "data.md").read_text(encoding="utf-8")
