"""The bounds of a task: scores of real clips and of trivial models, at the same number of samples.

They belong to the task, not to a run: they use the task's own seed and are measured once. Features and scores are cached in
the home folder by content.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from vidbench.data import open_split
from vidbench.data.clip_dataset import ClipDataset
from vidbench.errors import InputError
from vidbench.files import digest, write_bytes
from vidbench.models.choice import ModelChoice, choose_registered
from vidbench.models.reconstructors import HalfSizeModel, IdentityModel, JpegModel
from vidbench.models.trivial import CopyModel, NoiseModel, StaticModel
from vidbench.progress import warn
from vidbench.scoring.clip_sources import ClipSource, DatasetSource, open_model
from vidbench.scoring.features import FeatureStore, Stores
from vidbench.scoring.frame_comparison import FRAMES
from vidbench.scoring.frame_scores import estimate_frames
from vidbench.scoring.imported_reference import ImportedRealSide
from vidbench.scoring.reference import RealSide, estimate_value
from vidbench.scoring.repeats import scored_sets
from vidbench.scoring.run import Run
from vidbench.scoring.run_keys import run_keys
from vidbench.version import __version__
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.regular_files import is_there
from vidmetrics.sealed import DamagedFileError, read_content, sealed_json, unsealed_json

_TRIVIAL: dict[str, tuple[Any, str]] = {
    "copy": (CopyModel, "the last context frame, repeated"),
    "static": (StaticModel, "the first frame of held-out clip i, held still"),
    "noise": (NoiseModel, "independent uniform pixels"),
    "identity": (IdentityModel, "the clip itself"),
    "jpeg": (JpegModel, "each frame as a JPEG of quality 75"),
    "half": (HalfSizeModel, "each frame at half its height and width, and back"),
}


@dataclass(frozen=True)
class Bound:
    """One bound of a task.

    Attributes:
        name: name of the model.
        what: description of its clips.
        source: its clips; None if there are none.
        absent: why there are none.
    """

    name: str
    what: str
    source: ClipSource | None
    absent: str | None = None


def task_bounds(run: Run) -> list[Bound]:
    """Return every bound of the task: those of its kind, best first, then others."""
    evaluation = run.task.evaluation
    names = list(run.task.does.bounds)
    names += [name for name in (evaluation.floor, evaluation.ceiling) if name not in names]
    return [_real(run) if name == "real" else _model(run, name) for name in names]


def disjoint_real(run: Run) -> tuple[ClipDataset, str]:
    """Return real clips that share no video with the reference set, at least as many as samples, and their split.

    This is the evaluation split if it is disjoint, otherwise the train split: some tasks use the same clips as reference set
    and for context frames.

    Raises:
        InputError: neither split is disjoint and large enough; names the reason.
    """
    task, count = run.task, run.num_samples
    reference = run.reference.origins(run.num_reference)
    problems: list[str] = []
    for split in dict.fromkeys((task.data.evaluation_split, task.data.train_split)):
        try:
            same = split == task.data.evaluation_split
            dataset = run.evaluation if same else open_split(task, split, run.options.data, count, run.options.ignore)
        except InputError as error:
            problems.append(str(error).rstrip("."))
            continue
        shared = len(dataset.origins(count) & reference)
        if shared:
            problems.append(f"split '{split}' shares {shared:,} videos with the reference set")
        elif dataset.num_clips < count:
            problems.append(f"split '{split}' has {dataset.num_clips:,} clips for {count:,} samples")
        else:
            return dataset, split
    raise InputError(f"There are not enough real clips outside the reference set: {'; '.join(problems)}.")


def _real(run: Run) -> Bound:
    what = "real clips of videos that are not in the reference"
    try:
        dataset, split = disjoint_real(run)
    except InputError as error:
        return Bound("real", what, None, str(error))
    what = f"{what} (split '{split}')"
    if split != run.task.data.evaluation_split and run.task.clips.context_frames:
        # Such a floor is no limit, because the context frames themselves are part of the reference set.
        what += (
            "; the context frames of this task are part of the reference set, so a model can score better than these"
        )
    return Bound("real", what, DatasetSource(dataset))


def _model(run: Run, name: str) -> Bound:
    factory, what = _TRIVIAL.get(name, (None, f"the model '{name}'"))
    choice = choose_registered(name) if factory is None else ModelChoice(name, factory, None)
    split = run.task.data.evaluation_split
    if name == "static" and not run.has_evaluation_clips:
        return Bound(name, what, None, f"The clips of the split '{split}' are not available.")
    if name == "static" and run.evaluation.num_clips < run.num_samples:
        reason = f"The split '{split}' has {run.evaluation.num_clips:,} clips for {run.num_samples:,} samples."
        return Bound(name, what, None, reason)
    # The task's own seed, because a bound belongs to the task and not to this run.
    source, _ = open_model(
        choice,
        run.task,
        run.evaluation,
        seed=run.task.evaluation.seed,
        num_samples=run.num_samples,
        device="cpu",
    )
    return Bound(name, what, source)


def bound_values(
    run: Run, stores: Stores, real: Mapping[str, RealSide | ImportedRealSide], cache: Path
) -> dict[str, float]:
    """Return the score of a bound on each metric, cached if possible.

    Frame metrics are left out for real clips, which cannot be compared with themselves, and where one exact frame makes the
    mean PSNR infinite.

    Args:
        run: the run.
        stores: features of the bound.
        real: reference side, by network.
        cache: folder of the scores.
    """
    values = {}
    for metric in run.metrics:
        if metric.needs_reference != "frames":
            values[metric.id] = bound_value(metric, stores[metric.network], real[metric.network], cache, run)
        elif FRAMES in stores:
            clips, per_context = range(run.num_samples), run.task.evaluation.samples_per_context
            values[metric.id] = estimate_frames(metric, stores[FRAMES], clips, per_context).value
    return {id: value for id, value in values.items() if math.isfinite(value)}


def bound_value(
    metric: MetricDefinition,
    store: FeatureStore,
    real: RealSide | ImportedRealSide,
    cache: Path,
    run: Run,
) -> float:
    """Return the score of a bound on one metric of a network, cached if possible.

    Args:
        metric: the metric.
        store: features of the bound under the network of the reference side.
        real: reference side.
        cache: folder of the scores.
        run: the run.
    """
    # The name of a feature folder is the content key of clips and network.
    sides = [[store.folder.name, store.num_clips], real.identity]
    origin = {"format": "vidbench-bound-3", "vidbench": __version__, "metric": metric.id, "sides": sides}
    evaluation = run.task.evaluation
    origin["groups"] = [evaluation.samples_per_context, evaluation.labels]  # they move the last bits
    if evaluation.contexts != "pooled":
        origin["contexts"] = evaluation.contexts
    path = cache / "bounds" / f"{digest(origin)[:24]}.json"
    if is_there(path):
        try:
            return _stored_value(path, origin)
        except DamagedFileError as error:
            warn(f"The score of a bound in {path} is damaged ({error}) and will be computed again.")
    sets = scored_sets(run.task, range(run.num_samples))
    value = fmean(estimate_value(metric, store, real, run_keys(run, store, each), each) for each in sets)
    if math.isfinite(value):
        write_bytes(path, sealed_json({**origin, "value": value}))
    return value


def _stored_value(path: Path, origin: Mapping[str, Any]) -> float:
    fields = unsealed_json(read_content(path))
    if {name: field for name, field in fields.items() if name != "value"} != origin:
        raise DamagedFileError("it is of another metric or of other clips")
    return float(fields["value"])
