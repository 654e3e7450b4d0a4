"""Files that appear whole or not at all, see `vidmetrics.files`, and the digest of a JSON document."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from vidmetrics.files import arrays_sha256, failures_named, file_sha256, temporary_name, write_text, written_whole

__all__ = ["arrays_sha256", "digest", "failures_named", "file_sha256", "temporary_name", "write_text", "written_whole"]


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value in its canonical form: sorted keys, no spaces."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
