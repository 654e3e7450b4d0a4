"""Run commands from a small process: a worker of pytest that has collected and run thousands of tests takes twice as long to fork.

The process imports what commands import, reads one command a line as JSON, does what `tests.abuse.runner.run_limited` does, and writes
the outcome. Patches of the caller are not active in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.abuse.runner import Limits, Outcome, run_limited

_ROOT = Path(__file__).resolve().parents[2]


class Lean:
    """A process that runs commands, started with the first one; `close` ends it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self,
        arguments: list[str],
        folder: Path,
        environment: dict[str, str | None] | None = None,
        limits: Limits | None = None,
    ) -> Outcome:
        """Run ``vidbench`` to its end; the arguments are those of `tests.abuse.runner.run_limited`."""
        if self._process is None:
            command = [sys.executable, "-m", "tests.abuse.lean"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "ascii"}
            self._process = subprocess.Popen(command, cwd=_ROOT, **pipes)
        asked = [arguments, str(folder), environment, limits or Limits(), dict(os.environ)]
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the process that runs commands has ended before it answered for {arguments}"
        code, stdout, stderr, orphans, *seconds = json.loads(answer)
        return Outcome(code, stdout, stderr, tuple(orphans), *seconds)

    def close(self) -> None:
        """End the process, which reads to the end of its input."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what else prints must not be taken for an answer
    for line in sys.stdin:
        arguments, folder, environment, limits, of_caller = json.loads(line)
        os.environ.clear()
        os.environ.update(of_caller)
        outcome = run_limited(arguments, Path(folder), environment, Limits(*limits))
        answers.write(json.dumps(outcome) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
