"""Write the table of all protocols, docs/atlas.md, from the task files: ``python tools/write_atlas.py``."""

from __future__ import annotations

from pathlib import Path

from vidbench.tasks import load_task, task_names
from vidbench.tasks.atlas import atlas_page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "atlas.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(atlas_page(load_task(name).task for name in task_names()), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
