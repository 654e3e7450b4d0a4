"""A pytest plugin: one test per known-answer vector, for the CI of other repositories.

``pytest --vidbench-implementation package.module:callable`` adds the tests to those that pytest collects; the marker
``vidbench_conformance`` selects only these. Without the option nothing is added or imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vidmetrics.conformance.kinds import Implementation
    from vidmetrics.conformance.vectors import Vector

MARK = "vidbench_conformance"
_NOTHING_TESTED = "the implementation offered none of the kinds, so nothing was tested"


class ConformanceError(Exception):
    """An answer that differs from the known one."""


class VectorItem(pytest.Item):
    """One vector, run on the implementation."""

    vector: Vector
    implementation: Implementation

    def runtest(self) -> None:
        """Fail with the deviation and the diagnosis; skip a kind that is not offered."""
        from vidmetrics.conformance.mistakes import MISTAKES
        from vidmetrics.conformance.suite import check

        outcome = check(self.vector, self.implementation)
        if outcome.verdict == "not offered":
            pytest.skip(f"the implementation does not offer '{self.vector.kind}'")
        if outcome.verdict == "error":
            raise ConformanceError(outcome.message)
        if outcome.verdict == "failed":
            titles = [f"code that {MISTAKES[name].title}" for name in outcome.candidates[:3]]
            raise ConformanceError(
                f"The answer is off by {outcome.deviation:.2g} relative; the tolerance is {self.vector.tolerance:.0e}. It "
                f"looks like {' or '.join(titles) or 'no known mistake'}. Oracle: {self.vector.oracle}."
            )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None) -> str:
        """Return one line for a wrong answer, and pytest's own report for an error in this plugin or numpy."""
        if isinstance(excinfo.value, ConformanceError):
            return f"{self.vector.name}: {excinfo.value}"
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Return the location of the test for reports."""
        return "vidbench conformance", None, self.vector.name


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("vidbench")
    group.addoption(
        "--vidbench-implementation",
        metavar="M:C",
        help="package.module:callable to check with vidbench's known answers, one test per vector",
    )
    group.addoption(
        "--vidbench-vectors", action="append", default=[], metavar="PATTERN", help="only vectors with these names"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", f"{MARK}: a known-answer vector of vidbench")
    if config.getoption("--vidbench-implementation"):
        config.pluginmanager.register(_NothingTested(), "vidbench-nothing-tested")


class _NothingTested:
    """Fails a session in which every vector was skipped; pytest alone calls that a success."""

    def __init__(self) -> None:
        self._outcomes: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the outcome of a vector; with pytest-xdist the main process gets the reports of all workers."""
        if MARK in report.keywords and report.when == "call":
            self._outcomes.add(report.outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a session that would pass."""
        if self._outcomes == {"skipped"} and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say why."""
        if self._outcomes == {"skipped"}:
            terminalreporter.write_line(f"vidbench conformance: {_NOTHING_TESTED}", red=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the vectors, before pytest deselects by -k and -m."""
    target = config.getoption("--vidbench-implementation")
    if target:
        items.extend(_vector_items(session, target, config.getoption("--vidbench-vectors")))


def _vector_items(session: pytest.Session, target: str, patterns: list[str]) -> Iterable[VectorItem]:
    from vidmetrics.conformance.suite import load_implementation
    from vidmetrics.conformance.vectors import load_vectors
    from vidmetrics.errors import InputError

    try:
        implementation, vectors = load_implementation(target), load_vectors(patterns)
    except InputError as error:
        raise pytest.UsageError(str(error)) from error
    for vector in vectors:
        item: VectorItem = VectorItem.from_parent(session, name=f"vidbench-conformance[{vector.name}]")
        item.vector, item.implementation = vector, implementation
        item.add_marker(MARK)
        yield item
