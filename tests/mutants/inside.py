"""What happens inside a process that runs tests, and in every process that it forks or starts.

One module is loaded from another source, or the executed lines of some files are recorded in a file that all these processes
map. Standard library only: `start/sitecustomize.py` loads this before anything else is imported.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import mmap
import os
import sys
import threading
from pathlib import Path
from typing import Any

_VARIABLE = "TESTS_MUTANTS"
_START = Path(__file__).with_name("start")


class Replaced:
    """A finder that loads one module from another source."""

    def __init__(self, module: str, path: str, source: str) -> None:
        self.module, self.path, self.source = module, path, source

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        finder = self

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname: str) -> Any:
                return compile(finder.source, finder.path, "exec", dont_inherit=True)

        return importlib.util.spec_from_file_location(name, self.path, loader=Loader(name, self.path))


class Lines:
    """The executed lines of some files, one byte per line.

    Args:
        sizes: lines of each file, by absolute path.
        path: of the bytes; created if it does not exist.
    """

    def __init__(self, sizes: dict[str, int], path: Path) -> None:
        self.sizes, self.offsets, total = sizes, {}, 0
        for name, size in sizes.items():
            self.offsets[name] = total
            total += size + 1
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(total)
            self.bytes = mmap.mmap(file.fileno(), total)

    def clear(self) -> None:
        self.bytes[:] = bytes(len(self.bytes))

    def read(self) -> dict[str, list[int]]:
        """Return the executed lines by absolute path, without the files that have none."""
        found = {}
        for name, start in self.offsets.items():
            marks = self.bytes[start : start + self.sizes[name] + 1]
            if any(marks):
                found[name] = [line for line, mark in enumerate(marks) if mark]
        return found

    def begin(self) -> None:
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def end(self) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def _trace(self, frame: Any, event: str, _argument: Any) -> Any:
        start = self.offsets.get(frame.f_code.co_filename)
        if start is None:
            return None
        marks = self.bytes

        def line(frame: Any, event: str, _argument: Any) -> Any:
            marks[start + frame.f_lineno] = 1
            return line

        return line(frame, event, None)


def tell_children(what: dict[str, Any], path: Path) -> None:
    """Let processes that this one starts begin as `begin_child` describes; ``path`` is a file for ``what``."""
    path.write_text(json.dumps(what), encoding="utf-8")
    os.environ[_VARIABLE] = str(path)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_START), os.environ.get("PYTHONPATH")]))


def begin_child() -> None:
    """Load the mutant, or record lines, as the process that started this one does."""
    what = json.loads(Path(os.environ[_VARIABLE]).read_text(encoding="utf-8"))
    if "source" in what:
        sys.meta_path.insert(0, Replaced(what["module"], what["path"], what["source"]))  # type: ignore[arg-type]
    else:
        Lines(what["sizes"], Path(what["lines"])).begin()
