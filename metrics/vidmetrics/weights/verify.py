"""Holding a file against what is published about it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vidmetrics.errors import InputError
from vidmetrics.files import file_sha256
from vidmetrics.weights.i3d_variables import SCOPE, crc_table, is_network_variable
from vidmetrics.weights.sources import PublishedFile


def git_blob_id(path: Path) -> str:
    """Return the id that git gives to a file's contents, as ``git hash-object`` prints it."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def why_wrong(path: Path, file: PublishedFile) -> str | None:
    """Return in what a file on disk differs from the published one; None if in nothing that is known.

    Args:
        path: the file on disk.
        file: what is published about it.
    """
    size = path.stat().st_size
    if file.bytes is not None and size != file.bytes:
        return f"it has {size} bytes instead of {file.bytes}"
    if file.sha256 is not None and (found := file_sha256(path)) != file.sha256:
        return f"its sha256 is {found} instead of {file.sha256}"
    if file.git_blob is not None and not (found := git_blob_id(path)).startswith(file.git_blob):
        return f"its git blob id is {found} instead of {file.git_blob}"
    if file.crc_table is not None:
        return _why_wrong_index(path, file.crc_table)
    return None


def _why_wrong_index(path: Path, checkpoint: str) -> str | None:
    from vidmetrics.weights.tf_checkpoint import parse_index

    try:
        _, entries = parse_index(path)
    except InputError as error:
        return f"it is no checkpoint index: {str(error).rstrip('.')}"
    found = {name.removeprefix(SCOPE): entry.crc32c for name, entry in entries.items() if is_network_variable(name)}
    if found != crc_table()[checkpoint]:
        return f"it lists other tensors than those of {checkpoint}"
    return None
