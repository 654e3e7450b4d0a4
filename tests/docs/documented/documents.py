"""Extract from the documents what a reader is asked to type: commands in code blocks and text, and files to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "baselines").rglob("*.md")),
]

# How a command starts; `vidbench/cli` and `vidbench.models` are not commands.
_COMMAND = re.compile(r"^(srun +)?(vidbench|python3?|torchrun|make|pytest|pip)(?= [^\s])")
_SHELL_LANGUAGES = ("", "sh", "bash", "shell", "console")
_NAMED_FILE = re.compile(r"^# (?P<name>[\w.-]+\.(py|toml|sh))$")


class Command(NamedTuple):
    """A command as written in a document, without comments and line breaks."""

    document: str
    line: int
    text: str


class Block(NamedTuple):
    """A fenced block: language, number of the first line, and lines."""

    language: str
    line: int
    lines: list[str]


def split_blocks(text: str) -> tuple[list[Block], str]:
    """Return the fenced blocks of a Markdown text, and the text with these blocks blanked out."""
    blocks: list[Block] = []
    prose: list[str] = []
    inside, indent = False, 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
            if inside:
                indent = line.index("`")
                blocks.append(Block(line[indent + 3 :].strip(), number + 1, []))
            prose.append("")
        elif inside:
            blocks[-1].lines.append(line.removeprefix(" " * indent))
            prose.append("")
        else:
            prose.append(line)
    return blocks, "\n".join(prose)


def commands(document: str, text: str) -> list[Command]:
    """Return all commands of a Markdown text in line order."""
    blocks, prose = split_blocks(text)
    found = [each for block in blocks if block.language in _SHELL_LANGUAGES for each in _of_block(document, block)]
    # A code span may cross the end of a line, but not of a paragraph.
    for match in re.finditer(r"(?<!`)`((?:[^`\n]|\n(?!\s*\n))+)`(?!`)", prose):
        words = " ".join(match[1].split())
        if _COMMAND.match(words):
            found.append(Command(document, prose.count("\n", 0, match.start()) + 1, words))
    return sorted(found, key=lambda each: each.line)


def _of_block(document: str, block: Block) -> Iterator[Command]:
    joined, first = "", block.line
    for number, line in enumerate(block.lines, block.line):
        if not joined:
            first = number
        joined += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        # As in a shell, a comment starts with a hash after a space.
        words = " ".join(re.sub(r"(^|\s)#.*", "", joined).split())
        if _COMMAND.match(words):
            yield Command(document, first, words)
        joined = ""


def files(text: str) -> dict[str, str]:
    """Return the files a reader is asked to write: blocks whose first line is a comment with a file name."""
    blocks, _ = split_blocks(text)
    named = [(_NAMED_FILE.match(block.lines[0]), block) for block in blocks if block.lines]
    return {match["name"]: "\n".join(block.lines) + "\n" for match, block in named if match}


def all_commands() -> list[Command]:
    """Return the commands of all documents."""
    return [
        each
        for path in DOCUMENTS
        for each in commands(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]


def all_files() -> dict[str, str]:
    """Return the files of all documents by name; two documents may name the same file if its content is equal."""
    found: dict[str, str] = {}
    for path in DOCUMENTS:
        for name, content in files(path.read_text(encoding="utf-8")).items():
            assert found.setdefault(name, content) == content, (
                f"two documents ask the reader to write different versions of {name}"
            )
    return found
