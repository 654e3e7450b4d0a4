"""The training loop of examples/ runs on two processes, and its FVD falls."""

from __future__ import annotations

import re
from pathlib import Path

from tests.forked import run_ranks

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "training_loop.py"


def test_the_training_loop_runs_on_two_processes():
    main, other = run_ranks([EXAMPLE], 2)
    assert (main.returncode, other.returncode, other.stdout) == (0, 0, ""), main.stderr + other.stderr
    found = re.findall(r"^step (\d+): loss [\d.]+, fvd-shapes ([\d.]+) of 64 samples$", main.stdout, re.MULTILINE)
    assert [step for step, _ in found] == ["20", "40"]
    assert float(found[1][1]) < float(found[0][1]) / 2
