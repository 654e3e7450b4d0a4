"""`vidbench export-result`: a result as other collections of results read it."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from vidbench.errors import InputError
from vidbench.files import write_text
from vidbench.results.every_eval_ever import Evaluator, aggregate_record, instance_lines, record_name
from vidbench.results.schema import Result
from vidbench.tasks.rehearsals import rehearsed
from vidmetrics.catalog.definitions import METRICS
from vidmetrics.sealed import DamagedFileError, read_content, unsealed_tensors

_SHARD = re.compile(r"features-(\d+)\+(\d+)\.safetensors")


def refuse_rehearsal(result: Result, origin: Path) -> None:
    """Refuse a result whose values mean nothing, before another collection reads them.

    Raises:
        InputError: it is that of a rehearsal.
    """
    if rehearsed(result.task.name, result.reasons):
        raise InputError(
            f"The result {origin} cannot be exported: it is a rehearsal, with made-up videos and random networks; export that of a "
            "run of the task itself."
        )


def write_eval_results(result: Result, text: str, output: Path) -> Path:
    """Write the document of `eval_results_yaml` where the Hub reads it; returns the file.

    Args:
        result: the result.
        text: the document.
        output: folder of the model's repository, which gets ``.eval_results/TASK-vVERSION.yaml``.
    """
    path = output / ".eval_results" / f"{result.task.name}-v{result.task.version}.yaml"
    write_text(path, text)
    return path


def write_records(result: Result, run: Path | None, evaluator: Evaluator, output: Path) -> list[Path]:
    """Write the records of Every Eval Ever in the folders of its database: the aggregate one, and the lines if there are any.

    Args:
        result: the result.
        run: folder of the run, for the scores of single clips; None if only the result is there.
        evaluator: what the result does not contain.
        output: folder that gets ``data/TASK/DEVELOPER/MODEL/``.
    """
    developer, _, model = evaluator.model_id.partition("/")
    folder = Path("data") / f"{result.task.name}-v{result.task.version}" / developer / model
    name = record_name(result)
    lines = instance_lines(result, evaluator, {} if run is None else clip_scores(run, result))
    lines_path = (folder / f"{name}_samples.jsonl").as_posix()
    record = aggregate_record(result, evaluator, lines, lines_path)
    written = [output / folder / f"{name}.json"]
    if lines:
        written.append(output / lines_path)
        write_text(output / lines_path, "".join(f"{line}\n" for line in lines))
    write_text(written[0], json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return written


def clip_scores(run: Path, result: Result) -> dict[str, list[float]]:
    """Return the score of each clip of a run, by metric id, for metrics that are their mean.

    The frames were scored when the run was; a folder may also hold those of an earlier run. Only scores whose mean is the value
    in the result belong to it.
    """
    wanted = {
        METRICS[name].frame_score: name
        for name in result.metrics
        if METRICS[name].frame_score and not METRICS[name].facts.best_of_several
    }
    found: dict[str, list[float]] = {}
    for shards in _stores(run) if wanted else ():
        for score, name in wanted.items():
            metric = result.metrics[name]
            count = metric.num_samples * len(metric.runs or [metric.value])
            values = _of_store(shards, score)
            if len(values) == count and math.isclose(np.mean(values), metric.value, rel_tol=1e-5):
                found[name] = [float(value) for value in values]
    return found


def _stores(run: Path) -> list[list[Path]]:
    """Return the complete sets of feature shards in a run folder, each in order."""
    shards: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(run.rglob("features-*.safetensors")):
        if _SHARD.fullmatch(path.name):
            shards[path.parent].append(path)
    return [shards[folder] for folder in sorted(shards)]


def _of_store(shards: list[Path], score: str) -> np.ndarray:
    parts = []
    for path in shards:
        try:
            tensors, _ = unsealed_tensors(read_content(path))
        except DamagedFileError as error:
            raise InputError(f"The feature shard {path} is damaged ({error}): run the evaluation again.") from None
        if score not in tensors:
            return np.empty(0)
        parts.append(tensors[score].mean(axis=1, dtype=np.float64))
    return np.concatenate(parts)
