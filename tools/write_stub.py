"""Write the functions of the metrics into ``vidmetrics/__init__.pyi``: ``python tools/write_stub.py``."""

from __future__ import annotations

from pathlib import Path

from vidmetrics.catalog.definitions import METRICS, function_ids

STUB = Path(__file__).resolve().parent.parent / "metrics" / "vidmetrics" / "__init__.pyi"
MARK = "# One function for each metric id of the catalog: written by `make schema`.\n"


def stub_text() -> str:
    """Return the stub with the functions of the catalog in place of those that it has."""
    head = STUB.read_text(encoding="utf-8").partition(MARK)[0]
    kinds = {
        name: "Alone" if METRICS[id].needs_reference == "none" else "Pairwise" for name, id in function_ids().items()
    }
    return head + MARK + "".join(f"{name}: _one_call.{kinds[name]}\n" for name in sorted(kinds))


def main() -> None:
    """Write the stub."""
    STUB.write_text(stub_text(), encoding="utf-8")
    print(STUB)


if __name__ == "__main__":
    main()
