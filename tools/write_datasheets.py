"""Write the pages of the data sheets, docs/datasheets, from vidbench/tasks/datasheets/sheets.toml: ``python tools/write_datasheets.py``."""

from __future__ import annotations

from pathlib import Path

from vidbench.tasks.datasheets import sheet_names, sheet_page

PAGES = Path(__file__).resolve().parent.parent / "docs" / "datasheets"


def main() -> None:
    """Write ``docs/datasheets/NAME.md`` for each data sheet."""
    PAGES.mkdir(exist_ok=True)
    for name in sheet_names():
        path = PAGES / f"{name}.md"
        path.write_text(sheet_page(name), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
