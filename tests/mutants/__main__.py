"""Mutation testing of what decides numbers.

    python -m tests.mutants --number 500 --workers 16

First every test file runs once and records which lines of the code each test executes. Then each mutant of a seeded sample runs
with the tests that execute its line, the quickest of its own folder first, until one fails. Results are appended to
``build/mutants/journal.jsonl``: the same command resumes. Survivors are compared with ``survivors.toml``, which gives the reason
for each accepted one. Exit code 1: fewer than 95 % are killed, or a survivor is not listed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.mutants import jobs
from tests.mutants.operators import Mutant, find_mutants, mutated_source

ROOT = jobs.ROOT
SETTINGS = tomllib.loads(Path(__file__).with_name("targets.toml").read_text(encoding="utf-8"))
SURVIVORS = Path(__file__).with_name("survivors.toml")
# Tests of one mutant may take this long in total, when nothing is changed.
_SECONDS_PER_MUTANT = 30.0
_BASELINE_SECONDS = 200.0


class _Job(NamedTuple):
    name: str
    run: Callable[[Path], None]
    limit: float


class _Ended(NamedTuple):
    job: _Job
    answer: list[dict[str, Any]]
    signal: int
    seconds: float


def targets() -> list[str]:
    """Return the files whose mutants are tested."""
    found: set[str] = set()
    for pattern in SETTINGS["code"]:
        found |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
    for pattern in SETTINGS["not_code"]:
        found -= {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
    return sorted(found)


def test_files() -> list[str]:
    """Return the test files that may notice."""
    found: set[str] = set()
    for pattern in SETTINGS["tests"]:
        found |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
    for pattern in SETTINGS["not_tests"]:
        found -= {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
    return sorted(found)


def sample(mutants: list[Mutant], number: int, seed: int) -> list[Mutant]:
    """Return a seeded sample, which a change of the code elsewhere leaves as it is."""
    return sorted(mutants, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.name}".encode()).digest())[:number]


def run_jobs(queue: list[_Job], workers: int, folder: Path, until: float = float("inf")) -> Iterator[_Ended]:
    """Run each job in a forked process, several at a time, and yield how it ended; start none after a time."""
    running: dict[int, tuple[_Job, Path, float]] = {}
    queue = list(reversed(queue))
    folder = folder / "jobs"
    folder.mkdir(exist_ok=True)
    count = 0
    while running or (queue and time.monotonic() < until):
        while queue and len(running) < workers and time.monotonic() < until:
            job = queue.pop()
            answer = folder / f"{count}.json"
            answer.unlink(missing_ok=True)
            count += 1
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                try:
                    jobs.prepare_child(answer.with_suffix(".log"))
                    job.run(answer)
                finally:
                    os._exit(0)
            running[pid] = (job, answer, time.monotonic())
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            job, answer, started = running.pop(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            shutil.rmtree(answer.with_suffix(".tmp"), ignore_errors=True)
            found = _json_lines(answer)
            answer.unlink(missing_ok=True)
            answer.with_suffix(".log").unlink(missing_ok=True)
            code = os.waitstatus_to_exitcode(status)
            yield _Ended(job, found, max(0, -code), time.monotonic() - started)
            continue
        now = time.monotonic()
        for pid, (job, _, started) in running.items():
            if now - started > job.limit:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def baseline(workers: int, folder: Path, only: str) -> dict[str, dict[str, Any]]:
    """Return duration and covered lines of each passing test; kept until a source or a test changes."""
    files = {str(ROOT / path): path for path in targets()}
    tests = [path for path in test_files() if only in path]
    digest = hashlib.sha256(
        "".join(path + Path(ROOT, path).read_text("utf-8") for path in [*files.values(), *tests]).encode()
    )
    kept = folder / "baseline.json"
    if kept.is_file():
        document = json.loads(kept.read_text())
        if document["sha256"] == digest.hexdigest():
            return document["tests"]
    first = [path for path in SETTINGS["slow_tests"] if path in tests]
    tests = [*first, *(path for path in tests if path not in first)]

    def job(path: str) -> _Job:
        return _Job(path, lambda answer: jobs.run_baseline(path, files, answer), _BASELINE_SECONDS)

    found: dict[str, dict[str, Any]] = {}
    for ended in run_jobs([job(path) for path in tests], workers, folder):
        failed = [test["name"] for test in ended.answer if not test["passed"]]
        unfinished = ", not finished" if ended.signal else ""
        print(
            f"{ended.seconds:6.1f} s  {len(ended.answer):4} tests, {len(failed)} not passed{unfinished}  {ended.job.name}",
            flush=True,
        )
        found |= {test.pop("name"): test for test in ended.answer if test["passed"]}
    kept.write_text(json.dumps({"sha256": digest.hexdigest(), "tests": found}))
    return found


def tests_of(mutant: Mutant, tests: dict[str, dict[str, Any]]) -> list[str]:
    """Return the tests to run: those that execute the line of a mutant, then the others of the same files.

    The others use what a fixture or a cached function computed for the first test. A line that no test executes, because it
    runs at import or in another process, is tried with all tests that use the module. Tests of the mutant's own folder and
    quick ones come first; in total they take half a minute.
    """
    room = "/".join(Path(mutant.path).parts[-3:-1]).replace("metrics/vidmetrics", "vidmetrics")
    stem = Path(mutant.path).stem
    using = {name: test["lines"][mutant.path] for name, test in tests.items() if mutant.path in test["lines"]}
    executing = {name for name, lines in using.items() if {mutant.line, mutant.statement} & set(lines)}
    files = {name.partition("::")[0] for name in executing}
    if not executing or mutant.at_import:
        files = {name.partition("::")[0] for name in using}

    def order(name: str) -> tuple[bool, int, float]:
        file = name.partition("::")[0]
        near = 0 if Path(file).stem == f"test_{stem}" and f"/{room}/" in file else 1 if f"/{room}/" in file else 2
        return (name not in executing, near, tests[name]["seconds"])

    chosen, total = [], 0.0
    for name in sorted((name for name in using if name.partition("::")[0] in files), key=order):
        if total + tests[name]["seconds"] <= _SECONDS_PER_MUTANT or not chosen:
            chosen.append(name)
            total += tests[name]["seconds"]
    return chosen


def _module(path: str) -> str:
    name = path.removesuffix(".py").removeprefix("metrics/").replace("/", ".")
    return name.removesuffix(".__init__")


def _mutant_job(mutant: Mutant, sources: dict[str, str], tests: dict[str, dict[str, Any]]) -> _Job:
    chosen = tests_of(mutant, tests)
    seconds = {name: tests[name]["seconds"] for name in chosen}

    def run(answer: Path) -> None:
        if not chosen:
            answer.write_text(json.dumps({"code": 0, "failed": ""}))
            return
        source = mutated_source(sources[mutant.path], mutant.number)
        jobs.run_mutant(_module(mutant.path), ROOT / mutant.path, source, chosen, seconds, answer)

    return _Job(mutant.name, run, 75 + 4 * sum(seconds.values()))


def _outcome(ended: _Ended) -> str:
    answer = ended.answer[-1] if ended.answer else {}
    if ended.signal in (signal.SIGALRM, signal.SIGKILL):
        return "time"
    if "code" not in answer:
        return "crash"
    # pytest's exit code 1: a test failed; 2 and more: the tests could not be collected, because the import failed.
    return "survived" if answer["code"] == 0 else "killed"


def _json_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; a torn last line is left out, a missing file is empty."""
    lines = []
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="utf-8").splitlines():
            lines.append(json.loads(line))
    return lines


