"""A short page for each dataset, ``guides.toml``: how to get it, licence, size, what goes wrong."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from vidbench.tasks.datasheets import sheet_entry
from vidmetrics.formats.documents import parse_toml


@functools.cache
def _guides() -> dict[str, dict[str, Any]]:
    return parse_toml(Path(__file__).with_name("guides.toml").read_bytes())


def guide_names() -> list[str]:
    """Return the names of the pages, which are those of data sheets."""
    return list(_guides())


def guide_page(name: str) -> str:
    """Return the page of a dataset as Markdown."""
    guide, sheet = _guides()[name], sheet_entry(name)
    datasets = " or ".join(f"`{dataset}`" for dataset in sheet["datasets"])
    return "\n".join(
        [
            f"# {sheet['title']}",
            "",
            f"`data.dataset` is {datasets}; layout: [{guide['layout'].partition('#')[0]}](../{guide['layout']}); its protocols: [the atlas](../atlas.md).",
            f"Numbers in brackets are the sources of the [data sheet](../datasheets/{name}.md#sources), which also says who is shown and how a clip is taken down.",
            "Written by `tools/write_datasheets.py` from `vidbench/tasks/datasheets/guides.toml`.",
            "",
            f"**How to get it.** {guide['get']}",
            "",
            f"**Licence.** {sheet['licence']}",
            "",
            f"**Size.** {guide['size']}",
            "",
            "**What goes wrong**",
            "",
            *(f"- {each}" for each in guide["wrong"]),
            "",
        ]
    )
