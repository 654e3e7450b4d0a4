"""The stored result: what was found, with the command, versions, seeds and the machine."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from studies.protocols.analysis import DRAW_SEED, DRAWS
from studies.protocols.collect import LEVEL, SAMPLE_SEEDS, StudySettings
from studies.protocols.features import FeatureStore
from studies.protocols.protocols import POOL_SEED, STEP
from studies.protocols.training import STEPS
from vidbench.files import write_text
from vidmetrics.files import file_sha256

PACKAGES = ("vidbench", "torch", "numpy", "scipy", "av", "pillow")


def record_of(settings: StudySettings, store: FeatureStore, found: dict[str, Any]) -> dict[str, Any]:
    """Return the whole record."""
    passes, seconds = store.passes()
    return {
        "command": shlex.join(["python", "-m", "studies.protocols", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, device {settings.device}",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": {
            "num_samples": settings.num_samples,
            "windows_per_video": settings.per_video,
            "all_windows_step": STEP,
            "network_seeds": list(settings.network_seeds),
            "other_changes": list(settings.other_changes),
            "precision": settings.precision,
            "sample_seeds": SAMPLE_SEEDS,
            "pool_seed": POOL_SEED,
            "bootstrap_draws": DRAWS,
            "bootstrap_seed": DRAW_SEED,
            "level": LEVEL,
            "checkpoint_steps": list(STEPS),
            "checkpoint_sha256": {name: file_sha256(file) for name, file in settings.checkpoints.items()},
        },
        "clip_passes": passes,
        "seconds_per_clip_pass": seconds,
        **found,
    }


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record as JSON, with scores to six digits, so that a difference can be read."""
    write_text(path, json.dumps(_rounded(record), indent=1) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
