"""The room map of CONTRIBUTING leads to files that exist, to names that they define, and leaves no room out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGES = ("vidbench", "metrics/vidmetrics", "baselines/dvdgan")
FOLDERS = ("vidbench", "metrics", "baselines", "tests", "tools", "leaderboards", "examples", "benchmarks", "docs")

PATHS = sorted(set(re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", TEXT)))
_, _, _MAP = TEXT.partition("### Where is …?")
ROWS = re.findall(r"^\| (.+\?) \| (.+?) \| (.*?) ?\|$", _MAP.partition("\n## ")[0], flags=re.MULTILINE)


def _table(header: str) -> str:
    return TEXT.partition(header)[2].partition("\n\n")[0]


def _rooms() -> set[str]:
    """Return every folder of the packages that holds modules, tasks or vectors."""
    files = [
        file for package in PACKAGES for end in ("py", "toml", "json") for file in (ROOT / package).rglob(f"*.{end}")
    ]
    folders = {file.parent.relative_to(ROOT).as_posix() for file in files}
    return folders - {*PACKAGES[:2], "baselines/dvdgan/results"}  # packages themselves, and recorded results


def _defined(file: Path) -> set[str]:
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("path", PATHS)
def test_what_contributing_names_exists(path):
    assert (ROOT / path).exists(), f"CONTRIBUTING.md names {path}, which is not there"


def test_every_room_is_named():
    named = set(re.findall(r"`([\w/]+)`", _table("| room | subject |")))
    assert named == _rooms(), "a room without a line in CONTRIBUTING, or a line without a room"


def test_the_map_covers_all_packages():
    assert len(ROWS) >= 40
    for package in PACKAGES:
        assert sum(f"`{package}/" in files for _, files, _ in ROWS) >= 5


@pytest.mark.parametrize(("question", "files", "names"), ROWS, ids=[row[0] for row in ROWS])
def test_an_answer_is_a_file_and_a_name_that_it_defines(question, files, names):
    paths = [ROOT / path for path in re.findall(r"`([\w./-]+)`", files)]
    assert paths, f"'{question}' leads to no file"
    assert names, f"'{question}' leads to no name"
    assert all(path.is_file() for path in paths)
    defined = set().union(*(_defined(path) for path in paths if path.suffix == ".py"))
    assert set(re.findall(r"`(\w+)`", names)) <= defined, f"'{question}': the file does not define that name"


@pytest.mark.parametrize(("package", "prefix"), [("vidbench", "vidbench/"), ("vidmetrics", "metrics/vidmetrics/")])
def test_the_rooms_are_listed_from_the_top_floor_down(package, prefix):
    source = (ROOT / "tests" / "house" / "test_rooms.py").read_text(encoding="utf-8")
    floors = next(
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    floor = {room: number for number, rooms in enumerate(floors[package]) for room in rooms}
    listed = [
        line[0] for line in re.findall(rf"^\| `{prefix}(\w+)(.*)", _table("| room | subject |"), flags=re.MULTILINE)
    ]
    assert [floor[room] for room in listed] == sorted(floor[room] for room in listed)


def test_the_recipes_table_counts_what_the_patches_touch():
    counted = {}
    for count, name in re.findall(r"^\| an? .+? \| (\d) \| \[tests/recipes/([a-z-]+)\]", TEXT, flags=re.MULTILINE):
        patch = (ROOT / "tests" / "recipes" / name / "recipe.patch").read_text(encoding="utf-8")
        files = re.findall(r"^\+\+\+ b/(?:vidbench|metrics|baselines)/\S+", patch, flags=re.MULTILINE)
        counted[name] = (int(count), len(files))
    assert len(counted) >= 6
    assert all(said == touched for said, touched in counted.values()), counted
