"""A result in the form of Every Eval Ever, version 0.3.0: an aggregate record, and a line for each scored clip.

Distances between sets have no score of a single clip; lines exist for metrics that compare frames (`psnr`, `ssim`). Values that a
result does not contain are left out, or ``unknown`` where the schema requires one of its words.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vidbench.results.schema import MetricRecord, Result
from vidmetrics.catalog.definitions import METRICS

EEE_VERSION = "0.3.0"
"""Version of the schema that the records follow."""


@dataclass(frozen=True)
class Evaluator:
    """What a result does not contain.

    Attributes:
        model_id: the model as ``DEVELOPER/NAME``.
        organization: its name, which stands behind the result.
        relationship: of the organization to the model: first_party, third_party, collaborative or other.
        retrieved: when the record is made, seconds since 1970.
    """

    model_id: str
    organization: str
    relationship: str
    retrieved: int


def record_name(result: Result) -> str:
    """Return the UUID of the record, which follows from the result, so that the same result has the same name."""
    return str(UUID(bytes=hashlib.sha256(result.to_json().encode()).digest()[:16], version=4))


def aggregate_record(
    result: Result, evaluator: Evaluator, lines: Sequence[str] = (), lines_path: str = ""
) -> dict[str, Any]:
    """Return the aggregate record.

    Args:
        result: the result.
        evaluator: what the result does not contain.
        lines: its instance lines, if there are any.
        lines_path: their path in the database.
    """
    details = {}
    if lines:
        content = "".join(f"{line}\n" for line in lines).encode()
        details["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": lines_path,
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(content).hexdigest(),
            "total_rows": len(lines),
        }
    return {
        "schema_version": EEE_VERSION,
        "evaluation_id": _evaluation_id(result, evaluator),
        "evaluation_timestamp": result.execution.finished,
        "retrieved_timestamp": str(evaluator.retrieved),
        "source_metadata": {
            "source_name": "vidbench",
            "source_type": "evaluation_run",
            "source_organization_name": evaluator.organization,
            "evaluator_relationship": evaluator.relationship,
        },
        "eval_library": {
            "name": "vidbench",
            "version": result.environment.vidbench,
            "additional_details": {
                name: getattr(result.environment, name) for name in ("python", "torch", "numpy", "platform", "device")
            },
        },
        "model_info": {
            "name": result.model.name,
            "id": evaluator.model_id,
            "developer": evaluator.model_id.partition("/")[0],
            "additional_details": {
                "deployment_type": "unknown" if result.model.samples_sha256 else "self_deployed",
                "model_availability": "unknown",
                **_texts(
                    checkpoint_sha256=result.model.checkpoint_sha256,
                    code_sha256=result.model.code_sha256,
                    samples_sha256=result.model.samples_sha256,
                    num_parameters=result.model.num_parameters,
                ),
            },
        },
        "evaluation_results": [_metric(result, name, metric) for name, metric in result.metrics.items()],
        **details,
    }


def instance_lines(result: Result, evaluator: Evaluator, scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a JSON line for each clip and metric that scores single clips.

    Args:
        result: the result.
        evaluator: what the result does not contain.
        scores: score of each clip, in order, by metric id.
    """
    lines = []
    for name, values in scores.items():
        for i, value in enumerate(values):
            line = {
                "schema_version": EEE_VERSION,
                "evaluation_id": _evaluation_id(result, evaluator),
                "model_id": evaluator.model_id,
                "evaluation_name": _evaluation_name(result),
                "evaluation_result_id": _result_id(result, name),
                "sample_id": str(i),
                "interaction_type": "single_turn",
                "input": {"raw": f"context frames of sample {i}", "reference": []},
                "output": {"raw": []},
                "answer_attribution": [],
                # The schema requires it; a clip has no correct answer, so it says that the sample was accepted.
                "evaluation": {"score": value, "is_correct": True},
                "metadata": {"is_correct": "the sample was accepted and scored; clips have no correct answer"},
            }
            lines.append(json.dumps(line, ensure_ascii=False, allow_nan=False))
    return lines


def _evaluation_id(result: Result, evaluator: Evaluator) -> str:
    return f"{result.task.name}-v{result.task.version}/{evaluator.model_id}/{evaluator.retrieved}"


def _evaluation_name(result: Result) -> str:
    return f"{result.task.name} v{result.task.version}"


def _result_id(result: Result, metric: str) -> str:
    return f"{result.task.name}-v{result.task.version}/{metric}"


def _metric(result: Result, name: str, metric: MetricRecord) -> dict[str, Any]:
    definition = METRICS[name]
    lowest, highest = definition.attainable_range
    uncertainty: dict[str, Any] = {"num_samples": metric.num_samples}
    if metric.interval is not None:
        lower, upper = metric.interval
        uncertainty["confidence_interval"] = {
            "lower": lower,
            "upper": upper,
            "confidence_level": 0.95,
            "method": "over the generated clips, with the reference set fixed (vidbench docs/intervals.md)",
        }
    return {
        "evaluation_result_id": _result_id(result, name),
        "evaluation_name": _evaluation_name(result),
        "evaluation_timestamp": result.execution.finished,
        "source_data": {
            "dataset_name": _evaluation_name(result),
            "source_type": "other",
            "additional_details": _texts(
                task_fingerprint=result.task.fingerprint,
                manifest_sha256=result.data.manifest_sha256,
                reference_split=result.data.reference.split,
                reference_coverage=result.data.reference.coverage,
                evaluation_split=result.data.evaluation.split,
                evaluation_coverage=result.data.evaluation.coverage,
            ),
        },
        "metric_config": {
            "evaluation_description": definition.source,
            "metric_id": f"vidbench.{name}",
            "metric_name": definition.title,
            "metric_kind": definition.statistic,
            "lower_is_better": not definition.higher_is_better,
            "score_type": "continuous",
            "min_score": _limit(lowest),
            "max_score": _limit(highest),
        },
        "score_details": {
            "score": metric.value,
            "details": _texts(
                official=result.official,
                reasons=" ".join(result.reasons) or None,
                num_reference=metric.num_reference,
                floor=metric.floor,
                ceiling=metric.ceiling,
                seed=result.seed,
                network=metric.network or None,
                runs=None if metric.runs is None else list(metric.runs),
            ),
            "uncertainty": uncertainty,
        },
    }


def _limit(value: float) -> float | str:
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _texts(**values: object) -> dict[str, str]:
    """Return the values that are known as texts, which is what the schema allows."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }
