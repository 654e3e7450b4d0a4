"""Run `vidbench` in a forked process with limits on memory, time and output, and state what it did wrong.

The parent has imported everything, so a command takes a few hundredths of a second instead of seconds.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import importlib
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import NamedTuple

from tests.abuse.case import Case

_IMPORTED = (
    "av", "numpy", "pandas", "PIL.Image", "pydantic", "rich.console", "rich.table", "safetensors.numpy", "scipy.linalg", "torch",
    "torch._inductor.config", "dvdgan.training.launch", "dvdgan.training.loop", "dvdgan.sampler", "dvdgan.model", "vidbench", "vidbench.cli", "vidmetrics.conformance.suite",
    *(f"vidbench.cli.{name}" for name in (
        "compare", "conformance", "data", "doctor", "evaluate", "leaderboard", "measure", "models", "sample", "score",
        "statistics", "table", "tasks", "train", "weights",
    )),
    *(f"vidbench.jobs.{name}" for name in (
        "doctor", "evaluate", "export", "measure", "sample", "statistics", "train", "training_curve", "weights",
    )),
)  # fmt: skip
_LAUNCHER = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK", "ROLE_RANK",
    "TORCHELASTIC_RUN_ID", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE",
)  # fmt: skip


class Limits(NamedTuple):
    """What a command may use; the memory is added to the address space of the parent."""

    memory_bytes: int = 4 * 2**30
    cpu_seconds: int = 60
    wall_seconds: float = 60.0
    file_bytes: int = 2**30
    output_bytes: int = 64 * 2**10


class Outcome(NamedTuple):
    """How a command ended; the code is negative for a signal and None if the time was up."""

    code: int | None
    stdout: str
    stderr: str
    orphans: tuple[str, ...]
    seconds: float


@functools.cache
def warm_up() -> None:
    """Import what commands import, so that forked processes need not."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def run_limited(
    arguments: list[str], folder: Path, environment: dict[str, str | None] | None = None, limits: Limits | None = None
) -> Outcome:
    """Run ``vidbench`` with ``folder`` as current folder; its caches are in ``home``, its temporary files in ``tmp`` below.

    Patches of modules that are active in the caller are active in the command too.
    """
    limits = limits or Limits()
    warm_up()
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        started = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads, which are idle here
            pid = os.fork()
        if pid == 0:
            _run_and_exit(arguments, folder, environment or {}, limits, out.fileno(), err.fileno())
        code = _wait(pid, started + limits.wall_seconds)
        seconds = time.monotonic() - started
        orphans = _session(pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(limits.output_bytes + 1).decode("utf-8", "backslashreplace"))
    return Outcome(code, texts[0], texts[1], orphans, seconds)


def _run_and_exit(
    arguments: list[str], folder: Path, environment: dict[str, str | None], limits: Limits, out: int, err: int
) -> None:
    """Run a command in the forked process, which it ends."""
    code = 70
    try:
        os.setsid()
        faulthandler.disable()  # pytest's would write to pytest's output
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, out), (2, err)):
            os.dup2(source, target)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        for name in _LAUNCHER:
            os.environ.pop(name, None)
        os.environ.update({"VIDBENCH_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")})
        # torch creates this folder as soon as it is imported.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "home" / "inductor")
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        tempfile.tempdir = None
        os.chdir(folder)
        sys.path.insert(0, "")
        import torch

        torch.set_num_threads(1)
        torch.cuda.is_available = lambda: False  # a forked process cannot use the parent's device
        _limit(limits)
        code = _call(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _call(arguments: list[str]) -> int:
    """Do what the interpreter does with the entry point, and return the exit code."""
    from vidbench import cli

    sys.argv = ["vidbench", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _limit(limits: Limits) -> None:
    for kind, value in (
        (resource.RLIMIT_AS, _address_space() + limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _wait(pid: int, deadline: float) -> int | None:
    """Wait for a process and return its code; kill it and return None when the time is up."""
    pause = 0.001
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.kill(pid, signal.SIGKILL)  # before it has a session of its own, its group is that of the caller
    os.waitpid(pid, 0)
    return None


def _session(leader: int) -> tuple[str, ...]:
    """Return the living processes of a session, each with its number and name."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        name, _, fields = rest.rpartition(") ")
        state, _, _, session = fields.split()[:4]
        if int(session) == leader and state not in "ZX":
            found.append(f"{number} {name}")
    return tuple(found)


def judge(case: Case, folder: Path) -> list[str]:
    """Run a case in an empty folder and return one sentence per fault of the command, none if it did what it must."""
    arguments = case.make(folder)
    (folder / "home").mkdir(exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    before = _hidden(folder)
    out_before, theirs_before = _contents(folder / "out"), _contents(folder / "theirs")
    outcome = run_limited(arguments, folder, case.environment)
    found = _faults_of_output(case, outcome)
    left = sorted(_hidden(folder) - before)
    if left:
        found.append(f"temporary files are left: {left[:5]}")
    if temporary := sorted(path.name for path in (folder / "tmp").iterdir()):
        found.append(f"files are left in the folder of temporary files: {temporary[:5]}")
    if outcome.orphans:
        found.append(f"processes are left: {outcome.orphans}")
    if case.exit_code == 2 and _contents(folder / "out") != out_before:
        changed = sorted(set(_contents(folder / "out").items()) ^ set(out_before.items()))
        found.append(f"the output folder has changed: {sorted({name for name, _ in changed})[:5]}")
    if _contents(folder / "theirs") != theirs_before:
        found.append("a file of somebody else has changed")
    if found:
        found.append(f"arguments: {arguments}\nstdout: {outcome.stdout[-1000:]}\nstderr: {outcome.stderr[-3000:]}")
    return found


def _faults_of_output(case: Case, outcome: Outcome) -> list[str]:
    found = []
    if outcome.code is None:
        found.append("it did not end in time")
    elif outcome.code != case.exit_code:
        found.append(f"it ended with code {outcome.code}, not {case.exit_code}")
    if max(len(outcome.stdout), len(outcome.stderr)) > Limits().output_bytes:
        found.append("it printed more than the limit")
    text = outcome.stderr if case.exit_code == 2 else outcome.stderr + outcome.stdout
    if case.word not in text:
        found.append(f"nothing says {case.word!r}")
    if "Traceback" in outcome.stderr:
        found.append("it printed a traceback")
    if "\x1b" in text:
        found.append("it printed an escape sequence")
    if case.exit_code == 2:
        lines = outcome.stderr.splitlines()
        if sum(line.startswith("Error: ") for line in lines) != 1 or not lines[-1].startswith("Error: "):
            found.append("stderr does not end in one sentence that starts with 'Error: '")
        if outcome.stdout:
            found.append("it printed to stdout")
    return found


def _hidden(folder: Path) -> set[str]:
    """Return the hidden entries of a folder and its sub-folders, which is what temporary names look like."""
    found = set()
    for root, folders, files in os.walk(folder):
        found |= {os.path.relpath(os.path.join(root, name), folder) for name in folders + files if name[0] == "."}  # noqa: PTH118
    return found


def _contents(folder: Path) -> dict[str, int]:
    """Return the files of a folder with a number that changes with their contents; a missing folder is empty."""
    if folder.is_file():
        return {"": hash(folder.read_bytes())}
    found = {}
    for root, _, files in os.walk(folder):
        for name in files:
            path = Path(root, name)
            found[os.path.relpath(path, folder)] = hash(path.read_bytes()) if path.is_file() else 0
    return found
