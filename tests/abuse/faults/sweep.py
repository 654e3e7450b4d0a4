"""Run commands on a disk that fails at every point, then again on a sound one, and state what was not as it must be."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import gc
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.abuse.faults.commands import Command, outcome
from tests.abuse.runner import Outcome, run_limited

_SOURCE = Path(__file__).with_name("layer.c")
_WRITE, _RENAME, _SYNC, _CREATE = range(4)
_ONCE, _FROM_THEN_ON, _END, _VANISH = range(4)
_CUT = 137


class Fault(NamedTuple):
    """A way to fail at the n-th event of a kind."""

    name: str
    kind: int
    errno: int
    mode: int


FAULTS: tuple[Fault, ...] = (
    Fault("disk full", _WRITE, errno.ENOSPC, _FROM_THEN_ON),
    Fault("quota", _WRITE, errno.EDQUOT, _FROM_THEN_ON),
    Fault("write error", _WRITE, errno.EIO, _ONCE),
    Fault("rename error", _RENAME, errno.EIO, _ONCE),
    Fault("sync error", _SYNC, errno.EIO, _ONCE),
    Fault("read-only", _CREATE, errno.EROFS, _FROM_THEN_ON),
    Fault("no entries", _CREATE, errno.ENOSPC, _ONCE),
    Fault("vanishing", _WRITE, errno.ENOENT, _VANISH),
    Fault("power cut", _RENAME, 0, _END),
)


class Verdict(NamedTuple):
    """What one run did wrong, if anything."""

    command: str
    fault: str
    number: int
    problems: tuple[str, ...]


def build_layer(folder: Path) -> Path:
    """Compile the layer."""
    target = folder / "layer.so"
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, _SOURCE, "-ldl"], check=True)
    return target


def preloaded() -> bool:
    """Return whether this process runs with the layer."""
    return hasattr(ctypes.CDLL(None), "layer_arm")


class Bench:
    """Inputs and undisturbed outcome of one command.

    Args:
        command: the command.
        folder: where it runs; everything below it passes through the layer.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self.command, self._folder = command, folder
        self._template = folder / "template"
        self._modules = folder / "modules"
        self._template.mkdir(parents=True)
        command.prepare(self._template)
        self.counts, self._wanted = self._undisturbed()

    @property
    def faults(self) -> list[Fault]:
        """What can befall the command: an output that vanishes only if it writes elsewhere than into its caches."""
        vanishing = any(name.startswith(("out", "boards/")) for name in self._wanted)
        return [fault for fault in FAULTS if vanishing or fault.mode != _VANISH]

    def _undisturbed(self) -> tuple[dict[int, int], dict[str, str]]:
        folder = self._fresh()
        done, counts, _ = self._run(folder, Fault("none", -1, 0, _ONCE), 0)
        if done.code != 0:
            raise RuntimeError(f"{self.command.name} fails on a sound disk: {done.stderr[-2000:]}")
        # What the command imports as it runs is imported once, here, and not at every point again.
        for name in self._modules.read_text().split():
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        gc.collect()
        gc.freeze()
        return counts, outcome(folder)

    def _fresh(self) -> Path:
        folder = self._folder / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._template, folder)
        return folder

    def _run(self, folder: Path, fault: Fault, number: int) -> tuple[Outcome, dict[int, int], list[str]]:
        journal, counts, modules = self._folder / "journal", self._folder / "counts", set(sys.modules)
        for path in (journal, counts):
            path.unlink(missing_ok=True)

        def arm() -> None:
            layer.layer_arm(
                os.fsencode(folder), fault.kind, ctypes.c_long(number), fault.errno, fault.mode, os.fsencode(journal)
            )

        def report() -> None:
            counts.write_text(json.dumps([layer.layer_seen(kind) for kind in range(4)]))
            self._modules.write_text("\n".join(sys.modules.keys() - modules))

        layer = ctypes.CDLL(None)
        with self.command.around(), _around_main(arm, report):
            done = run_limited(self.command.line.split(), folder)
        seen = json.loads(counts.read_text()) if counts.is_file() else [0] * 4
        lines = journal.read_text(errors="surrogateescape").splitlines() if journal.is_file() else []
        return done, dict(enumerate(seen)), lines

    def judge(self, fault: Fault, number: int) -> Verdict:
        """Fail at the ``number``-th event, then repeat the command on a sound disk."""
        folder = self._fresh()
        before = _entries(folder)
        failed, _, journal = self._run(folder, fault, number)
        if fault.mode == _END:
            problems = [] if failed.code == _CUT else [f"it was not cut, but ended with code {failed.code}"]
            _empty_unsynced(journal)
        else:
            problems = _problems_of_failure(failed, fault, folder)
            for gone in (folder / "tmp").glob("gone-*"):
                shutil.rmtree(gone)
            for name in ("boards",) if fault.mode == _VANISH and (self._template / "boards").is_dir() else ():
                # It was an input as well.
                shutil.rmtree(folder / name, ignore_errors=True)
                shutil.copytree(self._template / name, folder / name)
            problems += [f"it left {name}" for name in sorted(_entries(folder) - before) if _is_temporary(name)]
        again, _, _ = self._run(folder, Fault("none", -1, 0, _ONCE), 0)
        # An output that got its name is complete, so that refusing to write it again is right.
        if again.code != 0 and not (again.code == 2 and "already" in again.stderr):
            problems.append(f"the same command then ended with code {again.code}: {again.stderr.strip()[-300:]}")
        else:
            problems += _differences(outcome(folder), self._wanted)
        return Verdict(self.command.name, fault.name, number, tuple(problems))


