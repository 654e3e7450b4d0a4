"""Python's own parser, used by one thread at a time.

CPython 3.11 counts the depth of its syntax trees in one place for all threads, so two that parse at once may both fail with
``SystemError: AST constructor recursion depth mismatch`` (python/cpython issue 106905). numpy parses the header of every
``.npy`` file this way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_Tree = TypeVar("_Tree")
_TURN = threading.Lock()
_ATTEMPTS = 100


def parse_alone(parse: Callable[[], _Tree]) -> _Tree:
    """Return ``parse()``, called while no other call of this function runs, and again where foreign threads disturb it.

    Args:
        parse: uses ``ast`` or `compile`; may be called several times.

    Raises:
        SystemError: the parser failed a hundred times in a row, which is not the fault described above.
    """
    with _TURN:
        for _ in range(_ATTEMPTS - 1):
            try:
                return parse()
            except SystemError:  # a library that parses without this lock
                continue
        return parse()
