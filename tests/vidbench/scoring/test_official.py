"""Why a result is unofficial: what the status of a task has to do with it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import vidbench
from vidbench.scoring.official import unofficial_reasons
from vidbench.tasks import LoadedTask, load_task

SENTENCE = "The task 'small-gen' is broken, so that its results are unofficial: Its floor is 0."


@pytest.mark.parametrize(("status", "reasons"), [("active", ()), ("deprecated", ()), ("broken", (SENTENCE,))])
def test_only_a_broken_task_makes_a_result_unofficial(small_task, status, reasons):
    if status != "active":
        lines = f'version = 1\nstatus = "{status}"\nreason = "Its floor is 0."'
        small_task.write_text(small_task.read_text().replace("version = 1", lines))
    task = load_task(str(small_task)).task
    splits = [SimpleNamespace(coverage=1.0, num_clips=10**6)] * 2
    found = unofficial_reasons(
        LoadedTask(task, shipped=True, origin=""),
        num_samples=task.evaluation.num_samples,
        seed=task.evaluation.seed,
        precision="exact",
        networks=(),
        datasets=splits,
    )
    assert found == reasons


def test_a_run_of_a_broken_task_warns_and_is_unofficial(small_task, tmp_path, capsys):
    lines = 'version = 1\nstatus = "broken"\nreason = "Its floor is 0."'
    small_task.write_text(small_task.read_text().replace("version = 1", lines))
    result = vidbench.evaluate("noise", str(small_task), output=tmp_path / "out", num_samples=8)
    assert SENTENCE in result.reasons
    assert f"Warning: {SENTENCE}" in capsys.readouterr().err.splitlines()
