"""The two output streams of a command: escaped text on stdout and stderr, and a closed or full stdout noticed.

Everything that a command prints passes through here, so that no command can forget it.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

import click

from vidbench.errors import InputError
from vidbench.rendering.printable import escape_unencodable, printable_line, printable_text

if TYPE_CHECKING:
    from rich.console import Console

HUNG_UP = 141
"""Exit code after the reader of stdout has hung up: 128 + SIGPIPE, as shells report it of any other program."""

_HANDLER = "vidbench-escape"


class ReaderHungUp(Exception):  # noqa: N818 - an event, not an error
    """The reader of stdout has closed its end, as `head` does; no OSError, or click and rich would exit with 1."""


class EscapedStream(io.TextIOBase):
    """A text stream that writes hidden characters visibly.

    Args:
        raw: the stream below.
        escape: False for writers that colour their text and escape what comes from data themselves.
    """

    def __init__(self, raw: TextIO, escape: bool = True) -> None:
        self.raw, self._escape = raw, escape

    @property
    def coloured(self) -> EscapedStream:
        """The same stream for a writer that colours its text."""
        return type(self)(self.raw, escape=False)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream below."""
        return getattr(self.raw, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """Error handler of the stream below."""
        return getattr(self.raw, "errors", None) or "strict"

    def isatty(self) -> bool:
        """Return whether a person reads the stream."""
        return self.raw.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream below."""
        return self.raw.fileno()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Write text, escaped."""
        # click probes a stream with empty text and swallows what that raises.
        if text != "":
            self.raw.write(printable_text(text) if self._escape else text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        self.raw.flush()


class _Results(EscapedStream):
    """Stdout: results that cannot be written are an error."""

    def write(self, text: str) -> int:
        with self._noticed():
            return super().write(text)

    def flush(self) -> None:
        with self._noticed():
            super().flush()

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            discard(self.raw)
            raise ReaderHungUp from None
        except OSError as error:
            discard(self.raw)
            raise InputError(
                f"Standard output cannot be written ({error.strerror or error}): redirect it to a file on a disk with space."
            ) from None


class _Remarks(EscapedStream):
    """Stderr: there is nowhere to report that it cannot be written, and a run does not depend on it."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def discard(stream: TextIO) -> None:
    """Send what is left in the buffer of a stream nowhere, or the interpreter would complain about it at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    with suppress(OSError, ValueError):
        stream.flush()


def reserve_descriptors() -> None:
    """Open the null device in place of closed standard streams, or the next file opened would receive what is printed."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Run a command with both streams guarded.

    Raises:
        InputError: stdout is closed, or cannot be written at the end.
        ReaderHungUp: the reader of stdout has hung up.
    """
    codecs.register_error(_HANDLER, escape_unencodable)
    before = sys.stdout, sys.stderr
    if sys.stderr is None:
        # `print(…, file=None)` would write to stdout.
        sys.stderr = io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
    sys.stderr = _Remarks(sys.stderr)
    try:
        if sys.stdout is None:
            raise InputError(
                "Standard output is closed: redirect it to a file, or to /dev/null to discard the results."
            )
        sys.stdout = _Results(sys.stdout)
        try:
            yield
        finally:
            # Also before `sys.exit(1)`: the flush at exit would come too late to be reported.
            sys.stdout.flush()
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def echo_line(text: object) -> None:
    """Print one line on stdout, whatever newlines the names in it have."""
    click.echo(printable_line(str(text)))


def table_console(width: int) -> Console:
    """Return a console on stdout for a table; its texts are printed as they are, without markup.

    Args:
        width: of a pipe, which has none; a wrapped number would break parsers.
    """
    from rich.console import Console

    file = getattr(sys.stdout, "coloured", sys.stdout)
    console = Console(file=file, markup=False, highlight=False, emoji=False)
    return (
        console if console.is_terminal else Console(file=file, markup=False, highlight=False, emoji=False, width=width)
    )
