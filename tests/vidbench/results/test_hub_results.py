"""YAML of the Hugging Face Hub: read back by an independent parser, with the keys that the Hub documents."""

from __future__ import annotations

import json

import pytest

from vidbench.errors import InputError
from vidbench.results.hub_results import benchmark_task_id, benchmark_yaml, eval_results_yaml, require_repository
from vidbench.results.schema import Result
from vidbench.tasks import load_task, task_names

yaml = pytest.importorskip("yaml", reason="PyYAML reads what is written here")
# huggingface.co/docs/hub/eval-results
_KEYS = {"dataset", "value", "verifyToken", "date", "source", "evaluation_framework", "notes"}


def _entries(document, **said):
    result = Result.model_validate_json(json.dumps(document))
    return yaml.safe_load(eval_results_yaml(result, "someone/videos", **said))


def test_each_metric_is_a_task_of_the_benchmark(result_document):
    entries = _entries(result_document)
    assert [entry["value"] for entry in entries] == [metric["value"] for metric in result_document["metrics"].values()]
    benchmark = yaml.safe_load(benchmark_yaml(load_task("shapes-gen").task))
    assert [entry["dataset"]["task_id"] for entry in entries] == [task["id"] for task in benchmark["tasks"]]
    for entry in entries:
        assert set(entry) <= _KEYS
        assert entry["dataset"]["id"] == "someone/videos"
        assert "source" not in entry
        assert entry["notes"].startswith("vidbench ")
        assert "; official; " in entry["notes"]


def test_text_of_a_result_stays_text(result_document):
    reason = 'yes: "no" # {a} \u202e\nand more'
    result_document |= {"official": False, "reasons": [reason]}
    (entry, *_) = _entries(result_document, source_url="https://example.org/result.json")
    assert reason in entry["notes"]
    assert entry["source"]["url"] == "https://example.org/result.json"
    assert isinstance(entry["date"], str)


@pytest.mark.parametrize("name", task_names())
def test_every_shipped_task_has_a_benchmark(name):
    task = load_task(name).task
    document = yaml.safe_load(benchmark_yaml(task))
    ids = [benchmark_task_id(name, task.version, metric) for metric in task.evaluation.metrics]
    assert [each["id"] for each in document["tasks"]] == ids
    assert document["evaluation_framework"] == "vidbench"
    assert task.title in document["description"]


@pytest.mark.parametrize("text", ["videos", "a/b/c", "/b", "a/", "a b/c", "../etc"])
def test_what_is_no_repository_is_refused(text):
    with pytest.raises(InputError, match="give OWNER/NAME"):
        require_repository(text, "--dataset")
