"""`vidbench conformance` and the pytest plugin, as somebody else's CI would use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.forked import run_python
from vidbench.cli import cli

ROOT = Path(__file__).resolve().parents[3]

# Correct for one kind, a known mistake for another, an unknown mistake for a third, an exception for a fourth.
THEIRS = """
import numpy as np
from vidmetrics import frechet_distance, inception_score

def answer(kind, inputs, parameters):
    if kind == "frechet-from-features":
        a, b = inputs["features_a"], inputs["features_b"]
        return frechet_distance(a.mean(0), np.cov(a.T, ddof=0), b.mean(0), np.cov(b.T, ddof=0))
    if kind == "frechet-from-moments":
        return frechet_distance(*(inputs[k] for k in ("mean_a", "cov_a", "mean_b", "cov_b")))
    if kind == "inception-score":
        return 3 * inception_score(inputs["logits"], parameters["splits"])[0]
    if kind == "moments":
        raise RuntimeError("no moments today")
    return NotImplemented
"""

LIGHT = ["--vectors", "frechet/n*", "--vectors", "frechet/i*", "--vectors", "inception-score/*", "--vectors", "moments/n2*",
         "--vectors", "resize/up*"]  # fmt: skip


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    (tmp_path / "their_fid.py").write_text(THEIRS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "their_fid:answer"


def invoke(*arguments):
    return CliRunner().invoke(cli, ["conformance", *arguments])


def test_ours_passes():
    result = invoke("--vectors", "frechet/*")
    assert result.exit_code == 0, result.output
    assert "13 passed" in result.stdout
    assert "failed" not in result.stdout


def test_theirs_is_judged_with_a_diagnosis(theirs):
    result = invoke("--implementation", theirs, *LIGHT)
    assert result.exit_code == 1
    assert "passed" in result.stdout
    assert "ddof-0: 6 of 10 failures look like code that divides the covariance by N instead of N - 1" in result.stdout
    assert "no known mistake: inception-score/" in result.stdout
    assert "error in moments/n2-d3: RuntimeError: no moments today" in result.stdout
    assert "1 not offered" in result.stdout


def test_json_is_one_document(theirs):
    result = invoke("--implementation", theirs, "--json", *LIGHT)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["suite"] == "v1"
    assert document["implementation"] == theirs
    assert document["counts"] == {"passed": 1, "failed": 10, "error": 1, "not offered": 1}
    by_name = {vector["name"]: vector for vector in document["vectors"]}
    wrong = by_name["frechet/n256-d16"]
    assert (wrong["verdict"], wrong["candidates"]) == ("failed", ["ddof-0"])
    assert wrong["deviation"] == pytest.approx(0.00603, rel=0.01)
    assert document["diagnosis"][0]["mistake"] == "ddof-0"
    assert len(document["unexplained"]) == 4


def test_a_run_in_which_nothing_was_tested_fails(theirs, tmp_path):
    (tmp_path / "none_of_it.py").write_text("def answer(kind, inputs, parameters):\n    return NotImplemented\n")
    result = invoke("--implementation", "none_of_it:answer", *LIGHT)
    assert result.exit_code == 1
    kinds = "frechet-from-moments, frechet-from-features, inception-score and 2 more"
    assert result.stdout == f"nothing was tested: none_of_it:answer returned NotImplemented for every kind ({kinds})\n"
    assert invoke("--implementation", "none_of_it:answer", "--json", *LIGHT).exit_code == 1
    # One kind is enough, though the others are not offered.
    assert (
        invoke("--implementation", theirs, "--vectors", "frechet/isotropic*", "--vectors", "resize/up*").exit_code == 0
    )


def test_one_error_is_told_once(theirs, tmp_path):
    (tmp_path / "broken.py").write_text("def answer(kind, inputs, parameters):\n    return inputs['featurs']\n")
    result = invoke("--implementation", "broken:answer", *LIGHT)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "13 error",
        "error in frechet/isotropic-d400 and 12 more: KeyError: 'featurs' (broken.py, line 2)",
    ]


def test_a_metric_in_place_of_its_adapter_is_one_sentence(theirs, tmp_path):
    (tmp_path / "their_fvd.py").write_text("def fvd(real, fake):\n    return 0.0\n")
    done = run_python(["-m", "vidbench", "conformance", "--implementation", "their_fvd:fvd"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'their_fvd:fvd' takes (real, fake) and not (kind, inputs, parameters)" in done.stderr
    assert "of_features or of_videos" in done.stderr


def test_bad_names_are_bad_input():
    for arguments, sentence in (
        (("--vectors", "frechet/nothing"), "Unknown vector"),
        (("--implementation", "nowhere_at_all:f"), "cannot be imported"),
    ):
        done = run_python(["-m", "vidbench", "conformance", *arguments])
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr


def run_pytest(folder, *arguments):
    # By module name and without other plugins, so that it does not matter whether this checkout is installed.
    environment = dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "metrics", ROOT / "baselines")))
    plugin = ("-p", "vidmetrics.conformance.pytest_plugin")
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_plugin_makes_one_test_per_vector(theirs, tmp_path):
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    done = run_pytest(tmp_path, "--vidbench-implementation", theirs, *(a.replace("--", "--vidbench-") for a in LIGHT))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "11 failed, 2 passed, 1 skipped" in done.stdout
    assert "divides the covariance by N instead of N - 1" in done.stdout
    assert "no moments today" in done.stdout
    assert "Traceback" not in done.stdout
    assert "vidbench-conformance[frechet/n2-d8]" in done.stdout


def test_plugin_can_be_selected_alone(theirs, tmp_path):
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    options = ("--vidbench-implementation", theirs, "--vidbench-vectors", "frechet/isotropic-d400")
    done = run_pytest(tmp_path, *options, "-m", "vidbench_conformance", "--strict-markers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 deselected" in done.stdout


def test_plugin_fails_a_session_in_which_nothing_was_tested(tmp_path):
    (tmp_path / "none_of_it.py").write_text("def answer(kind, inputs, parameters):\n    return NotImplemented\n")
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    options = ("--vidbench-implementation", "none_of_it:answer", "--vidbench-vectors", "resize/up*")
    done = run_pytest(tmp_path, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 passed, 1 skipped" in done.stdout
    assert "the implementation offered none of the kinds, so nothing was tested" in done.stdout


def test_plugin_refuses_a_wrong_name(tmp_path):
    done = run_pytest(tmp_path, "--vidbench-implementation", "nowhere_at_all:f")
    assert done.returncode == 4
    assert "cannot be imported" in done.stderr


def test_plugin_is_light_and_silent_when_it_is_not_asked_for(tmp_path):
    (tmp_path / "test_own.py").write_text(
        "import sys\n\ndef test_own():\n    assert not {'torch', 'scipy', 'vidmetrics.conformance.suite'} & set(sys.modules)\n"
    )
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "vidbench" not in done.stdout


def test_entry_point_names_the_plugin():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"vidbench_conformance": "vidmetrics.conformance.pytest_plugin"}
