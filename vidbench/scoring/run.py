"""A run: the user's options and the task, opened and checked before the first clip is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vidbench.data import ClipDataset, open_evaluation, open_reference
from vidbench.data.folders.inventory import NOTHING, unmatched_sentence, unused_sentence
from vidbench.distributed.ranks import Ranks, choose_device
from vidbench.errors import InputError
from vidbench.models.choice import choose_registered
from vidbench.progress import Progress
from vidbench.rendering.numbers import counted
from vidbench.rendering.printable import printable_line
from vidbench.results.schema import BoundRecord
from vidbench.scoring.frame_comparison import FrameComparison, compare_frames
from vidbench.scoring.imported_reference import (
    AbsentClips,
    ImportedStatistics,
    absent_evaluation,
    absent_reference,
    import_statistics,
    open_statistics,
)
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import LoadedTask, Task
from vidbench.tasks.limits import MOST_BATCH, MOST_SEED, check_option, check_total_samples
from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.formats.memory import refuse_more_than_memory
from vidmetrics.networks import load_network
from vidmetrics.networks.network import Network


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run with data and networks opened and checked, before the first clip is read."""

    loaded: LoadedTask
    options: RunOptions
    output: Path
    num_samples: int
    seed: int
    device: str
    ranks: Ranks
    progress: Progress
    metrics: tuple[MetricDefinition, ...]
    networks: dict[str, Network]
    reference: ClipDataset
    evaluation: ClipDataset
    frames: FrameComparison | None
    statistics: ImportedStatistics | None = None

    @property
    def total_samples(self) -> int:
        """Number of samples of all runs of the task."""
        return self.num_samples * self.task.evaluation.repeats

    @property
    def task(self) -> Task:
        """The protocol."""
        return self.loaded.task

    @property
    def num_reference(self) -> int:
        """Number of reference clips; fewer than the task requires if videos are missing."""
        return self.reference.num_clips

    @property
    def has_evaluation_clips(self) -> bool:
        """Whether the held-out clips can be read; without data, a statistics file only describes them."""
        return not isinstance(self.evaluation, AbsentClips)

    @property
    def imported_bounds(self) -> Mapping[str, BoundRecord] | None:
        """Scores of the bounds from the statistics file, if it contains those that apply to this run."""
        if self.statistics is None:
            return None
        return self.statistics.bounds(self.num_samples, self.evaluation.identity_sha256)


def say_unmatched(run: Run, samples_unused: Mapping[str, int] = NOTHING) -> None:
    """Say which patterns of --ignore matched no entry of the data folder, nor of the samples."""
    if said := unmatched_sentence(run.options.ignore, run.reference.unused, run.evaluation.unused, samples_unused):
        run.progress.say(said)


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


def open_run(loaded: LoadedTask, options: RunOptions, *, ranks: Ranks, progress: Progress, default_name: str) -> Run:
    """Open data and networks of a run and check that they fit together.

    Args:
        loaded: the task.
        options: what the user chose.
        ranks: this process among the others.
        progress: where the main rank shows progress.
        default_name: last part of the default output folder.

    Raises:
        InputError: anything that would stop the run later; see the messages.
    """
    task = loaded.task
    check_option("--batch-size", options.batch_size, MOST_BATCH)
    if options.seed is not None:
        check_option("--seed", options.seed, MOST_SEED, least=0)
    num_samples = options.num_samples if options.num_samples is not None else task.evaluation.num_samples
    if num_samples < 2:
        raise InputError(f"--num-samples {num_samples} is too few for a covariance: give 2 or more.")
    check_total_samples(num_samples, task.evaluation.repeats)
    refuse_large_batch(task, min(options.batch_size, num_samples))
    for name in (task.evaluation.floor, task.evaluation.ceiling):
        choose_registered(name)
    device = choose_device(options.device, ranks)
    metrics = tuple(get_metric(name) for name in task.evaluation.metrics)
    per_context = task.evaluation.samples_per_context
    if num_samples % per_context:
        raise InputError(
            f"--num-samples {num_samples} is not a multiple of {per_context}, the number of samples per evaluation clip "
            f"of the task '{task.name}': give one that is."
        )
    imported = None if options.reference is None else open_statistics(options.reference, task, warns=ranks.is_main)
    provenance = None if imported is None else imported.provenance
    reference = (
        open_reference(task, options.data, options.ignore) if provenance is None else absent_reference(provenance)
    )
    evaluation: ClipDataset
    if provenance is not None and options.data is None and not task.data.embedded:
        evaluation = absent_evaluation(provenance, task)
    else:
        evaluation = open_evaluation(task, options.data, num_samples, options.ignore)
    progress = progress if ranks.is_main else Progress(enabled=False)
    said: dict[str, None] = {}
    for split, clips in ((task.data.reference_split, reference), (task.data.evaluation_split, evaluation)):
        source = options.reference if isinstance(clips, AbsentClips) else options.data
        said[unused_sentence(f"split '{split}' of '{source}'", clips.unused)] = None
    for line in filter(None, said):
        progress.say(printable_line(line))  # the words of a statistics file are somebody else's
    wanted = task.reference.num_clips
    if wanted != "all" and reference.coverage == 1 and reference.num_clips < wanted:
        raise InputError(
            f"The split '{task.data.reference_split}' has only {reference.num_clips} clips, and the reference set of the "
            f"task '{task.name}' has {wanted}: lower reference.num_clips or raise clips.clips_per_video."
        )
    if task.clips.context_frames and evaluation.num_clips < num_samples * task.evaluation.repeats:
        raise InputError(
            f"The split '{task.data.evaluation_split}' has only {evaluation.num_clips} clips for "
            f"{num_samples * task.evaluation.repeats} predictions: complete the data folder or lower --num-samples."
        )
    names = dict.fromkeys(metric.network for metric in metrics if metric.network)
    networks = {name: load_network(name, device=device, precision=options.precision) for name in names}
    for network in networks.values():
        if problem := network.length_problem(task.clips.num_frames):
            raise InputError(f"{problem} as the task '{task.name}' has: choose other metrics or another clip length.")
    statistics = None
    if imported is not None:
        statistics = import_statistics(imported, metrics, networks, task.clips.num_frames)
    return Run(
        loaded=loaded,
        options=options,
        output=options.output or Path("runs") / task.name / default_name,
        num_samples=num_samples,
        seed=task.evaluation.seed if options.seed is None else options.seed,
        device=device,
        ranks=ranks,
        progress=progress,
        metrics=metrics,
        networks=networks,
        reference=reference,
        evaluation=evaluation,
        frames=compare_frames(task, metrics, evaluation),
        statistics=statistics,
    )
