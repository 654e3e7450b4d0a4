"""The runner notices each kind of misbehaviour; here commands that misbehave replace `vidbench`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.abuse import runner
from tests.abuse.case import Case
from tests.abuse.judge import judge
from tests.abuse.runner import Limits, run_limited


def _refuse(text="Error: The input is bad.", code=2):
    print(text, file=sys.stderr)
    sys.exit(code)


def _sound():
    _refuse()


def _wrong_code():
    _refuse(code=1)


def _other_word():
    _refuse("Error: Something else.")


def _two_sentences():
    _refuse("Error: The input is bad.\nError: The input is bad.")


def _escape_sequence():
    _refuse("Error: The input is bad\x1b[31m.")


def _traceback():
    raise ValueError("bad")


def _writes_output():
    Path("out").mkdir()
    Path("out/part").write_text("half")
    _refuse()


def _writes_through_a_link():
    Path("out").mkdir(exist_ok=True)
    Path("theirs/file").write_text("ours")
    _refuse()


def _hidden_file():
    Path(".part.tmp").write_text("half")
    _refuse()


def _temporary_file():
    import tempfile

    tempfile.mkstemp()
    _refuse()


def _prints():
    print("a number")
    _refuse()


def _orphan():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    _refuse()


def _much_output():
    print("x" * 2**17, file=sys.stderr)
    _refuse()


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (_sound, None),
        (_wrong_code, "ended with code 1"),
        (_other_word, "nothing says 'bad'"),
        (_two_sentences, "one sentence"),
        (_escape_sequence, "escape sequence"),
        (_traceback, "traceback"),
        (_writes_output, "output folder has changed: ['part']"),
        (_writes_through_a_link, "a file of somebody else has changed"),
        (_hidden_file, "temporary files are left: ['.part.tmp']"),
        (_temporary_file, "folder of temporary files"),
        (_prints, "printed to stdout"),
        (_orphan, "processes are left"),
        (_much_output, "more than the limit"),
    ],
)
def test_a_misbehaving_command_is_noticed(command, fault, tmp_path, monkeypatch):
    monkeypatch.setattr("vidbench.cli.main", command)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").write_text("theirs")
    faults = judge(Case("a case", lambda folder: [], "bad"), tmp_path)
    assert any(fault in each for each in faults) if fault else faults == []


def _takes_memory():
    bytearray(2**30)


def _takes_time():
    time.sleep(60)


def _computes():
    while True:
        pass


def _writes_much():
    Path("large").write_bytes(bytes(2**22))


def test_the_limits_hold(tmp_path, monkeypatch):
    limits = Limits(memory_bytes=2**28, cpu_seconds=1, file_bytes=2**21)

    def outcome(command, limits=limits):
        monkeypatch.setattr("vidbench.cli.main", command)
        return run_limited([], tmp_path, limits=limits)

    assert "MemoryError" in outcome(_takes_memory).stderr
    assert "File too large" in outcome(_writes_much).stderr
    assert outcome(_computes).code < 0
    ended = outcome(_takes_time, limits._replace(wall_seconds=1))
    assert ended.code is None
    assert ended.seconds < 10


def test_a_launcher_around_the_tests_is_not_seen(tmp_path, monkeypatch):
    for name in ("RANK", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.setenv(name, "3")

    def seen():
        _refuse(f"Error: {os.environ.get('RANK')} {os.environ.get('SLURM_STEP_NUM_TASKS')} {os.environ['A']}")

    monkeypatch.setattr("vidbench.cli.main", seen)
    assert run_limited([], tmp_path, {"A": "b"}).stderr == "Error: None None b\n"


def test_a_signal_is_an_exit_code(tmp_path, monkeypatch):
    monkeypatch.setattr("vidbench.cli.main", lambda: os.kill(os.getpid(), 11))
    assert run_limited([], tmp_path).code == -11
    assert runner.run_limited([], tmp_path, limits=Limits(wall_seconds=0)).code is None
