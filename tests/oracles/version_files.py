"""Writes one file of each kind that this version writes to tests/golden/version-VERSION: `python -m tests.oracles.version_files`.

Later versions must read them (tests/end_to_end/test_files_of_versions.py). Run it once, when a version is released or a format has changed
before that; never for a version that is out.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from pathlib import Path

from tests.task_texts import task_text
from vidbench.cli import run_command
from vidbench.version import __version__

FOLDER = Path(__file__).resolve().parents[1] / "golden" / f"version-{__version__}"
COMMANDS = (
    "evaluate --model noise --task task.toml --output result --floor-sets 2 --device cpu",
    "sample --model static --task task.toml --output samples --num-samples 4 --device cpu",
    "data statistics --task task.toml --no-bounds --output of-task.safetensors --device cpu",
    "sample --model noise --task task.toml --output noise --num-samples 4 --device cpu",
    "data statistics noise --metric fvd-shapes --num-frames 12 --output of-clips.safetensors --device cpu",
    "measure samples --real-statistics of-clips.safetensors --metric fvd-shapes --num-frames 12 --output measured --device cpu",
)


def write_files() -> None:
    """Write the files."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        os.environ["VIDBENCH_HOME"] = f"{work}/home"
        text = task_text("tiny-gen", num_clips=12, num_samples=4, metrics=("fvd-shapes",))
        Path("task.toml").write_text(text, encoding="utf-8")
        for command in COMMANDS:
            if code := run_command(command.split()):
                raise SystemExit(code)
        FOLDER.mkdir(parents=True, exist_ok=True)
        kept = (
            "task.toml",
            "result/result.json",
            "of-task.safetensors",
            "of-clips.safetensors",
            "measured/measurement.json",
        )
        for name in (*kept, "samples/manifest.json"):
            shutil.copy(name, FOLDER / Path(name).name)
        (FOLDER / "samples-00000.npy.gz").write_bytes(
            gzip.compress(Path("samples/samples-00000.npy").read_bytes(), mtime=0)
        )
        os.chdir(here)


if __name__ == "__main__":
    write_files()
