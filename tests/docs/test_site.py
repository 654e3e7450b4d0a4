"""The documentation site has every page of docs/, is built strictly, and installs what is pinned. `make docs` builds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.test_public_names import _documented

yaml = pytest.importorskip("yaml", reason="PyYAML reads the configuration of the site")

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def _pages(nav):
    """Return the pages of a navigation, section after section."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in _pages(part)]


def test_the_navigation_names_every_page_once():
    named = [page for page in _pages(CONFIG["nav"]) if not page.startswith("reference/")]
    there = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(named) == sorted(there), "a page of docs/ without its line in mkdocs.yml, or a line without a page"


def test_every_public_package_has_its_page_from_docstrings():
    packages = _documented((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))
    named = [page for page in _pages(CONFIG["nav"]) if page.startswith("reference/")]
    assert named == [f"reference/{package}.md" for package in packages]


def test_a_dead_link_or_an_unnamed_page_fails_the_build_and_nothing_is_loaded_from_elsewhere():
    assert CONFIG["strict"] is True
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"-m mkdocs build(.*)$", makefile, re.MULTILINE) == [""]  # --quiet would count no warning
    assert CONFIG["docs_dir"] == "docs"
    assert CONFIG["validation"]["nav"] == {"omitted_files": "warn", "not_found": "warn", "absolute_links": "warn"}
    assert set(CONFIG["validation"]["links"].values()) == {"warn"}
    assert {"not_found", "anchors"} <= set(CONFIG["validation"]["links"])
    assert CONFIG["theme"]["font"] is False
    assert "search" in CONFIG["plugins"]


def test_the_target_installs_what_is_pinned():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (installed,) = re.findall(r"constraint constraints.txt (mkdocs-material .*)$", makefile, re.MULTILINE)
    names = [re.sub(r"\W*\[.*", "", name).strip("'") for name in installed.split()]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (extra,) = re.findall(r"^docs = \[(.*)\]$", project, re.MULTILINE)
    assert names == re.findall(r'"([\w-]+)', extra)
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for name in (*names, "mkdocs", "mkdocstrings-python", "griffelib", "pymdown-extensions"):
        assert re.search(rf"^{name}==\d", pinned, re.MULTILINE), f"{name} is not pinned"
