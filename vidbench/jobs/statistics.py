"""Write a file of reference statistics, for labs without the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vidbench.distributed.ranks import process_group
from vidbench.errors import InputError
from vidbench.files import arrays_sha256
from vidbench.jobs.sample import refuse_existing
from vidbench.progress import Progress
from vidbench.results.schema import TaskRecord
from vidbench.scoring.assemble import (
    bound_records,
    entries_record,
    environment_record,
    network_record,
    real_sides,
    scan_sha256,
    split_records,
)
from vidbench.scoring.bounds import Bound
from vidbench.scoring.features import Stores
from vidbench.scoring.floor_sets import HeldOutSets
from vidbench.scoring.reference import reference_moments
from vidbench.scoring.reference_file import (
    BoundsRecord,
    Outputs,
    Provenance,
    outputs_needed,
    statistics_tensors,
    write_statistics,
)
from vidbench.scoring.run import Run, open_planned, say_unmatched
from vidbench.scoring.run_features import (
    bound_features,
    bounds_to_measure,
    reference_features,
    set_features,
    sets_to_measure,
)
from vidbench.scoring.run_options import RunOptions
from vidbench.scoring.run_plan import plan_run
from vidbench.tasks import load_task
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.home import home


def export_statistics(
    task_name: str, path: Path, options: RunOptions, progress: Progress, *, with_bounds: bool
) -> tuple[str, Provenance] | None:
    """Compute the reference statistics of a task and write them to a file; cached features are reused.

    Args:
        task_name: task name or path of a task file.
        path: the file to write; it must not exist.
        options: data, batch size, device and precision.
        with_bounds: also score the bounds of the task, for runs that cannot do so without the data.
        progress: where progress is shown.

    Returns:
        SHA-256 and provenance of the file; None on all ranks except the main one.

    Raises:
        InputError: bad input, a metric that needs more than moments, or the file exists.
    """
    refuse_existing(path, "file")
    loaded = load_task(task_name)
    metrics = [get_metric(name) for name in loaded.task.evaluation.metrics]
    needed = outputs_needed(metrics)
    if not needed:
        raise InputError(
            f"No metric of the task '{loaded.task.name}' uses reference statistics: there is nothing to write."
        )
    with process_group() as ranks:
        cache = home()
        run = open_planned(
            plan_run(
                loaded, options, ranks=ranks, progress=progress, default_name=path.stem, writes=(path.parent, cache)
            )
        )
        say_unmatched(run)
        ranks.check_shared(cache)
        if ranks.is_main:
            path.parent.mkdir(parents=True, exist_ok=True)
        with ranks.sole_writer(path, inside=False):
            if ranks.is_main:
                refuse_existing(path, "file")  # the process before may have finished it
            stores = reference_features(run, cache)
            listed = bounds_to_measure(run) if with_bounds else []
            sets = sets_to_measure(run, listed)
            bounds = bound_features(run, listed, cache) if with_bounds else None
            set_stores = set_features(run, sets, cache)
            written = _write(run, path, needed, stores, bounds, (sets, set_stores), cache) if ranks.is_main else None
    return written


def _write(
    run: Run,
    path: Path,
    needed: Sequence[tuple[str, str]],
    stores: Stores,
    bounds: Sequence[tuple[Bound, Stores | None]] | None,
    sets: tuple[HeldOutSets | None, Stores],
    cache: Path,
) -> tuple[str, Provenance]:
    moments: Outputs = {
        (network, output): reference_moments(
            cache, stores[network], run.networks[network], output, run.task.clips.num_frames
        )
        for network, output in needed
    }
    scores = None
    if bounds is not None:
        scores = BoundsRecord(
            num_samples=run.num_samples,
            bounds=bound_records(run, bounds, real_sides(run, stores, cache), cache, *sets),
        )
    tensors = statistics_tensors(moments)
    reference, evaluation = split_records(run)
    labels = run.evaluation.labels if run.task.evaluation.labels == "evaluation" else None
    provenance = Provenance(
        task=TaskRecord(name=run.task.name, version=run.task.version, fingerprint=run.task.fingerprint),
        reference=reference,
        evaluation=evaluation,
        class_names=run.evaluation.class_names,
        evaluation_labels=None if labels is None else tuple(int(label) for label in labels),
        evaluation_ids=None if labels is None else run.evaluation.clip_ids(np.arange(len(labels))),
        scan_sha256=scan_sha256(run),
        networks={name: network_record(network) for name, network in run.networks.items()},
        bounds=scores,
        environment=environment_record(run.device),
        entries=entries_record(run),
        tensors_sha256=arrays_sha256(tensors),
    )
    return write_statistics(path, tensors, provenance), provenance
