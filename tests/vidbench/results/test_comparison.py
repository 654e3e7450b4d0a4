"""`vidbench compare`: the difference, the noise, and why results may not be comparable."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from vidbench.cli.compare import command
from vidbench.errors import InputError
from vidbench.results.comparison import compare_results, difference_interval, regressions
from vidbench.results.schema import Result

ROOT = Path(__file__).resolve().parents[3]


def _result(document):
    return Result.model_validate(document)


def _set(document, path, value):
    *parents, last = path.split("/")
    for key in parents:
        document = document[key]
    document[last] = value


def test_symmetric_intervals_combine_as_variances_do():
    low, high = difference_interval(10.0, (7.0, 13.0), 20.0, (16.0, 24.0))
    assert (low, high) == pytest.approx((5.0, 15.0))


def test_a_lopsided_interval_gives_its_own_arm_to_each_side():
    # The interval of a is 0 (the end of the metric's range) to 5 and b is exact: b - a extends 1 up and 4 down.
    assert difference_interval(1.0, (0.0, 5.0), 10.0, (10.0, 10.0)) == pytest.approx((5.0, 10.0))
    assert difference_interval(10.0, (10.0, 10.0), 1.0, (0.0, 5.0)) == pytest.approx((-10.0, -5.0))


def test_the_interval_covers_the_true_difference():
    rng = np.random.default_rng(0)
    # Means of 40 draws from skewed and from normal data, each with its own 95 % confidence interval.
    a = rng.exponential(3.0, (4000, 40))
    b = rng.normal(5.0, 2.0, (4000, 40))

    def interval(x):
        half = 1.96 * x.std(1, ddof=1) / np.sqrt(x.shape[1])
        return x.mean(1) - half, x.mean(1) + half

    (a_low, a_high), (b_low, b_high) = interval(a), interval(b)
    covered = 0
    for i in range(len(a)):
        low, high = difference_interval(a[i].mean(), (a_low[i], a_high[i]), b[i].mean(), (b_low[i], b_high[i]))
        covered += low <= 2.0 <= high
    assert 0.93 < covered / len(a) < 0.965


def test_equal_protocols_are_comparable_and_the_sign_follows_the_order(result_document):
    other = copy.deepcopy(result_document)
    other["metrics"]["fvd-shapes"] |= {"value": 40.0, "interval": [37.0, 43.0]}
    other["metrics"]["is-shapes"] |= {"value": 11.8, "interval": [11.3, 12.3]}
    found = compare_results(_result(result_document), _result(other))
    back = compare_results(_result(other), _result(result_document))
    assert found.obstacles == back.obstacles == ()
    fvd, fid, score = found.differences
    assert fvd.difference == pytest.approx(-16.0)
    assert fvd.interval == pytest.approx((-21.0, -11.0))
    assert (fvd.exceeds_noise, fvd.better) == (True, "b")
    assert (fid.difference, fid.better, fid.exceeds_noise) == (0.0, None, False)
    assert (score.better, score.exceeds_noise) == ("b", False)
    assert back.differences[0].better == "a"
    assert back.differences[0].interval == pytest.approx((11.0, 21.0))


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("task/name", "shapes-pred", "tasks differ"),
        ("task/version", 2, "versions of shapes-gen differ: 1 and 2"),
        ("task/fingerprint", "0" * 64, "fingerprints"),
        ("metrics/fvd-shapes/num_samples", 512, "fvd-shapes is over 1024 samples in A and 512 in B"),
        ("metrics/fvd-shapes/num_reference", 99, "uses 4096 reference clips in A and 99 in B"),
        ("metrics/fvd-shapes/network", "other", "measured on shapes in A and on other"),
        ("networks/shapes/weights_sha256", "0" * 64, "weights of shapes differ"),
        ("networks/shapes/preprocessing", "q", "preprocessing of shapes differs: p and q"),
        ("networks/shapes/precision", "fast", "precision exact in A and fast in B"),
        ("networks/shapes/proven", False, "proven only in A"),
        ("data/reference/sha256", "0" * 64, "reference clips differ"),
        ("data/reference/split", "test", "split train in A and test in B"),
        ("data/evaluation/sha256", "0" * 64, "evaluation clips differ"),
        ("data/evaluation/coverage", 0.5, "100.00% of the evaluation clips were available in A and 50.00% in B"),
        ("official", False, "Only B is unofficial"),
        ("pixels", {"convention": "ffmpeg-default"}, "converted to RGB by 'exact' in A and by 'ffmpeg-default' in B"),
    ],
)
def test_each_obstacle_is_named_and_is_the_only_one(result_document, path, value, word):
    other = copy.deepcopy(result_document)
    _set(other, path, value)
    (obstacle,) = compare_results(_result(result_document), _result(other)).obstacles
    assert word in obstacle


def test_another_implementation_of_a_network_is_remarked_and_no_obstacle(result_document):
    other = copy.deepcopy(result_document)
    _set(other, "networks/shapes/implementation", "fp16x2-2")
    found = compare_results(_result(result_document), _result(other))
    assert not found.obstacles
    assert any("shapes ran with plain arithmetic in A and fp16x2-2 in B" in remark for remark in found.remarks)


def test_other_files_with_the_same_scanned_frames_are_no_obstacle(result_document):
    other = copy.deepcopy(result_document)
    other["data"]["reference"]["sha256"] = other["data"]["evaluation"]["sha256"] = "0" * 64

    def obstacles():
        return compare_results(_result(result_document), _result(other)).obstacles

    # Without a scan the digest covers the splits themselves, which differ.
    assert len(obstacles()) == 2
    other["data"]["manifest"] = "scan"
    assert len(obstacles()) == 2
    result_document["data"]["manifest"] = "scan"
    assert obstacles() == ()
    other["data"]["manifest_sha256"] = "1" * 64
    assert len(obstacles()) == 2


def test_a_metric_of_one_side_and_unequal_reasons(result_document):
    other = copy.deepcopy(result_document)
    del other["metrics"]["is-shapes"]
    (obstacle,) = compare_results(_result(result_document), _result(other)).obstacles
    assert obstacle == "Only A has the metric is-shapes."
    first, second = copy.deepcopy(result_document), copy.deepcopy(result_document)
    first |= {"official": False, "reasons": ["One.", "Two."]}
    second |= {"official": False, "reasons": ["Two."]}
    assert compare_results(_result(first), _result(second)).obstacles == ("Only A is unofficial because: One.",)
    same = compare_results(_result(first), _result(first))
    assert same.comparable
    assert "Both are unofficial: One. Two." in same.remarks


def test_environment_and_seed_are_remarks(result_document):
    other = copy.deepcopy(result_document)
    other["environment"]["torch"] = "2.14.0"
    other["seed"] = 1
    found = compare_results(_result(result_document), _result(other))
    assert found.comparable
    assert "torch differs: 2.13.0 and 2.14.0." in found.remarks


def test_the_command(tmp_path, result_document):
    run = tmp_path / "run"
    run.mkdir()
    (run / "result.json").write_text(json.dumps(result_document))
    result_document["metrics"]["fvd-shapes"] |= {"value": 40.0, "interval": [37.0, 43.0]}
    (tmp_path / "b.json").write_text(json.dumps(result_document))
    done = CliRunner().invoke(command, [str(run), str(tmp_path / "b.json")])
    assert done.exit_code == 0
    assert "B - A -16.00  [-21.00, -11.00]  B is better" in done.output
    assert "within the noise" not in done.output.splitlines()[3]
    document = json.loads(CliRunner().invoke(command, [str(run), str(tmp_path / "b.json"), "--json"]).output)
    assert document["comparable"] is True
    assert document["differences"][0]["exceeds_noise"] is True
    result_document["task"]["version"] = 2
    (tmp_path / "b.json").write_text(json.dumps(result_document))
    done = CliRunner().invoke(command, [str(run), str(tmp_path / "b.json")])
    assert done.exit_code == 0
    assert "not comparable:" in done.output
    assert "is better" not in done.output
    missing = CliRunner().invoke(command, [str(run), str(tmp_path / "nothing.json")])
    assert isinstance(missing.exception, InputError)


def _with_groups(document, values, groups, value):
    document["metrics"]["fvd-shapes"] |= {"value": value, "leave_one_out": values, "groups_sha256": groups}
    return document


def test_the_same_contexts_are_compared_in_pairs(result_document):
    other = copy.deepcopy(result_document)
    # Both go up and down together by 9; their difference is 1, 0.9 or 1.1.
    a = _with_groups(result_document, [47.0, 56.0, 65.0], "a" * 64, 56.0)
    b = _with_groups(other, [48.0, 56.9, 66.1], "a" * 64, 57.0)
    (fvd, fid, _) = compare_results(_result(a), _result(b)).differences
    half = 4.302652729911275 * (2 / 3 * (0.1**2 + 0.1**2)) ** 0.5  # Student's 0.975 quantile with 2 degrees of freedom
    assert fvd.paired
    assert fvd.interval == pytest.approx((1 - half, 1 + half))
    assert (fvd.exceeds_noise, fvd.better) == (True, "a")
    assert not fid.paired


@pytest.mark.parametrize(
    ("values", "groups"),
    [([48.0, 56.9, 66.1], "b" * 64), ([48.0, 66.1], "a" * 64), (None, "a" * 64), ([1.0] * 3, None)],
)
def test_other_contexts_make_no_pairs(result_document, values, groups):
    other = copy.deepcopy(result_document)
    a = _with_groups(result_document, [47.0, 56.0, 65.0], "a" * 64, 56.0)
    b = _with_groups(other, values, groups, 57.0)
    fvd = compare_results(_result(a), _result(b)).differences[0]
    assert not fvd.paired
    assert fvd.interval == pytest.approx((1 - 41**0.5, 1 + 25**0.5))  # that of independent results


def test_pairs_cover_the_true_difference_at_less_than_half_the_width():
    spec = importlib.util.spec_from_file_location("difference_coverage", ROOT / "tools" / "difference_coverage.py")
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool  # dataclasses look their module up
    spec.loader.exec_module(tool)
    shared = tool.simulate(100, shared=True, repetitions=60)
    assert shared["paired"].coverage >= 0.95 - 3 * (0.95 * 0.05 / 60) ** 0.5
    assert shared["paired"].width < 0.5 * shared["independent"].width
    assert set(tool.simulate(100, shared=False, repetitions=3)) == {"independent"}


def test_a_regression_is_beyond_the_noise_and_beyond_what_is_allowed(result_document, tmp_path):
    worse = copy.deepcopy(result_document)
    worse["metrics"]["fvd-shapes"] |= {"value": 70.0, "interval": [66.0, 74.0]}  # 25 % of 56
    worse["metrics"]["fid-shapes"] |= {"value": 5.1, "interval": [4.7, 5.5]}  # within the noise
    worse["metrics"]["is-shapes"] |= {"value": 14.0, "interval": [13.5, 14.5]}  # better
    found = compare_results(_result(result_document), _result(worse))
    assert regressions(found, 0.24) == ("fvd-shapes is worse in B: 70 after 56, 25.00% of A where 24.00% is allowed.",)
    assert regressions(found, 0.26) == ()
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, document in zip(paths, (result_document, worse), strict=True):
        path.write_text(json.dumps(document))
    a, b = map(str, paths)
    for arguments, code in (
        ([a, b], 0),
        ([a, b, "--max-regression", "0.1"], 1),
        ([b, a, "--max-regression", "0.3"], 0),
    ):
        assert CliRunner().invoke(command, arguments).exit_code == code
    done = CliRunner().invoke(command, [a, b, "--max-regression", "0", "--json"])
    assert (done.exit_code, len(json.loads(done.output)["regressions"])) == (1, 1)
    paths[1].write_text(json.dumps(result_document | {"official": False, "reasons": ["One."]}))
    done = CliRunner().invoke(command, [a, b, "--max-regression", "1"])
    assert done.exit_code == 1
    assert "not comparable:" in done.output
