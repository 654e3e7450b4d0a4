"""Croissant metadata of every shipped task: complete, and valid where mlcroissant is there to say so (`make test-exports`)."""

from __future__ import annotations

import json

import pytest

from vidbench.tasks import load_task, task_names
from vidbench.tasks.croissant import CROISSANT_VERSION, croissant_document
from vidbench.tasks.datasheets import rai_statements


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


def test_the_document_says_who_is_in_the_clips_in_the_words_of_the_rai_vocabulary():
    document = croissant_document(load_task("k600-gen").task)
    assert document["conformsTo"] == [CROISSANT_VERSION, "http://mlcommons.org/croissant/RAI/1.0"]
    # The terms of the specification of 2024-03-06 that it asks for in its use cases 1, 4 and 6.
    for term in (
        *("dataCollection", "dataCollectionMissingData", "personalSensitiveInformation", "dataUseCases"),
        *("dataBiases", "dataLimitations", "dataSocialImpact", "dataReleaseMaintenancePlan"),
    ):
        assert document[f"rai:{term}"] == rai_statements("kinetics-600")[f"rai:{term}"]
    assert "unknown" in " ".join(document["rai:personalSensitiveInformation"])
    # Of a folder of the user's own nothing is known, and nothing is said.
    task = load_task("shapes-gen").task
    own = croissant_document(task.model_copy(update={"data": task.data.model_copy(update={"dataset": "folder"})}))
    assert own["conformsTo"] == CROISSANT_VERSION
    assert not [key for key in own if key.startswith("rai:")]