@contextmanager
def _around_main(before: Callable[[], None], after: Callable[[], None]) -> Iterator[None]:
    """Call functions around `vidbench.cli.main` in the process that `run_limited` forks."""
    from vidbench import cli

    main = cli.main

    @functools.wraps(main)
    def wrapped() -> None:
        before()
        try:
            main()
        finally:
            after()

    cli.main = wrapped
    try:
        yield
    finally:
        cli.main = main


def _problems_of_failure(done: Outcome, fault: Fault, folder: Path) -> list[str]:
    if done.code == 0 and fault.mode == _VANISH and not any(folder.glob("*out*")) and not any(folder.glob("boards")):
        return ["it ended with code 0 and without its output"]
    if done.code == 0:
        # What is only kept to be quick may be missing; the outcome is compared.
        return []
    found = [] if done.code == 2 else [f"it ended with code {done.code}"]
    lines = done.stderr.splitlines()
    if "Traceback" in done.stderr:
        found.append(f"a traceback: {lines[-1][:200]}")
    elif not lines or not lines[-1].startswith("Error: "):
        found.append(f"no sentence: {done.stderr[-200:]!r}")
    elif os.strerror(fault.errno) not in lines[-1] and "vanished" not in lines[-1]:
        found.append(f"the sentence has no reason: {lines[-1][:200]}")
    elif not re.search(r"\b(out|boards|home)\b", lines[-1]):
        found.append(f"the sentence has no path: {lines[-1][:200]}")
    if done.stdout:
        found.append("it printed a result")
    return found


def _empty_unsynced(journal: list[str]) -> None:
    """Do what a power cut may do: files whose bytes were not synced are empty, their names are there."""
    dirty: set[str] = set()
    for line in journal:
        what, _, rest = line.partition(" ")
        if what == "W":
            dirty.add(rest)
        elif what == "S":
            dirty.discard(rest)
        elif what == "R":
            source, _, target = rest.partition("\t")
            dirty.discard(target)
            moved = {path for path in dirty if path == source or path.startswith(f"{source}/")}
            dirty = (dirty - moved) | {target + path[len(source) :] for path in moved}
    for name in dirty:
        if Path(name).is_file():
            os.truncate(name, 0)


def _entries(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def _is_temporary(name: str) -> bool:
    """Return whether an entry is hidden and none that a repeated command resumes."""
    parts = name.split("/")
    if any(part.endswith((".partial", ".lock")) for part in parts) or parts[-1] == ".vidbench-site":
        return False
    return any(part.startswith(".") for part in parts) or (parts[0] == "tmp" and len(parts) > 1)


def _differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    names = sorted(
        {name for name, digest in wanted.items() if found.get(name) != digest} | (found.keys() - wanted.keys())
    )
    return [f"{name} differs from the undisturbed outcome" for name in names[:3]]


def chosen(count: int, share: int | None) -> list[int]:
    """Return the numbers of events to fail at: all, or a few that include the first, the second and the last."""
    if share is None or count <= share:
        return list(range(1, count + 1))
    if share == 1:
        return [count]
    inner = [1 + round(step * (count - 1) / (share - 1)) for step in range(share)]
    return sorted({*inner, 2} if share > 2 else {*inner})


def table(verdicts: list[Verdict]) -> str:
    """Return one line per command: points tried and failed, by kind of fault."""
    names = list(dict.fromkeys(verdict.fault for verdict in verdicts))
    rows: dict[str, dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    for verdict in verdicts:
        rows[verdict.command][verdict.fault].append(verdict)
    lines = [f"{'command':<24}" + "".join(f"{name:>14}" for name in names)]
    for command, by_fault in rows.items():
        cells = (
            f"{sum(not verdict.problems for verdict in by_fault[name])}/{len(by_fault[name])}"
            if by_fault[name]
            else "-"
            for name in names
        )
        lines.append(f"{command:<24}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def report(text: str) -> None:
    """Print a line at once."""
    print(text, file=sys.stdout, flush=True)
