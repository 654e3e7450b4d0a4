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

import torch

from studies.protocols.analysis import DRAW_SEED, DRAWS
from studies.protocols.collect import LEVEL, StudySettings
from studies.protocols.features import FeatureStore
from studies.protocols.protocols import POOL_SEED, SAMPLES
from studies.protocols.training import SETTINGS, STEPS
from vidbench.files import write_text
from vidmetrics.files import file_sha256

PACKAGES = ("vidbench", "torch", "numpy", "scipy", "av", "pillow")


def record_of(
    settings: StudySettings, store: FeatureStore, found: dict[str, Any], seconds: dict[str, float], trained: list[int]
) -> dict[str, Any]:
    """Return the whole record; ``seconds`` are those of each stage of this start, which trained the checkpoints ``trained``."""
    passes, each = store.passes()
    return {
        "command": shlex.join(["python", "-m", "studies.protocols", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, {_device(settings.device)}",
        "workers": settings.workers,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": {
            "num_samples": settings.num_samples,
            "windows_per_video": settings.per_video,
            "all_windows_step": settings.step,
            "network_seeds": list(settings.network_seeds),
            "precision": settings.precision,
            "sample_seeds": {name: samples.seed for name, samples in SAMPLES.items()},
            "pool_seed": POOL_SEED,
            "bootstrap_draws": DRAWS,
            "bootstrap_seed": DRAW_SEED,
            "level": LEVEL,
            "checkpoint_steps": list(STEPS),
            "checkpoint_training": SETTINGS,
            "checkpoints_trained_in_this_start": trained,
            "checkpoint_sha256": {name: file_sha256(file) for name, file in settings.checkpoints.items()},
        },
        "seconds": seconds,
        "clip_passes": passes,
        "seconds_per_clip_pass": each,
        **found,
    }


def _device(device: str) -> str:
    """Return the name of a device."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else f"device {device}"


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record as JSON, with scores to six digits and a line for each list or table of values."""
    write_text(path, _lines(_rounded(record)) + "\n")


def _lines(value: Any, indent: str = "") -> str:
    """Return JSON in which objects that contain others are broken into lines."""
    if not isinstance(value, dict) or not any(isinstance(item, (dict, list)) for item in value.values()):
        return json.dumps(value)
    inner = indent + " "
    parts = [f"{inner}{json.dumps(key)}: {_lines(item, inner)}" for key, item in value.items()]
    return "{\n" + ",\n".join(parts) + f"\n{indent}}}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
