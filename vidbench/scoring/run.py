"""A run: the user's options and the task, opened and checked before the first clip is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vidbench.data import ClipDataset, open_evaluation, open_reference
from vidbench.data.folders.inventory import NOTHING, unmatched_sentence, unused_sentence
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.rendering.printable import printable_line
from vidbench.results.schema import BoundRecord
from vidbench.scoring.frame_comparison import FrameComparison, compare_frames
from vidbench.scoring.imported_reference import (
    AbsentClips,
    absent_evaluation,
    absent_reference,
)
from vidbench.scoring.run_options import RunOptions
from vidbench.scoring.run_plan import RunPlan, plan_run
from vidbench.tasks import LoadedTask


@dataclass(frozen=True, kw_only=True)
class Run(RunPlan):
    """A run with data and networks opened and checked, before the first clip is read."""

    seed: int
    reference: ClipDataset
    evaluation: ClipDataset
    frames: FrameComparison | None

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


def open_run(loaded: LoadedTask, options: RunOptions, *, ranks: Ranks, progress: Progress, default_name: str) -> Run:
    """Plan a run and open its data; see `vidbench.scoring.run_plan.plan_run` and `open_planned`."""
    return open_planned(plan_run(loaded, options, ranks=ranks, progress=progress, default_name=default_name))


def open_planned(plan: RunPlan) -> Run:
    """Open the data of a planned run and check that it fits.

    Raises:
        InputError: anything about the data that would stop the run later; see the messages.
    """
    task, options = plan.task, plan.options
    provenance = None if plan.statistics is None else plan.statistics.provenance
    reference = (
        open_reference(task, options.data, options.ignore) if provenance is None else absent_reference(provenance)
    )
    evaluation: ClipDataset
    if provenance is not None and options.data is None and not task.data.embedded:
        evaluation = absent_evaluation(provenance, task)
    else:
        evaluation = open_evaluation(task, options.data, plan.num_samples, options.ignore)
    said: dict[str, None] = {}
    for split, clips in ((task.data.reference_split, reference), (task.data.evaluation_split, evaluation)):
        source = options.reference if isinstance(clips, AbsentClips) else options.data
        said[unused_sentence(f"split '{split}' of '{source}'", clips.unused)] = None
    for line in filter(None, said):
        plan.progress.say(printable_line(line))  # the words of a statistics file are somebody else's
    wanted = task.reference.num_clips
    if wanted != "all" and reference.coverage == 1 and reference.num_clips < wanted:
        raise InputError(
            f"The split '{task.data.reference_split}' has only {reference.num_clips} clips, and the reference set of the "
            f"task '{task.name}' has {wanted}: lower reference.num_clips or raise clips.clips_per_video."
        )
    asked = f"{task.does.noun}s" if task.given_frames else "samples of the same classes"
    needed = task.given_frames or task.evaluation.labels == "evaluation"
    if needed and evaluation.num_clips < plan.total_samples:
        raise InputError(
            f"The split '{task.data.evaluation_split}' has only {evaluation.num_clips} clips for "
            f"{plan.total_samples} {asked}: complete the data folder or lower --num-samples."
        )
    return Run(
        **vars(plan),
        seed=task.evaluation.seed if options.seed is None else options.seed,
        reference=reference,
        evaluation=evaluation,
        frames=compare_frames(task, plan.metrics, evaluation, plan.comparers),
    )
