"""What one forked process does: run tests with a mutant instead of a module, or run a test file and see which lines it covers.

The parent has imported torch and pytest, but no module of this repository.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.memory_limit import limit_address_space
from tests.mutants import inside

ROOT = Path(__file__).resolve().parents[2]
# Plain assertions: with rewritten ones pytest would also load the modules of the repository, which are one of its plugins.
_PYTEST = (
    "-q", "-x", "--assert=plain", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:faulthandler",
)  # fmt: skip
# A test may take this many times what it took, and this many seconds of the processor more; longer if it only waits, as
# every test does where the machine has other work. A test that runs alone makes fixtures that others made before.
_SLOWER, _MORE_SECONDS, _MORE_SECONDS_OF_WAITING, _UNKNOWN_SECONDS = 10.0, 30.0, 90.0, 10.0
# The files of the first three tests are collected first.
_FIRST_TESTS = 3


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


class _Watch:
    """Ends the process if a test takes too long, and remembers the test that failed."""

    def __init__(self, seconds: dict[str, float], journal: Path) -> None:
        self.seconds, self.journal, self.failed = seconds, journal, ""

    def pytest_runtest_setup(self, item: Any) -> None:
        self.journal.write_text(json.dumps({"running": item.nodeid}))
        usual = self.seconds.get(item.nodeid, _UNKNOWN_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, _MORE_SECONDS + _SLOWER * usual)
        signal.setitimer(signal.ITIMER_REAL, _MORE_SECONDS_OF_WAITING + _SLOWER * usual)

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


def run_mutant(module: str, path: Path, source: str, tests: list[str], seconds: dict[str, float], answer: Path) -> None:
    """Run tests with another source of a module; write whether they noticed."""
    import pytest

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    sys.meta_path.insert(0, inside.Replaced(module, str(path), source))
    what = {"module": module, "path": str(path), "source": source}
    inside.tell_children(what, answer.with_suffix(".child"))
    watch = _Watch(seconds, answer)
    code = 0
    # Most mutants fail in the first files: the others are not even collected for them.
    near = {name.partition("::")[0]: None for name in tests[:_FIRST_TESTS]}
    first = [name for name in tests if name.partition("::")[0] in near]
    for part in (first, [name for name in tests if name not in set(first)]):
        if part and not code:
            code = _run_pytest(part, watch, answer)
            if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
                # A test that is named by what the mutant moves has another name, which is no failure.
                code = _run_pytest(list(dict.fromkeys(name.partition("::")[0] for name in part)), watch, answer)
    answer.write_text(json.dumps({"code": int(code), "failed": watch.failed}))


def _run_pytest(tests: list[str], watch: _Watch, answer: Path) -> int:
    import pytest

    signal.setitimer(signal.ITIMER_REAL, 240)  # collecting, which imports the module
    return int(pytest.main([*_PYTEST, f"--basetemp={answer.with_suffix('.tmp')}", *tests], plugins=[watch]))


class _Coverage:
    """Records duration and outcome of each test, and the lines that it executes of some files."""

    def __init__(self, lines: inside.Lines, names: dict[str, str], answer: Path) -> None:
        self.lines, self.names, self.answer = lines, names, answer
        self.tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        # Before the fixtures are set up, which are the work of some tests.
        self.lines.clear()
        self.lines.begin()

    def pytest_runtest_logreport(self, report: Any) -> None:
        test = self.tests.setdefault(report.nodeid, {"passed": True, "seconds": 0.0})
        test["passed"] = test["passed"] and report.passed
        test["seconds"] += report.duration

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        self.lines.end()
        if nodeid in self.tests:
            # A module that was imported before, with no line executed now, may still have decided constants.
            files = [str(getattr(module, "__file__", "")) for module in list(sys.modules.values())]
            lines: dict[str, list[int]] = {self.names[file]: [] for file in files if file in self.names}
            lines |= {self.names[file]: found for file, found in self.lines.read().items()}
            with self.answer.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": nodeid, **self.tests[nodeid], "lines": lines}) + "\n")


def run_baseline(test_file: str, files: dict[str, str], answer: Path) -> None:
    """Run a test file and write what each of its tests covers, one line per test.

    Args:
        test_file: relative to the repository.
        files: path in the repository by absolute path.
        answer: file for the answer.
    """
    import pytest

    sizes = {path: len(Path(path).read_text(encoding="utf-8").splitlines()) for path in files}
    marks = answer.with_suffix(".lines")
    lines = inside.Lines(sizes, marks)
    inside.tell_children({"sizes": sizes, "lines": str(marks)}, answer.with_suffix(".child"))
    arguments = [each for each in _PYTEST if each != "-x"]
    pytest.main(
        [*arguments, f"--basetemp={answer.with_suffix('.tmp')}", test_file], plugins=[_Coverage(lines, files, answer)]
    )
    lines.end()
