"""Comparison of a file with its published size and hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vidmetrics.errors import InputError
from vidmetrics.files import file_sha256
from vidmetrics.regular_files import open_regular
from vidmetrics.weights.i3d_variables import SCOPE, crc_table, is_network_variable
from vidmetrics.weights.sources import PublishedFile


def git_blob_id(path: Path) -> str:
    """Return the git blob id of a file's contents, as printed by ``git hash-object``."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open_regular(path) as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def why_wrong(path: Path, file: PublishedFile) -> str | None:
    """Return how a file on disk differs from the published one; None if it does not, as far as is known.

    Args:
        path: the file on disk.
        file: the published file.
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
        return f"it is not a checkpoint index: {str(error).rstrip('.')}"
    found = {name.removeprefix(SCOPE): entry.crc32c for name, entry in entries.items() if is_network_variable(name)}
    if found != crc_table()[checkpoint]:
        return f"it does not list the tensors of {checkpoint}"
    return None
