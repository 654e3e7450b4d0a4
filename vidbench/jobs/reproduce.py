"""`vidbench reproduce`: compute a result again from what it says, and compare every value.

All work goes to one folder with a home of its own for caches, so that nothing that was computed before takes part. Features are removed
once all is compared; an interrupted reproduction is resumed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from vidbench.distributed.ranks import process_group
from vidbench.errors import InputError
from vidbench.files import file_sha256, write_text
from vidbench.jobs.claimed_source import (
    claimed_model,
    make_empty_home,
    plan_of_work,
    require_same_run,
    require_samples,
    same_model,
)
from vidbench.jobs.evaluate import evaluate_model, score_samples
from vidbench.leaderboard.agreement import Tolerance, ValueAgain, tolerance, values_again
from vidbench.progress import Progress
from vidbench.results.schema import Result, read_result, result_path
from vidbench.scoring.run import open_run
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import LoadedTask, load_task, task_names
from vidbench.tasks.loading import measured_task
from vidmetrics.home import home_at
from vidmetrics.locks import sole_writer

_PLAN = "reproduction-plan.json"


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """What a user gives to make a result again.

    Attributes:
        samples: the stored samples of the result.
        model: the model as for `vidbench evaluate`; None for the registered one that the result names.
        task: file of the task; None for a shipped one.
        tolerance: relative difference up to which a value is the same; None for the bound of precision and machine.
        run: data, device and other options of a run that no result states; its output folder holds all the work.
    """

    samples: Path | None = None
    model: str | None = None
    task: str | None = None
    tolerance: float | None = None
    run: RunOptions


@dataclass(frozen=True)
class Reproduction:
    """A result made again.

    Attributes:
        claimed: the result.
        again: the same, made again.
        bound: how far values may differ.
        values: every number that the result states about its metrics.
        output: folder of the result that was made again.
    """

    claimed: Result
    again: Result
    bound: Tolerance
    values: tuple[ValueAgain, ...]
    output: Path

    @property
    def differing(self) -> tuple[ValueAgain, ...]:
        """The numbers that were not made again."""
        return tuple(value for value in self.values if not value.agrees)


def reproduce_result(path: Path, options: ReproduceOptions, progress: Progress) -> Reproduction:
    """Compute a result again, in an empty cache, and compare every value.

    Args:
        path: a result file, or the folder of a run.
        options: what to make it from.
        progress: where progress is shown.

    Raises:
        InputError: something that the result names is not here, or is another; says what brings it.
    """
    path = result_path(path)
    claimed, whose = read_result(path), f"result {path}"
    loaded, task = _task(claimed, options.task, whose)
    model = "" if options.samples is not None else claimed_model(claimed.model, options.model, whose)
    run = _run_options(claimed, options, whose)
    if options.samples is not None:
        require_samples(claimed.model, options.samples, loaded, run, whose)
    sha256 = file_sha256(path)
    work = options.run.output or Path("runs") / "reproductions" / sha256[:12]
    plan = {"result_sha256": sha256}
    if plan_of_work(work, _PLAN, plan, "reproduction") is None:
        write_text(work / _PLAN, json.dumps(plan) + "\n")
    again_at, own_home = work / "again", work / "home"
    with sole_writer(work), home_at(make_empty_home(own_home)):
        run = replace(run, output=again_at, replace=True)
        with process_group() as ranks:
            said = Progress(enabled=False)
            # The first of more samples are of `score`; nothing is opened here that would be cut.
            opened = open_run(loaded, replace(run, first=None), ranks=ranks, progress=said, default_name="")
            require_same_run(claimed, opened, whose)
            if model and same_model(claimed.model, model, opened, whose).code_sha256 != claimed.model.code_sha256:
                progress.say("The code of the model has changed since the result.")
        if options.samples is not None:
            again, _ = score_samples(options.samples, task, run, progress)
        else:
            again, _ = evaluate_model(model, task, run, progress)
    # Kept, they would take the place of a computation in the next reproduction.
    shutil.rmtree(own_home)
    shutil.rmtree(again_at / "features", ignore_errors=True)
    bound = tolerance(claimed, again, options.tolerance)
    return Reproduction(claimed, again, bound, values_again(claimed, again, bound), again_at)


def _task(claimed: Result, given: str | None, whose: str) -> tuple[LoadedTask, str]:
    """Return the task of a result, and the name or path under which it is loaded."""
    name, version = claimed.task.name, claimed.task.version
    if given is None and name.partition("@")[0] not in task_names():
        raise InputError(f"The {whose} is of the task '{name}', which does not ship: give its file with --task FILE.")
    named = given or name
    loaded = load_task(named)
    if given is None and loaded.task.version > version and "@" not in name:
        earlier = measured_task(name, version)
        loaded, named = earlier, earlier.origin
    if loaded.task.fingerprint != claimed.task.fingerprint:
        raise InputError(
            f"The task '{named}' is not that of the {whose}: its fingerprint begins with {loaded.task.fingerprint[:12]} and that of the "
            f"result with {claimed.task.fingerprint[:12]} (version {version}); use vidbench {claimed.environment.vidbench}, which "
            "measured it, or the file of that task."
        )
    return loaded, named


def _run_options(claimed: Result, options: ReproduceOptions, whose: str) -> RunOptions:
    """Return the options that a result states, with what the user gives of the others."""
    given, imported = options.run, claimed.data.imported
    if imported is not None and given.reference is None:
        raise InputError(
            f"The {whose} used a file of reference statistics, whose digest begins with {imported.sha256[:12]}: give it with "
            "--reference FILE."
        )
    if imported is None and given.reference is not None:
        raise InputError(f"The {whose} used no file of reference statistics: omit --reference {given.reference}.")
    if imported is not None and given.reference is not None and given.reference.is_file():
        found = file_sha256(given.reference)
        if found != imported.sha256:
            raise InputError(
                f"The statistics in {given.reference} are not those of the {whose}: their digest begins with {found[:12]} and that of "
                f"the result with {imported.sha256[:12]}; give the file that was used."
            )
    num_samples = next(iter(claimed.metrics.values())).num_samples
    precision = next((network.precision for network in claimed.networks.values()), "exact")
    sets = [found.num_sets for bound in claimed.bounds.values() for found in bound.sets.values()]
    return replace(
        given,
        ignore=given.ignore or claimed.entries.ignored,
        num_samples=num_samples,
        first=num_samples if options.samples is not None else None,
        seed=claimed.seed,
        precision="fast" if precision == "fast" else "exact",
        floor_sets=max(sets) if sets and imported is None else None,
    )
