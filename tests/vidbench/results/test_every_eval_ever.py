"""Records of Every Eval Ever against the schemas that its package ships (tests/golden/every_eval_ever)."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from vidbench.results.every_eval_ever import EEE_VERSION, Evaluator, aggregate_record, instance_lines, record_name
from vidbench.results.schema import Result, read_result

_ROOT = Path(__file__).resolve().parents[3]
_GOLDEN = _ROOT / "tests" / "golden" / "every_eval_ever"
_WHO = Evaluator("someone/a-model", "An organization", "third_party", 1_790_000_000)
_PATH = "data/shapes-gen-v1/someone/a-model/{}_samples.jsonl"


def _schema(name):
    return json.loads((_GOLDEN / f"{name}.schema.json").read_text(encoding="utf-8"))


def check(document, name="eval"):
    """Refuse a document that the schema does not allow."""
    jsonschema.Draft7Validator(_schema(name)).validate(document)


def _result(document):
    return Result.model_validate_json(json.dumps(document))


def test_the_schemas_are_of_the_version_that_the_records_name():
    assert {_schema(name)["version"] for name in ("eval", "instance_level_eval")} == {EEE_VERSION}


@pytest.mark.parametrize(
    "path", sorted((_ROOT / "leaderboards" / "results").glob("*.json")), ids=lambda path: path.stem[:8]
)
def test_every_result_on_our_boards_is_a_valid_record(path):
    check(aggregate_record(read_result(path), _WHO))


def test_the_record_has_the_scores_and_invents_nothing(result_document):
    result_document["model"] |= {"checkpoint_sha256": None, "num_parameters": None}
    record = aggregate_record(_result(result_document), _WHO)
    check(record)
    fvd = next(
        each for each in record["evaluation_results"] if each["metric_config"]["metric_id"] == "vidbench.fvd-shapes"
    )
    assert fvd["score_details"]["score"] == 56.0
    interval = fvd["score_details"]["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["upper"], interval["confidence_level"]) == (52.0, 60.0, 0.95)
    assert (fvd["metric_config"]["lower_is_better"], fvd["metric_config"]["max_score"]) == (True, "Infinity")
    score = next(
        each for each in record["evaluation_results"] if each["metric_config"]["metric_id"] == "vidbench.is-shapes"
    )
    assert (score["metric_config"]["min_score"], score["metric_config"]["max_score"]) == (1.0, 24.0)
    assert set(record["model_info"]["additional_details"]) == {"deployment_type", "model_availability", "code_sha256"}
    assert "detailed_evaluation_results" not in record
    assert "null" not in json.dumps(record)


def test_an_unofficial_result_carries_its_reasons(result_document):
    result_document |= {"official": False, "reasons": ["The seed is 1."]}
    for each in aggregate_record(_result(result_document), _WHO)["evaluation_results"]:
        assert each["score_details"]["details"]["official"] == "false"
        assert each["score_details"]["details"]["reasons"] == "The seed is 1."


def test_lines_are_valid_and_the_record_names_them(result_document):
    result = _result(result_document)
    lines = instance_lines(result, _WHO, {"psnr": [20.0, 21.5]})
    for line in lines:
        check(json.loads(line), "instance_level_eval")
    assert [json.loads(line)["evaluation"]["score"] for line in lines] == [20.0, 21.5]
    record = aggregate_record(result, _WHO, lines, _PATH.format(record_name(result)))
    check(record)
    assert record["detailed_evaluation_results"]["total_rows"] == 2
    assert {json.loads(line)["evaluation_id"] for line in lines} == {record["evaluation_id"]}


def test_a_record_of_another_form_is_refused_by_the_schema(result_document):
    record = aggregate_record(_result(result_document), _WHO)
    record["evaluation_results"][0]["score_details"]["score"] = "56"
    with pytest.raises(jsonschema.ValidationError):
        check(record)
