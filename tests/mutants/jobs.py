"""What one forked process does: run tests with a mutant instead of a module, or run a test file and see which lines it covers.

The parent has imported torch and pytest, but no module of this repository.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.memory_limit import limit_address_space

ROOT = Path(__file__).resolve().parents[2]
# Plain assertions: with rewritten ones pytest would also load the modules of the repository, which are one of its plugins.
_PYTEST = (
    "-q", "-x", "--assert=plain", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:faulthandler",
)  # fmt: skip
# A test may take this many times what it took, and this many seconds more.
_SLOWER, _MORE_SECONDS = 10.0, 5.0


def warm_up() -> None:
    """Import the libraries that tests import."""
    import gc

    os.environ["OMP_NUM_THREADS"] = "1"
    for name in (
        "_pytest.pytester", "av", "click.testing", "hypothesis", "numpy", "pandas", "PIL.Image", "pydantic", "pytest", "requests",
        "rich.console", "rich.table", "safetensors.numpy", "safetensors.torch", "scipy.linalg", "scipy.stats", "scipy.spatial", "torch",
        "torch.nn.functional", "cramjam", "google_crc32c", "yaml", "mpmath", "skimage.metrics",
    ):  # fmt: skip
        try:
            __import__(name)
        except ImportError:
            continue
    sys.modules["torch"].set_num_threads(1)
    # The import of these two runs no code of the repository twice: tests see what the parent has not imported.
    if any(name.partition(".")[0] in ("vidbench", "vidmetrics", "dvdgan") for name in sys.modules):
        raise RuntimeError("the parent has imported what mutants must replace")
    gc.collect()
    gc.freeze()


def prepare_child(log: Path) -> None:
    """Redirect output and limit memory."""
    os.setsid()
    number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(number, 1)
    os.dup2(number, 2)
    limit_address_space(12 * 2**30)
    os.chdir(ROOT)


class _Replaced:
    """A finder that loads one module from another source."""

    def __init__(self, module: str, path: Path, source: str) -> None:
        self.module, self.path, self.source = module, path, source

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        finder = self

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname: str) -> Any:
                return compile(finder.source, str(finder.path), "exec", dont_inherit=True)

        return importlib.util.spec_from_file_location(name, self.path, loader=Loader(name, str(self.path)))


class _Watch:
    """Ends the process if a test takes too long, and remembers the test that failed."""

    def __init__(self, seconds: dict[str, float], journal: Path) -> None:
        self.seconds, self.journal, self.failed = seconds, journal, ""

    def pytest_runtest_setup(self, item: Any) -> None:
        self.journal.write_text(json.dumps({"running": item.nodeid}))
        signal.setitimer(signal.ITIMER_REAL, _MORE_SECONDS + _SLOWER * self.seconds.get(item.nodeid, 0.0))

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


def run_mutant(module: str, path: Path, source: str, tests: list[str], seconds: dict[str, float], answer: Path) -> None:
    """Run tests with another source of a module; write whether they noticed."""
    import pytest

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.meta_path.insert(0, _Replaced(module, path, source))
    watch = _Watch(seconds, answer)
    signal.setitimer(signal.ITIMER_REAL, 60)  # collecting, which imports the module
    code = pytest.main([*_PYTEST, f"--basetemp={answer.with_suffix('.tmp')}", *tests], plugins=[watch])
    answer.write_text(json.dumps({"code": int(code), "failed": watch.failed}))


class _Coverage:
    """Records duration and outcome of each test, and the lines that it executes of some files."""

    def __init__(self, files: dict[str, str], answer: Path) -> None:
        self.files = files  # absolute path -> path in the repository
        self.answer = answer
        self.lines: dict[str, set[int]] = {}
        self.tests: dict[str, dict[str, Any]] = {}
        self.started = 0.0

    def trace(self, frame: Any, event: str, _argument: Any) -> Any:
        path = self.files.get(frame.f_code.co_filename)
        if path is None:
            return None
        lines = self.lines.setdefault(path, set())

        def line(frame: Any, event: str, _argument: Any) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
            return line

        lines.add(frame.f_lineno)
        return line

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        # Before the fixtures are set up, which are the work of some tests.
        self.lines = {}
        self.started = time.monotonic()
        threading.settrace(self.trace)
        sys.settrace(self.trace)

    def pytest_runtest_logreport(self, report: Any) -> None:
        test = self.tests.setdefault(report.nodeid, {"passed": True, "seconds": 0.0})
        test["passed"] = test["passed"] and report.passed
        test["seconds"] += report.duration

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        sys.settrace(None)
        threading.settrace(None)
        if nodeid in self.tests:
            lines = {path: sorted(lines) for path, lines in self.lines.items()}
            with self.answer.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": nodeid, **self.tests[nodeid], "lines": lines}) + "\n")


def run_baseline(test_file: str, files: dict[str, str], answer: Path) -> None:
    """Run a test file and write what each of its tests covers, one line per test."""
    import pytest

    coverage = _Coverage(files, answer)
    arguments = [each for each in _PYTEST if each != "-x"]
    pytest.main([*arguments, f"--basetemp={answer.with_suffix('.tmp')}", test_file], plugins=[coverage])
    sys.settrace(None)
