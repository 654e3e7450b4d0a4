"""Every figure of the table of effects is in the file that it names."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from vidbench.tasks.differences.compared_fields import FIELDS
from vidbench.tasks.differences.effects import EFFECTS, effects_of
from vidbench.tasks.differences.metric_terms import metric_terms
from vidmetrics.catalog.conventions import CONVENTIONS

ROOT = Path(__file__).resolve().parents[4]
FIGURES = sorted({figure for effects in EFFECTS.values() for effect in effects for figure in effect.figures}, key=str)


def holds(figure, root=ROOT):
    """Whether the named place of a file has the figure, with the decimals that it is printed with."""
    file = root / figure.file
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        value = json.loads(text)
        for key in figure.place.split("."):
            value = value[key]
        return figure.text == f"{value:.{len(figure.text.partition('.')[2])}f}"
    if file.suffix == ".csv":
        (row,) = [row for row in csv.DictReader(text.splitlines()) if row["id"] == figure.place]
        return float(row["value"]) == float(figure.text)
    section = text.partition(f"## {figure.place}\n")[2].partition("\n## ")[0]
    return bool(re.search(rf"(?<![\d.+-]){re.escape(figure.text)}(?![\d.])", section))


@pytest.mark.parametrize("file", sorted({figure.file for figure in FIGURES}))
def test_every_figure_is_where_it_is_said_to_be(file):
    here = [figure for figure in FIGURES if figure.file == file]
    assert here
    assert [figure for figure in here if not holds(figure)] == []


def test_a_figure_that_nobody_measured_is_found():
    found = [figure for figure in FIGURES if holds(type(figure)(figure.text + "7", figure.file, figure.place))]
    assert found == []


def test_the_page_of_unwritten_choices_has_the_figures_that_were_measured():
    page = (ROOT / "docs" / "what-the-code-does.md").read_text(encoding="utf-8")
    measured = json.loads((ROOT / "docs" / "unwritten.json").read_text(encoding="utf-8"))["entries"]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    assert [row[0].strip("`") for row in rows] == list(measured)
    for name, _, *values in rows:
        figures = measured[name.strip("`")].values()
        assert values == [f"{each['mean']:.3f} ± {each['sd']:.3f}" for each in figures]
        assert page.count(name) >= 2, f"{name} is measured and not explained"


def test_every_entry_is_of_a_field_a_term_or_a_convention():
    terms = {term.title for one in CONVENTIONS for other in CONVENTIONS for term in metric_terms(one, other)}
    terms |= {term.title for term in metric_terms("is-i3d-k600", "fid-i3d-k600")} | {"network", "splits"}
    assert set(EFFECTS) <= {field.title for field in FIELDS} | terms | set(CONVENTIONS)
    for effects in EFFECTS.values():
        for effect in effects:
            assert effect.words.count("{}") == len(effect.figures) > 0
            assert effect.measured_on
            assert effect.sources


def test_an_effect_is_told_of_its_own_change_and_dataset_only():
    def texts(title, values, dataset):
        return " ".join(effect.text for effect in effects_of(title, values, (dataset, dataset)))

    assert "69.15" in texts("reference split", ("test", "train"), "kinetics-600")
    assert "69.15" not in texts("reference split", ("test", "train"), "ucf101")
    assert "69.15" not in texts("reference split", ("all", "train"), "kinetics-600")
    assert "77.7" in texts("reference split", ("val", "train"), "kinetics-600")
    assert "62" in texts("windows of the reference set", (("first", "once", 1), ("all", "once", 15)), "bair-image-aux1")
    assert texts("windows of the reference set", (("uniform", "once", 1), ("even", "once", 2)), "kinetics-600") == ""
    assert texts("crop", ("none", "center"), "kinetics-600") == ""
    assert "15.0" in texts("crop", (("center", False), ("center", True)), "ucf101")
    assert "13.72" in texts("stride of the reference set", ((1, None), (3, None)), "ucf101")
    assert "13.72" not in texts("stride of the reference set", ((1, None), (2, None)), "ucf101")
    assert "6.71" in texts("order of the reference set", (("seed", 1, False), ("name", 1, False)), "ucf101")
    assert texts("order of the reference set", (("balanced", 1, False), ("name", 1, False)), "ucf101") == ""
    small, large = "tf1-bilinear to 224x224", "tf1-bilinear to 64x64, then tf1-bilinear to 224x224"
    assert "-1.11 %" in texts("resize to the network", (large, small), "ucf101")
    assert "+1.15 %" not in texts("resize to the network", (large, small), "ucf101")
