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
import pkgutil
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from tests.forked import exit_code
from tests.huge_pages import use_huge_pages
from tests.memory_limit import limit_address_space
from vidbench.distributed.launcher import _OF_A_NODE, _OTHER_LAUNCHERS, _TOGETHER

_THIRD_PARTY = (
    "av", "av.subtitles.stream", "concurrent.futures.process", "encodings.ascii", "encodings.unicode_escape", "encodings.utf_8_sig",
    "importlib.readers", "importlib.resources.readers", "jinja2", "multiprocessing.queues", "numpy", "pandas", "PIL.ImageSequence", "pydantic", "rich.console", "rich.table", "safetensors.numpy",
    "scipy.linalg", "scipy.special", "torch", "torch._inductor.config", "torch.utils.serialization",
)  # fmt: skip
_OWN = ("vidbench", "vidmetrics", "dvdgan")
# Kernels need triton; the others are for another program.
_NOT_IMPORTED = re.compile(r".*(\.__main__|\.pytest_plugin|\.kernels_\w+|\.triton_operators)")
_LAUNCHER = (
    *_TOGETHER, *_OF_A_NODE, "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK", "ROLE_RANK", "TORCHELASTIC_RUN_ID", "SLURM_LOCALID",
    *(name for _, numbers, rank in _OTHER_LAUNCHERS for name in (*numbers, rank)),
)  # fmt: skip


class Limits(NamedTuple):
    """What a command may use; the memory is added to the address space of the parent."""

    memory_bytes: int = 4 * 2**30
    cpu_seconds: int = 60
    wall_seconds: float = 60.0
    file_bytes: int = 2**30
    output_bytes: int = 64 * 2**10


class Outcome(NamedTuple):
    """How a command ended.

    Args:
        code: its exit code, negative for a signal, None if the time was up.
        stdout: what it printed.
        stderr: what it said.
        orphans: processes of its session that outlived it.
        seconds: wall time.
        processor_seconds: processor time of its process, which does not depend on what else the machine does.
    """

    code: int | None
    stdout: str
    stderr: str
    orphans: tuple[str, ...]
    seconds: float
    processor_seconds: float


@functools.cache
def warm_up() -> None:
    """Import what commands import, so that forked processes need not."""
    for name in _THIRD_PARTY:
        importlib.import_module(name)
    for name in _OWN:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not _NOT_IMPORTED.fullmatch(module.name):
                importlib.import_module(module.name)
    from PIL import Image

    Image.init()  # imports the plugins
    gc.collect()
    gc.freeze()
    use_huge_pages()


class Started(NamedTuple):
    """A command that runs: its process, which leads a session, the files of its two streams, and its limits."""

    process: int
    out: IO[bytes]
    err: IO[bytes]
    since: float
    limits: Limits


def start(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str | None] | None = None,
    limits: Limits | None = None,
    interpreter: Sequence[str] = (),
) -> Started:
    """Start ``vidbench`` with ``folder`` as current folder; its caches are in ``home``, its temporary files in ``tmp`` below.

    Patches of modules that are active in the caller are active in the command too, unless it has its own interpreter.

    Args:
        arguments: those of ``vidbench``.
        folder: an existing folder.
        environment: variables to set, or with None to remove.
        limits: what it may use.
        interpreter: arguments of a new Python before those of ``vidbench``, such as ``-m vidbench``; none to run in the
            forked process, which has everything imported.
    """
    limits = limits or Limits()
    warm_up()
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    out, err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed by `end`
    sys.stdout.flush()
    sys.stderr.flush()
    since = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads, which are idle here
        process = os.fork()
    if process == 0:
        fresh = [sys.executable, *interpreter, *arguments] if interpreter else None
        _run_and_exit(list(arguments), folder, environment or {}, limits, out.fileno(), err.fileno(), fresh)
    return Started(process, out, err, since, limits)


def end(started: Started, *, kill_rest: bool = True) -> Outcome:
    """Wait for a command, at most as long as its limits allow, and return how it ended.

    Args:
        started: the command.
        kill_rest: kill what is left of its session; False to see whether that ends by itself.
    """
    code, processor_seconds = _wait(started.process, started.since + started.limits.wall_seconds)
    seconds = time.monotonic() - started.since
    orphans = session(started.process)
    if kill_rest:
        kill_session(started.process)
    texts = []
    for file in (started.out, started.err):
        file.seek(0)
        texts.append(file.read(started.limits.output_bytes + 1).decode("utf-8", "backslashreplace"))
        file.close()
    return Outcome(code, texts[0], texts[1], orphans, seconds, processor_seconds)


def run_limited(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str | None] | None = None,
    limits: Limits | None = None,
    interpreter: Sequence[str] = (),
) -> Outcome:
    """Run ``vidbench`` to its end; the arguments are those of `start`."""
    return end(start(arguments, folder, environment, limits, interpreter))


def _run_and_exit(
    arguments: list[str], folder: Path, environment: dict[str, str | None], limits: Limits, out: int, err: int,
    fresh: list[str] | None,
) -> None:  # fmt: skip
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
        if fresh:
            os.environ.update({"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"})
            _limit(limits)
            os.execv(fresh[0], fresh)
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
    return exit_code(cli.main)


def _limit(limits: Limits) -> None:
    limit_address_space(limits.memory_bytes)
    for kind, value in (
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _wait(pid: int, deadline: float) -> tuple[int | None, float]:
    """Wait for a process and return its code and its processor time; kill it when the time is up, and return None as code."""
    pause = 0.001
    while time.monotonic() < deadline:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.kill(pid, signal.SIGKILL)  # before it has a session of its own, its group is that of the caller
    used = os.wait4(pid, 0)[2]
    return None, used.ru_utime + used.ru_stime


def session(leader: int) -> tuple[str, ...]:
    """Return the living processes of a session, each with its number and name."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - after every case; paths would take three times as long
        if not entry.isdecimal():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123
                number, _, rest = stat.read().partition(" (")
        except OSError:
            continue
        name, _, fields = rest.rpartition(") ")
        state, _, _, session = fields.split()[:4]
        if int(session) == leader and state not in "ZX":
            found.append(f"{number} {name}")
    return tuple(found)


def rest_of_session(leader: int, seconds: float) -> tuple[str, ...]:
    """Return what is left of a session after the seconds that its processes have to notice that they must end."""
    deadline = time.monotonic() + seconds
    while (left := session(leader)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def kill_session(leader: int) -> None:
    """Kill what is left of a session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
