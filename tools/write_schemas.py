"""Generate the published JSON schemas from the records they describe: ``python tools/write_schemas.py``."""

from __future__ import annotations

import json
from pathlib import Path

from vidbench.results.schema import json_schema
from vidbench.samples.export_folder import ExportManifest
from vidbench.samples.manifest import SamplesManifest

DOCS = Path(__file__).resolve().parent.parent / "docs"
SCHEMAS = {
    "result": json_schema,
    "samples": SamplesManifest.model_json_schema,
    "export": ExportManifest.model_json_schema,
}


def main() -> None:
    """Write ``docs/NAME.schema.json`` for each record."""
    for name, schema in SCHEMAS.items():
        path = DOCS / f"{name}.schema.json"
        path.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
