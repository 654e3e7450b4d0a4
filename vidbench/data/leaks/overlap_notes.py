"""What a search for shared videos found in the folder of a task, for the results of later runs.

A scan's manifest names both sides by the digests of their frames, so its hash is the key: a result whose data has the same hash is of
the sides that were compared, whoever moved the folder.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from vidbench.files import write_bytes
from vidbench.progress import warn
from vidbench.results.schema import OverlapRecord
from vidmetrics.home import home
from vidmetrics.regular_files import is_there
from vidmetrics.sealed import DamagedFileError, read_content, sealed_json, unsealed_json

_FORMAT = "vidbench-overlap-1"


def remember_overlap(manifest_sha256: str, record: OverlapRecord) -> None:
    """Write what was found under the home folder.

    Args:
        manifest_sha256: hash of the manifest of the scan of both sides.
        record: what a result is to say.
    """
    note = {"format": _FORMAT, "manifest_sha256": manifest_sha256, "found": record.model_dump(mode="json")}
    write_bytes(_note(manifest_sha256), sealed_json(note))


def stored_overlap(manifest_sha256: str) -> OverlapRecord | None:
    """Return what was found on the sides of a manifest; None if nobody looked, or with a warning if the note is damaged."""
    path = _note(manifest_sha256)
    if not is_there(path):
        return None
    try:
        note = unsealed_json(read_content(path))
        if note.get("format") != _FORMAT or note.get("manifest_sha256") != manifest_sha256:
            raise DamagedFileError("it is a sealed file of another kind")
        return OverlapRecord.model_validate(note["found"])
    except (DamagedFileError, ValidationError, KeyError) as error:
        what = error if isinstance(error, DamagedFileError) else "it is a sealed file of another kind"
        warn(f"What `vidbench data overlap` found, noted in {path}, is not used: {what}; run it again.")
        return None


def _note(manifest_sha256: str) -> Path:
    return home() / "overlaps" / f"{manifest_sha256[:24]}.json"
