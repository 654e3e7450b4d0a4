"""`vidbench compare`: the difference, the noise, and why results may not be comparable."""

from __future__ import annotations

import copy
import json

import pytest
from click.testing import CliRunner

from vidbench.cli.compare import command
from vidbench.errors import InputError
from vidbench.results.comparison import compare_results, regressions
from vidbench.results.schema import Result


def _result(document):
    return Result.model_validate(document)


def _set(document, path, value):
    *parents, last = path.split("/")
    for key in parents:
        document = document[key]
    document[last] = value


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
