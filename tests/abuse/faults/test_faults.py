"""A few points of failure of every writing command; `python -m tests.abuse.faults --all` tries every point."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.abuse.faults.sweep import chosen

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.skipif(
    sys.platform != "linux" or not (os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")),
    reason="the layer under test is compiled C for Linux",
)
def test_every_command_survives_a_failing_disk():
    command = (
        "-m",
        "tests.abuse.faults",
        "--points",
        "1",
        "--fault",
        "disk full",
        "--fault",
        "error",
        "--fault",
        "cut",
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "0 not" in done.stdout
    assert int(done.stdout.splitlines()[-1].split()[0]) >= 60


def test_the_points_include_the_ends():
    assert chosen(9, None) == list(range(1, 10))
    assert chosen(100, 3) == [1, 2, 51, 100]
    assert chosen(1, 3) == [1]
    assert chosen(0, 3) == []
    assert chosen(5, 1) == [5]
