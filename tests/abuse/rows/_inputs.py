"""Small sound inputs that a case can spoil."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from tests.result_texts import result_document


def typed(*arguments: str, inputs: Callable[[Path], None] | None = None) -> Callable[[Path], list[str]]:
    """Return a maker that writes the inputs, if any, and returns the arguments."""

    def make(folder: Path) -> list[str]:
        if inputs is not None:
            inputs(folder)
        return list(arguments)

    return make


def clips(path: Path, number: int = 4, frames: int = 12, side: int = 32) -> None:
    """Write noise as an array of clips."""
    rng = np.random.default_rng(0)
    np.save(path, rng.integers(0, 256, (number, frames, side, side, 3), np.uint8))


def saved(save: Callable[[IO[bytes]], object]) -> bytes:
    """Return what a function writes to a stream."""
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


def flipped(content: bytes, place: int, bit: int = 0) -> bytes:
    """Return content with one bit inverted; the place wraps around."""
    place %= len(content)
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def result(path: Path, **changes: Any) -> None:
    """Write a plausible result, with some keys replaced."""
    path.write_text(json.dumps({**result_document(), **changes}))
