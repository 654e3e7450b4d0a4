"""The variables of a launcher: what fits together is read, everything else is refused with what to do."""

from __future__ import annotations

import dataclasses

import pytest

from vidbench.distributed.launcher import LaunchVariables, launch_variables, require_single_process
from vidbench.errors import InputError

MET = {"MASTER_ADDR": "node-a", "MASTER_PORT": "29500"}
TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", **MET}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, LaunchVariables()),
        (TORCHRUN, LaunchVariables(5, 8, 1, 4, "node-a", 29500)),
        # Without the local variables each process counts as alone on its node.
        ({"RANK": "1", "WORLD_SIZE": "2", **MET}, LaunchVariables(1, 2, 0, 1, "node-a", 29500)),
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", **MET}, LaunchVariables()),
        ({"RANK": "0", "WORLD_SIZE": "1"}, LaunchVariables()),
        # A service named "master" in Kubernetes sets these for every container.
        ({"MASTER_PORT": "tcp://10.0.0.1:29500", "MASTER_ADDR": ""}, LaunchVariables()),
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, LaunchVariables()),
        ({"SLURM_NTASKS": "4"}, LaunchVariables()),  # a shell from salloc, which runs nothing four times
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, LaunchVariables()),
        ({"SLURM_NTASKS": "2", "SLURM_PROCID": "1", **TORCHRUN}, LaunchVariables(5, 8, 1, 4, "node-a", 29500)),
    ],
)
def test_what_fits_together_is_read(environment, expected):
    assert launch_variables(environment) == expected


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"WORLD_SIZE": None}, "RANK is set without WORLD_SIZE"),
        ({"RANK": None}, "WORLD_SIZE is set without RANK"),
        ({"RANK": None, "WORLD_SIZE": None}, "LOCAL_RANK is set without RANK"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE is ''"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "-8"}, "WORLD_SIZE is '-8'"),
        ({"WORLD_SIZE": "8.0"}, "WORLD_SIZE is '8.0'"),
        ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE is '9999"),
        ({"WORLD_SIZE": "٨"}, "WORLD_SIZE is '٨'"),  # a digit to Python's int()
        ({"RANK": "8"}, "RANK is '8', and must be an integer from 0 to 7, because WORLD_SIZE is 8"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"RANK": "two"}, "RANK is 'two'"),
        ({"RANK": ""}, "RANK is ''"),
        ({"LOCAL_RANK": "4"}, "LOCAL_RANK is '4', and must be an integer from 0 to 3"),
        ({"LOCAL_WORLD_SIZE": "9"}, "LOCAL_WORLD_SIZE is '9'"),
        ({"MASTER_PORT": "tcp://10.0.0.1:29500"}, "MASTER_PORT is 'tcp://10.0.0.1:29500'"),
        ({"MASTER_PORT": "0"}, "MASTER_PORT is '0'"),
        ({"MASTER_PORT": "65536"}, "MASTER_PORT is '65536'"),
        ({"MASTER_PORT": None}, "MASTER_ADDR or MASTER_PORT is not set"),
        ({"MASTER_ADDR": " "}, "MASTER_ADDR or MASTER_PORT is not set"),
    ],
)
def test_what_does_not_is_refused(change, sentence):
    environment = {name: value for name, value in (TORCHRUN | change).items() if value is not None}
    with pytest.raises(InputError) as refused:
        launch_variables(environment)
    assert sentence in str(refused.value)
    assert "start the ranks with torchrun" in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("launcher", "environment"),
    [
        ("srun", {"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}),
        ("srun", {"SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"}),
        ("mpirun", {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"}),
        ("mpiexec", {"PMI_SIZE": "4", "PMI_RANK": "3"}),
    ],
)
def test_processes_that_do_not_know_of_each_other_are_refused(launcher, environment):
    with pytest.raises(InputError, match=f"{launcher} started . processes that do not know of each other"):
        launch_variables(environment)


def test_a_command_that_does_not_divide_its_work_runs_once(monkeypatch):
    require_single_process("sample")
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert dataclasses.astuple(launch_variables())[:2] == (5, 8)
    with pytest.raises(InputError, match="`vidbench sample` runs in one process and WORLD_SIZE is 8"):
        require_single_process("sample")
