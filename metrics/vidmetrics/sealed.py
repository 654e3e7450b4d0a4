"""Sealed files: content that carries the SHA-256 of all its own bytes, metadata included, and is read only if it agrees.

A seal is the JSON member ``"seal": "<64 hex digits>"``, the SHA-256 of the content with 64 zeros in its place. It fits a
JSON document, a line of JSON, and the header of a safetensors file, so that one rule covers every file that a later run
trusts. A seal finds damage, not forgery: whoever changes a file on purpose can seal it again.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError, reason
from vidmetrics.formats.tensor_archives import safetensors_content, safetensors_header
from vidmetrics.regular_files import open_regular, read_regular

UNSEALED = "0" * 64
"""Value of the member ``seal`` until `sealed` fills it in."""

# In a safetensors header the member is inside a string, so that its quotes are escaped.
_SEAL = re.compile(rb'\\?"seal\\?": ?\\?"([0-9a-f]{64})\\?"')
METADATA = "sealed"
"""Key of the one metadata entry of `sealed_tensors`."""


class DamagedFileError(InputError):
    """A stored file is not what was written; the message is the reason, without the file's name."""


def sealed(content: bytes) -> bytes:
    """Return content with its seal filled in.

    >>> from vidbench.models import UNSEALED, sealed
    >>> sealed(b'{"seal": "%s"}' % UNSEALED.encode())[:19]
    b'{"seal": "3922ac9b4'

    Raises:
        ValueError: it has no member ``seal`` with the value `UNSEALED`.
    """
    found = _SEAL.search(content)
    if found is None or found[1].decode() != UNSEALED:
        raise ValueError("the content has no empty seal to fill in")
    return content[: found.start(1)] + _digest(content, found).encode() + content[found.end(1) :]


def check_seal(content: bytes) -> None:
    """Refuse content that is not as it was sealed.

    >>> from vidbench.models import UNSEALED, check_seal, sealed
    >>> check_seal(sealed(b'{"seal": "%s"}' % UNSEALED.encode()))
    >>> check_seal(b"{}")
    Traceback (most recent call last):
    vidmetrics.sealed.DamagedFileError: it has no readable seal

    Raises:
        DamagedFileError: it is empty, has no seal, or a seal of other content.
    """
    if not content:
        raise DamagedFileError("it is empty")
    found = _SEAL.search(content)
    if found is None:
        raise DamagedFileError("it has no readable seal")
    if found[1].decode() != _digest(content, found):
        raise DamagedFileError("its content differs from its digest")


def _digest(content: bytes, seal: re.Match[bytes]) -> str:
    view, digest = memoryview(content), hashlib.sha256()
    for part in (view[: seal.start(1)], UNSEALED.encode(), view[seal.end(1) :]):
        digest.update(part)
    return digest.hexdigest()


def sealed_json(fields: Mapping[str, Any]) -> bytes:
    """Return a mapping as one sealed line of JSON, without a line end.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return sealed(json.dumps({**fields, "seal": UNSEALED}, sort_keys=True, allow_nan=False).encode())


def unsealed_json(content: bytes) -> dict[str, Any]:
    """Return the mapping of `sealed_json`.

    Raises:
        DamagedFileError: the content is not as it was sealed.
    """
    check_seal(content)
    return _fields(content)


def _fields(text: bytes) -> dict[str, Any]:
    """Return the fields of sealed JSON; a seal that fits says nothing of content that another program has sealed."""
    try:
        fields = parse_json(text)
    except UnreadableError as error:
        raise DamagedFileError(error.clause) from None
    if not isinstance(fields, dict) or "seal" not in fields:
        raise DamagedFileError("it is a sealed file of another kind")
    del fields["seal"]
    return fields


def sealed_tensors(tensors: Mapping[str, npt.NDArray[Any]], fields: Mapping[str, Any]) -> bytes:
    """Return a sealed safetensors file of arrays and JSON-able fields. Equal arguments give equal bytes."""
    from safetensors.numpy import save

    # One metadata entry, because safetensors writes several in any order.
    text = json.dumps({**fields, "seal": UNSEALED}, sort_keys=True, allow_nan=False)
    return sealed(save({name: np.asarray(array, order="C") for name, array in tensors.items()}, {METADATA: text}))


def unsealed_tensors(content: bytes) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the fields of `sealed_tensors`.

    Raises:
        DamagedFileError: the content is not as it was sealed, or was not made by `sealed_tensors`.
    """
    check_seal(content)
    fields = _fields(safetensors_metadata(content).get(METADATA, "{}").encode("utf-8", "surrogatepass"))
    try:
        return safetensors_content(content), fields
    except UnreadableError as error:
        raise DamagedFileError(error.clause) from None


def sealed_fields(path: Path) -> dict[str, Any]:
    """Return the fields of a file of `sealed_tensors`, without reading its tensors, and so without checking the seal.

    Raises:
        DamagedFileError: it cannot be read, or is no such file.
    """
    try:
        with open_regular(path) as file:
            header = safetensors_header(file)
        return _fields(str(header["__metadata__"][METADATA]).encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise DamagedFileError(f"it cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFileError("it has no fields") from error


def safetensors_metadata(content: bytes) -> dict[str, str]:
    """Return the metadata entries of a safetensors file, without looking at its tensors.

    >>> import numpy as np
    >>> from safetensors.numpy import save
    >>> from vidbench.models import safetensors_metadata
    >>> safetensors_metadata(save({"weight": np.zeros(3)}, {"step": "100"}))
    {'step': '100'}

    Raises:
        DamagedFileError: the content does not begin with a safetensors header.
    """
    try:
        header = safetensors_header(io.BytesIO(content))
        return {str(key): str(value) for key, value in header.get("__metadata__", {}).items()}
    except (ValueError, AttributeError):  # an UnreadableError is a ValueError
        raise DamagedFileError("it has no safetensors header") from None


def read_content(path: Path) -> bytes:
    """Read a whole stored file.

    Raises:
        DamagedFileError: it cannot be read.
        InputError: it is a folder, in whose place no file can be written.
    """
    try:
        return read_regular(path)
    except IsADirectoryError:
        raise InputError(f"{path} is a folder where a stored file belongs: move or remove it.") from None
    except OSError as error:
        raise DamagedFileError(f"it cannot be read ({error.strerror})") from None
    except ValueError as error:  # no file can have such a name
        raise DamagedFileError(f"it cannot be read ({reason(error)})") from None
