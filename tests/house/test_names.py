"""No two public files, classes or functions of the three packages have the same name and another meaning.

A file and what is defined in files are counted separately. Methods, private names and packages themselves do not count.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vidbench", "metrics/vidmetrics", "baselines/dvdgan")

# A file of the first folder may have the name of a file of the second.
PAIRS = {
    ("vidbench/cli", "vidbench/jobs"): "a command, and the work behind it",
    ("metrics/vidmetrics/estimators", "metrics/vidmetrics/statistics"): "a statistic, and its estimator over a stream",
}
FILES = {
    "__init__": "a package",
    "errors": "`vidbench.errors` extends `vidmetrics.errors`: the same `InputError`",
    "kinds": "of tasks in `vidbench`, of known answers in `vidmetrics`",
    "files": "`vidbench.files` extends `vidmetrics.files`: the same functions",
    "schema": "the records of the document that belongs to the folder: a task file, a result",
}
DEFINITIONS = {
    "command": "each file of `vidbench.cli` calls its command so",
    "Kind": "of tasks in `vidbench`, of known answers in `vidmetrics`",
    "measure": "of folders in `vidbench`, of arrays in `vidmetrics`",
    "main": "each program calls its entry point so",
    "preprocess": "the preprocessing of the network in the same file",
}


def _sources(root: Path = ROOT) -> list[Path]:
    return sorted(file for package in PACKAGES for file in (root / package).rglob("*.py"))


def _repeated_files(root: Path = ROOT) -> dict[str, list[str]]:
    """Return the repeated names of files, without the permitted ones, with the folders that have them."""
    folders = defaultdict(list)
    for file in _sources(root):
        if not file.stem.startswith("_"):
            folders[file.stem].append(file.relative_to(root).parent.as_posix())
    return {
        name: where
        for name, where in folders.items()
        if len(where) > 1 and name not in FILES and tuple(sorted(where)) not in PAIRS
    }


def _repeated_definitions(root: Path = ROOT) -> dict[str, list[str]]:
    """Return the repeated names of public classes and functions, without the permitted ones, with their files."""
    files = defaultdict(list)
    for file in _sources(root):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if (
                isinstance(node, (ast.ClassDef, ast.FunctionDef))
                and not node.name.startswith("_")
                and not _is_overload(node)
            ):
                files[node.name].append(file.relative_to(root).as_posix())
    return {name: where for name, where in files.items() if len(where) > 1 and name not in DEFINITIONS}


def _is_overload(node: ast.ClassDef | ast.FunctionDef) -> bool:
    """Return whether a definition only gives the types of one that follows."""
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)


def test_no_file_repeats_a_name():
    assert _repeated_files() == {}, "rename one, or give the reason in FILES"


def test_no_class_or_function_repeats_a_name():
    assert _repeated_definitions() == {}, "rename one, or give the reason in DEFINITIONS"


def test_every_permission_is_in_use():
    sources = _sources()
    stems = [file.stem for file in sources]
    assert all(stems.count(name) > 1 for name in FILES)
    defined = [
        node.name
        for file in sources
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    ]
    assert all(defined.count(name) > 1 for name in DEFINITIONS)
    folders = {pair: [{file.stem for file in (ROOT / folder).glob("*.py")} for folder in pair] for pair in PAIRS}
    assert all(first & second - {"__init__"} for first, second in folders.values())


def test_a_repeat_is_found(tmp_path):
    for path, text in {
        "vidbench/cli/score.py": "def command(): ...\nclass Run: ...\n",
        "vidbench/jobs/score.py": "def command(): ...\n",
        "vidbench/report/score.py": "class Run: ...\nclass _Part: ...\n",
        "baselines/dvdgan/run.py": "class Loop:\n    def render(self): ...\nclass _Part: ...\n",
        "metrics/vidmetrics/run.py": "def render(): ...\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    # Three files: the pair is permitted, the third is not.
    assert _repeated_files(tmp_path) == {
        "run": ["baselines/dvdgan", "metrics/vidmetrics"],
        "score": ["vidbench/cli", "vidbench/jobs", "vidbench/report"],
    }
    assert _repeated_definitions(tmp_path) == {"Run": ["vidbench/cli/score.py", "vidbench/report/score.py"]}
    (tmp_path / "vidbench/report/score.py").unlink()
    assert _repeated_files(tmp_path) == {"run": ["baselines/dvdgan", "metrics/vidmetrics"]}
