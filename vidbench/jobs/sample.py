"""Write a model's clips to disk, to look at them or to score them on another machine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidbench.data import ClipDataset, check_data_folder, open_evaluation
from vidbench.data.folders.inventory import entries_sentences
from vidbench.distributed.launcher import require_single_process
from vidbench.distributed.ranks import Ranks, choose_device
from vidbench.errors import InputError
from vidbench.files import check_writable, failures_named, sync_tree
from vidbench.jobs.sample_chunks import Kind, SampleWork, left_by_interrupt, prepare_work, write_samples
from vidbench.models.choice import choose_model
from vidbench.progress import Progress
from vidbench.samples.pairing import names_clips
from vidbench.samples.unfinished import PLAN_NAME, WRITTEN_NAME
from vidbench.scoring.clip_sources import model_task, open_model
from vidbench.scoring.needs import refuse_lacking
from vidbench.scoring.run_plan import refuse_large_batch
from vidbench.tasks import Task, load_task
from vidbench.tasks.limits import MOST_BATCH, MOST_SEED, check_option, check_total_samples
from vidmetrics.locks import remove_stale_lock, sole_writer


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """What a user may choose about sampling.

    Attributes:
        output: folder to write; it must not exist, and it appears only when complete.
        data: data folder, for tasks that read one.
        ignore: patterns of entries of the folder to leave out.
        num_samples: samples per run of the task; None for the task's number.
        kind: ``"npy"`` (the exchange format), ``"png"``, ``"mp4"`` or ``"gif"``.
        batch_size: clips per call of the model.
        device: torch device; None for a GPU if there is one.
        seed: seed of the samples; None for the task's.
    """

    output: Path
    data: Path | None = None
    ignore: tuple[str, ...] = ()
    num_samples: int | None = None
    kind: Kind = "npy"
    batch_size: int = 32
    device: str | None = None
    seed: int | None = None


def sample_model(model: str, task_name: str, options: SampleOptions, progress: Progress) -> None:
    """Write the clips that `evaluate` would score; for prediction tasks, only the predicted frames.

    Interrupted samples are resumed: finished shards or files are kept next to the output, in a hidden folder, and the bytes
    are those of an uninterrupted run.

    Args:
        model: as in `vidbench.evaluate`.
        task_name: task name or path of a task file.
        options: what the user chose.
        progress: where progress is shown.

    Raises:
        InputError: bad input, or the output folder exists.
    """
    require_single_process("sample")
    choice = choose_model(model)
    task = load_task(task_name).task
    per_run = task.evaluation.num_samples if options.num_samples is None else options.num_samples
    count = per_run * task.evaluation.repeats
    check_option("--batch-size", options.batch_size, MOST_BATCH)
    if options.seed is not None:
        check_option("--seed", options.seed, MOST_SEED, least=0)
    check_total_samples(per_run, task.evaluation.repeats)
    refuse_large_batch(task, min(options.batch_size, count))
    refuse_existing(options.output)
    device = choose_device(options.device, Ranks())
    refuse_lacking(
        task,
        splits=(task.data.evaluation_split,),
        data=options.data,
        networks=False,
        model=model,
        check_model=lambda: choice.check_sampling(model_task(task, ())),
    )
    check_data_folder(task, options.data)
    check_writable(options.output.parent)
    evaluation = clips_to_answer(task, options.data, per_run, options.ignore, progress)
    source, _ = open_model(
        choice,
        task,
        evaluation,
        seed=task.evaluation.seed if options.seed is None else options.seed,
        num_samples=count,
        device=device,
    )
    with sole_writer(options.output):
        refuse_existing(options.output)  # the process before may have finished it
        work = SampleWork(
            source=source,
            count=count,
            kind=options.kind,
            batch_size=options.batch_size,
            working=options.output.with_name(f".{options.output.name}.partial"),
        )
        prepare_work(work)
        try:
            title = f"Samples of {choice.name}"
            with progress.stage(title, count) as advance:
                write_samples(work, advance, lambda left, seconds: progress.cost(title, left, seconds))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(left_by_interrupt(work)) from None
        except InputError as error:
            if not work.keeps_chunks:
                raise
            raise InputError(f"{str(error).removesuffix('.')}; finished clips stay in '{work.working}'.") from error
        finally:
            if not work.keeps_chunks:
                shutil.rmtree(work.working, ignore_errors=True)
        with failures_named(options.output):
            (work.working / PLAN_NAME).unlink()
            (work.working / WRITTEN_NAME).unlink(missing_ok=True)
            sync_tree(work.working)
            work.working.replace(options.output)


def clips_to_answer(
    task: Task, data: Path | None, num_samples: int, ignore: Sequence[str], progress: Progress
) -> ClipDataset:
    """Open the evaluation clips of a task and check that there are enough for ``num_samples`` samples per run.

    Raises:
        InputError: the data cannot be opened, or each sample belongs to one clip and there are too few clips.
    """
    evaluation = open_evaluation(task, data, num_samples, ignore)
    place = f"split '{task.data.evaluation_split}' of '{data}'"
    for line in entries_sentences(ignore, [(place, evaluation.unused)]):
        progress.say(line)
    count = num_samples * task.evaluation.repeats
    if names_clips(task) and evaluation.num_clips < count:
        raise InputError(
            f"The split '{task.data.evaluation_split}' has only {evaluation.num_clips} clips for {count} samples: lower "
            "--num-samples."
        )
    return evaluation


def refuse_existing(output: Path, kind: str = "output folder") -> None:
    """Refuse to write into a folder or file that is there.

    Args:
        output: what would be written.
        kind: what it is, in messages.

    Raises:
        InputError: there is something, or a link that leads nowhere.
    """
    if output.exists() or output.is_symlink():
        remove_stale_lock(output)
        raise InputError(f"The {kind} {output} already exists: choose a new one.")