def read_journal(path: Path) -> dict[str, dict[str, Any]]:
    """Return the latest entry of each mutant."""
    return {entry["name"]: entry for entry in _json_lines(path)}


def listed_survivors() -> dict[str, str]:
    """Return the accepted survivors with the reason of each."""
    if not SURVIVORS.is_file():
        return {}
    document = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    return {entry["mutant"]: entry["reason"] for entry in document.get("survivor", [])}


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.split("\n\n")[0])
    parser.add_argument("--number", type=int, default=500, help="size of the sample (default: 500)")
    parser.add_argument("--seed", type=int, default=18, help="seed of the sample (default: 18)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--only", default="", help="only mutants with this text in their name")
    parser.add_argument("--tests", default="", help="only test files with this text in their path")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants", help="for the journal")
    parser.add_argument("--survivors", action="store_true", help="run only those that survived before, again")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no mutant after this time")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()

    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in targets()}
    everything = [mutant for path, source in sources.items() for mutant in find_mutants(path, source)]
    chosen = [m for m in sample(everything, options.number, options.seed) if options.only in m.name]
    print(
        f"{len(everything)} mutants of {len(sources)} files; a sample of {len(chosen)} with seed {options.seed}",
        flush=True,
    )

    jobs.warm_up()
    tests = baseline(options.workers, folder, options.tests)
    print(f"{len(tests)} tests, {time.monotonic() - started:.0f} s", flush=True)
    journal = folder / "journal.jsonl"
    done = read_journal(journal)
    digests = {path: hashlib.sha256(source.encode()).hexdigest()[:16] for path, source in sources.items()}

    def is_open(mutant: Mutant) -> bool:
        entry = done.get(mutant.name)
        if entry is None or entry["source"] != digests[mutant.path]:
            return True
        return options.survivors and entry["outcome"] == "survived"

    by_name = {mutant.name: mutant for mutant in chosen}
    queue = [_mutant_job(mutant, sources, tests) for mutant in chosen if is_open(mutant)]

    with journal.open("a", encoding="utf-8") as file:
        ended_jobs = run_jobs(queue, options.workers, folder, started + 60 * options.minutes)
        for number, ended in enumerate(ended_jobs, start=1):
            mutant = by_name[ended.job.name]
            answer = ended.answer[-1] if ended.answer else {}
            entry = {
                "name": mutant.name, "line": mutant.line, "source": digests[mutant.path], "outcome": _outcome(ended),
                "by": answer.get("failed") or answer.get("running", ""),
                "tests": len(tests_of(mutant, tests)), "seconds": round(ended.seconds, 2),
            }  # fmt: skip
            done[mutant.name] = entry
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            file.flush()
            if entry["outcome"] == "survived":
                print(f"[{number}/{len(queue)}] survived: {mutant.path}:{mutant.line} {mutant.name}", flush=True)
    return report([done[mutant.name] for mutant in chosen if mutant.name in done], len(chosen))


def report(entries: list[dict[str, Any]], wanted: int) -> int:
    """Print counts and unlisted survivors; return the exit code."""
    outcomes = Counter(entry["outcome"] for entry in entries)
    killed = len(entries) - outcomes["survived"]
    listed = listed_survivors()
    unlisted = [entry for entry in entries if entry["outcome"] == "survived" and entry["name"] not in listed]
    for entry in unlisted:
        print(f"not listed: line {entry['line']}, {entry['tests']} tests: {entry['name']}")
    share = killed / max(1, len(entries))
    print(
        f"{len(entries)} of {wanted} mutants: {killed} killed ({share:.1%}; {outcomes['time']} by time, {outcomes['crash']} by a crash), "
        f"{outcomes['survived']} survived, {outcomes['survived'] - len(unlisted)} of them listed with a reason"
    )
    return 0 if share >= 0.95 and not unlisted else 1


if __name__ == "__main__":
    sys.exit(main())
