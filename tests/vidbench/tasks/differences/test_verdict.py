"""The verdict on two tasks, and what `vidbench tasks diff` prints of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vidbench.cli.test_command_line import assert_refused, run
from tests.vidbench.tasks.differences.test_fields import changed
from vidbench.tasks import load_task
from vidbench.tasks.differences.verdict import RULE, compare_tasks

ROOT = Path(__file__).resolve().parents[4]


def verdicts(a, b):
    found = compare_tasks(a, b)
    return found.verdict, {each.metric: each.verdict for each in found.metrics}


@pytest.mark.parametrize(
    ("a", "b", "worst", "metrics"),
    [
        ("k600-pred", "k600-pred", "comparable", {"fvd": "comparable", "ssim": "comparable"}),
        ("k600-pred", "k600-pred-disjoint", "not comparable", {"fvd": "not comparable", "ssim": "comparable with care"}),
        ("ucf101-gen", "ucf101-gen-fvd", "comparable with care", {"fvd": "comparable with care"}),
        ("ucf101-gen-fvd", "ucf101-gen-train-fvd", "not comparable", {"fvd": "not comparable"}),
        ("k600-pred-dvdgan", "k600-pred-vdm", "not comparable", {"fvd": "not comparable"}),
        ("k600-gen", "shapes-gen", "not comparable", {}),
    ],
)  # fmt: skip
def test_pairs_of_shipped_tasks(a, b, worst, metrics):
    a, b = load_task(a).task, load_task(b).task
    assert verdicts(a, b) == verdicts(b, a) == (worst, metrics)


def test_another_draw_is_comparable_with_care_and_another_number_is_not():
    pred = load_task("k600-pred").task
    assert verdicts(pred, changed("k600-pred", "evaluation", seed=1))[0] == "comparable with care"
    assert verdicts(pred, changed("k600-pred", "evaluation", num_samples=2048))[0] == "not comparable"
    assert verdicts(pred, changed("k600-pred", title="Other words"))[0] == "comparable"
    # Its results are unofficial, whatever its fingerprint.
    assert verdicts(pred, changed("k600-pred", status="broken"))[0] == "comparable with care"


def test_the_command_prints_each_difference_with_its_effect(tmp_path):
    done = run("tasks", "diff", "bair-pred", "bair-pred-debiased", cwd=tmp_path)
    text = " ".join(done.stdout.split())
    assert done.returncode == 0
    assert "not comparable; but psnr, psnr-best, ssim, ssim-best: comparable with care." in text
    assert "MAGVIT-L-FP has an FVD of 62 against the first window of each video and of 31 against all 15" in text
    assert "B other windows of the same videos effect: not measured" in text
    assert f"rule: {RULE}" in text
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_json_has_the_same_and_a_file_is_a_task(tmp_path):
    text = (ROOT / "vidbench" / "tasks" / "shapes-gen.toml").read_text(encoding="utf-8")
    text = text.replace('name = "shapes-gen"', 'name = "mine"').replace("num_samples = 1024", "num_samples = 512")
    (tmp_path / "mine.toml").write_text(text)
    document = json.loads(run("tasks", "diff", "shapes-gen", "mine.toml", "--json", cwd=tmp_path).stdout)
    assert document["verdict"] == "not comparable"
    assert [each["field"] for each in document["differences"]] == ["samples"]
    (samples,) = document["differences"]
    assert (samples["a"], samples["b"]) == ("exactly 1,024", "exactly 512")
    assert any(
        "0.2072" in effect["text"] and "docs/footguns.md" in effect["sources"][0] for effect in samples["effects"]
    )
    assert_refused(run("tasks", "diff", "shapes-gen", "shapes-gne", cwd=tmp_path), "shapes-gen")
