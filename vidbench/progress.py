"""Progress on stderr: a bar on a terminal, otherwise a plain line every 30 seconds; only the main rank shows any."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

PLAIN_INTERVAL_SECONDS = 30.0


def warn(text: str) -> None:
    """Write a warning that is shown even where progress is not: something is repaired, ignored or not reused."""
    print(f"Warning: {text}", file=sys.stderr, flush=True)  # noqa: T201


class Advance(Protocol):
    """Report ``count`` more finished units, with an optional short note."""

    def __call__(self, count: int, note: str = "") -> None:
        """See the class."""


class Progress:
    """Shows the stages of a run one after another.

    Args:
        enabled: False disables all output (ranks other than 0, calls from Python).
    """

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled

    def say(self, text: str) -> None:
        """Write one line."""
        if self._enabled:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    @contextmanager
    def stage(self, title: str, total: int, unit: str = "clips") -> Iterator[Advance]:
        """Show one stage; call the yielded function with the number of units just finished."""
        if not self._enabled:
            yield _ignore
        elif sys.stderr.isatty():
            with _bar(title, total, unit) as advance:
                yield advance
        else:
            plain = _PlainStage(title, total, unit)
            yield plain.advance
            plain.finish()


def _ignore(count: int, note: str = "") -> None:
    """Do nothing, for a disabled stage."""


@contextmanager
def _bar(title: str, total: int, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    # The command line escapes what is printed on stderr, except through this attribute.
    console = Console(file=getattr(sys.stderr, "coloured", sys.stderr))
    with RichProgress(*columns, console=console) as bars:
        bar = bars.add_task(title, total=total, note="")

        def advance(count: int, note: str = "") -> None:
            bars.update(bar, advance=count, note=note)

        yield advance


class _PlainStage:
    def __init__(self, title: str, total: int, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._done = 0
        self._start = self._last = time.monotonic()
        print(f"{title}: {total} {unit}", file=sys.stderr, flush=True)  # noqa: T201

    def advance(self, count: int, note: str = "") -> None:
        self._done += count
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL_SECONDS:
            self._last = now
            rate = self._done / (now - self._start)
            left = (self._total - self._done) / rate if rate else float("inf")
            print(  # noqa: T201
                f"{self._title}: {self._done}/{self._total} {self._unit}, {rate:.1f}/s, {left:.0f} s left {note}".rstrip(),
                file=sys.stderr,
                flush=True,
            )

    def finish(self) -> None:
        seconds = time.monotonic() - self._start
        print(f"{self._title}: done in {seconds:.1f} s", file=sys.stderr, flush=True)  # noqa: T201
