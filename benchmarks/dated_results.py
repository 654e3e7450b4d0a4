"""Dated benchmark results: one Markdown file per measurement, ``benchmarks/results/DATE-BENCHMARK-MACHINE.md``, and the same as JSON.

Each program here takes ``--record MACHINE`` and then writes such files: date, machine, versions, commit, command, table.
``python benchmarks/dated_results.py`` shows the newest ones in benchmarks/README.md and draws its plot (`page.py`).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PACKAGES = ("vidbench", "torch", "numpy", "scipy", "av")
MARKS = ("<!-- newest: written by `python benchmarks/dated_results.py` -->", "<!-- end of newest -->")
NAME = re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})-(?P<benchmark>[a-z0-9_]+)-(?P<machine>[a-z0-9.-]+)\.md")
_FACT = re.compile(r"^- (?P<key>date|machine|versions|commit|command|note): (?P<value>.+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class DatedResult:
    """One measurement. Every fact is a string; ``unknown`` where it was not written down at the time."""

    date: str
    machine: str
    versions: str
    commit: str
    command: str
    rows: tuple[dict[str, str], ...]
    note: str = ""


def _machine_name(text: str) -> str:
    """Refuse a name that `record` could not use, before anything is measured."""
    path = _path_of_today(text)
    if not NAME.fullmatch(path.name):
        raise argparse.ArgumentTypeError(f"'{text}' has other characters than lower-case letters, digits, dots, dashes")
    if path.exists():
        raise argparse.ArgumentTypeError(f"{path.name} exists already")
    return text


def _path_of_today(name: str) -> Path:
    return RESULTS / f"{datetime.now(UTC).date().isoformat()}-{Path(sys.argv[0]).stem}-{name}.md"


def add_record_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--record MACHINE`` to a benchmark's options."""
    parser.add_argument(
        "--record",
        type=_machine_name,
        metavar="MACHINE",
        help="also write benchmarks/results/DATE-BENCHMARK-MACHINE.md; MACHINE is a short name such as h100",
    )


def record(name: str, rows: Iterable[Mapping[str, Any]], device: str = "", note: str = "") -> Path:
    """Write what this program has just measured.

    Args:
        name: short name of the machine, for the name of the file: lower-case letters, digits, dots and dashes.
        rows: the table; all rows have the same keys.
        device: the GPU's name, if one was measured.
        note: a sentence for the reader, if something has to be known.

    Returns:
        The new file.

    Raises:
        FileExistsError: this benchmark has a result of today for a machine of this name.
        ValueError: the name of the machine has other characters.
    """
    path = _path_of_today(name)
    if not NAME.fullmatch(path.name):
        raise ValueError(f"'{name}' cannot be part of a file name; use lower-case letters, digits, dots and dashes.")
    result = DatedResult(
        date=path.name[: len("2026-01-31")],
        machine=", ".join(filter(None, (device, processor(), f"{os.cpu_count()} cores", platform.machine()))),
        versions=", ".join([f"python {platform.python_version()}", *_versions()]),
        commit=_commit(),
        command=_command(name),
        rows=tuple({key: str(value) for key, value in row.items()} for row in rows),
        note=note,
    )
    RESULTS.mkdir(exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(to_markdown(path.stem, result))
    write_json(path, result)
    return path


def write_json(path: Path, result: DatedResult) -> None:
    """Write a result as JSON next to its Markdown file."""
    path.with_suffix(".json").write_text(
        json.dumps(asdict(result), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def read_json(path: Path) -> DatedResult:
    """Read the JSON of a result."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    return DatedResult(**fields | {"rows": tuple(fields["rows"])})


def to_markdown(title: str, result: DatedResult) -> str:
    """Return the text of a result's file."""
    facts = {key: getattr(result, key) for key in ("date", "machine", "versions", "commit")}
    facts |= {"command": f"`{result.command}`"} | ({"note": result.note} if result.note else {})
    keys = list(result.rows[0])
    lines = [f"# {title}", "", *(f"- {key}: {value}" for key, value in facts.items()), ""]
    lines += [f"| {' | '.join(keys)} |", f"|{'---|' * len(keys)}"]
    lines += [f"| {' | '.join(row[key] for key in keys)} |" for row in result.rows]
    return "\n".join(lines) + "\n"


def read(path: Path) -> DatedResult:
    """Read a result's file.

    Raises:
        ValueError: a fact or the table is missing.
    """
    text = path.read_text(encoding="utf-8")
    facts = {match["key"]: match["value"].strip("`") for match in _FACT.finditer(text)}
    table = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    missing = {"date", "machine", "versions", "commit", "command"} - set(facts)
    if missing or len(table) < 3:
        raise ValueError(f"'{path.name}' lacks {', '.join(sorted(missing)) or 'a table with at least one row'}.")
    keys, _, *rows = table
    return DatedResult(**facts, rows=tuple(dict(zip(keys, row, strict=True)) for row in rows))


def newest(names: Iterable[str]) -> list[str]:
    """Return, of files that are called as results are, the newest of each benchmark and machine, sorted by these."""
    found: dict[tuple[str, str], str] = {}
    for name in sorted(names):
        match = NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"'{name}' is not called DATE-BENCHMARK-MACHINE.md.")
        found[match["benchmark"], match["machine"]] = name
    return [found[key] for key in sorted(found)]


def newest_table(folder: Path = RESULTS) -> str:
    """Return the table of benchmarks/README.md."""
    lines = ["| benchmark | machine | newest result |", "|---|---|---|"]
    for name in newest(path.name for path in folder.glob("*.md")):
        benchmark = (NAME.fullmatch(name) or {})["benchmark"]
        result = read(folder / name)
        lines.append(f"| `{benchmark}` | {result.machine} | [{name[:10]}](results/{name}) |")
    return "\n".join(lines)


def processor() -> str:
    """Return the processor's name as the system gives it, or an empty string."""
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return platform.processor()
    return match[1].strip() if match else platform.processor()


def _versions() -> list[str]:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short", "HEAD") + (" with uncommitted changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _command(name: str) -> str:
    """Return the command line without ``--record`` and without folders of this machine."""
    words = [f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]
    words = [Path(word).name if Path(word).is_absolute() else word for word in words]
    text = shlex.join(["python", *words])
    return re.sub(rf" --record[ =]{re.escape(shlex.quote(name))}", "", text)


def main() -> None:
    """Write the newest results into benchmarks/README.md, and draw its plot; write the JSON that a result lacks."""
    import page

    for path in sorted(RESULTS.glob("*.md")):
        if not path.with_suffix(".json").exists():
            write_json(path, read(path))
    renew(MARKS, newest_table())
    renew(page.MARKS, page.section())
    (HERE / page.PLOT).write_text(page.plot(page.panels()), encoding="utf-8")


def renew(marks: tuple[str, str], text: str) -> None:
    """Replace the text between two marks of benchmarks/README.md."""
    readme = HERE / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(marks[0])
    after = rest.split(marks[1])[1]
    readme.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
