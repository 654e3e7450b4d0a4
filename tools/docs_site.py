"""Hooks of mkdocs for the documentation site (`make docs`): what the pages of docs/ need that is not in docs/.

- A page from docstrings for each package of docs/api.md, whose names link to it.
- The files of the repository that pages link to (CONTRIBUTING.md, examples, results of benchmarks), under ``repository/``; so no link
  leaves the site, and none is dead.
- Anchors as GitHub makes them, since the same files are read there.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[1]
DOCS, OUTSIDE, REFERENCE = "docs", "repository", "reference"
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_CODE = re.compile(r"(^ *```.*?^ *```|`[^`\n]*`)", re.MULTILINE | re.DOTALL)


def on_config(config: Any) -> Any:
    """Make anchors like GitHub: lower case, hyphens for spaces, no punctuation."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the API pages, and every file outside docs/ that a page links to, and those that these link to."""
    for package, names in public_names().items():
        blocks = "".join(f"::: {package}.{name}\n\n" for name in names)
        text = f"# `{package}`\n\n[All public names](../api.md)\n\n{blocks}"
        files.append(File.generated(config, f"{REFERENCE}/{package}.md", content=text))
    waiting = [f"{DOCS}/{file.src_uri}" for file in files.documentation_pages() if file.generated_by is None]
    known: set[str] = set()
    while waiting:
        page = waiting.pop()
        for target in _outside(page) - known:
            known.add(target)
            if (ROOT / target).is_dir():
                content: dict[str, Any] = {"content": _listing(target)}
            else:
                content = {"abs_src_path": str(ROOT / target)}
            file = File.generated(config, _site_path(target), inclusion=InclusionLevel.NOT_IN_NAV, **content)
            files.append(file)
            waiting += [target] if file.is_documentation_page() else []
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    if page.file.src_uri.startswith(f"{REFERENCE}/"):
        return markdown
    own = _repository_path(page.file.src_uri)
    parts = _CODE.split(markdown)

    def moved(match: re.Match[str]) -> str:
        return match[1] + _moved(match[2], own, page.file.src_uri) + match[3]

    text = "".join(part if i % 2 else _LINK.sub(moved, part) for i, part in enumerate(parts))
    return _with_references(text) if own == f"{DOCS}/api.md" else text


def public_names() -> dict[str, list[str]]:
    """Return the names of the tables of docs/api.md by package; the functions of metric ids are not among them."""
    text = (ROOT / DOCS / "api.md").read_text(encoding="utf-8")
    sections = re.split(r"^## `([\w.]+)`$", text, flags=re.MULTILINE)[1:]
    return {
        package: re.findall(r"^\| `(\w+)` \|", part, flags=re.MULTILINE)
        for package, part in zip(sections[::2], sections[1::2], strict=True)
    }


def _with_references(text: str) -> str:
    for package, names in public_names().items():
        for name in names:
            row = rf"(## `{re.escape(package)}`\n(?:(?!\n## ).)*?\| )`{name}` \|"
            link = rf"\1[`{name}`]({REFERENCE}/{package}.md#{package}.{name}) |"
            text = re.sub(row, link, text, count=1, flags=re.DOTALL)
    return text


def _outside(page: str) -> set[str]:
    """Return the files outside docs/ that a page links to, as paths in the repository."""
    content = _listing(page) if (ROOT / page).is_dir() else (ROOT / page).read_text(encoding="utf-8")
    text = "".join(_CODE.split(content)[::2])
    found = {_target(match[2], page) for match in _LINK.finditer(text)}
    return {each for each in found if each and not each.startswith(f"{DOCS}/") and (ROOT / each).exists()}


def _target(link: str, page: str) -> str:
    """Return the file that a link means; empty for another site or an anchor of the page."""
    name = link.partition("#")[0]
    if not name or re.match(r"[a-z]+:", link):
        return ""
    folder = page if (ROOT / page).is_dir() else posixpath.dirname(page)
    return posixpath.normpath(posixpath.join(folder, name))


def _repository_path(src_uri: str) -> str:
    if not src_uri.startswith(f"{OUTSIDE}/"):
        return f"{DOCS}/{src_uri}"
    path = src_uri.removeprefix(f"{OUTSIDE}/")
    return path if (ROOT / path).exists() else path.removesuffix("/index.md")


def _listing(folder: str) -> str:
    """Return a page that lists the files of a folder, which git may not track all of; no folders in it."""
    names = sorted(path.name for path in (ROOT / folder).iterdir() if path.is_file() and not path.name.startswith("."))
    return f"# {folder}\n\n" + "".join(f"- [{name}]({name})\n" for name in names)


def _site_path(target: str) -> str:
    if target.startswith(f"{DOCS}/"):
        return target.removeprefix(f"{DOCS}/")
    return f"{OUTSIDE}/{target}" + ("/index.md" if (ROOT / target).is_dir() else "")


def _moved(link: str, page: str, src_uri: str) -> str:
    target = _target(link, page)
    if not target or not (ROOT / target).exists():
        return link  # mkdocs reports what is not there
    anchor = link.partition("#")[2]
    return os.path.relpath(_site_path(target), posixpath.dirname(src_uri) or ".") + (f"#{anchor}" if anchor else "")
