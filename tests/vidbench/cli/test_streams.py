"""Standard streams that are closed, full, hung up or of another encoding, for any command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vidbench.cli.streams import HUNG_UP

COMMANDS = {"list": "tasks list", "json": "tasks list --json", "check": "leaderboard check", "help": "--help"}


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `vidbench` is the command line; the exit code is that of its first command."""
    text = f'vidbench() {{ "{sys.executable}" -m vidbench "$@"; }}; {line}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", text], capture_output=True, env={**os.environ, **environment}, timeout=60)
    return subprocess.CompletedProcess(line, done.returncode, done.stdout.decode("latin-1"), done.stderr.decode())


def assert_one_sentence(done, code, word):
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert word in done.stderr


def without_reader(module: str, *arguments: str) -> tuple[int, str]:
    """Run a module whose reader is gone before the first byte (in a pipe of a shell it may start after the last)."""
    reader, writer = os.pipe()
    os.close(reader)
    program = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_reader_that_hangs_up_is_no_answer_of_a_check(command):
    assert without_reader("vidbench", *command.split()) == (HUNG_UP, "")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_full_stdout_is_a_sentence(command):
    assert_one_sentence(shell(f"vidbench {command} >/dev/full"), 2, "No space left on device")


def test_a_closed_stdout_is_a_sentence_before_anything_is_done(tmp_path):
    assert_one_sentence(shell(f"vidbench leaderboard build --output {tmp_path}/site >&-"), 2, "closed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", ["2>&-", "2>/dev/full"])
def test_without_stderr_the_exit_code_remains_and_stdout_stays_clean(way):
    done = shell(f"vidbench tasks show nothing {way}")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("way", [">&- 2>/dev/full", ">/dev/full 2>/dev/full", ">&- 2>&-"])
def test_with_neither_stream_the_exit_code_remains(way):
    done = shell(f"vidbench tasks list {way}")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize(("way", "code", "word"), [(">&-", 2, "closed"), (">/dev/full", 1, "No space left")])
def test_several_commands_together_without_stdout_end_in_a_sentence(tmp_path, way, code, word):
    (tmp_path / "commands.txt").write_text("vidbench tasks list\n")
    done = shell(f'"{sys.executable}" -m vidbench.cli.together {tmp_path}/commands.txt {way}')
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    assert word in done.stderr


def test_several_commands_together_whose_reader_is_gone_end_in_a_sentence(tmp_path):
    (tmp_path / "commands.txt").write_text("vidbench tasks list\n")
    code, said = without_reader("vidbench.cli.together", f"{tmp_path}/commands.txt")
    assert code == 1
    assert "Traceback" not in said
    assert "failed: " in said


def test_no_file_receives_what_is_printed_when_descriptors_are_closed(tmp_path):
    done = shell(f"vidbench leaderboard build --output {tmp_path}/site 0<&- 2>&-")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(list((tmp_path / "site").glob("*.html")))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_an_encoding_without_a_character_gets_its_escape(tmp_path, encoding):
    done = shell("vidbench models list ≥ŝ", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    done = shell("vidbench leaderboard show k600-pred --group magvit", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert {"ascii": "\\u00b1", "latin-1": "±", "utf-8": "Â±"}[encoding] in done.stdout


def test_escape_sequences_in_names_are_shown_not_obeyed(tmp_path):
    name = "a\x1b]0;owned\x07\u202eb\nError: forged"
    done = subprocess.run(
        [sys.executable, "-m", "vidbench", "tasks", "show", name], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip("\n").isprintable()
    assert "a\\u001b]0;owned\\u0007\\u202eb\\u000a" in done.stderr


def test_a_name_that_is_not_utf_8(tmp_path):
    done = subprocess.run([sys.executable, "-m", "vidbench", "tasks", "show", b"caf\xe9.toml"], capture_output=True)
    assert done.returncode == 2
    assert b"caf\\udce9.toml" in done.stderr


def test_every_command_prints_through_the_guarded_streams():
    import vidbench.cli

    folder = Path(vidbench.cli.__file__).parent
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("sys.stdout.write", "sys.__stdout__", "Console(", "os.write", "stdout.buffer"):
            assert path.name == "streams.py" or word not in text, f"{path.name} prints with {word}"
