"""Run a Python program in a forked process that has imported torch and the like, for which a new interpreter takes seconds."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import functools
import importlib
import os
import runpy
import signal
import socket
import sys
import sysconfig
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, NamedTuple, NoReturn

_LIBRARIES = (
    "av", "jinja2", "numpy", "pandas", "PIL.Image", "pydantic", "pytest", "rich.console", "rich.table", "safetensors.torch", "scipy.linalg",
    "scipy.special", "torch", "torch._inductor.config",
)  # fmt: skip
# Everything else is imported again, so that a program sees the sources on its path and no state of the tests. Tests have folders of that name
# too, which are not on the path yet.
_INSTALLED = (
    sysconfig.get_path("stdlib"),
    *(each for each in sys.path if Path(each).name in ("site-packages", "dist-packages")),
)
_OURS = ("vidbench", "vidmetrics", "dvdgan", "tests")


class Ended(NamedTuple):
    """How a program ended, in the words of `subprocess.CompletedProcess`."""

    returncode: int | None
    stdout: str
    stderr: str


class Running:
    """A program that runs in a forked process, with the methods of `subprocess.Popen` that tests need."""

    def __init__(self, pid: int, out: IO[bytes], err: IO[bytes]) -> None:
        self.pid, self._streams = pid, (out, err)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the program runs."""
        if self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if done else None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = 300) -> Ended:
        """Wait for the end and return what the program printed; kill it when the time is up."""
        deadline, pause = time.monotonic() + seconds, 0.001
        while self.poll() is None:
            if time.monotonic() > deadline:
                self.send_signal(signal.SIGKILL)
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        texts = []
        for file in self._streams:
            file.seek(0)
            texts.append(file.read().decode("utf-8", "backslashreplace"))
            file.close()
        return Ended(self.poll(), *texts)


@functools.cache
def _import_libraries() -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)


def start_python(
    arguments: Sequence[str],
    folder: Path | None = None,
    path: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Running:
    """Start what ``python ARGUMENTS`` does, in a process of its own.

    Args:
        arguments: a script with its arguments, or ``-m``, a module and its arguments.
        folder: current folder of the program; that of this process by default.
        path: folders that modules are imported from before all others, as in ``PYTHONPATH``.
        environment: variables that are added to those of this process.
    """
    _import_libraries()
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed by `wait`
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads, which are idle here
        process = os.fork()
    if process == 0:
        _run_and_exit(
            list(map(str, arguments)), folder or Path.cwd(), path, environment or {}, out.fileno(), err.fileno()
        )
    return Running(process, out, err)


def run_python(
    arguments: Sequence[str],
    folder: Path | None = None,
    path: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program to its end; the arguments are those of `start_python`."""
    return start_python(arguments, folder, path, environment).wait()


def run_ranks(
    arguments: Sequence[str], count: int, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> list[Ended]:
    """Run a program as the ranks that torchrun would start on one node, and return how each ended."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    met = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GROUP_RANK": "0", "GROUP_WORLD_SIZE": "1"}
    met |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1", **(environment or {})}
    ranks = [
        start_python(arguments, folder, (), {**met, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(count)
    ]
    return [rank.wait() for rank in ranks]


def _run_and_exit(
    arguments: list[str], folder: Path, path: Sequence[Path], environment: Mapping[str, str], out: int, err: int
) -> NoReturn:
    """Run a program in the forked process, which it ends."""
    code = 70
    try:
        faulthandler.disable()  # pytest's would write to pytest's output
        atexit._clear()  # what the tests registered is theirs to do
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, out), (2, err)):
            os.dup2(source, target)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        warnings.resetwarnings()
        warnings.simplefilter("ignore", DeprecationWarning)
        os.environ.update(environment)
        if path:
            os.environ["PYTHONPATH"] = os.pathsep.join(map(str, path))
        os.chdir(folder)
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _OURS or not _is_library(module):
                del sys.modules[name]
        import torch

        torch.set_num_threads(1)
        torch.cuda.is_available = lambda: False  # a forked process cannot use the parent's device
        code = _run(arguments, list(map(str, path)))
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            sys.stderr.flush()
    finally:
        os._exit(code)


def _is_library(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return not file or any(Path(file).is_relative_to(folder) for folder in _INSTALLED)


def _run(arguments: list[str], path: list[str]) -> int:
    """Do what the interpreter does with its arguments, and return the exit code."""
    as_module = arguments[0] == "-m"
    target, *rest = arguments[1:] if as_module else arguments
    sys.argv = [target, *rest]
    sys.path[:] = [str(Path.cwd() if as_module else Path(target).resolve().parent), *path, *sys.path]
    importlib.invalidate_caches()
    if as_module:
        return exit_code(lambda: runpy.run_module(target, run_name="__main__", alter_sys=True))
    return exit_code(lambda: runpy.run_path(target, run_name="__main__"))


def exit_code(program: Callable[[], object]) -> int:
    """Run a program and return the code with which the interpreter would end; print what it would."""
    try:
        program()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
