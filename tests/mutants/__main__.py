"""Mutation testing of what decides numbers.

    python -m tests.mutants --number 500 --workers 16

First every test file runs once and records which lines of the code each test executes. Then each mutant of a seeded sample runs
with the tests that execute its line, the quickest of its own folder first, until one fails. Results are appended to
``build/mutants/journal.jsonl``: the same command resumes. Survivors are compared with ``survivors.toml``, which gives the reason
for each accepted one. Exit code 1: fewer than 95 % are killed, or a survivor is not listed.

On few cores, ``--quick`` leaves slow test files out; the same command without it then runs the survivors alone. Tests added
later are tried on them with ``--survivors``.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import signal
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from tests.mutants import jobs
from tests.mutants.forks import Ended, Job, json_lines, run_jobs
from tests.mutants.operators import Mutant, find_mutants, mutated_source

ROOT = jobs.ROOT
SETTINGS = tomllib.loads(Path(__file__).with_name("targets.toml").read_text(encoding="utf-8"))
SURVIVORS = Path(__file__).with_name("survivors.toml")
# Tests of one mutant may take this long in total, when nothing is changed.
_SECONDS_PER_MUTANT = 30.0
_BASELINE_SECONDS = 1200.0


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


def baseline(workers: int, folder: Path, only: list[str], quick: bool = False) -> dict[str, dict[str, Any]]:
    """Return duration and covered lines of each passing test.

    Those of a test file are kept until the file itself or a source that its tests execute changes. Without workers, only those
    that are kept are returned.
    """
    files = {str(ROOT / path): path for path in targets()}
    tests = [path for path in test_files() if any(text in path for text in only)]
    first = [path for path in SETTINGS["slow_tests"] if path in tests and not quick]
    tests = [path for path in tests if path not in SETTINGS["slow_tests"]]
    tests = [*first, *tests]
    digests = {path: _digest((ROOT / path).read_bytes()) for path in [*files.values(), *tests]}
    journal = folder / "baseline.jsonl"
    kept = {
        entry["file"]: entry["tests"]
        for entry in json_lines(journal)
        if all(digests.get(path) == digest for path, digest in entry["digests"].items())
    }

    def job(path: str) -> Job:
        return Job(path, lambda answer: jobs.run_baseline(path, files, answer), _BASELINE_SECONDS)

    queue = [job(path) for path in tests if path not in kept] if workers else []
    for ended in run_jobs(queue, workers, folder):
        path = ended.job.name
        failed = [test["name"] for test in ended.answer if not test["passed"]]
        unfinished = ", not finished" if ended.signal else ""
        print(
            f"{ended.seconds:6.1f} s  {len(ended.answer):4} tests, {len(failed)} not passed{unfinished}  {path}",
            flush=True,
        )
        kept[path] = ended.answer
        used = {path, *(source for test in ended.answer for source, lines in test["lines"].items() if lines)}
        entry = {"file": path, "digests": {name: digests[name] for name in sorted(used)}, "tests": ended.answer}
        with journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
    return {test["name"]: test for path in tests for test in kept.get(path, []) if test["passed"]}


def tests_of(mutant: Mutant, tests: dict[str, dict[str, Any]]) -> list[str]:
    """Return the tests to run: those that execute the line of a mutant, then the others of the same files.

    The others use what a fixture or a cached function computed for the first test. A line that runs at import is tried with all
    tests in whose process the module was imported. Tests of the mutant's own folder and quick ones come first; in total they
    take half a minute.
    """
    room = "/".join(Path(mutant.path).parts[-3:-1]).replace("metrics/vidmetrics", "vidmetrics")
    stem = Path(mutant.path).stem
    using = {name: test["lines"][mutant.path] for name, test in tests.items() if mutant.path in test["lines"]}
    executing = {name for name, lines in using.items() if {mutant.line, mutant.statement} & set(lines)}
    files = {name.partition("::")[0] for name in executing}
    if not executing or mutant.at_import:
        files = {name.partition("::")[0] for name in using}

    def order(name: str) -> tuple[bool, bool, int, float]:
        file = name.partition("::")[0]
        near = 0 if Path(file).stem == f"test_{stem}" and f"/{room}/" in file else 1 if f"/{room}/" in file else 2
        return (name not in executing, not using[name], near, tests[name]["seconds"])

    chosen, total = [], 0.0
    for name in sorted((name for name in using if name.partition("::")[0] in files), key=order):
        if total + tests[name]["seconds"] <= _SECONDS_PER_MUTANT or not chosen:
            chosen.append(name)
            total += tests[name]["seconds"]
    return chosen


def _module(path: str) -> str:
    name = path.removesuffix(".py").removeprefix("metrics/").replace("/", ".")
    return name.removesuffix(".__init__")


def _mutant_job(
    mutant: Mutant, sources: dict[str, str], tests: dict[str, dict[str, Any]], unchanged: bool = False
) -> Job:
    chosen = tests_of(mutant, tests)
    seconds = {name: tests[name]["seconds"] for name in chosen}

    def run(answer: Path) -> None:
        if not chosen:
            answer.write_text(json.dumps({"code": 0, "failed": ""}))
            return
        text = sources[mutant.path]
        source = ast.unparse(ast.parse(text)) if unchanged else mutated_source(text, mutant.number)
        jobs.run_mutant(_module(mutant.path), ROOT / mutant.path, source, chosen, seconds, answer)

    return Job(mutant.name, run, 300 + 10 * sum(seconds.values()))


def _outcome(ended: Ended) -> str:
    answer = ended.answer[-1] if ended.answer else {}
    if ended.signal in (signal.SIGALRM, signal.SIGPROF, signal.SIGKILL):
        return "time"
    if "code" not in answer:
        return "crash"
    # pytest's exit code 1: a test failed; 2 and more: the tests could not be collected, because the import failed.
    return "survived" if answer["code"] == 0 else "killed"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def read_journal(path: Path) -> dict[str, dict[str, Any]]:
    """Return the latest entry of each mutant."""
    return {entry["name"]: entry for entry in json_lines(path)}


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
    parser.add_argument("--only", nargs="+", default=[""], help="only mutants with one of these texts in their name")
    parser.add_argument(
        "--tests", nargs="+", default=[""], help="only test files with one of these texts in their path"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants", help="for the journal")
    parser.add_argument(
        "--quick", action="store_true", help="without slow test files; survivors are open for a full run"
    )
    parser.add_argument("--kept", action="store_true", help="only with test files that ran before; run no others")
    parser.add_argument("--survivors", action="store_true", help="run those that survived before again")
    parser.add_argument(
        "--control", action="store_true", help="run the same tests with unchanged code: all must survive"
    )
    parser.add_argument("--minutes", type=float, default=1e9, help="start no mutant after this time")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()

    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in targets()}
    everything = [mutant for path, source in sources.items() for mutant in find_mutants(path, source)]
    drawn = sample(everything, options.number, options.seed)
    chosen = [mutant for mutant in drawn if any(text in mutant.name for text in options.only)]
    print(
        f"{len(everything)} mutants of {len(sources)} files; a sample of {len(chosen)} with seed {options.seed}",
        flush=True,
    )

    jobs.warm_up()
    tests = baseline(0 if options.kept else options.workers, folder, options.tests, options.quick)
    print(f"{len(tests)} tests, {time.monotonic() - started:.0f} s", flush=True)
    journal = folder / ("control.jsonl" if options.control else "journal.jsonl")
    done = read_journal(journal)
    digests = {path: _digest(source.encode()) for path, source in sources.items()}

    def is_open(mutant: Mutant) -> bool:
        entry = done.get(mutant.name)
        if entry is None or entry["source"] != digests[mutant.path]:
            return True
        return entry["outcome"] == "survived" and (options.survivors or entry["quick"] > options.quick)

    by_name = {mutant.name: mutant for mutant in chosen}
    queue = [_mutant_job(mutant, sources, tests, options.control) for mutant in chosen if is_open(mutant)]

    with journal.open("a", encoding="utf-8") as file:
        ended_jobs = run_jobs(queue, options.workers, folder, started + 60 * options.minutes)
        for number, ended in enumerate(ended_jobs, start=1):
            mutant = by_name[ended.job.name]
            answer = ended.answer[-1] if ended.answer else {}
            entry = {
                "name": mutant.name, "line": mutant.line, "source": digests[mutant.path], "outcome": _outcome(ended),
                "by": answer.get("failed") or answer.get("running", ""),
                "tests": len(tests_of(mutant, tests)), "seconds": round(ended.seconds, 2), "quick": options.quick,
                "code": answer.get("code"),
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
