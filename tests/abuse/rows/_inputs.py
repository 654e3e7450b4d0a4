"""Small sound inputs that a case can spoil."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def typed(*arguments: str, inputs: Callable[[Path], None] | None = None) -> Callable[[Path], list[str]]:
    """Return a maker that writes the inputs, if any, and returns the arguments."""

    def make(folder: Path) -> list[str]:
        if inputs is not None:
            inputs(folder)
        return list(arguments)

    return make


def clips(path: Path, number: int = 4, frames: int = 12, side: int = 32) -> None:
    """Write noise as an array of clips."""
    rng = np.random.default_rng(0)
    np.save(path, rng.integers(0, 256, (number, frames, side, side, 3), np.uint8))


def result_document() -> dict[str, Any]:
    """Return the document of a plausible official result of shapes-gen."""
    import vidmetrics.networks
    from vidbench.results.schema import SCHEMA_VERSION
    from vidbench.tasks import load_task

    task = load_task("shapes-gen").task
    proven = Path(vidmetrics.networks.__file__).with_name("proven.json")
    shapes = json.loads(proven.read_text(encoding="utf-8"))["shapes"]["sha256"]

    def metric(value: float, floor: float, ceiling: float, reference: int | None) -> dict[str, Any]:
        return {
            "value": value, "interval": [value * 0.9, value * 1.1], "num_samples": task.evaluation.num_samples,
            "num_reference": reference, "higher_is_better": reference is None, "network": "shapes", "floor": floor,
            "ceiling": ceiling,
        }  # fmt: skip

    def split(name: str, number: int, digest: str) -> dict[str, Any]:
        return {"split": name, "num_clips": number, "coverage": 1.0, "sha256": digest * 64}

    return {
        "schema_version": SCHEMA_VERSION,
        "task": {"name": task.name, "version": task.version, "fingerprint": task.fingerprint},
        "model": {
            "name": "third-party", "checkpoint_sha256": "a" * 64, "code_sha256": "b" * 64, "num_parameters": 12,
            "samples_sha256": None,
        },
        "metrics": {
            "fvd-shapes": metric(56.0, 0.2, 330.0, 4096),
            "fid-shapes": metric(4.9, 0.08, 86.0, 4096),
            "is-shapes": metric(11.5, 19.0, 1.0, None),
        },
        "data": {
            "manifest_sha256": "c" * 64, "coverage": 1.0, "reference": split("train", 4096, "d"),
            "evaluation": split("test", 1024, "e"),
        },
        "networks": {
            "shapes": {"weights_sha256": shapes, "proven": True, "preprocessing": "p", "precision": "exact"},
        },
        "environment": {
            "vidbench": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "platform": "linux-x86_64",
            "device": "cpu",
        },
        "seed": 0, "official": True, "reasons": [],
        "execution": {"finished": "2026-11-22T17:00:00+00:00", "seconds": 1.0, "batch_size": 32, "num_processes": 1},
    }  # fmt: skip


def result(path: Path, **changes: Any) -> None:
    """Write a plausible result, with some keys replaced."""
    path.write_text(json.dumps({**result_document(), **changes}))
