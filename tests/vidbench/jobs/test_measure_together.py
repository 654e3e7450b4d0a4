"""Several folders of samples against the same real clips: one table, one page, and statistics in place of real clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vidbench
from tests.vidbench.cli.test_command_line import assert_refused, run
from vidbench.jobs.measure_together import MEASUREMENT_NAME

BOTH = ("--metric", "fvd-shapes", "--metric", "is-shapes", "--device", "cpu")


@pytest.fixture(autouse=True)
def _three(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("real", "one", "two")):
        clips = np.random.default_rng(number).integers(0, 256, (20, 16, 16, 16, 3), np.uint8)
        np.save(f"{name}.npy", clips // (number + 1))


def measured(*arguments):
    return run("measure", *arguments, *BOTH, cwd=Path.cwd())


def test_one_table_and_one_page_of_several_samples():
    done = measured("real.npy", "one.npy", "two.npy", "--output", "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Real clips: done") == 1
    apart = {name: vidbench.measure("real.npy", f"{name}.npy", ["fvd-shapes", "is-shapes"]) for name in ("one", "two")}
    rows = [line.split("│")[1:-1] for line in done.stdout.splitlines() if line.startswith("│")]
    assert [(cells[0].strip(), cells[2].strip()) for cells in rows] == [
        ("fvd-shapes *", "one.npy"),
        ("fvd-shapes *", "two.npy"),
        ("is-shapes *", "one.npy"),
        ("is-shapes *", "two.npy"),
    ]
    document = json.loads(Path("out", MEASUREMENT_NAME).read_text())
    for record, (name, alone) in zip(document["measurements"], apart.items(), strict=True):
        assert record["samples"]["path"] == f"{name}.npy"
        assert record["metrics"] == json.loads(alone.to_json())["metrics"]
    page = Path("out/report.html").read_text()
    assert page.count("<svg") == 2
    assert page.count("<circle") == 4
    assert all(word in page for word in ("one.npy", "two.npy", "knows only the moving shapes", "fewer"))
    assert "http" not in page.split("<details>")[0]
    assert_refused(measured("real.npy", "one.npy", "--output", "out"), "already has a measurement: choose another")
    assert json.loads(measured("real.npy", "one.npy", "two.npy", "--json").stdout).keys() == {"measurements"}


def test_what_is_wrong_is_said_before_anything_is_measured():
    for arguments, words in (
        (("real.npy",), "SAMPLES is missing after REAL"),
        (("real.npy", "one.npy", "one.npy"), "The samples 'one.npy' are named twice"),
        (("real.npy", "one.npy", "nowhere"), "There are no clips at 'nowhere'"),
        (("real.npy", "one.npy", "--output", "two.npy"), "two.npy is a file, where a folder is to be written"),
        (("one.npy", "--real-statistics", "nowhere"), "There is no file of statistics at nowhere"),
        (
            ("one.npy", "--real-statistics", "."),
            "There is no file of statistics at ., which is a folder and not a file",
        ),
        (("--real-statistics", "real.npy"), "SAMPLES is missing: --real-statistics takes the place of REAL"),
    ):
        done = measured(*arguments)
        assert_refused(done, words)
        assert "clips\n" not in done.stderr


def test_statistics_take_the_place_of_real_clips():
    import vidmetrics

    metric = vidmetrics.metric("fvd-shapes")
    metric.update(np.load("real.npy"), real=True)
    metric.statistics().save("real.safetensors")
    done = run(
        "measure",
        "one.npy",
        "two.npy",
        "--real-statistics",
        "real.safetensors",
        "--metric",
        "fvd-shapes",
        "--json",
        cwd=Path.cwd(),
    )
    assert done.returncode == 0, done.stderr
    values = [each["metrics"]["fvd-shapes"]["value"] for each in json.loads(done.stdout)["measurements"]]
    assert values == [
        vidbench.measure("real.npy", f"{name}.npy", "fvd-shapes").metrics["fvd-shapes"].value for name in ("one", "two")
    ]
    Path("real.npy").unlink()
    assert (
        run(
            "measure", "one.npy", "--real-statistics", "real.safetensors", "--metric", "fvd-shapes", cwd=Path.cwd()
        ).returncode
        == 0
    )
