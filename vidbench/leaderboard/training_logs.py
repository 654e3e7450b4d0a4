"""The training logs of the checkpoints of rows, which say nothing about the tier of a row.

``training.toml`` of a leaderboards folder names, for the SHA-256 of a checkpoint, the logs of the training runs that led to it, in
order, relative to the folder that contains the leaderboards. The last log ends with that digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from vidbench.errors import InputError, problem_text
from vidbench.files import write_bytes
from vidbench.leaderboard.boards import BoardFault, packaged_folder
from vidmetrics.formats.documents import parse_json, parse_toml
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.regular_files import is_there, read_regular

INDEX = "training.toml"
LOGS = "training"
"""Folder of the logs that `leaderboard add` stores."""

_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Training(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    logs: tuple[str, ...] = Field(min_length=1)


_Index = TypeAdapter(dict[_Digest, _Training])


def held_trainings(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the logs by digest of the checkpoint that they led to.

    Raises:
        InputError: the index is not valid.
    """
    path = folder / INDEX
    if not is_there(path):
        return {}
    try:
        found = _Index.validate_python(parse_toml(read_regular(path), f"The index {path}"))
    except UnreadableError as error:
        raise InputError(f"{error}.") from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise InputError(f"The index {path} is not valid at '{place}': {problem_text(problem)}.") from None
    return {digest: each.logs for digest, each in found.items()}


def require_led_to(logs: Sequence[Path], checkpoint_sha256: str | None) -> None:
    """Refuse logs of another training run.

    Args:
        logs: the logs of `vidbench train`, in order; the last ends with the digest of the checkpoint.
        checkpoint_sha256: digest of the checkpoint of a result; None for a model without one.

    Raises:
        InputError: the last log did not end with this checkpoint, or a log is missing.
    """
    ended = [final_checkpoint(log) for log in logs][-1]
    if checkpoint_sha256 is None or ended != checkpoint_sha256:
        result = f"of {checkpoint_sha256[:12]}" if checkpoint_sha256 else "of a model without one"
        has = f"ended with the checkpoint {ended[:12]}" if ended else "does not end with a checkpoint"
        raise InputError(
            f"The training log {logs[-1]} {has}, and the result is {result}: give the train.jsonl of its training."
        )


def store_logs(folder: Path, checkpoint_sha256: str, logs: Sequence[Path]) -> None:
    """Store the training logs of a checkpoint that has none yet, and name them in the index."""
    if checkpoint_sha256 in held_trainings(folder):
        return
    names = [f"{LOGS}/{checkpoint_sha256}-{i}.jsonl" for i in range(1, len(logs) + 1)]
    for name, log in zip(names, logs, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / name, read_regular(log))
    quoted = ", ".join(f'"{folder.resolve().name}/{name}"' for name in names)
    before = read_regular(folder / INDEX) if is_there(folder / INDEX) else b""
    write_bytes(folder / INDEX, before + f"\n[{checkpoint_sha256}]\nlogs = [{quoted}]\n".encode())


def final_checkpoint(log: Path) -> str:
    """Return the digest of the checkpoint that a training ended with; ``""`` if its log names none.

    Raises:
        InputError: the log is missing.
    """
    if not is_there(log):
        raise InputError(f"The training log {log} does not exist: give the train.jsonl of the training run.")
    lines = [line for line in read_regular(log).splitlines() if line.strip()]
    try:
        last = parse_json(lines[-1]) if lines else {}
    except UnreadableError:
        return ""
    digest = last.get("checkpoint_sha256") if isinstance(last, dict) else None
    return digest if isinstance(digest, str) else ""


def training_faults(folder: Path) -> list[BoardFault]:
    """Return the faults of the index: logs that are missing, or that end with another checkpoint."""
    index = folder / INDEX
    try:
        held = held_trainings(folder)
    except InputError as error:
        return [BoardFault(str(index), 0, "", str(error).rstrip("."))]
    packaged, is_checkout = packaged_folder()
    # An installed package has the boards and no training logs.
    roots = [folder.resolve().parent, *([packaged.parent] if is_checkout else [])]
    found = []
    for digest, logs in held.items():
        for name in logs:
            there = [root / name for root in roots if _is_inside(name) and (root / name).is_file()]
            if not there and is_checkout:
                found.append(BoardFault(str(index), 0, digest[:12], f"the training log {name} is missing"))
            elif there and name == logs[-1] and final_checkpoint(there[0]) != digest:
                found.append(
                    BoardFault(str(index), 0, digest[:12], f"the training log {name} ends with another checkpoint")
                )
    return found


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
