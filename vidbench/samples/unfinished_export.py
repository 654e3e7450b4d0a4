"""What an interrupted export leaves besides clips: its plan, and a sealed line for each finished chunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vidbench.errors import InputError
from vidbench.files import failures_named, never_through_links
from vidbench.progress import warn
from vidmetrics.formats.documents import parse_json
from vidmetrics.regular_files import is_there, read_regular
from vidmetrics.sealed import DamagedFileError, sealed_json, unsealed_json


def planned_sha256(path: Path) -> str | None:
    """Return the digest in the plan of an interrupted export, None if there is no readable one; warn of an unreadable one."""
    if not is_there(path):
        return None
    try:
        found = parse_json(read_regular(path))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or "it is damaged"
        warn(f"The plan of an interrupted export, {path}, cannot be read ({why}), so all clips will be written again.")
        return None
    return str(found)


def note_chunk(path: Path, number: int, written: Mapping[str, str]) -> None:
    """Record the digest of the frames of a finished chunk, by part."""
    with failures_named(path), open(path, "ab", opener=never_through_links) as file:
        file.write(sealed_json({"number": number, "frames_sha256": written}) + b"\n")


def noted_chunks(path: Path) -> dict[int, dict[str, str]]:
    """Return the digests of the chunks that an interrupted export finished; a damaged line is skipped, with a warning.

    Raises:
        InputError: there is something else than a readable file.
    """
    noted: dict[int, dict[str, str]] = {}
    if not is_there(path):
        return noted
    try:
        content = read_regular(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): remove its folder, and export again.") from None
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
