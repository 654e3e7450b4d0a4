"""The main job: sample, measure, and write a result that can be verified."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from vidbench.data.contexts import SampleContexts
from vidbench.data.folders.inventory import NOTHING, unused_sentence
from vidbench.distributed.ranks import process_group
from vidbench.errors import InputError
from vidbench.files import write_text
from vidbench.models.choice import choose_model
from vidbench.models.trivial import RealModel
from vidbench.progress import Progress, warn
from vidbench.results.schema import RESULT_NAME, ModelRecord, Result, read_result
from vidbench.samples.exchange import SampleSource, open_samples
from vidbench.samples.first import FirstSamples
from vidbench.samples.pairing import check_answers, names_clips
from vidbench.scoring.assemble import Measured, assemble
from vidbench.scoring.bounds import disjoint_real
from vidbench.scoring.clip_sources import ClipSource, DatasetSource, FilesSource, model_task, open_model, sample_labels
from vidbench.scoring.other_actions import with_other_actions
from vidbench.scoring.panel import open_panel
from vidbench.scoring.run import Run, open_planned, say_unmatched
from vidbench.scoring.run_features import (
    bound_features,
    bounds_to_measure,
    expect_work,
    reference_features,
    sample_features,
    set_features,
    sets_to_measure,
)
from vidbench.scoring.run_options import RunOptions
from vidbench.scoring.run_plan import RunPlan, plan_run
from vidbench.scoring.truncation import truncated_sources
from vidbench.tasks import Task, load_task
from vidmetrics.home import home

CHECKED_CLIPS = 4


def evaluate_model(model: str, task: str, options: RunOptions, progress: Progress) -> tuple[Result, Path]:
    """Evaluate a model; returns the result and its folder. See `vidbench.evaluate`."""
    started = time.monotonic()
    choice = choose_model(model)
    loaded = load_task(task)
    with process_group() as ranks:
        plan = plan_run(
            loaded,
            options,
            ranks=ranks,
            progress=progress,
            default_name=choice.folder_name,
            model=model,
            check_model=lambda: choice.check_sampling(model_task(loaded.task, ())),
        )
        _refuse_other_result(plan, {"name": choice.name})
        run = open_planned(plan)
        source: ClipSource
        source, record = open_model(
            choice, run.task, run.evaluation, seed=run.seed, num_samples=run.total_samples, device=run.device
        )
        _refuse_other_result(run, record.model_dump(include={"name", "checkpoint_sha256"}))
        if isinstance(source.model, RealModel):
            run, source = _apart(run)
        return _measure(run, source, record, (), started), run.output


def score_samples(samples: Path, task: str, options: RunOptions, progress: Progress) -> tuple[Result, Path]:
    """Score clips on disk; returns the result and its folder. See `vidbench.score`."""
    started = time.monotonic()
    loaded = load_task(task)
    if options.first is not None:
        if options.num_samples not in (None, options.first):
            raise InputError(
                f"--first {options.first} and --num-samples {options.num_samples} name two numbers of samples: give one of them."
            )
        options = replace(options, num_samples=options.first)
    with process_group() as ranks, ThreadPoolExecutor(1, "vidbench-opening") as pool:
        opening: list[Future[SampleSource]] = []

        def begin_opening() -> None:
            opening.append(pool.submit(_open_samples, loaded.task, samples, options))

        # Opening hashes every byte, which lets other threads run.
        plan = plan_run(
            loaded,
            options,
            ranks=ranks,
            progress=progress,
            default_name=f"samples-{samples.stem}",
            before_networks=begin_opening,
        )
        # Taken off the list: a refusal, whose traceback holds this frame, would keep itself and all that it refers to alive.
        found = opening.pop().result() if opening else _open_samples(loaded.task, samples, options)
        opened = _checked_files(plan, found, samples)
        run = open_planned(plan)
        source, record, reasons = _files_source(run, opened, samples)
        _refuse_other_result(run, record.model_dump(include={"name", "samples_sha256"}))
        return _measure(run, source, record, reasons, started, opened.unused), run.output


def _refuse_other_result(plan: RunPlan, model: Mapping[str, str | None]) -> None:
    """Refuse to replace the result of another model, of other samples or of another task.

    Args:
        plan: what the run will do.
        model: those members of its `ModelRecord` that tell one from another, as far as they are known.

    Raises:
        InputError: the output folder has such a result.
    """
    path = plan.output / RESULT_NAME

    def refusal() -> str:
        if plan.options.replace or not path.is_file():
            return ""
        try:
            before = read_result(path)
        except InputError:
            return ""  # damaged, so there is nothing to keep
        others = [name.replace("_", " ") for name, value in model.items() if getattr(before.model, name) != value]
        if before.task.name != plan.task.name:
            others.insert(0, "task")
        where = f"{path} is the result of '{before.model.name}' on '{before.task.name}'"
        advice = "choose another --output, or add --replace"
        return f"{where}, which has another {', '.join(others)}: {advice}." if others else ""

    if sentence := plan.ranks.from_main(refusal):
        raise InputError(sentence)


def _apart(run: Run) -> tuple[Run, ClipSource]:
    """Return the run and the source for real clips as a model; frame metrics compare each clip with itself.

    They must be disjoint from the reference set, as when they are a bound, so they may differ from the clips of the run.
    """
    clips, _ = disjoint_real(run)
    if clips is not run.evaluation and run.task.evaluation.repeats > 1:
        clips = SampleContexts(clips, run.num_samples, 1, run.task.evaluation.repeats)
    frames = None if run.frames is None else replace(run.frames, truth=clips)
    return replace(run, frames=frames), DatasetSource(clips)


def _open_samples(task: Task, path: Path, options: RunOptions) -> SampleSource:
    return open_samples(path, options.ignore, task.predicted_frames, task.clips.pixels, paired=names_clips(task))


def _checked_files(plan: RunPlan, samples: SampleSource, path: Path) -> SampleSource:
    """Check the number and size of samples, which needs no data."""
    task = plan.task
    if samples.unused:
        plan.progress.say(unused_sentence(f"'{path}'", samples.unused))
    expected = (plan.total_samples, task.predicted_frames, task.clips.height, task.clips.width)
    got = (samples.num_samples, samples.num_frames, samples.height, samples.width)
    if got[1:] != expected[1:]:
        raise InputError(
            f"The samples in {path} have {got[1]} frames of {got[3]}x{got[2]} pixels, and the task '{task.name}' requires "
            f"{expected[1]} frames of {expected[3]}x{expected[2]}: write them again in that shape."
        )
    if got[0] > expected[0] and plan.options.first is not None:
        return FirstSamples(samples, expected[0])
    if got[0] != expected[0]:
        raise InputError(
            f"There are {got[0]} samples in {path}, and exactly {expected[0]} are required{_runs(plan)}: "
            f"{_advice(plan, got[0])}"
        )
    return samples


def _advice(plan: RunPlan, found: int) -> str:
    """Return what to do about a number of samples that is not the required one; never what the user just did."""
    repeats, step = plan.task.evaluation.repeats, plan.task.evaluation.samples_per_context
    if found > plan.total_samples:
        return f"--first {plan.num_samples} scores the first of them, for an unofficial result."
    per_run = found // repeats // step * step
    lacking = f"write the other {plan.total_samples - found}"
    if per_run < 2:
        return f"{lacking}."
    option = "--num-samples" if per_run * repeats == found else "--first"
    return f"{lacking}, or score these with {option} {per_run}, for an unofficial result."


def _files_source(run: Run, samples: SampleSource, path: Path) -> tuple[FilesSource, ModelRecord, tuple[str, ...]]:
    task = run.task
    reasons = []
    if isinstance(samples, FirstSamples):
        reasons.append(f"Only the first {samples.num_samples} of {samples.num_written} samples were scored.")
    if samples.lossy:
        reasons.append("The samples were stored with a lossy codec.")
    labels = sample_labels(task, np.arange(run.total_samples), run.evaluation)
    if labels is not None and samples.labels is None:
        reasons.append("The samples carry no labels, so it is unknown whether their classes are those of the task.")
    elif labels is not None and samples.labels is not None and not np.array_equal(labels, samples.labels):
        first = int(np.flatnonzero(labels != samples.labels)[0])
        raise InputError(
            f"Sample {first} in {path} has label {int(samples.labels[first])} where the task '{task.name}' requires "
            f"{int(labels[first])}: use the labels of `vidbench sample` or `vidbench data export`."
        )
    reasons += check_answers(samples.manifest, path, task, run.evaluation, run.total_samples)
    source = FilesSource(samples, task, run.evaluation)
    # Mismatched frames are found now, in a few clips, not by the last rank in the last hour.
    source.read(np.arange(min(CHECKED_CLIPS, run.total_samples)))
    record = ModelRecord(
        name="samples",
        checkpoint_sha256=None,
        code_sha256=None,
        num_parameters=None,
        samples_sha256=samples.identity_sha256,
    )
    return source, record, tuple(reasons)


def _runs(plan: RunPlan) -> str:
    repeats = plan.task.evaluation.repeats
    return f" ({repeats} runs of {plan.num_samples})" if repeats > 1 else ""


def _measure(
    run: Run,
    source: ClipSource,
    record: ModelRecord,
    reasons: Sequence[str],
    started: float,
    unused: Mapping[str, int] = NOTHING,
) -> Result:
    with run.ranks.sole_writer(run.output):
        return _measure_alone(run, source, record, reasons, started, unused)


def _measure_alone(
    run: Run,
    source: ClipSource,
    record: ModelRecord,
    reasons: Sequence[str],
    started: float,
    unused: Mapping[str, int],
) -> Result:
    say_unmatched(run, unused)
    title = "Samples" if record.samples_sha256 else f"Samples of {record.name}"
    run.ranks.check_shared(run.output)
    cache = _cache(run)
    sweep = truncated_sources(run, source)
    bounds = bounds_to_measure(run)
    sets = sets_to_measure(run, bounds)
    others = with_other_actions(run, source, record.name)
    others_too = {} if others is None else {f"{title}, other actions": others}
    truncated_too = {f"{title}, sigma {sigma:g}": truncated for sigma, truncated in sweep.items()}
    expect_work(run, {title: source, **truncated_too, **others_too}, bounds, cache, sets)
    panel = open_panel(run)
    stores = sample_features(run, source, title, panel.of_samples(run))
    doubt = next((doubt for store in stores.values() if (doubt := store.doubt())), None)
    if doubt is not None and run.ranks.is_main:
        warn(f"Later runs do not reuse the features of the model '{record.name}', because {doubt}.")
    measured = Measured(
        run=run,
        model=record.model_copy(update={"not_reused": doubt}),
        reasons=reasons,
        stores=stores,
        real_stores=reference_features(run, cache, panel.of_reference(run)),
        bounds=bound_features(run, bounds, cache, lambda name: panel.of_bound(run, name)),
        sets=sets,
        set_stores=set_features(run, sets, cache),
        sweep={
            sigma: sample_features(run, truncated, f"{title}, sigma {sigma:g}") for sigma, truncated in sweep.items()
        },
        other_actions={} if others is None else sample_features(run, others, f"{title}, other actions"),
        source=source,
        panel=panel,
        cache=cache,
        started=started,
        samples_unused=unused,
    )
    result = None
    if run.ranks.is_main:
        result = assemble(measured)
        _write(result, measured, source)
    # The other ranks parse the written result instead of reading every shard again.
    document = run.ranks.from_main(lambda: "" if result is None else result.to_json())
    return Result.model_validate_json(document) if result is None else result


def _cache(run: Run) -> Path:
    """Return the folder for features that other runs can use: VIDBENCH_HOME, or one in the output if each node has its own."""
    if run.ranks.shares(home()):
        return home()
    cache = run.output / "cache"
    run.progress.say(
        f"The ranks do not share {home()} (VIDBENCH_HOME): features of real clips go to {cache}, where other runs do not find "
        "them."
    )
    return cache


def _write(result: Result, measured: Measured, source: ClipSource) -> None:
    from vidbench.report.material import gather
    from vidbench.report.page import render_report

    run = measured.run
    page = render_report(result, run.task, gather(run, source, measured.stores, measured.real_stores))
    result.write(run.output / RESULT_NAME)
    write_text(run.output / "report.html", page)
