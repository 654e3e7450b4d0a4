"""Files that appear whole or not at all and files that change in use, see `vidmetrics.files`, and the digest of a JSON document."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from vidmetrics.files import (
    HashedFile,
    arrays_sha256,
    check_writable,
    failures_named,
    file_changed,
    file_sha256,
    file_state,
    hash_file,
    never_through_links,
    sync_tree,
    temporary_name,
    write_array,
    write_text,
    written_whole,
)

__all__ = [
    "HashedFile",
    "arrays_sha256",
    "check_writable",
    "digest",
    "failures_named",
    "file_changed",
    "file_sha256",
    "file_state",
    "hash_file",
    "never_through_links",
    "sync_tree",
    "temporary_name",
    "write_array",
    "write_bytes",
    "write_text",
    "written_whole",
]


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value in its canonical form: sorted keys, no spaces."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
