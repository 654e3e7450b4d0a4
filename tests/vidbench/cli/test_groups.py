"""Groups of commands: bare names, uncut help, unknown commands and names in another spelling."""

from __future__ import annotations

import json

import click
import pytest

from tests.vidbench.cli.test_command_line import assert_refused, run
from vidbench.cli import cli
from vidmetrics.errors import unknown_name

GROUPS = ("tasks", "metrics", "models", "weights", "data", "leaderboard")


def pages(command=cli, context=None):
    """Every command with its help page at 80 columns."""
    context = context or click.Context(cli, info_name="vidbench", terminal_width=80, max_content_width=80)
    yield command, context, command.get_help(context)
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        found = command.get_command(context, name)
        yield from pages(found, click.Context(found, context, name))


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_a_bare_group_prints_its_help(tmp_path, group):
    words = [group] if group else []
    bare, asked = run(*words, cwd=tmp_path), run(*words, "--help", cwd=tmp_path)
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == asked.stdout
    assert bare.stdout.startswith(f"Usage: vidbench {group}".strip())
    assert "\nCommands:\n" in bare.stdout


def test_no_help_line_is_cut():
    seen = 0
    for command, context, text in pages():
        seen += 1
        assert max(map(len, text.splitlines())) <= 80, context.command_path
        words = " ".join(text.split())
        summary = " ".join((command.help or "").split("\n\n")[0].split())
        assert summary in words, context.command_path
        for name in command.list_commands(context) if isinstance(command, click.Group) else ():
            if command is not cli:
                line = " ".join((command.get_command(context, name).help or "").split("\n\n")[0].split())
                assert f"{name} {line}" in words, (context.command_path, name)
    assert seen > 25


def test_an_unknown_command_of_a_group_is_one_sentence_with_the_nearest(tmp_path):
    assert_refused(run("leaderboard", "lst", cwd=tmp_path), "leaderboard command 'lst'", "did you mean 'list'?")
    assert_refused(run("models", "shwo", cwd=tmp_path), "did you mean 'show'?")
    assert_refused(run("leaderboards", cwd=tmp_path), "Unknown command 'leaderboards'; did you mean 'leaderboard'?")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("FVD", "fvd"), ("Fvd_StyleGANV", "fvd-styleganv"), ("KVD", "kvd"), ("fvd-styleganb", "fvd-styleganv")],
)
def test_case_and_underscores_do_not_hide_a_name(typed, meant):
    known = ("fvd", "fvd-styleganv", "fvd-videogpt", "kvd", "FID")
    assert f"did you mean '{meant}'?" in unknown_name("metric", typed, known)
    assert "did you mean 'FID'?" in unknown_name("metric", "fid", known)
    assert "did you mean" not in unknown_name("metric", "zzz", known)


def test_metrics_are_listed_and_shown(tmp_path):
    from vidmetrics import METRICS

    rows = json.loads(run("metrics", "list", "--json", cwd=tmp_path).stdout)
    assert [row["id"] for row in rows] == list(METRICS)
    lines = run("metrics", "list", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[:4] for line in lines if line.startswith("fvd-shapes ")] == [
        ["fvd-shapes", "lower", "shapes", "here"]
    ]
    shown = run("metrics", "show", "fvd", cwd=tmp_path).stdout
    assert "arXiv 1812.01717" in shown
    assert ("vidbench weights fetch i3d-kinetics-400" in shown) == ("absent" in shown)
    assert_refused(run("metrics", "show", "FVD", cwd=tmp_path), "did you mean 'fvd'?")


def test_a_model_is_shown_with_the_commands_that_take_it(tmp_path):
    shown = run("models", "show", "dvdgan", cwd=tmp_path).stdout
    assert "arXiv 1907.06571" in shown
    assert shown.endswith("vidbench evaluate --model dvdgan --task TASK\nvidbench train --model dvdgan --task TASK\n")
    assert "train" not in run("models", "show", "noise", cwd=tmp_path).stdout
    document = json.loads(run("models", "show", "noise", "--json", cwd=tmp_path).stdout)
    assert (document["code"], document["trains"]) == ("vidbench.models.trivial:NoiseModel", False)
    assert_refused(run("models", "show", "DVDGAN", cwd=tmp_path), "did you mean 'dvdgan'?")


def test_boards_are_listed(tmp_path):
    from vidbench.leaderboard.boards import leaderboards_folder, read_board

    rows = json.loads(run("leaderboard", "list", "--json", cwd=tmp_path).stdout)
    folder = leaderboards_folder(None)
    assert {row["name"] for row in rows} == {path.stem for path in folder.glob("*.csv")}
    assert all(row["rows"] == len(read_board(folder, row["name"]).rows) and row["title"] for row in rows)
    assert run("leaderboard", "list", cwd=tmp_path).stdout.startswith(f"{rows[0]['name']} ")
