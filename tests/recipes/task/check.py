"""A task of 24 frames of moving shapes: it ships, is listed and evaluated, and passes the tests that every shipped task must pass."""

import contextlib
import io
import json

import pytest

from vidbench.cli import run_command
from vidbench.tasks import load_task, task_names

NAME = "shapes-gen-24"


def run(*words: str) -> str:
    """Run a command that must succeed; returns what it prints to stdout."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run_command(list(words))
    assert code == 0, printed.getvalue()
    return printed.getvalue()


assert NAME in task_names()
assert load_task(NAME).shipped
assert NAME in run("tasks", "list")
assert "24 frames, 32x32 pixels" in run("tasks", "show", NAME)

result = json.loads(run("evaluate", "--model", "noise", "--task", NAME, "--num-samples", "48", "--json"))
assert result["task"]["fingerprint"] == load_task(NAME).task.fingerprint
assert set(result["metrics"]) == {"fvd-shapes", "fid-shapes", "is-shapes"}
# The number of samples is the only reason why this run is unofficial.
(reason,) = result["reasons"]
assert "48" in reason, reason

tests = ["-q", "-p", "no:cacheprovider", "tests/vidbench/tasks/test_loading.py"]
assert pytest.main([*tests, "-k", f"{NAME} or fingerprints_stay"]) == 0
