"""The ablation: the correct runs, none repeated, and conclusions that follow from the numbers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from dvdgan.studies import ablation
from dvdgan.studies.ablation_plot import AblationScore, draw_ablation, orderings, read_scores, select


def _rows(group: str, variant: str, fids: tuple[float, ...], scores: tuple[float, ...]) -> list[AblationScore]:
    return [
        AblationScore(group, variant, seed, 100, fid, score, 10 * fid)
        for seed, (fid, score) in enumerate(zip(fids, scores, strict=True))
    ]


@pytest.fixture
def rows() -> list[AblationScore]:
    return [
        *_rows("default", "k=8, 2x2", (2.0, 2.1, 1.9), (10.0, 10.1, 9.9)),
        *_rows("phi", "4x4", (2.0, 2.2, 1.9), (7.0, 7.1, 6.9)),
        *_rows("phi", "identity", (3.0, 3.1, 2.9), (12.0, 12.1, 11.9)),
        *_rows("phi", "crop", (2.1, 2.2, 2.0), (8.0, 8.1, 7.9)),
        *_rows("k", "1", (6.0, 6.1, 5.9), (4.0, 4.1, 3.9)),
        *_rows("k", "4", (3.0, 3.1, 2.9), (8.0, 8.1, 7.9)),
        *_rows("k", "10", (2.0, 2.1, 1.9), (10.0, 10.1, 9.9)),
        *_rows("discriminators", "D_T only", (9.0, 9.1, 8.9), (2.0, 2.1, 1.9)),
    ]


def test_the_default_is_in_both_groups(rows: list[AblationScore]) -> None:
    assert select(rows, "k", "8") == select(rows, "phi", "2x2") == rows[:3]


def test_orderings_judge_by_the_spread_of_the_seeds(rows: list[AblationScore]) -> None:
    lines = orderings(rows)
    assert any(
        line.startswith("FID: more frames seen by D_S are better: k = 1 to 4") and "holds" in line for line in lines
    )
    assert any("8 to 10" in line and line.startswith("FID") and "within the noise" in line for line in lines)
    assert any("2x2 to identity" in line and line.startswith("FID") and "is reversed" in line for line in lines)
    assert any("2x2 to identity" in line and line.startswith("IS") and "holds" in line for line in lines)
    assert any("better than D_T only" in line and "holds" in line for line in lines)
    assert not any("D_S only" in line for line in lines)
    assert any("paper 3.7 to 2.4" in line for line in lines)


def test_figure_is_drawn(rows: list[AblationScore], tmp_path: Path) -> None:
    draw_ablation(rows, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_runner_makes_each_run_once_and_names_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def fake(arguments: list[str], **_: Any) -> SimpleNamespace:
        calls.append(arguments)
        if "evaluate" in arguments:
            folder = Path(arguments[arguments.index("--output") + 1])
            folder.mkdir(parents=True)
            metrics = {f"{name}-shapes": {"value": value} for name, value in (("fvd", 3.0), ("fid", 2.0), ("is", 1.0))}
            text = json.dumps({"metrics": metrics, "task": {"fingerprint": "f"}})
            (folder / "result.json").write_text(text)
        return SimpleNamespace(returncode=1 if fail and "crop" in str(arguments) and "train" in arguments else 0)

    fail = True
    monkeypatch.setattr(subprocess, "run", fake)
    command = ["run", "--output", str(tmp_path), "--steps", "7", "--seeds", "0,1"]
    broken = CliRunner().invoke(ablation.main, command)
    assert broken.exit_code == 1
    assert "phi=crop" in broken.stderr
    assert "log.txt" in broken.stderr
    assert not (tmp_path / "ablation.csv").exists()
    fail = False
    before = len(calls)
    assert CliRunner().invoke(ablation.main, command).exit_code == 0
    assert len(calls) - before < 2 * 2 * len(ablation.VARIANTS)
    rows = read_scores(tmp_path / "ablation.csv")
    assert len(rows) == 2 * len(ablation.VARIANTS)
    assert {(row.fid, row.inception_score, row.fvd, row.steps) for row in rows} == {(2.0, 1.0, 3.0, 7)}
    again = len(calls)
    assert CliRunner().invoke(ablation.main, command).exit_code == 0
    assert len(calls) == again


def test_runs_share_processes_and_finished_ones_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def fake(arguments: list[str], **_: Any) -> SimpleNamespace:
        calls.append(arguments)
        lines = [arguments[3:]]
        if "vidbench.cli.together" in arguments:
            lines = [line.split()[1:] for line in Path(arguments[3]).read_text().splitlines()]
        for words in lines:
            folder = Path(words[words.index("--output") + 1])
            folder.mkdir(parents=True, exist_ok=True)
            if words[0] == "train":
                (folder / "train.jsonl").write_text('{"step": 7}\n{"event": "stop", "step": 7}\n')
            else:
                metrics = {f"{name}-shapes": {"value": 1.0} for name in ("fvd", "fid", "is")}
                (folder / "result.json").write_text(json.dumps({"metrics": metrics, "task": {"fingerprint": "f"}}))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", fake)
    finished, stopped, killed = (tmp_path / f"k-{k}-seed0" / "train" for k in (1, 4, 10))
    ends = ((finished, '{"event": "stop", "step": 7}\n'), (stopped, '{"event": "stop", "step": 5}\n'), (killed, '{"ev'))
    for folder, end in ends:
        folder.mkdir(parents=True)
        (folder / "train.jsonl").write_text('{"step": 5}\n' + end)
    command = ["run", "--output", str(tmp_path), "--steps", "7", "--seeds", "0", "--devices", "cuda:0,cuda:1",
               "--together", "4", "--score-device", "cpu"]  # fmt: skip
    assert CliRunner().invoke(ablation.main, command).exit_code == 0
    together = [arguments for arguments in calls if "vidbench.cli.together" in arguments]
    assert len(together) == 2
    assert all(arguments[-2:] == ["--jobs", "4"] for arguments in together)
    trained = [line for arguments in together for line in Path(arguments[3]).read_text().splitlines()]
    assert len(trained) == len(ablation.VARIANTS) - 1
    assert not any(str(finished) in line for line in trained)
    assert all(any(str(folder) in line for line in trained) for folder in (stopped, killed))
    assert {line.split()[line.split().index("--device") + 1] for line in trained} == {"cuda:0", "cuda:1"}
    scored = [arguments for arguments in calls if "evaluate" in arguments]
    assert len(scored) == len(ablation.VARIANTS)
    assert all(arguments[arguments.index("--device") + 1] == "cpu" for arguments in scored)
    assert not any("train" in arguments for arguments in calls)
    assert len(read_scores(tmp_path / "ablation.csv")) == len(ablation.VARIANTS)


def test_every_variant_changes_one_thing() -> None:
    base = dict(text.split("=") for text in ablation.DEFAULT.settings)
    for variant in ablation.VARIANTS[1:]:
        given = dict(text.split("=") for text in variant.settings)
        assert sum(given.get(key, "both") != base.get(key, "both") for key in {*given, *base}) == 1
