"""`tests/` mirrors the three packages: the tests of a module lie under the path of that module."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
PACKAGES = {"vidbench": "vidbench", "vidmetrics": "metrics/vidmetrics", "dvdgan": "baselines/dvdgan"}
# Malformed input, tests of several modules together, of the repository, of the documents, and of the recipes in CONTRIBUTING.
BESIDE_THE_MIRROR = {"abuse", "attacks", "end_to_end", "mutants", "house", "docs", "recipes"}
# Recorded answers, and the programs that recorded them.
NO_TESTS = {"golden", "oracles"}


def _mirrored() -> list[Path]:
    return sorted(file.relative_to(TESTS) for package in PACKAGES for file in (TESTS / package).rglob("test_*.py"))


def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _used(file: Path, package: str) -> set[str]:
    """Return the modules and names that a file takes from a package, inside functions too."""
    names = set()
    for node in ast.walk(_parse(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == package:
            names.add(f"{package}.{node.attr}")
    return names


@functools.cache
def _defined(folder: Path) -> set[str]:
    """Return the names that the modules of a folder define, which the package may offer at its top."""
    names = set()
    for file in folder.rglob("*.py"):
        for node in _parse(file).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def _tests_its_room(test: Path, root: Path = ROOT) -> bool:
    package, *rooms = test.parts[:-1]
    room = ".".join([package, *rooms])
    public = {f"{package}.{name}" for name in _defined(root / PACKAGES[package] / Path(*rooms))}
    used = _used(root / "tests" / test, package)
    return any(f"{name}.".startswith(f"{room}.") for name in used) or bool(used & public)


def test_the_folders_of_tests_are_the_packages_and_the_few_beside_them():
    folders = {entry.name for entry in TESTS.iterdir() if entry.is_dir() and entry.name != "__pycache__"}
    assert folders == {*PACKAGES, *BESIDE_THE_MIRROR, *NO_TESTS}
    assert not list(TESTS.glob("test_*.py")), "a test file belongs in a folder"


@pytest.mark.parametrize("test", _mirrored(), ids=lambda test: test.as_posix())
def test_a_test_file_lies_in_the_folder_that_it_tests(test):
    folder = ROOT / PACKAGES[test.parts[0]] / Path(*test.parts[1:-1])
    assert folder.is_dir(), f"{test} tests {folder.relative_to(ROOT)}, which does not exist"
    assert not test.name.startswith("test_dvdgan_"), "the folder already names the package"
    assert _tests_its_room(test), f"{test} uses nothing of the folder that it is filed under"


@pytest.mark.parametrize("folder", sorted(NO_TESTS))
def test_a_folder_of_recorded_answers_holds_no_tests(folder):
    assert not list((TESTS / folder).rglob("test_*.py"))


@pytest.mark.parametrize(
    ("source", "in_place"),
    [
        ("from vidbench.data.scan import scan", True),
        ("from vidbench.data.scan.scan import scan_folder", True),
        ("def test_it():\n    import vidbench.data.scan.scan", True),
        ("import vidbench\n\nvidbench.scan_folder()", True),
        ("from vidbench.data import decode", False),
        ("import vidbench\n\nvidbench.evaluate()", False),
    ],
)
def test_a_misplaced_test_is_found(source, in_place, tmp_path):
    for file, text in {
        "vidbench/data/scan/scan.py": "def scan_folder(): ...",
        "tests/vidbench/data/scan/test_scan.py": source,
    }.items():
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(text)
    assert _tests_its_room(Path("vidbench/data/scan/test_scan.py"), tmp_path) == in_place
