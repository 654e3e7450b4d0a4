"""Variables of a launcher that do not fit together, and launchers that start a command several times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.abuse.case import Case
from tests.abuse.rows._inputs import typed

_MET = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29599"}
_COMMANDS = {
    "evaluate": "evaluate --model noise --task shapes-gen --num-samples 4 --output out/run --device cpu",
    "train": "train --model dvdgan --task shapes-gen --steps 1 --output out/run --device cpu",
    "sample": "sample --model noise --task shapes-gen --num-samples 4 --output out/samples --device cpu",
    "data export": "data export --task shapes-gen --num-samples 4 --output out/export",
    "data scan": "data scan videos --output out/scan",
    "data statistics": "data statistics --task shapes-gen --no-bounds --output out/statistics.safetensors",
    "measure": "measure videos videos --metric fvd-shapes --device cpu",
    "leaderboard build": "leaderboard build --output out/site",
}
# Each is one change to what torchrun would set, and what the message must name.
_CHANGES: tuple[tuple[str, dict[str, str | None], str], ...] = (
    ("RANK without WORLD_SIZE", {"RANK": "1"}, "RANK is set without WORLD_SIZE"),
    ("WORLD_SIZE without RANK", {"WORLD_SIZE": "2", **_MET}, "WORLD_SIZE is set without RANK"),
    ("LOCAL_RANK alone", {"LOCAL_RANK": "3"}, "LOCAL_RANK is set without RANK"),
    ("empty WORLD_SIZE", {"RANK": "0", "WORLD_SIZE": "", **_MET}, "WORLD_SIZE is ''"),
    ("RANK as large as WORLD_SIZE", {"RANK": "2", "WORLD_SIZE": "2", **_MET}, "RANK is '2'"),
    ("negative RANK", {"RANK": "-1", "WORLD_SIZE": "2", **_MET}, "RANK is '-1'"),
    ("no integer", {"RANK": "0", "WORLD_SIZE": "2.0", **_MET}, "WORLD_SIZE is '2.0'"),
    (
        "a service as MASTER_PORT",
        {"RANK": "0", "WORLD_SIZE": "2", **_MET, "MASTER_PORT": "tcp://10.0.0.1:29500"},
        "MASTER_PORT is 'tcp://",
    ),
    ("no MASTER_ADDR", {"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "29500"}, "MASTER_ADDR"),
    (
        "LOCAL_RANK too large",
        {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "2", **_MET},
        "LOCAL_RANK is '2'",
    ),
    ("srun without torchrun", {"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}, "srun started 2 processes"),
    ("mpirun", {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"}, "mpirun started 4 processes"),
)
_SINGLE = ("sample", "data export", "leaderboard build")


def _beside_videos(line: str) -> Callable[[Path], list[str]]:
    return typed(*line.split(), inputs=lambda folder: (folder / "videos").mkdir())


CASES = (
    *(
        Case(f"{command}: {change}", _beside_videos(line), word, environment=environment)
        for number, (command, line) in enumerate(_COMMANDS.items())
        for position, (change, environment, word) in enumerate(_CHANGES)
        # Every change with the commands that once ignored it, and each of the others with some of them.
        if command in ("data scan", "train") or position % len(_COMMANDS) == number
    ),
    *(
        Case(
            f"{command}: on two ranks", _beside_videos(_COMMANDS[command]), "runs in one process",
            environment={"RANK": "1", "WORLD_SIZE": "2", **_MET},
        )
        for command in _SINGLE
    ),
)  # fmt: skip
