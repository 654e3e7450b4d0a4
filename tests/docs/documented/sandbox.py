"""Run documented commands in a folder that looks like a clone, with one home folder for all of them."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from tests.forked import run_python
from vidbench.cli import cli

ROOT = Path(__file__).resolve().parents[3]
# Files of a clone that commands read are linked; files that they may change are copied.
_READ = (
    "docs", "examples", "tools", "benchmarks", "metrics", "baselines/dvdgan/checkpoints",
    "Makefile", "constraints.txt", "pyproject.toml",
)  # fmt: skip
_WRITTEN = ("leaderboards", "baselines/dvdgan/README.md", "baselines/dvdgan/results")

Entry = dict[str, Any]


class Outcome(NamedTuple):
    """Outcome of a command."""

    code: int
    stdout: str
    stderr: str


def typed(text: str, entry: Entry, videos: str) -> list[str]:
    """Return the words of a command with placeholders filled in and additions appended."""
    for old, new in entry.get("replace", {}).items():
        assert old in text, f"the table replaces '{old}', which `{text}` does not contain"
        text = text.replace(old, new)
    return shlex.split(f"{text} {entry.get('add', '')}".replace("{videos}", videos))


class Sandbox:
    """Folder for running documented commands; each runs once, after those that it needs."""

    def __init__(self, folder: Path, table: dict[str, Entry], files: dict[str, str]) -> None:
        self.folder, self.table = folder, table
        self.done: dict[str, Outcome] = {}
        for name in _READ:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)
        for name in _WRITTEN:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        _register(folder / "site-packages")

    def run(self, text: str, videos: str) -> Outcome:
        """Run a command of the table after the commands it needs."""
        entry = self.table[text]
        if text not in self.done:
            for earlier in entry.get("after", ()):
                outcome = self.run(earlier, videos)
                assert outcome.code == self.table[earlier].get("exit", 0), f"`{earlier}`: {outcome.stderr}"
            with self.entered():
                self.done[text] = _run(typed(text, entry, videos))
        return self.done[text]

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Enter the sandbox: make it the current folder, with its own home and installed packages."""
        installed = self.folder / "site-packages"
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("VIDBENCH_HOME", str(self.folder / "home"))
            patch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
            path = (self.folder, installed, ROOT, ROOT / "metrics", ROOT / "baselines")
            patch.setenv("PYTHONPATH", os.pathsep.join(map(str, path)))
            patch.setattr(sys, "path", [str(self.folder), str(installed), *sys.path])
            importlib.invalidate_caches()
            yield


def _register(site_packages: Path) -> None:
    """Register the entry points of this checkout, whether or not any vidbench is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    record = site_packages / "vidbench-0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: vidbench\nVersion: 0\n")
    sections = (
        [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
        for group, entries in project["entry-points"].items()
    )
    (record / "entry_points.txt").write_text("\n".join(line for section in sections for line in section))


def _run(words: list[str]) -> Outcome:
    words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
    if words[0] == "vidbench":
        result = CliRunner().invoke(cli, words[1:])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        outcome = Outcome(result.exit_code, result.stdout, result.stderr)
    elif words[0] in ("python", "torchrun"):
        arguments = ["-m", "torch.distributed.run"] if words[0] == "torchrun" else []
        path = map(Path, os.environ["PYTHONPATH"].split(os.pathsep))
        ended = run_python([*arguments, *words[1:]], Path.cwd(), list(path))
        outcome = Outcome(ended.returncode, ended.stdout, ended.stderr)
    else:
        done = subprocess.run(_program(*words), capture_output=True, text=True, timeout=300)
        outcome = Outcome(done.returncode, done.stdout, done.stderr)
    if target is not None:
        Path(target).write_text(outcome.stdout, encoding="utf-8")
    return outcome


def _program(name: str, *arguments: str) -> list[str]:
    """Return the command line that runs a program with this test's interpreter instead of the one on PATH."""
    if name == "make":
        return [name, *arguments]
    return [sys.executable, "-m", name, *arguments]
