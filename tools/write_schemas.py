"""Write the published JSON schemas from the records they describe: ``python tools/write_schemas.py``."""

from __future__ import annotations

import json
from pathlib import Path

from vidbench.results import json_schema

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main() -> None:
    """Write ``docs/result.schema.json``."""
    path = DOCS / "result.schema.json"
    path.write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
