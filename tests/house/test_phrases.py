"""The prose is plain technical English: none of the phrases of phrases.toml is in code, in the documents or in what commands print.

Code means docstrings, comments and strings, so messages too. Data keep their words: leaderboards, recorded answers and
known-answer vectors are not read.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from vidbench.cli import cli
from vidbench.tasks import task_names

ROOT = Path(__file__).resolve().parents[2]
PHRASES = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8"))["phrase"]
PATTERNS = [(re.compile(entry["pattern"], re.IGNORECASE), entry["instead"]) for entry in PHRASES]

PROGRAMS = ("vidbench", "metrics", "baselines", "tools", "benchmarks", "examples", "tests")
TEXTS = (
    "*.md", "docs/*.md", "docs/*.schema.json", "Makefile", "pyproject.toml", ".github/**/*.md", ".github/**/*.yml",
    *(f"{folder}/**/*{end}" for folder in PROGRAMS for end in (".md", ".toml", ".jinja")),
)  # fmt: skip

# Whole sentences that keep a listed phrase, each with the reason.
ALLOWED: dict[str, str] = {}


def _strings(source: str) -> Iterator[tuple[int, str]]:
    """Yield docstrings and other strings with their lines; the fields of f-strings become ``{}``."""
    tree = ast.parse(source)
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in formatted for part in node.values}
    for node in formatted:
        yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield comments; those on successive lines are one, so that a phrase may run over the end of a line."""
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if block and line == last + 1:
            block.append(token.string.lstrip("# "))
        else:
            yield first, " ".join(block)
            first, block = line, [token.string.lstrip("# ")]
        last = line
    yield first, " ".join(block)


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    line = 1
    for part in re.split(r"(\n\s*\n)", text):
        yield line, re.sub(r"^\s*(#|>|\|)\s?", "", part, flags=re.MULTILINE)
        line += part.count("\n")


def _found(passages: Iterator[tuple[int, str]]) -> list[str]:
    """Return each listed phrase in the passages: line, surroundings, and what to write instead."""
    found = []
    for line, passage in passages:
        text = " ".join(passage.split())
        for pattern, instead in PATTERNS:
            for match in pattern.finditer(text):
                around = text[max(0, match.start() - 40) : match.end() + 30]
                if not any(sentence in text and match[0] in sentence for sentence in ALLOWED):
                    found.append(f"line {line}: '…{around}…': write: {instead}")
    return found


def _programs() -> list[Path]:
    files = {file for folder in PROGRAMS for file in (ROOT / folder).rglob("*.py")}
    return sorted(files - {Path(__file__)})


def _texts() -> list[Path]:
    files = {file for pattern in TEXTS for file in ROOT.glob(pattern) if file.is_file()}
    return sorted(files - {Path(__file__).with_name("phrases.toml")})


@pytest.mark.parametrize("folder", PROGRAMS)
def test_programs_are_free_of_the_phrases(folder):
    found = {}
    for file in (file for file in _programs() if file.relative_to(ROOT).parts[0] == folder):
        source = file.read_text(encoding="utf-8")
        if problems := [*_found(_strings(source)), *_found(_comments(source))]:
            found[file.relative_to(ROOT).as_posix()] = problems
    assert not found, _report(found)


def test_documents_tasks_and_templates_are_free_of_the_phrases():
    found = {}
    for file in _texts():
        if problems := _found(_paragraphs(file.read_text(encoding="utf-8"))):
            found[file.relative_to(ROOT).as_posix()] = problems
    assert not found, _report(found)


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            yield from _commands(command.get_command(context, child), f"{name} {child}")


def _printed() -> Iterator[tuple[str, str]]:
    """Yield what commands print that depends on no data: every help text, the lists, every protocol."""
    for name, _ in _commands(cli, "vidbench"):
        yield f"{name} --help", CliRunner().invoke(cli, [*name.split()[1:], "--help"]).stdout
    for words in ("tasks list", "models list", "weights list", *(f"tasks show {name}" for name in task_names())):
        yield f"vidbench {words}", CliRunner().invoke(cli, words.split()).stdout


def test_what_commands_print_is_free_of_the_phrases():
    printed = dict(_printed())
    assert all(printed.values()), [name for name, text in printed.items() if not text]
    found = {name: problems for name, text in printed.items() if (problems := _found(_paragraphs(text)))}
    assert not found, _report(found)


def _report(found: dict[str, list[str]]) -> str:
    return "\n".join(
        ["phrases of tests/house/phrases.toml:", *(f"{k}: {each}" for k, v in found.items() for each in v)]
    )


@pytest.mark.parametrize("entry", PHRASES, ids=lambda entry: entry["finds"])
def test_a_pattern_finds_its_phrase_and_spares_plain_english(entry):
    assert re.search(entry["pattern"], entry["finds"], re.IGNORECASE)
    assert "spares" not in entry or not re.search(entry["pattern"], entry["spares"], re.IGNORECASE)


def test_the_list_is_long_and_without_repeats():
    assert len({entry["pattern"] for entry in PHRASES}) == len(PHRASES) >= 60


def test_phrases_are_found_wherever_they_may_hide():
    source = '"""Its frames: the given\n    frames."""\n# All\n# else.\nx = f"Run {x} goes on."\ny = ("What stands " "between them")\n'
    assert len([*_found(_strings(source)), *_found(_comments(source))]) == 4
    assert len(_found(_paragraphs("One\n\nA broken transfer goes\non where it stopped."))) == 1


def test_every_sentence_that_is_allowed_is_needed():
    texts = [" ".join(file.read_text(encoding="utf-8").split()) for file in (*_texts(), *_programs())]
    assert not [sentence for sentence in ALLOWED if not any(sentence in text for text in texts)]
