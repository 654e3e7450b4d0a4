"""`vidbench doctor`: what is missing stands once, and the last line is one command."""

from __future__ import annotations

import pytest

from vidbench.cli.doctor import report_lines
from vidbench.jobs.doctor import environment_report, missing_weights, next_command
from vidbench.tasks import load_task, task_names
from vidmetrics.catalog.network_cards import NETWORKS

WEIGHTS = (
    "i3d-kinetics-400",
    "i3d-kinetics-600",
    "inception-2015-12-05",
    "c3d-ucf101",
    "lpips-alex",
    "lpips-vgg",
    "videomae-ssv2",
    "vjepa-ssv2",
)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """The report of a machine without any weights."""
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path))
    return environment_report()


def test_what_is_missing_is_told_once(fresh):
    text = " ".join("\n".join(report_lines(fresh)).split())
    for network in WEIGHTS:
        assert text.count(f"vidbench weights fetch {network} (") + text.count(f"fetch {network}, for") == 1
        assert text.count(f"{network}: ") == 1
    assert list(fresh["missing"]) == list(WEIGHTS)
    assert "absent" not in text
    assert text.count("k600-gen-48x128") == 1
    assert fresh["missing"]["i3d-kinetics-600"].startswith(
        "vidbench weights fetch i3d-kinetics-600 (103.2 MB), for fid-i3d-k600"
    )
    assert fresh["missing"]["c3d-ucf101"].endswith("; tasks ucf101-gen, ucf101-gen-train")


def test_the_last_line_is_the_next_command(fresh):
    """Gigabytes that no task needs are not among the weights to fetch."""
    assert list(report_lines(fresh))[-1] == "next: vidbench weights fetch i3d-kinetics-400 i3d-kinetics-600 c3d-ucf101"
    assert (
        next_command(["vjepa-ssv2"])
        == next_command(["inception-2015-12-05"])
        == "vidbench data scan DIR --task k600-gen"
    )
    assert next_command(["c3d-ucf101"]) == "vidbench weights fetch c3d-ucf101"
    assert next_command([]) == "vidbench data scan DIR --task k600-gen"


def test_variants_of_a_network_lack_one_file():
    said = dict.fromkeys(("i3d-kinetics-400", "i3d-kinetics-400+videogpt", "i3d-kinetics-400+magvit"), "no: …")
    assert missing_weights({**said, "shapes": "yes, weights 12c343d08177, proven"}) == ["i3d-kinetics-400"]
    assert set(WEIGHTS) < set(NETWORKS)


def test_what_can_run_is_listed(fresh):
    lines = list(report_lines(fresh))
    assert any(line.startswith("metrics that can run: fvd-shapes, ") for line in lines)
    assert "metrics that can run on prediction tasks: psnr, ssim, psnr-best, ssim-best" in lines
    embedded = [name for name in task_names() if load_task(name).task.data.embedded]
    assert {"shapes-gen", "shapes-pred"} <= set(embedded)
    assert f"tasks that can run: {', '.join(embedded)}" in lines
    assert len(lines) < 45
    with_weights = {**fresh, "tasks": {"k600-gen": "can run with --data DIR"}, "missing": {}}
    lines = list(report_lines(with_weights))
    assert "tasks that can run with --data DIR: k600-gen" in lines
    assert "missing" not in lines
