"""Fuzz a parser in forked processes with an address-space limit; a failure names the input that causes it."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.abuse.fuzz.changes import changed
from tests.abuse.fuzz.parser import Parser
from tests.memory_limit import limit_address_space
from vidbench.errors import InputError

MEMORY_BYTES = 2 * 2**30
"""Address space that a parser may add to that of the process."""

SECONDS_PER_INPUT = 5.0


class Failure(NamedTuple):
    """An input that a parser neither accepted nor refused with our error; `input_of` makes it again."""

    parser: str
    seed: int
    number: int
    what: str


class Tally(NamedTuple):
    """The outcome of fuzzing one parser."""

    accepted: int
    refused: int
    failures: tuple[Failure, ...]

    @property
    def total(self) -> int:
        """Number of inputs."""
        return self.accepted + self.refused + len(self.failures)


def input_of(parser: Parser, samples: list[bytes], seed: int, number: int) -> bytes:
    """Return one input, which depends on the seed and its number alone."""
    rng = np.random.default_rng([seed, number])
    data = changed(samples[int(rng.integers(len(samples)))], samples, rng)
    repaired = parser.repair is not None and rng.random() < 0.8
    return parser.repair(data) if repaired and parser.repair is not None else data


def fuzz(parser: Parser, folder: Path, seed: int, inputs: int, seconds: float = 600.0) -> Tally:
    """Give a parser a number of inputs, or as many as the time allows.

    A child that dies or hangs is replaced, and the next one begins behind the input that ended it.
    """
    samples = parser.samples(folder)
    accepted = refused = first = 0
    failures: list[Failure] = []
    ends = time.monotonic() + seconds
    gc.collect()
    gc.freeze()
    while first < inputs and time.monotonic() < ends and len(failures) < 20:
        counts, last, failure = _batch(parser, folder, samples, seed, range(first, inputs), ends)
        accepted, refused = accepted + counts[0], refused + counts[1]
        if failure is not None:
            failures.append(Failure(parser.name, seed, last, failure))
        first = last + 1
    return Tally(accepted, refused, tuple(failures))


def _batch(
    parser: Parser, folder: Path, samples: list[bytes], seed: int, numbers: range, ends: float
) -> tuple[tuple[int, int], int, str | None]:
    """Fuzz in one child; return accepted and refused inputs, the last input, and how it failed, if it did."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(parser, folder, samples, seed, numbers, ends, writing)
    os.close(writing)
    accepted = refused = 0
    last, failure, alive = numbers.start - 1, None, False
    with os.fdopen(reading, "rb") as pipe:
        for line in pipe:
            event = json.loads(line)
            if event[0] == "begin":
                last, alive = event[1], True
            else:
                alive = False
                accepted += event[0] == "accepted"
                refused += event[0] == "refused"
                failure = event[1] if event[0] == "failed" else None
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if alive:
        failure = f"the process ended with {signal.Signals(-code).name if code < 0 else code}"
    finished = last if failure is not None or code != 0 else numbers.stop - 1 if time.monotonic() < ends else last
    return (accepted, refused), max(finished, last), failure


def _work(
    parser: Parser, folder: Path, samples: list[bytes], seed: int, numbers: range, ends: float, pipe: int
) -> None:
    """Parse inputs until one fails; the process ends here."""
    code = 1
    try:
        faulthandler.disable()  # pytest's would write to pytest's output
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        limit_address_space(MEMORY_BYTES)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**28, 2**28))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # Processor time, which a busy machine does not stretch; the default action ends the process, also inside a C library.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        code = _parse_all(parser, folder, samples, seed, numbers, ends, pipe)
    finally:
        os._exit(code)


def _parse_all(
    parser: Parser, folder: Path, samples: list[bytes], seed: int, numbers: range, ends: float, pipe: int
) -> int:
    path = folder / f"input{parser.suffix}"
    for number in numbers:
        if time.monotonic() > ends:
            break
        data = input_of(parser, samples, seed, number)
        _say(pipe, ["begin", number])
        signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_INPUT)
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            path.write_bytes(data)
            parser.parse(path)
            answer = ["accepted"]
        except InputError as error:
            answer = ["refused"] if _is_sentence(str(error)) else ["failed", f"not one sentence: {error}"]
        except BaseException:
            answer = ["failed", "".join(traceback.format_exc(limit=-6))[-3000:]]
        signal.setitimer(signal.ITIMER_PROF, 0)
        _say(pipe, answer)
        if answer[0] == "failed":
            return 1
    return 0


def _is_sentence(text: str) -> bool:
    return 0 < len(text) < 2000 and "\n" not in text


def _say(pipe: int, event: list[object]) -> None:
    os.write(pipe, json.dumps(event).encode() + b"\n")
