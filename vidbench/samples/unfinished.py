"""What an interrupted `sample` or `data export` leaves besides clips: its plan, and a sealed line for each finished chunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidbench.errors import InputError
from vidbench.files import failures_named, never_through_links
from vidbench.progress import warn
from vidmetrics.formats.documents import parse_json
from vidmetrics.regular_files import is_there, read_regular
from vidmetrics.sealed import DamagedFileError, sealed_json, unsealed_json

PLAN_NAME, WRITTEN_NAME = "plan.json", "written.jsonl"


def planned(path: Path, what: str) -> dict[str, Any]:
    """Return the plan of interrupted work, empty if there is no readable one; warn of an unreadable one.

    Args:
        path: the file.
        what: whose plan it is, in words, such as ``"an interrupted export"``.
    """
    if not is_there(path):
        return {}
    try:
        found: dict[str, Any] = parse_json(read_regular(path))
        str(found["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or "it is damaged"
        warn(f"The plan of {what}, {path}, cannot be read ({why}), so all clips will be written again.")
        return {}
    return found


def note_chunk(path: Path, number: int, written: Mapping[str, str]) -> None:
    """Record the digests of a finished chunk, by part."""
    with failures_named(path), open(path, "ab", opener=never_through_links) as file:
        file.write(sealed_json({"number": number, "frames_sha256": written}) + b"\n")


def noted_chunks(path: Path, again: str = "export again") -> dict[int, dict[str, str]]:
    """Return the digests of the chunks that interrupted work finished; a damaged line is skipped, with a warning.

    Args:
        path: the file.
        again: what to do if it cannot be read, in words.

    Raises:
        InputError: there is something else than a readable file.
    """
    noted: dict[int, dict[str, str]] = {}
    if not is_there(path):
        return noted
    try:
        content = read_regular(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): remove its folder, and {again}.") from None
    damaged = 0
    for line in content.splitlines():
        try:
            fields = unsealed_json(line)
        except DamagedFileError:
            damaged += 1
            continue
        noted[fields["number"]] = fields["frames_sha256"]
    if damaged:
        warn(f"Damaged or cut-off lines in {path}: {damaged}; their clips will be written again.")
    return noted
