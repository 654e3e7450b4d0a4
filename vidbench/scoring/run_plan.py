"""What a run will do: the user's options and the task, checked as far as that needs no data.

Opening the data of a large task takes minutes, and models, networks and options are wrong more often than data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidbench.data import check_data_folder
from vidbench.distributed.ranks import Ranks, choose_device
from vidbench.errors import InputError
from vidbench.files import check_writable
from vidbench.models.choice import choose_registered
from vidbench.progress import Progress, warn
from vidbench.rendering.numbers import counted
from vidbench.rendering.printable import printable_line
from vidbench.scoring.imported_reference import ImportedStatistics, import_statistics, open_statistics
from vidbench.scoring.needs import refuse_lacking
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import LoadedTask, Task
from vidbench.tasks.limits import MOST_BATCH, MOST_FLOOR_SETS, MOST_SEED, check_option, check_total_samples
from vidbench.tasks.words import status_sentence
from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.formats.memory import refuse_more_than_memory
from vidmetrics.home import home
from vidmetrics.networks import default_weights, load_network

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """A run of which everything is checked except the data.

    Its ``networks`` extract features, and its ``comparers`` compare predicted frames with true ones.
    """

    loaded: LoadedTask
    options: RunOptions
    output: Path
    num_samples: int
    device: str
    ranks: Ranks
    progress: Progress
    metrics: tuple[MetricDefinition, ...]
    networks: dict[str, Network]
    statistics: ImportedStatistics | None
    comparers: dict[str, Network] = field(default_factory=dict)

    @property
    def all_networks(self) -> dict[str, Network]:
        """Every network whose weights the scores rest on, by name."""
        return {**self.networks, **self.comparers}

    @property
    def task(self) -> Task:
        """The protocol."""
        return self.loaded.task

    @property
    def total_samples(self) -> int:
        """Number of samples of all runs of the task."""
        return self.num_samples * self.task.evaluation.repeats


def plan_run(
    loaded: LoadedTask,
    options: RunOptions,
    *,
    ranks: Ranks,
    progress: Progress,
    default_name: str,
    writes: Sequence[Path] | None = None,
    model: str | None = None,
    check_model: Callable[[], None] = lambda: None,
    before_networks: Callable[[], None] | None = None,
) -> RunPlan:
    """Check everything about a run that needs no data, and load its networks.

    Args:
        loaded: the task.
        options: what the user chose.
        ranks: this process among the others.
        progress: where the main rank shows progress.
        default_name: last part of the default output folder.
        writes: folders that the run will write to; None for its output folder and the cache.
        model: the model as the user named it, if there is one.
        check_model: refuses what the model refuses before data is read.
        before_networks: called before the networks are loaded, which takes seconds; work in threads can begin there.

    Raises:
        InputError: an option, a name, a file of statistics or a network that would stop the run later; see the messages.
        OSError: a folder cannot be written.
    """
    task = loaded.task
    check_option("--batch-size", options.batch_size, MOST_BATCH)
    if options.floor_sets is not None:
        _check_floor_sets(options)
    if options.seed is not None:
        check_option("--seed", options.seed, MOST_SEED, least=0)
    num_samples = options.num_samples if options.num_samples is not None else task.evaluation.num_samples
    if num_samples < 2:
        raise InputError(f"--num-samples {num_samples} is too few for a covariance: give 2 or more.")
    check_total_samples(num_samples, task.evaluation.repeats)
    refuse_large_batch(task, min(options.batch_size, num_samples))
    for name in (task.evaluation.floor, task.evaluation.ceiling):
        choose_registered(name)
    metrics = tuple(get_metric(name) for name in task.evaluation.metrics)
    per_context = task.evaluation.samples_per_context
    if num_samples % per_context:
        raise InputError(
            f"--num-samples {num_samples} is not a multiple of {per_context}, the number of samples per evaluation clip "
            f"of the task '{task.name}': give one that is."
        )
    if task.status != "active" and ranks.is_main:
        warn(status_sentence(task))
    if options.reference is not None and task.data.embedded:
        raise InputError(
            f"The clips of the task '{task.name}' are embedded, so that its reference statistics are always computed and never "
            f"taken from a file: omit --reference {options.reference}."
        )
    imported = None if options.reference is None else open_statistics(options.reference, task, warns=ranks.is_main)
    output = options.output or Path("runs") / task.name / default_name
    reads = (task.data.reference_split, task.data.evaluation_split) if imported is None else ()
    refuse_lacking(
        task,
        splits=reads,
        data=options.data,
        model=model,
        check_model=check_model,
        output=output if writes is None else None,
        num_samples=num_samples,
        reference=imported is None,
    )
    if imported is None or options.data is not None:
        check_data_folder(task, options.data)
    check_outputs((output, home()) if writes is None else writes, ranks)
    if ranks.is_main and writes is None:
        # What is known by now; torch, which takes longer to import than all this, comes after it.
        measured = f"{counted(num_samples * task.evaluation.repeats, 'sample')}, {', '.join(task.evaluation.metrics)}"
        progress.say(printable_line(f"Task {task.name}: {measured}; the result goes to {output}"))
    device = choose_device(options.device, ranks)
    # Where weights are missing, the user hears of it at once.
    if before_networks is not None and all(default_weights(name).is_file() for name in _used_by(metrics)):
        before_networks()
    networks, comparers = _load_networks(task, metrics, device, options.precision)
    return RunPlan(
        loaded=loaded,
        options=options,
        output=output,
        num_samples=num_samples,
        device=device,
        ranks=ranks,
        progress=progress if ranks.is_main else Progress(enabled=False),
        metrics=metrics,
        networks=networks,
        comparers=comparers,
        statistics=None if imported is None else import_statistics(imported, metrics, networks, task.clips.num_frames),
    )


def _check_floor_sets(options: RunOptions) -> None:
    """Check ``--floor-sets``, which cannot measure what a statistics file stands for."""
    if options.floor_sets is not None:
        check_option("--floor-sets", options.floor_sets, MOST_FLOOR_SETS)
    if options.reference is not None:
        raise InputError(
            f"--floor-sets {options.floor_sets} measures held-out clips, and with --reference {options.reference} the floor "
            "comes from that file: give --floor-sets to `vidbench data statistics` when it is made."
        )


def check_outputs(folders: Sequence[Path], ranks: Ranks) -> None:
    """Check that the main rank can write folders, before anything that takes long.

    Raises:
        OSError: one cannot be written; names it.
    """
    if ranks.is_main:
        for folder in folders:
            check_writable(folder)


def refuse_large_batch(
    task: Task, batch_size: int, advice: str = "lower --batch-size, or the size of the task's clips"
) -> None:
    """Refuse a batch of a task's clips that alone does not fit into memory.

    Args:
        task: the protocol.
        batch_size: number of clips.
        advice: what to do, as the end of a sentence.

    Raises:
        InputError: names what the batch needs and what the machine has.
    """
    clips = task.clips
    frames = f"{counted(clips.num_frames, 'frame')} of {clips.width}x{clips.height} pixels"
    refuse_more_than_memory(
        batch_size * clips.num_bytes, f"A batch of {counted(batch_size, 'clip')} of {frames}", advice
    )


def _used_by(metrics: Sequence[MetricDefinition]) -> list[str]:
    return list(dict.fromkeys(metric.uses_network for metric in metrics if metric.uses_network))


def _load_networks(
    task: Task, metrics: Sequence[MetricDefinition], device: str, precision: Literal["exact", "fast"]
) -> tuple[dict[str, Network], dict[str, Network]]:
    """Return the networks of features, and those that compare frames."""
    loaded = {name: load_network(name, device=device, precision=precision) for name in _used_by(metrics)}
    comparing = {metric.compared_by for metric in metrics}
    networks = {name: network for name, network in loaded.items() if name not in comparing}
    for network in networks.values():
        if problem := network.length_problem(task.clips.num_frames):
            raise InputError(f"{problem} as the task '{task.name}' has: choose other metrics or another clip length.")
        if task.time_windows and (problem := network.length_problem(task.evaluation.window_frames)):
            raise InputError(
                f"{problem} as the windows of the task '{task.name}' have: choose other metrics or longer windows."
            )
    return networks, {name: network for name, network in loaded.items() if name in comparing}
