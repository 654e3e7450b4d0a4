"""Values that need words: what a number is not, and what is remarkable about it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.vidbench.cli.test_command_line import run
from vidbench.results.meaning import cautions, marked, meaning, meanings
from vidbench.results.schema import Result
from vidmetrics import METRICS
from vidmetrics.catalog.network_cards import embedded_networks

CAUTION = (
    "* Measured by a small network that knows only the moving shapes of vidbench's own tasks: on any other clips the value "
    "means nothing, and it is never comparable with a published FVD, FID or IS."
)


@pytest.mark.parametrize(
    ("metric", "value", "interval", "words"),
    [
        ("fvd-inf", -3.0, (-9.0, 4.0), "within noise of 0"),
        ("fvd-inf", -3.0, None, "within noise of 0"),
        ("fvd-inf", -3.0, (-4.0, -2.0), "below 0, as no distance is: the estimate overshoots"),
        ("kid", -0.001, (-0.002, 0.001), "within noise of 0"),
        ("fvd", 2.0, (0.0, 4.0), "within noise of 0"),
        ("fvd", 2.0, (1.0, 4.0), None),
        ("is", 1.0000002, (1.0, 1.1), "the least possible: the classifier sees the same in every clip"),
        ("is", 1.2, None, None),
        ("precision", 0.0, (0.0, 0.0), None),
        ("psnr", 0.0, None, None),
        ("not a metric", -1.0, None, None),
    ],
)
def test_the_meaning_of_a_value(metric, value, interval, words):
    assert meaning(metric, value, interval) == words


def test_only_metrics_of_the_embedded_network_are_marked():
    embedded = {id for id, metric in METRICS.items() if metric.network in embedded_networks()}
    assert len(embedded) >= 8
    assert {id for id in METRICS if marked(id) != id} == embedded
    assert cautions(sorted(embedded)) == [CAUTION]
    assert cautions(["fvd", "is", "psnr"]) == []
    assert meanings({"fvd": (2.0, (0.0, 4.0)), "is": (9.0, None)}) == ["fvd 2.00: within noise of 0"]


def test_measure_says_what_fvd_shapes_is_not(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("real", "samples"):
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 256, (8, 16, 16, 16, 3), np.uint8))
    done = run("measure", "real.npy", "samples.npy", "--metric", "fvd-shapes", "--metric", "is-shapes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "fvd-shapes *" in done.stdout
    assert done.stdout.count(CAUTION) == 1
    document = run("measure", "real.npy", "samples.npy", "--metric", "fvd-shapes", "--json", cwd=tmp_path).stdout
    assert f'"caution": "{CAUTION[2:]}"' in document


def test_measure_without_weights_gives_one_command_and_what_runs_without(tmp_path):
    np.save(tmp_path / "clips.npy", np.zeros((4, 16, 16, 16, 3), np.uint8))
    done = run("measure", "clips.npy", "clips.npy", "--metric", "fvd", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "run `vidbench weights fetch i3d-kinetics-400`; without any, --metric fvd-shapes runs, which judges only"
        in (done.stderr)
    )
    assert done.stderr.count("\n") == 1
    other = run("measure", "clips.npy", "clips.npy", "--metric", "kid", cwd=tmp_path).stderr
    assert "weights fetch inception-2015-12-05`." in other  # no metric of the embedded network has its statistic


def test_a_result_carries_its_remarks(result_document):
    result_document["metrics"]["fvd-shapes"] |= {"value": 0.4, "interval": [0.0, 0.9]}
    result = Result.model_validate_json(json.dumps(result_document))
    assert result.remarks == (CAUTION, "fvd-shapes 0.400: within noise of 0")
    assert "remarks" not in result.to_json()
