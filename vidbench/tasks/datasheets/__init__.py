"""A data sheet for each dataset of the shipped tasks, ``sheets.toml``, as a page and as statements of Croissant's RAI vocabulary."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmetrics.formats.documents import parse_toml

RAI_VERSION = "http://mlcommons.org/croissant/RAI/1.0"

RAI_TERMS: Mapping[str, str] = {
    "rai:dataCollection": "collection",
    "rai:dataCollectionType": "collection_type",
    "rai:dataCollectionRawData": "raw",
    "rai:dataCollectionMissingData": "decay",
    "rai:dataPreprocessingProtocol": "preprocessing",
    "rai:dataAnnotationProtocol": "annotation",
    "rai:personalSensitiveInformation": "people",
    "rai:dataUseCases": "uses",
    "rai:dataBiases": "biases",
    "rai:dataLimitations": "limitations",
    "rai:dataSocialImpact": "impact",
    "rai:dataReleaseMaintenancePlan": "maintenance",
}
"""Terms of the responsible-AI vocabulary 1.0, and the statement of a data sheet that each takes."""

_QUESTIONS = (
    ("For what purpose was it made, and by whom?", ("purpose", "made_by")),
    ("What is in it?", ("composition", "raw")),
    ("How was it collected?", ("collection", "annotation")),
    ("Who is in the clips?", ("people",)),
    ("Under which licence?", ("licence",)),
    ("How is a clip taken down?", ("takedown", "publisher_takedown")),
    ("Does it change or decay?", ("decay",)),
    ("What does vidbench store of it?", ("stored",)),
    ("How is it prepared, and what is it used for?", ("preprocessing", "uses")),
    ("What are its biases and limitations?", ("biases", "limitations")),
    ("What may its use do to people?", ("impact",)),
    ("Who maintains it?", ("maintenance",)),
)


@functools.cache
def _sheets() -> dict[str, dict[str, Any]]:
    tables = parse_toml(Path(__file__).with_name("sheets.toml").read_bytes())
    common = tables.pop("common")
    return {name: {**common, **table} for name, table in tables.items()}


def sheet_names() -> list[str]:
    """Return the names of the data sheets, which are those of their pages in docs/datasheets."""
    return list(_sheets())


def sheet_entry(name: str) -> Mapping[str, Any]:
    """Return the statements of a data sheet, by key."""
    return _sheets()[name]


def sheet_name(dataset: str) -> str | None:
    """Return the name of a dataset's data sheet; None for a folder of the user's own, about which nothing is known.

    Args:
        dataset: ``data.dataset`` of a task.
    """
    return next((name for name, sheet in _sheets().items() if dataset in sheet["datasets"]), None)


def rai_statements(dataset: str) -> dict[str, str | list[str]]:
    """Return what a data sheet says in the responsible-AI vocabulary, by term; empty for a dataset without a sheet."""
    name = sheet_name(dataset)
    if name is None:
        return {}
    sheet = _sheets()[name]
    return {term: sheet[key] for term, key in RAI_TERMS.items()}


def sheet_page(name: str) -> str:
    """Return a data sheet as Markdown."""
    sheet = _sheets()[name]
    lines = [
        f"# {sheet['title']}: data sheet",
        "",
        "After the questions of Gebru et al. ([arXiv 1803.09010](https://arxiv.org/abs/1803.09010)). Written by",
        "`tools/write_datasheets.py` from `vidbench/tasks/datasheets/sheets.toml`; numbers in brackets are the sources at the end.",
    ]
    for question, keys in _QUESTIONS:
        lines += ["", f"## {question}"]
        said = [sheet[key] for key in keys if sheet[key]]
        listed = [each for item in said if isinstance(item, list) for each in item]
        lines += [line for item in said if not isinstance(item, list) for line in ("", item)]
        lines += ["", *(f"- {each}" for each in listed)] if listed else []
    lines += ["", "## Sources", "", *(f"{number}. {each}" for number, each in enumerate(sheet["sources"], 1))]
    return "\n".join(lines) + "\n"
