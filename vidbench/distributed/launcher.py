"""The variables that a launcher sets for each process of a run, read and checked in one place."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from vidbench.errors import InputError

_TOGETHER = ("RANK", "WORLD_SIZE")
_OF_A_NODE = ("LOCAL_RANK", "LOCAL_WORLD_SIZE")
# Launchers that start several processes without setting RANK and WORLD_SIZE: how many, and which of them this one is.
# A step's own number of tasks comes before the job's, which a batch script has too.
_OTHER_LAUNCHERS = (
    ("srun", ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"), "SLURM_PROCID"),
    ("mpirun", ("OMPI_COMM_WORLD_SIZE",), "OMPI_COMM_WORLD_RANK"),
    ("mpiexec", ("PMI_SIZE",), "PMI_RANK"),
)
_LARGEST_WORLD = 10**6
_LARGEST_PORT = 65535


@dataclass(frozen=True)
class LaunchVariables:
    """What the launcher says about this process.

    Attributes:
        rank: rank of this process, 0 to ``world_size - 1``.
        world_size: number of processes.
        local_rank: rank of this process on its node.
        local_world_size: number of processes on its node.
        host: host of the store through which the processes meet; empty for a single process.
        port: its port, 1 to 65535; 0 for a single process.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1
    host: str = ""
    port: int = 0


def launch_variables(environment: Mapping[str, str] | None = None) -> LaunchVariables:
    """Read RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them.

    Args:
        environment: the variables; None for those of this process.

    Returns:
        The variables; a single process if none of the first four is set.

    Raises:
        InputError: they do not fit together, or another launcher started several processes without setting them.
    """
    found = os.environ if environment is None else environment
    there = [name for name in (*_TOGETHER, *_OF_A_NODE) if name in found]
    if not there:
        _refuse_unrelated_processes(found)
        return LaunchVariables()
    missing = [name for name in _TOGETHER if name not in found]
    if missing:
        raise InputError(
            f"The environment variable {there[0]} is set without {missing[0]}, as another launcher may have left it: "
            f"start the ranks with torchrun, or unset {' and '.join(there)} for a single process."
        )
    world_size = _integer(found, "WORLD_SIZE", 1, _LARGEST_WORLD)
    rank = _integer(found, "RANK", 0, world_size - 1, f", because WORLD_SIZE is {world_size}")
    # Other launchers do not say which processes share a node; each then counts as alone on its own.
    local_size = _integer(found, "LOCAL_WORLD_SIZE", 1, world_size) if "LOCAL_WORLD_SIZE" in found else None
    most = world_size if local_size is None else local_size
    local_rank = _integer(found, "LOCAL_RANK", 0, most - 1) if "LOCAL_RANK" in found else 0
    if world_size == 1:
        return LaunchVariables()
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if not found.get(name, "").strip():
            raise InputError(
                f"WORLD_SIZE is {world_size}, but MASTER_ADDR or MASTER_PORT is not set: start the ranks with torchrun."
            )
    host, port = found["MASTER_ADDR"].strip(), _integer(found, "MASTER_PORT", 1, _LARGEST_PORT)
    return LaunchVariables(rank, world_size, local_rank, local_size or 1, host, port)


def require_single_process(command: str) -> None:
    """Check that a command that does not divide its work was started once.

    Raises:
        InputError: a launcher started several processes, which would all write the same output.
    """
    world_size = launch_variables().world_size
    if world_size > 1:
        raise InputError(
            f"`vidbench {command}` runs in one process and WORLD_SIZE is {world_size}: start it without torchrun, or unset "
            "RANK and WORLD_SIZE."
        )


def _integer(found: Mapping[str, str], name: str, least: int, most: int, why: str = "") -> int:
    text = found[name].strip()
    if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most:
        return int(text)
    # A value may be a whole file that was expanded by mistake.
    shown = repr(text if len(text) <= 40 else text[:39] + "…")
    raise InputError(
        f"The environment variable {name} is {shown}, and must be an integer from {least} to {most}{why}: start the ranks "
        "with torchrun, or unset it and RANK, WORLD_SIZE and LOCAL_RANK for a single process."
    )


def _refuse_unrelated_processes(found: Mapping[str, str]) -> None:
    for launcher, sizes, place in _OTHER_LAUNCHERS:
        size = next((found[name] for name in sizes if name in found), "1").strip()
        if place in found and size not in ("", "0", "1"):
            raise InputError(
                f"{launcher} started {size[:20]} processes that do not know of each other, because RANK and WORLD_SIZE are "
                f"not set, and all would write the same output: start one task per node that runs torchrun, or a "
                "single process (`srun --ntasks 1`, `mpirun -n 1`)."
            )
