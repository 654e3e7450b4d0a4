"""The imports of the three packages, read from their source without running it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"vidbench": "vidbench", "vidmetrics": "metrics/vidmetrics", "dvdgan": "baselines/dvdgan"}


@dataclass(frozen=True)
class Arrow:
    """One import statement: the importing module, the imported one, and the line."""

    source: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line} -> {self.target}"


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return every module of the three packages by its dotted name; a folder's ``__init__`` has the folder's name."""
    found = {}
    for package, folder in PACKAGES.items():
        for file in sorted((root / folder).rglob("*.py")):
            parts = [package, *file.relative_to(root / folder).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@functools.cache
def arrows(root: Path = ROOT) -> tuple[Arrow, ...]:
    """Return every import of one module of the packages by another, inside functions and for type checking too.

    Modules named in strings (entry points, ``importlib.import_module``) are not seen.
    """
    return tuple(_arrows(modules(root)))


def _arrows(known: dict[str, Path]) -> Iterator[Arrow]:
    for source, file in known.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno} imports relatively; name the package"
                submodules = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [name if name in known else str(node.module) for name in submodules]
            else:
                continue
            yield from (Arrow(source, target, node.lineno) for target in targets if target in known)


def rooms(names: set[str]) -> dict[str, str]:
    """Return the room of each module: a folder without subfolders is one room; next to subfolders, each file is its own."""
    folders = {name.rpartition(".")[0] for name in names}
    mixed = {folder for folder in folders if any(other.startswith(f"{folder}.") for other in folders)}
    return {name: _room(name, folders, mixed) for name in names}


def _room(name: str, folders: set[str], mixed: set[str]) -> str:
    if name in folders:
        return name
    folder = name.rpartition(".")[0]
    return name if folder in mixed else folder


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other: Tarjan's strongly connected components of two nodes or more."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for target in sorted(edges.get(node, ())):
            if target not in order:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], order[target])
        if lowest[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(edges):
        if node not in order:
            visit(node)
    return found
