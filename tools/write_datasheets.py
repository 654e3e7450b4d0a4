"""Write the pages of the data sheets and of how to get each dataset, docs/datasheets and docs/datasets: ``python tools/write_datasheets.py``."""

from __future__ import annotations

from pathlib import Path

from vidbench.tasks.datasheets import sheet_names, sheet_page
from vidbench.tasks.datasheets.guides import guide_names, guide_page

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main() -> None:
    """Write ``docs/datasheets/NAME.md`` for each data sheet, and ``docs/datasets/NAME.md`` for each guide."""
    for folder, names, page in (("datasheets", sheet_names, sheet_page), ("datasets", guide_names, guide_page)):
        (DOCS / folder).mkdir(exist_ok=True)
        for name in names():
            path = DOCS / folder / f"{name}.md"
            path.write_text(page(name), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
