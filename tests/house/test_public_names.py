"""Public names: each is on docs/api.md, and none is removed without a line in the changelog.

`public_names.txt` records every name that users may depend on. A new name is added to it; a name that is removed stays there
until the next release, and CHANGELOG.md has a line "Removed: `package.name`". Functions of metric ids (`vidmetrics.fvd`)
follow the catalog: they are recorded too, but docs/metrics.md is their page, and new ones are recorded with the release.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from vidmetrics.catalog.definitions import function_ids

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "vidbench",
    "vidbench.models",
    "vidbench.samples",
    "vidbench.exports",
    "vidbench.tasks",
    "vidbench.results",
    "vidmetrics",
)
RECORDED = Path(__file__).with_name("public_names.txt").read_text(encoding="utf-8").split()


def _public(package: str) -> set[str]:
    module = importlib.import_module(package)
    # `vidmetrics.__all__` holds what `help` shows.
    return set(dir(module)) if package == "vidmetrics" else set(module.__all__)


def _documented(page: str) -> dict[str, set[str]]:
    """Return the names of each table of the page, by the package in the heading above it."""
    sections = re.split(r"^## `([\w.]+)`$", page, flags=re.MULTILINE)[1:]
    return {
        package: set(re.findall(r"^\| `(\w+)` \| [^|\s]", text, flags=re.MULTILINE))
        for package, text in zip(sections[::2], sections[1::2], strict=True)
    }


def _unexplained(recorded: list[str], current: set[str], changelog: str) -> list[str]:
    """Return the recorded names that are gone without a line in the changelog."""
    removed = {name for line in re.findall(r"^- Removed: .*$", changelog, re.MULTILINE) for name in _quoted(line)}
    return [name for name in recorded if name not in current and name not in removed]


def _quoted(line: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", line)


def _current() -> set[str]:
    return {f"{package}.{name}" for package in PACKAGES for name in _public(package)}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_exists_and_has_a_docstring(package):
    module = importlib.import_module(package)
    for name in _public(package):
        value = getattr(module, name)
        assert not callable(value) or (value.__doc__ or "").strip(), f"{package}.{name} has no docstring"


def test_the_page_lists_exactly_the_public_names():
    documented = _documented((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))
    public = {package: _public(package) for package in PACKAGES}
    public["vidmetrics"] -= set(function_ids())
    assert documented == public, "docs/api.md has one row per public name"


def test_the_page_is_linked():
    assert "(api.md)" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")


def test_every_new_name_is_recorded():
    metrics = {f"vidmetrics.{name}" for name in function_ids()}
    missing = sorted(_current() - metrics - set(RECORDED))
    assert missing == [], "add these names to tests/house/public_names.txt and CHANGELOG.md"


def test_no_name_is_removed_without_a_line_in_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert _unexplained(RECORDED, _current(), changelog) == [], "users depend on these names: write `- Removed: …`"


def test_the_record_is_sorted_and_without_repeats():
    assert sorted(set(RECORDED)) == RECORDED


def test_a_removed_name_is_found_and_a_line_explains_it():
    changelog = "- `a.other`: mentions `a.gone` only.\n"
    assert _unexplained(["a.gone", "a.here"], {"a.here"}, changelog) == ["a.gone"]
    assert _unexplained(["a.gone", "a.here"], {"a.here"}, changelog + "- Removed: `a.gone`, use `a.here`.\n") == []


def test_a_name_without_a_description_is_not_documented():
    assert _documented("# A page\n\n## `a.b`\n\n| `x` | does x |\n| `y` | |\n") == {"a.b": {"x"}}
