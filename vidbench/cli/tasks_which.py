"""`vidbench tasks which`: the questions about a number in a paper, asked or taken as options."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.streams import echo_line
from vidbench.errors import InputError
from vidbench.leaderboard.paper_questions import NOT_STATED, QUESTIONS, PaperQuestion, read_answers


def _with_questions(function: Callable[..., Any]) -> Callable[..., Any]:
    for each in reversed(QUESTIONS):
        function = click.option(f"--{each.name}", metavar=each.metavar, help=each.text)(function)
    return function


@click.command("which")
@_with_questions
@options.as_json
def tasks_which(as_json: bool, **given: str | None) -> None:
    """Say which tasks a number in a paper may belong to, what the paper leaves open, and its leaderboard groups.

    On a terminal and without options it asks; "not-stated" is an answer to each question.
    """
    from vidbench.leaderboard.paper_number import possible_document, possible_tasks, possible_text

    named = {each.name: given[each.name.replace("-", "_")] for each in QUESTIONS}
    if not any(named.values()):
        if not sys.stdin.isatty():
            every = ", ".join(f"--{name}" for name in named)
            raise InputError(
                f"Nothing says what the paper states, and stdin is no terminal to ask on: give one or more of {every}."
            )
        named = {each.name: _ask(each) for each in QUESTIONS}
    missing = [name for name, answer in named.items() if answer is None]
    document = possible_document(possible_tasks(read_answers(named)), missing)
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for line in possible_text(document).splitlines():
        echo_line(line)


def _ask(question: PaperQuestion) -> str:
    """Ask until there is an answer; the answer alone goes to stdout."""
    while True:
        answer = click.prompt(question.text, default=NOT_STATED, err=True)
        if answer == NOT_STATED:
            return answer
        try:
            return question.read(answer.strip())
        except InputError as error:
            click.echo(str(error), err=True)
