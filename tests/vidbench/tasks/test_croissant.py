"""Croissant metadata of every shipped task: complete, and valid where mlcroissant is there to say so (`make test-exports`)."""

from __future__ import annotations

import json

import pytest

from vidbench.tasks import load_task, task_names
from vidbench.tasks.croissant import croissant_document


def _records(document, name):
    (found,) = [each for each in document["recordSet"] if each["name"] == name]
    return [{key.partition("/")[2]: value for key, value in record.items()} for record in found["data"]]


@pytest.mark.parametrize("name", task_names())
def test_the_document_holds_the_whole_protocol(name):
    task = load_task(name).task
    document = json.loads(json.dumps(croissant_document(task)))
    settings = {record["setting"]: json.loads(record["value"]) for record in _records(document, "protocol")}
    assert settings["fingerprint"] == task.fingerprint
    for section in ("data", "clips", "evaluation"):
        for key, value in task.model_dump(mode="json")[section].items():
            assert settings[f"{section}.{key}"] == value
    assert settings["reference.num_clips"] == task.reference.num_clips
    assert [record["id"] for record in _records(document, "metrics")] == list(task.evaluation.metrics)
    assert len(_records(document, "origins")) == len(task.notes)


def test_every_field_is_declared_and_every_term_has_a_meaning():
    document = croissant_document(load_task("k600-gen").task)
    for records in document["recordSet"]:
        declared = {field["@id"] for field in records["field"]}
        assert all(set(record) == declared for record in records["data"])
    for term in ("recordSet", "field", "data", "dataType", "conformsTo"):
        assert term in document["@context"]
    assert "distribution" not in document
    assert "datePublished" not in document
