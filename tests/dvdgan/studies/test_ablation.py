"""The ablation: the correct runs, none repeated, and conclusions that follow from the numbers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from click.testing import CliRunner
from matplotlib.image import imread

from dvdgan.studies import ablation
from dvdgan.studies.ablation_orderings import (
    AblationScore,
    compare,
    holm,
    orderings,
    read_scores,
    seed_noise,
    select,
)
from dvdgan.studies.ablation_plot import draw_ablation


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


def test_orderings_judge_by_the_noise_of_all_runs(rows: list[AblationScore]) -> None:
    lines = orderings(rows)
    assert sum("is within the noise" in line or ": holds" in line or "reversed" in line for line in lines) == 3 * 7
    assert any(
        line.startswith("FID: more frames seen by D_S are better: k = 1 to 4") and "holds" in line for line in lines
    )
    assert any("8 to 10" in line and line.startswith("FID") and "within the noise" in line for line in lines)
    assert any("2x2 to identity" in line and line.startswith("FID") and "is reversed" in line for line in lines)
    assert any("2x2 to identity" in line and line.startswith("IS") and "holds" in line for line in lines)
    assert any("better than D_T alone" in line and "holds" in line for line in lines)
    assert not any("D_S alone" in line for line in lines)
    assert any("paper 3.7 to 2.4" in line for line in lines)
    assert any(line.startswith("FID: the noise of a run is") and "14 degrees" in line for line in lines)
    # One run far off makes everything noise.
    rows[0] = dataclasses.replace(rows[0], fid=40.0)
    assert all(
        "is within the noise" in line for line in orderings(rows) if line.startswith("FID: ") and "times" in line
    )
    assert all("holds" not in line and "reversed" not in line for line in orderings(rows[::3]))


def test_two_variants_are_compared_as_a_paired_t_test_does_and_many_as_a_linear_model() -> None:
    rng = np.random.default_rng(0)
    fids_VS = np.exp(rng.normal(size=(4, 3)))
    groups = [("default", "k=8, 2x2"), ("k", "1"), ("k", "4"), ("k", "10")]
    rows = [row for name, fids in zip(groups, fids_VS, strict=True) for row in _rows(*name, tuple(fids), tuple(fids))]
    two = compare(rows[:6], "k", "1", "8", "fid", -1)
    logs = np.log(fids_VS)
    oracle = scipy.stats.ttest_rel(logs[0], logs[1])
    interval = oracle.confidence_interval()
    assert two.p == pytest.approx(oracle.pvalue)
    assert np.log([two.low, two.high]) == pytest.approx([interval.low, interval.high])
    assert (two.better, two.seeds) == ((logs[0] < logs[1]).sum(), 3)

    # Dummy variables of variants and seeds, without the last seed.
    design = np.array([[*(np.arange(4) == v), *(np.arange(2) == s)] for v in range(4) for s in range(3)], float)
    rest = logs.ravel() - design @ np.linalg.lstsq(design, logs.ravel(), rcond=None)[0]
    deviation, degrees = seed_noise(rows, "fid")
    assert (deviation, degrees) == (pytest.approx(np.sqrt((rest**2).sum() / 6)), 6)
    assert seed_noise(rows[::3], "fid")[1] == 0


def test_holm_corrects_as_his_example_does() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_figure_is_drawn(rows: list[AblationScore], tmp_path: Path) -> None:
    draw_ablation(rows, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    draw_ablation([row for row in rows if row.group in ("default", "phi")], tmp_path / "one.png")
    wide, narrow = (imread(tmp_path / name).shape[1] for name in ("a.png", "one.png"))
    assert narrow < wide / 2


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
    command = ["run", "--output", str(tmp_path), "--steps", "7", "--seeds", "0,1", "--draws", "5"]
    refused = CliRunner().invoke(ablation.main, [*command, "--groups", "k,q"])
    assert (refused.exit_code, calls) == (1, [])
    assert "no group 'q'" in refused.stderr
    broken = CliRunner().invoke(ablation.main, command)
    assert broken.exit_code == 1
    assert "phi=crop" in broken.stderr
    assert "log.txt" in broken.stderr
    assert not (tmp_path / "ablation.csv").exists()
    fail = False
    before = len(calls)
    assert CliRunner().invoke(ablation.main, command).exit_code == 0
    assert len(calls) - before < 3 * 2 * len(ablation.VARIANTS)
    drawn = [arguments[-2:] for arguments in calls if "evaluate" in arguments and "--seed" in arguments]
    assert drawn == [["--seed", "5"]] * 2 * len(ablation.VARIANTS)
    assert (tmp_path / "ablation.csv").read_text().count("official") == 2 * len(ablation.VARIANTS)
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


def test_one_question_needs_its_own_runs_and_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ablation.AblationRun] = []
    monkeypatch.setattr(ablation, "finish_run", made.append)
    monkeypatch.setattr(ablation, "write_table", lambda path, rows: None)
    command = ["run", "--output", str(tmp_path), "--seeds", "3", "--groups", "discriminators", "--metrics-every", "9"]
    assert CliRunner().invoke(ablation.main, command).exit_code == 0
    assert {run.variant.name for run in made} == {"k=8, 2x2", "D_S only", "D_T only"}
    assert all(run.train[run.train.index("--metrics-every") + 1] == "9" for run in made)


def test_every_variant_changes_one_thing() -> None:
    base = dict(text.split("=") for text in ablation.DEFAULT.settings)
    for variant in ablation.VARIANTS[1:]:
        given = dict(text.split("=") for text in variant.settings)
        assert sum(given.get(key, "both") != base.get(key, "both") for key in {*given, *base}) == 1
