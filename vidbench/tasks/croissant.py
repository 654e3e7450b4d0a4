"""A task as Croissant metadata (MLCommons, version 1.1): its protocol, its metrics and where its choices come from.

The document describes the task, not the videos: their files and licences are those of the dataset, which vidbench does not
distribute. The terms of the responsible-AI vocabulary (RAI, version 1.0) say where the videos come from and who is in them, out of the
dataset's data sheet. What is not known is left out.
"""

from __future__ import annotations

import json
from typing import Any

from vidbench.tasks.datasets import DATASETS
from vidbench.tasks.datasheets import RAI_VERSION, rai_statements
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import METRICS

CROISSANT_VERSION = "http://mlcommons.org/croissant/1.1"

_TERMS = [
    "arrayShape",
    "citeAs",
    "column",
    "containedIn",
    "equivalentProperty",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isArray",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
]

# The context that the specification prescribes.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS},
}


def croissant_document(task: Task) -> dict[str, Any]:
    """Return the metadata of a task as a JSON-LD document."""
    metrics = [METRICS[name] for name in task.evaluation.metrics]
    responsible = rai_statements(task.data.dataset)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT_VERSION, RAI_VERSION] if responsible else CROISSANT_VERSION,
        "name": task.name,
        "description": f"{task.title}. {task.description}".strip(),
        "version": f"{task.version}.0.0",
        "license": "https://spdx.org/licenses/Apache-2.0.html",
        "keywords": ["video generation", "benchmark", task.does.noun],
        "identifier": f"vidbench task {task.name} v{task.version}, fingerprint {task.fingerprint}",
        "isBasedOn": DATASETS[task.data.dataset].title,
        **responsible,
        "recordSet": [
            _record_set(
                "protocol",
                "Every setting that decides the scores; `vidbench tasks show` prints it in words.",
                {"setting": "sc:Text", "value": "sc:Text"},
                [{"setting": name, "value": value} for name, value in _settings(task)],
            ),
            _record_set(
                "metrics",
                "The metrics of the task, each with its definition.",
                {"id": "sc:Text", "title": "sc:Text", "definition": "sc:Text", "higher_is_better": "sc:Boolean"},
                [
                    {
                        "id": each.id,
                        "title": each.title,
                        "definition": each.source,
                        "higher_is_better": each.higher_is_better,
                    }
                    for each in metrics
                ],
            ),
            _record_set(
                "origins",
                "Where each choice of the protocol comes from: fixed by a paper, or chosen by vidbench.",
                {"what": "sc:Text", "origin": "sc:Text", "source": "sc:Text"},
                [note.model_dump(mode="json") for note in task.notes],
            ),
        ],
    }


def _settings(task: Task) -> list[tuple[str, str]]:
    """Return the protocol as pairs of a dotted name and a JSON value."""
    words = {"name", "version", "title", "description", "notes", "status", "successor", "reason", "unranked"}
    document = task.model_dump(mode="json", exclude=words)
    found = []
    for section, values in document.items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            found.append((f"{section}.{name}".rstrip("."), json.dumps(value, ensure_ascii=False)))
    return [*found, ("fingerprint", json.dumps(task.fingerprint))]


def _record_set(name: str, description: str, fields: dict[str, str], records: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": [
            {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, "dataType": kind}
            for field, kind in fields.items()
        ],
        "data": [{f"{name}/{field}": record[field] for field in fields} for record in records],
    }
