"""Commands in threads of one process write the same files as alone, and a failing one does not stop the others."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from vidbench.cli import together
from vidbench.errors import InputError

TINY = (
    "--set ch=2 --set d_ch=2 --set latent_dim=4 --set embedding_dim=4 --set batch_size=2 --set spatial_frames=2 "
    "--set standing_batches=1 --set log_every=1"
)


def _lines(folder: Path) -> list[dict[str, object]]:
    kept = ("step", "loss_spatial", "loss_temporal", "loss_generator")
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    return [{name: row[name] for name in kept} for row in rows if "event" not in row]


def test_runs_side_by_side_are_the_runs_alone(tmp_path: Path) -> None:
    def command(name: str, seed: int) -> str:
        return f"vidbench train --model dvdgan --task shapes-gen --output {tmp_path / name} --steps 3 --seed {seed} --device cpu {TINY}"

    text = "\n".join(["# two seeds", command("a0", 0), "", command("a1", 1)])
    (tmp_path / "commands.txt").write_text(text)
    done = CliRunner().invoke(together.main, [str(tmp_path / "commands.txt"), "--jobs", "2"])
    assert done.exit_code == 0, done.output
    alone = [command("b0", 0).split()[1:], command("b1", 1).split()[1:]]
    assert together.run_together(alone, 1) == [0, 0]
    for seed in (0, 1):
        assert len(_lines(tmp_path / f"a{seed}")) == 3
        assert _lines(tmp_path / f"a{seed}") == _lines(tmp_path / f"b{seed}")
    assert _lines(tmp_path / "a0") != _lines(tmp_path / "a1")


def test_a_command_that_fails_does_not_stop_the_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "commands.txt").write_text(
        "vidbench evaluate --model none-such --task shapes-gen\nvidbench tasks list\n"
    )
    done = CliRunner().invoke(together.main, [str(tmp_path / "commands.txt")])
    assert done.exit_code == 1
    assert "failed: vidbench evaluate --model none-such" in done.stderr
    assert "failed: vidbench tasks" not in done.stderr


def test_an_error_of_the_program_is_shown_and_counts_as_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_command(arguments: list[str]) -> int:
        if arguments == ["bad"]:
            raise ZeroDivisionError("in the program")
        return 0

    monkeypatch.setattr(together, "run_command", run_command)
    assert together.run_together([["bad"], ["good"]], 2) == [1, 0]
    assert "in the program" in capsys.readouterr().err


def test_as_many_at_a_time_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(3, timeout=20)
    monkeypatch.setattr(together, "run_command", lambda arguments: meeting.wait() * 0)
    assert together.run_together([["a"], ["b"], ["c"]], 3) == [0, 0, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "contains no command"), ("rm -r x\n", "Line 1"), ("vidbench tasks\nvidbench\n", "Line 2"), ("vidbench 'a\n", "quotes")],
)  # fmt: skip
def test_a_file_with_other_things_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "commands.txt").write_text(text)
    with pytest.raises(InputError, match=said):
        together.read_commands(tmp_path / "commands.txt")
    refused = CliRunner().invoke(together.main, [str(tmp_path / "commands.txt")])
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.txt"):
        together.read_commands(tmp_path / "absent.txt")


def test_the_device_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def device(*words: str) -> str:
        return str(together._device_of(["train", *words, "--seed", "1"]))

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == device("--device", "cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert device("--device", "cuda:1") == "cuda:1"
    assert device("--device=cuda:2") == "cuda:2"
    assert device("--device", "cuda") == device() == "cuda:0"
    assert device("--device", "cpu") == device("--device", "no such thing") == device("--device") == "cpu"
