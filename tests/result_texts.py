"""Results of tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_PROVEN = Path(__file__).resolve().parents[1] / "metrics" / "vidmetrics" / "networks" / "proven.json"


def result_document() -> dict[str, Any]:
    """Return the document of a plausible official result of shapes-gen, which may be changed."""
    from vidbench.results.schema import SCHEMA_VERSION
    from vidbench.tasks import load_task

    task = load_task("shapes-gen").task
    shapes = json.loads(_PROVEN.read_text(encoding="utf-8"))["shapes"]["sha256"]

    def metric(
        value: float, low: float, high: float, floor: float, ceiling: float, reference: int | None, higher: bool = False
    ) -> dict[str, Any]:
        return {
            "value": value,
            "interval": [low, high],
            "num_samples": task.evaluation.num_samples,
            "num_reference": reference,
            "higher_is_better": higher,
            "network": "shapes",
            "floor": floor,
            "ceiling": ceiling,
        }

    def split(name: str, count: int, digest: str) -> dict[str, Any]:
        return {"split": name, "num_clips": count, "coverage": 1.0, "sha256": digest * 64}

    return {
        "schema_version": SCHEMA_VERSION,
        "task": {"name": task.name, "version": task.version, "fingerprint": task.fingerprint},
        "model": {
            "name": "third-party",
            "checkpoint_sha256": "a" * 64,
            "code_sha256": "b" * 64,
            "num_parameters": 12,
            "samples_sha256": None,
        },
        "metrics": {
            "fvd-shapes": metric(56.0, 52.0, 60.0, 0.2, 330.0, 4096),
            "fid-shapes": metric(4.9, 4.5, 5.3, 0.08, 86.0, 4096),
            "is-shapes": metric(11.5, 11.0, 12.0, 19.0, 1.0, None, higher=True),
        },
        "data": {
            "manifest_sha256": "c" * 64,
            "coverage": 1.0,
            "reference": split("train", 4096, "d"),
            "evaluation": split("test", 1024, "e"),
        },
        "networks": {
            "shapes": {"weights_sha256": shapes, "proven": True, "preprocessing": "p", "precision": "exact"},
        },
        "environment": {
            "vidbench": "0.1.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "numpy": "2.4.6",
            "platform": "linux-x86_64",
            "device": "cpu",
        },
        "seed": 0,
        "official": True,
        "reasons": [],
        "execution": {"finished": "2026-11-22T17:00:00+00:00", "seconds": 1.0, "batch_size": 32, "num_processes": 1},
    }
