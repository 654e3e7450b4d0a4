"""Progress on stderr: a bar on a terminal, otherwise a plain line every 30 seconds; only the main rank shows any."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

PLAIN_INTERVAL_SECONDS = 30.0
ANNOUNCED_SECONDS = 5.0
"""Work that takes less is not announced: it is over before the line is read."""


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
        self._ahead: dict[str, int] = {}
        self._others = 0
        self._elsewhere: Callable[[int], str] = _nowhere

    def expect(self, stages: Mapping[str, int], elsewhere: Callable[[int], str], others: int = 0) -> None:
        """Take note of all that a run will do, so that its first trial can tell what the run costs.

        Args:
            stages: clips of each stage that is still to come and takes as long per clip as the first, by title.
            elsewhere: a sentence on what a number of clips would take on other hardware; empty if that is not known.
            others: clips of the stages that have a rate of their own, such as real clips after those of a model.
        """
        self._ahead, self._elsewhere, self._others = dict(stages), elsewhere, others

    def cost(self, title: str, count: int, seconds_each: float, unit: str = "clip") -> None:
        """Announce what a stage will take, and all stages that were expected; silent if that is only seconds.

        Args:
            title: the stage.
            count: units to do, those of the trial included.
            seconds_each: seconds per unit, as the first ones took.
            unit: name of one.
        """
        self._ahead.pop(title, None)
        later, self._ahead = sum(self._ahead.values()), {}
        others, self._others = self._others, 0
        seconds = count * seconds_each
        if seconds + later * seconds_each < ANNOUNCED_SECONDS:
            return
        text = (
            f"{title}: {_counted(count, unit)} at {seconds_text(seconds_each)} each take about {duration_text(seconds)}"
        )
        if later:
            total = duration_text(seconds + later * seconds_each)
            text += f"; all {_counted(count + later, unit)} of this kind take about {total}"
        if others:
            text += f"; {_counted(others, unit)} of other stages follow at rates of their own"
        elsewhere = self._elsewhere(count + later + others)
        self.say(f"{text}. {elsewhere}".rstrip())

    def say(self, text: str) -> None:
        """Write one line."""
        if self._enabled:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    @contextmanager
    def stage(self, title: str, total: int, unit: str = "clips", *, done: int = 0) -> Iterator[Advance]:
        """Show one stage; call the yielded function with the number of units just finished.

        Args:
            title: what is done.
            total: number of units.
            unit: name of several.
            done: units that an earlier run has done; they do not count for the rate.
        """
        if not self._enabled:
            yield _ignore
        elif sys.stderr.isatty():
            with _bar(title, total, unit, done) as advance:
                yield advance
        else:
            plain = _PlainStage(title, total, unit, done)
            yield plain.advance
            plain.finish()


def _counted(count: int, unit: str) -> str:
    """Return a number with its unit, ``"1 clip"`` or ``"2,048 clips"``."""
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def seconds_text(seconds: float) -> str:
    """Return a short time: ``"4 ms"``, ``"0.52 s"``, ``"12 s"``."""
    return (
        f"{seconds * 1000:.2g} ms" if seconds < 0.0995 else f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    )


def duration_text(seconds: float) -> str:
    """Return a duration in words, to two digits: ``"40 seconds"``, ``"7.2 hours"``, ``"12 days"``."""
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            number = seconds / size
            return f"{number:.1f} {name}" if number < 9.95 else f"{number:,.0f} {name}"
    return f"{max(seconds, 1):.0f} {'second' if seconds < 1.5 else 'seconds'}"


def rate_text(done: int, seconds: float, unit: str) -> str:
    """Return units per second, or seconds per unit where each takes longer than one."""
    if not done or not seconds:
        return ""
    return f"{done / seconds:.1f}/s" if done >= seconds else f"{seconds / done:.1f} s/{unit.removesuffix('s')}"


def _nowhere(clips: int) -> str:
    """Say nothing about other hardware."""
    return ""


def _ignore(count: int, note: str = "") -> None:
    """Do nothing, for a disabled stage."""


@contextmanager
def _bar(title: str, total: int, unit: str, before: int) -> Iterator[Advance]:
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
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[note]}"),
    )
    # The command line escapes what is printed on stderr, except through this attribute.
    console = Console(file=getattr(sys.stderr, "coloured", sys.stderr))
    with RichProgress(*columns, console=console) as bars:
        bar = bars.add_task(title, total=total, completed=before, rate="", note="")
        start, done = time.monotonic(), 0

        def advance(count: int, note: str = "") -> None:
            nonlocal done
            done += count
            bars.update(bar, advance=count, rate=rate_text(done, time.monotonic() - start, unit), note=note)

        yield advance


class _PlainStage:
    def __init__(self, title: str, total: int, unit: str, before: int) -> None:
        self._title, self._total, self._unit, self._before = title, total, unit, before
        self._done = 0
        self._start = self._last = time.monotonic()
        print(f"{title}: {total} {unit}", file=sys.stderr, flush=True)  # noqa: T201

    def advance(self, count: int, note: str = "") -> None:
        self._done += count
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL_SECONDS:
            self._last = now
            rate = self._done / (now - self._start)
            done = self._before + self._done
            left = (self._total - done) / rate if rate else float("inf")
            shown = rate_text(self._done, now - self._start, self._unit)
            print(  # noqa: T201
                f"{self._title}: {done}/{self._total} {self._unit}, {shown}, {left:.0f} s left {note}".rstrip(),
                file=sys.stderr,
                flush=True,
            )

    def finish(self) -> None:
        seconds = time.monotonic() - self._start
        print(f"{self._title}: done in {seconds:.1f} s", file=sys.stderr, flush=True)  # noqa: T201
