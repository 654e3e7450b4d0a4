"""What a parser of files is to the fuzzer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Parser:
    """A parser to fuzz.

    Attributes:
        name: its name for ``--parser``.
        samples: returns sound contents; may prepare further files in the folder.
        parse: reads the file; may raise `InputError` and nothing else.
        suffix: of the file's name.
        repair: corrects the checksums of changed content, for four inputs of five.
        inputs: number of inputs in CI, for at most five seconds.
    """

    name: str
    samples: Callable[[Path], list[bytes]]
    parse: Callable[[Path], object]
    suffix: str = ""
    repair: Callable[[bytes], bytes] | None = None
    inputs: int = 400
