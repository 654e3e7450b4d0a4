"""Each recipe of CONTRIBUTING is a patch that works, and touches no more files than the recipe says.

A recipe is a folder here: ``recipe.patch``, made with ``git diff -U1``; ``check.py``, which runs the new thing and raises
where it does not work; and ``limit``, the most files that it may touch under the three packages.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.forked import run_python

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SOURCES = ("vidbench/", "metrics/", "baselines/")
RECIPES = sorted(folder.name for folder in HERE.iterdir() if (folder / "recipe.patch").is_file())
# What a checkout holds that no recipe reads.
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", "checkpoints", "golden", "runs", "build", ".*_cache"
)


def touched(patch: str) -> list[str]:
    """Return the files that a patch changes or creates, as paths from the root of a checkout."""
    return re.findall(r"^\+\+\+ b/(\S+)", patch, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the sources, without what is large."""
    copy = tmp_path_factory.mktemp("checkout") / "vidbench"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
    return copy


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_and_is_short(name, checkout, tmp_path):
    patch = HERE / name / "recipe.patch"
    sources = [path for path in touched(patch.read_text(encoding="utf-8")) if path.startswith(SOURCES)]
    limit = int((HERE / name / "limit").read_text())
    assert 1 <= len(sources) <= limit, f"{name} touches {len(sources)} source files and {limit} are allowed: {sources}"
    here = tmp_path / "vidbench"
    shutil.copytree(checkout, here)
    applied = subprocess.run(
        ["git", "apply", "-p1", "-C1", "--whitespace=nowarn", str(patch)], cwd=here, capture_output=True, text=True
    )
    assert applied.returncode == 0, f"regenerate the patch of {name}, the code has changed: {applied.stderr}"
    done = run_python([str(HERE / name / "check.py")], here, [here, here / "metrics", here / "baselines"])
    assert done.returncode == 0, done.stderr[-3000:]


def test_every_recipe_of_contributing_is_here():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"tests/recipes/([a-z-]+)", text))
    assert named == set(RECIPES), "CONTRIBUTING names a recipe that is not tested, or leaves one out"


def test_a_recipe_that_does_not_work_fails(checkout, tmp_path):
    (tmp_path / "check.py").write_text("from vidbench.tasks import load_task\nload_task('no-such-task')\n")
    done = run_python([str(tmp_path / "check.py")], tmp_path, [checkout, checkout / "metrics"])
    assert done.returncode != 0
    assert "no-such-task" in done.stderr
