"""The folder graph of the three packages: no circle, and no import that runs up. CONTRIBUTING, "Rooms", has it in words."""

from __future__ import annotations

import importlib.util
import sys
from collections import defaultdict
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("house_imports", Path(__file__).with_name("imports.py"))
imports = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = imports  # a dataclass looks its module up
_SPEC.loader.exec_module(imports)

# From the top floor down; rooms on one line do not import each other. The same order is in CONTRIBUTING, "Rooms".
FLOORS = {
    "vidbench": (
        ("__main__",),
        ("cli",),
        ("__init__", "exports"),
        ("jobs",),
        ("report",),
        ("leaderboard",),
        ("scoring",),
        ("validity",),
        ("samples",),
        ("data",),
        ("results",),
        ("distributed",),
        ("models", "tasks"),
        ("progress", "rendering"),
        ("ahead", "files", "json_models"),
        ("errors", "kinds", "version"),
    ),
    "vidmetrics": (
        ("__init__",),
        ("conformance",),
        ("one_call",),
        ("metric_objects",),
        ("estimators",),
        ("networks",),
        ("weights",),
        ("catalog",),
        ("statistics",),
        ("files", "sealed"),
        ("locks",),
        ("formats",),
        ("home", "one_parser", "regular_files"),
        ("errors",),
    ),
}


def _edges(root: Path = imports.ROOT) -> dict[tuple[str, str], list[str]]:
    room = imports.rooms(set(imports.modules(root)))
    edges = defaultdict(list)
    for arrow in imports.arrows(root):
        if room[arrow.source] != room[arrow.target]:
            edges[room[arrow.source], room[arrow.target]].append(str(arrow))
    return edges


def _circles_of_rooms(root: Path = imports.ROOT) -> dict[tuple[str, ...], dict[tuple[str, str], list[str]]]:
    edges = _edges(root)
    graph = defaultdict(set)
    for source, target in edges:
        graph[source].add(target)
    return {
        tuple(group): {pair: lines for pair, lines in edges.items() if set(pair) <= set(group)}
        for group in imports.circles(graph)
    }


def test_there_is_no_circle_of_rooms():
    circles = _circles_of_rooms()
    assert not circles, circles


def test_there_is_no_circle_of_modules():
    # The __init__ of a package re-exports names of its modules; a module that imports the package closes a circle.
    graph = defaultdict(set)
    for arrow in imports.arrows():
        graph[arrow.source].add(arrow.target)
    assert imports.circles(graph) == []


def _top(module: str) -> str:
    """Return the file or folder directly below the package that a module belongs to."""
    return [*module.split("."), "__init__"][1]


def _upward(package: str, root: Path = imports.ROOT) -> list[str]:
    floor = {room: number for number, rooms in enumerate(FLOORS[package]) for room in rooms}
    return [
        str(arrow)
        for arrow in imports.arrows(root)
        if arrow.source.split(".")[0] == package == arrow.target.split(".")[0]
        if _top(arrow.source) != _top(arrow.target) and floor[_top(arrow.source)] >= floor[_top(arrow.target)]
    ]


@pytest.mark.parametrize("package", FLOORS)
def test_every_import_runs_down(package):
    assert not _upward(package), _upward(package)


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_has_its_floor(package):
    found = {_top(name) for name in imports.modules() if name.split(".")[0] == package}
    listed = [room for rooms in FLOORS[package] for room in rooms]
    assert found == set(listed)
    assert len(listed) == len(set(listed))


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_circle_is_found():
    assert imports.circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert imports.circles({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}) == [["a", "b"], ["c", "d"]]
    assert imports.circles({"a": {"b", "c"}, "b": {"c"}}) == []


def test_two_folders_that_import_each_other_are_found(tmp_path):
    # No circle of modules: a.one needs b.one, and b.two needs a.two, inside a function.
    root = _tree(
        tmp_path,
        {
            "vidbench/a/one.py": "from vidbench.b import one\n",
            "vidbench/a/two.py": "",
            "vidbench/b/one.py": "",
            "vidbench/b/two.py": "def f():\n    import vidbench.a.two\n",
        },
    )
    [(rooms, lines)] = _circles_of_rooms(root).items()
    assert rooms == ("vidbench.a", "vidbench.b")
    assert lines["vidbench.b", "vidbench.a"] == ["vidbench.b.two:2 -> vidbench.a.two"]


def test_an_import_that_runs_up_is_found(tmp_path):
    root = _tree(
        tmp_path,
        {
            "metrics/vidmetrics/errors.py": "",
            "metrics/vidmetrics/weights/a.py": "import vidmetrics.errors\nfrom vidmetrics.networks.a import f\n",
            "metrics/vidmetrics/networks/a.py": "from vidmetrics.weights import a\n",
        },
    )
    assert _upward("vidmetrics", root) == ["vidmetrics.weights.a:2 -> vidmetrics.networks.a"]


@pytest.mark.parametrize("line", ["from . import errors", "from .errors import InputError"])
def test_a_relative_import_is_refused(tmp_path, line):
    with pytest.raises(AssertionError, match="imports relatively"):
        imports.arrows(_tree(tmp_path, {"vidbench/errors.py": "", "vidbench/files.py": line}))


def test_a_file_beside_folders_is_a_room_of_its_own():
    names = {"p", "p.errors", "p.data", "p.data.decode", "p.data.scan", "p.data.scan.probe", "p.cli", "p.cli.main"}
    found = imports.rooms(names)
    assert found["p.cli.main"] == "p.cli"
    assert found["p.data.decode"] == "p.data.decode"
    assert found["p.data.scan.probe"] == "p.data.scan"
    assert found["p.errors"] == "p.errors"
