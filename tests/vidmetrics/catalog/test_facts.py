"""Each fact about a statistic or a network is stated once: changed in its record, every consumer follows.

A consumer is a module and what it does with the fact. The list below is complete: the last tests find a module that
reads a fact and is not listed, and one that has a list of statistics or networks of its own.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import vidmetrics
from vidbench.cli import metrics as metrics_command
from vidbench.jobs import claimed_source, export_result, folder_statistics, rehearse
from vidbench.jobs import measure as measure_job
from vidbench.jobs.training_curve import CurveOptions, TrainingCurve
from vidbench.leaderboard import admission, rows, verification
from vidbench.leaderboard.better_than_real import floor_chance, real_clip_flags
from vidbench.leaderboard.drawn_seeds import draw_test
from vidbench.leaderboard.task_groups import group_of_columns, protocol_columns, task_group
from vidbench.progress import Progress
from vidbench.results import comparability, every_eval_ever
from vidbench.results.meaning import meaning
from vidbench.results.real_clips import floor_sets as floors_of
from vidbench.results.schema import MetricRecord, Result
from vidbench.samples.clip_folder import ClipShape
from vidbench.scoring import (
    against_time,
    assemble,
    bounds,
    floor_sets,
    frame_comparison,
    frame_scores,
    imported_reference,
    nearest_sides,
    needs,
    panel,
    reference_file,
)
from vidbench.scoring.imported_reference import ImportedRealSide
from vidbench.scoring.reference import RealSide
from vidbench.scoring.repeats import over_runs
from vidbench.tasks import load_task
from vidbench.tasks.croissant import croissant_document
from vidbench.tasks.differences.fields import task_differences
from vidbench.tasks.differences.metric_terms import related_metrics
from vidbench.tasks.differences.side_by_side import difference_document
from vidbench.tasks.words import protocol_text
from vidmetrics import METRICS, InputError, Moments
from vidmetrics.catalog.definitions import function_ids
from vidmetrics.catalog.facts import STATISTICS
from vidmetrics.catalog.network_cards import NETWORKS
from vidmetrics.catalog.training_data import seen_by
from vidmetrics.estimators import growth
from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.few_samples import few_samples_warning
from vidmetrics.estimators.frames import estimate_mean
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.metric_objects.reduction import reference_of
from vidmetrics.metric_objects.statistics_files import Statistics
from vidmetrics.networks import build_body, default_weights, load_network
from vidmetrics.statistics.exchangeability import SideCounts
from vidmetrics.weights.importing import network_of
from vidmetrics.weights.sources import licence_of

ROOT = Path(__file__).resolve().parents[3]
RNG = np.random.default_rng(0)
CLIPS = RNG.integers(0, 256, (8, 12, 16, 16, 3), np.uint8)
OTHERS = RNG.integers(0, 200, (8, 12, 16, 16, 3), np.uint8)
ROWS = RNG.normal(size=(60, 3)).astype(np.float32)


@dataclass(frozen=True)
class Consumer:
    """A module that reads a fact, and what is seen of it before and after the fact is changed."""

    fact: str
    record: str
    value: object
    module: str
    observe: Callable[..., object]
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.fact} of {self.record} -> {self.module} ({self.observe.__name__})"


CONSUMERS: list[Consumer] = []


def follows(fact, record, value, module, before, after):
    """Register what a function sees of a fact: ``before``, and ``after`` the fact became ``value``."""

    def register(observe):
        CONSUMERS.append(Consumer(fact, record, value, module, observe, before, after))
        return observe

    return register


def outcome(function, *arguments, kind=InputError, **more):
    """What a call returns, or the words of the error of that kind that it raises."""
    try:
        return function(*arguments, **more)
    except kind as error:
        return str(error)


def has(words, text):
    return bool(re.search(words, str(text)))


@contextmanager
def changed(record, fact, value):
    """The one record with another value, wherever it is held."""
    table = next(t for t in (STATISTICS, NETWORKS, METRICS) if record in t and hasattr(t[record], fact))
    before = getattr(table[record], fact)
    object.__setattr__(table[record], fact, value)
    try:
        yield
    finally:
        object.__setattr__(table[record], fact, before)


# What the real clips are needed for.


@follows("needs_reference", "inception-score", "moments", "vidmetrics/one_call.py", False, True)
def measure_demands_real_clips(_):
    return has("compares with real clips", outcome(vidmetrics.measure, "is-shapes", None, CLIPS))


@follows("needs_reference", "inception-score", "moments", "vidmetrics/one_call.py", 1, 2)
def a_function_takes_the_sides(_):
    return len([p for p in signature(vidmetrics.is_shapes).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD])


@follows("needs_reference", "kernel", "frames", "vidmetrics/estimators/growth.py", False, True)
def the_curve_joins_batches_of_features(_):
    return has("iterator", outcome(curve, "kvd-shapes", iter([ROWS]), kind=TypeError))


@follows("needs_reference", "kernel", "none", "vidbench/scoring/reference.py", "logits", None)
def the_real_side_hands_out_features(_):
    return RealSide(Path(), SimpleNamespace(read=str), None, 12).for_metric(METRICS["kvd-shapes"])


@follows("needs_reference", "frechet", "none", "vidbench/scoring/imported_reference.py", "moments", None)
def imported_statistics_hand_out_moments(_):
    imported = SimpleNamespace(moments={("shapes", "logits"): "moments"})
    return ImportedRealSide(imported, None, 12).for_metric(METRICS["fvd-shapes"])


@follows("needs_reference", "kernel", "moments", "vidbench/scoring/reference_file.py", False, True)
def a_statistics_file_can_serve_the_metric(_):
    return outcome(reference_file.outputs_needed, [METRICS["kvd-shapes"]]) == (("shapes", "logits"),)


@follows("needs_reference", "frechet", "none", "vidbench/scoring/reference_file.py", (("shapes", "logits"),), ())
def a_statistics_file_holds_the_moments(_):
    return reference_file.outputs_needed([METRICS["fvd-shapes"]])


@follows("needs_reference", "psnr", "moments", "vidbench/scoring/frame_comparison.py", ("psnr",), None)
def predicted_frames_are_compared(_):
    task = load_task("shapes-pred").task
    return getattr(frame_comparison.compare_frames(task, [METRICS["psnr"]], None), "scores", None)


@follows("needs_reference", "psnr", "moments", "vidbench/scoring/assemble.py", "of frames", "of features")
def a_value_is_computed(context):
    task = SimpleNamespace(evaluation=SimpleNamespace(samples_per_context=1, contexts="pooled"))
    run = SimpleNamespace(total_samples=4, num_samples=4, task=task)
    for name in ("estimate", "estimate_frames"):
        kind = "of frames" if name == "estimate_frames" else "of features"
        context.patch.setattr(assemble, name, lambda *_, kind=kind: Estimate(kind, None, 4, None))
    context.patch.setattr(assemble, "refuse_infinite", lambda *_: None)
    context.patch.setattr(assemble, "run_keys", lambda *_: None)
    return assemble._value(run, METRICS["psnr"], Anything(), Anything())[0].value


@follows("needs_reference", "psnr", "moments", "vidbench/scoring/assemble.py", {}, "''")
def a_curve_over_samples_is_tried(_):
    return outcome(assemble._against_count, SimpleNamespace(metrics=[METRICS["psnr"]]), {}, {}, kind=KeyError)


@follows("needs_reference", "psnr", "moments", "vidbench/scoring/bounds.py", {"psnr": 2.0}, {"psnr": 1.0})
def a_bound_is_measured(context):
    evaluation = SimpleNamespace(samples_per_context=1)
    run = SimpleNamespace(metrics=[METRICS["psnr"]], num_samples=4, task=SimpleNamespace(evaluation=evaluation))
    context.patch.setattr(bounds, "bound_value", lambda *_: 1.0)
    context.patch.setattr(bounds, "estimate_frames", lambda *_: Estimate(2.0, None, 4, None))
    return bounds.bound_values(run, Anything(frames=None), Anything(), Path())


@follows("needs_reference", "psnr", "moments", "vidbench/scoring/against_time.py", None, "statistics")
def a_curve_against_time_needs_the_reference_clips(_):
    run = SimpleNamespace(task=SimpleNamespace(time_windows=()))
    absent = against_time._curve(run, METRICS["psnr"], {}, {}, {}, Path()).absent
    return absent and absent.split()[1]


@follows("needs_reference", "psnr", "moments", "vidbench/scoring/floor_sets.py", set(), {"psnr"})
def sets_of_real_clips_are_scored(context):
    context.patch.setattr(floor_sets, "estimate_value", lambda *_, clips: 1.0)
    task = SimpleNamespace(evaluation=SimpleNamespace(samples_per_context=1, contexts="pooled"))
    run, sets = SimpleNamespace(metrics=[METRICS["psnr"]], task=task), floor_sets.HeldOutSets(None, 2, 4)
    return set(floor_sets.measured_sets(run, sets, Anything(), Anything()))


@follows("needs_reference", "frechet", "none", "vidbench/scoring/nearest_sides.py", {"shapes"}, set())
def the_nearest_real_clips_are_sought(context):
    context.patch.setattr(nearest_sides, "count_sides", lambda *_: SideCounts(4, 4, 2, 1))
    context.patch.setattr(nearest_sides, "_drawn", lambda *_: ROWS)
    network = SimpleNamespace(outputs={"logits": 3}, rows_per_clip=lambda _: 1)
    task = SimpleNamespace(given_frames=0, clips=SimpleNamespace(num_frames=12))
    run = SimpleNamespace(task=task, networks={"shapes": network}, metrics=[METRICS["fvd-shapes"]])
    stores = {"shapes": SimpleNamespace(read=lambda _: [ROWS])}
    return set(nearest_sides.nearest_records(run, stores, stores, stores))


@follows("needs_reference", "psnr", "moments", "vidbench/jobs/measure.py", True, False)
def two_folders_cannot_be_compared_by_frames(context):
    return has("compares each predicted frame", outcome(context.measure, "psnr"))


@follows("needs_reference", "inception-score", "moments", "vidbench/jobs/measure.py", False, True)
def two_folders_are_measured(context):
    return has("give no reference", outcome(context.measure, "is-shapes"))


@follows("needs_reference", "psnr", "moments", "vidbench/jobs/training_curve.py", True, False)
def a_training_curve_refuses_frames(_):
    options = CurveOptions(every=1, metrics=("psnr",), num_samples=8)
    more = {"data": None, "device": "cpu", "progress": Progress(enabled=False), "kind": (InputError, KeyError)}
    refusal = outcome(TrainingCurve, load_task("shapes-gen"), options, **more)
    return has("compares predicted with true frames", refusal)


@follows("needs_reference", "frechet", "none", "vidbench/leaderboard/admission.py", True, False)
def admission_counts_real_clips(context):
    context.document["metrics"]["fvd-shapes"]["num_reference"] = 100
    return has("fvd-shapes .* 100 real clips", context.objections())


@follows("needs_reference", "kernel", "none", "vidmetrics/metric_objects/statistics_files.py", False, True)
def a_file_hands_out_features(_):
    content = {("shapes", "logits"): ROWS}
    held = Statistics(
        metrics=("kvd-shapes",), num_clips=60, size=(12, 16, 16), networks={}, protocol={}, content=content
    )
    return held.reference(METRICS["kvd-shapes"]) is None


@follows("needs_reference", "psnr", "moments", "vidmetrics/metric_objects/metric_choice.py", True, False)
def an_object_refuses_frames(_):
    return has("compares each predicted frame", outcome(vidmetrics.metric, "psnr", kind=(InputError, KeyError)))


@follows("needs_reference", "kernel", "moments", "vidmetrics/metric_objects/reduction.py", False, True)
def features_of_an_object_are_reduced(_):
    return isinstance(reference_of(METRICS["kvd-shapes"], ROWS, 60, SimpleNamespace()), Moments)


@follows("needs_reference", "frechet", "none", "vidmetrics/metric_objects/metric_object.py", False, True)
def an_object_refuses_real_clips(_):
    return has("uses only generated clips", outcome(vidmetrics.metric("fvd-shapes").update, CLIPS, real=True))


@follows("needs_reference", "inception-score", "moments", "vidbench/jobs/folder_statistics.py", True, False)
def statistics_of_a_folder_are_useless(context):
    np.save(context.folder / "real.npy", CLIPS)
    # On a device that does not exist nothing is computed.
    options = measure_job.MeasureOptions(metrics=("is-shapes",), shape=ClipShape(12), device="nowhere")
    paths = (context.folder / "real.npy", context.folder / "statistics.safetensors")
    refusal = outcome(folder_statistics.save_folder_statistics, *paths, options, Progress(enabled=False))
    return has("uses no statistics of real clips", refusal)


@follows("needs_reference", "frechet", "none", "vidbench/scoring/needs.py", True, False)
def a_distance_needs_memory(_):
    return needs.memory_needed(load_task("k600-pred").task, ()) > 0


@follows("needs_reference", "frechet", "none", "vidbench/results/comparability.py", True, False)
def results_stand_together_on_the_same_real_clips(context):
    return comparability.real_clips_sha256(Result.model_validate(context.document), "fvd-shapes") != ""


@follows("needs_reference", "frechet", "none", "vidbench/tasks/differences/fields.py", "score", "beside")
def another_reference_set_is_another_number(_):
    a = load_task("shapes-gen").task
    b = a.model_copy(update={"reference": a.reference.model_copy(update={"num_clips": 512})})
    return task_differences(a, b)[0].bearing["fvd-shapes"]


@follows("needs_reference", "frechet", "none", "vidbench/leaderboard/task_groups.py", False, True)
def a_group_names_no_real_clips(_):
    return task_group(load_task("shapes-gen").task, "fvd-shapes") == group_without_reference()


# Which way is better.


@follows("higher_is_better", "frechet", True, "vidbench/cli/metrics.py", "lower", "higher")
def the_list_of_metrics_says_which_way_is_better(_):
    return metrics_command._row(METRICS["fvd-shapes"])["better"]


@follows("higher_is_better", "frechet", True, "vidbench/tasks/croissant.py", False, True)
def an_exported_task_says_which_way_is_better(_):
    document = croissant_document(load_task("shapes-gen").task)
    (of_metrics,) = (each for each in document["recordSet"] if each["name"] == "metrics")
    return next(row for row in of_metrics["data"] if row["metrics/id"] == "fvd-shapes")["metrics/higher_is_better"]


@follows("higher_is_better", "frechet", True, "vidbench/results/every_eval_ever.py", True, False)
def an_exported_result_says_which_way_is_better(context):
    return context.exported("fvd-shapes")["lower_is_better"]


@follows("higher_is_better", "frechet", True, "vidbench/leaderboard/rows.py", (False, False), (True, True))
def a_row_is_ranked(_):
    return rows.direction("fvd"), rows.direction("FVD128")


@follows("higher_is_better", "frechet", True, "vidbench/leaderboard/admission.py", False, True)
def a_reversed_direction_is_refused(context):
    return has("fvd-shapes has .*direction", context.objections())


@follows("higher_is_better", "frechet", True, "vidbench/leaderboard/admission.py", [], ["worse than the ceiling"])
def a_ceiling_is_a_worst_value(_):
    return implausible("fvd-shapes", 5.0, ceiling=6.0)


@follows("higher_is_better", "frechet", True, "vidbench/tasks/words.py", "lower", "higher")
def a_task_is_described(_):
    return re.search(r"fvd-shapes: .*?\((\w+) is\s+better\)", protocol_text(load_task("shapes-gen").task), re.DOTALL)[1]


@follows("higher_is_better", "frechet", True, "vidbench/jobs/measure.py", False, True)
def a_measurement_says_which_way_is_better(context):
    return context.measure("fvd-shapes").metrics["fvd-shapes"].higher_is_better


@follows("higher_is_better", "frechet", True, "vidbench/scoring/assemble.py", False, True)
def a_result_says_which_way_is_better(context):
    return context.evaluate().metrics["fvd-shapes"].higher_is_better


@follows("higher_is_better", "frechet", True, "vidbench/leaderboard/verification.py", [], ["another test"])
def a_score_too_good_for_its_drawn_seeds_is_tested(_):
    drawn = tuple(range(2, 10))
    value = verification.MadeAgain(claimed=1.0, again=1.0, drawn=drawn, test=draw_test(1.0, drawn, False, 1))
    log = SimpleNamespace(
        tier="verified", seed=0, drawn_seeds=drawn, values={"fvd-shapes": value}, unchanged=0.0, flags=()
    )
    return ["another test" for problem in verification._inconsistent(log, "fvd-shapes", value) if "test" in problem]


# Where values end.


def ends_at(statistic):
    """Each estimator clips its interval: a lower end of 1,000 moves the interval there."""
    id = next(d.id for d in METRICS.values() if d.statistic == statistic)

    @follows("lowest", statistic, 1000.0, f"vidmetrics/estimators/{MODULES[statistic]}.py", False, True)
    def an_interval_is_clipped(_):
        reference = {"none": None, "moments": moments(), "features": [ROWS]}[METRICS[id].needs_reference]
        estimator = make_estimator(METRICS[id], 3, 60)
        estimator.update(ROWS + 0.1)
        return estimator.result(reference).interval[0] == 1000.0


MODULES = {name: facts.estimator.partition(":")[0] for name, facts in STATISTICS.items() if facts.estimator}
for _statistic in ("frechet", "second-moments", "inception-score", "precision", "recall", "density", "coverage"):
    ends_at(_statistic)


@follows("highest", "ssim", 0.5, "vidmetrics/estimators/frames.py", 1.0, 0.5)
def the_interval_of_a_mean_over_clips(_):
    return estimate_mean("ssim", np.array([0.2, 0.9, 0.99]), 3).interval[1]


@follows("lowest", "frechet", -1.0, "vidbench/scoring/repeats.py", 0.0, -1.0)
def the_interval_over_runs(_):
    return over("fvd", 0.1, 0.2, 9.0)[0]


@follows("highest", "density", 0.5, "vidbench/leaderboard/admission.py", [], ["attainable range, 0 to 0.5"])
def a_value_beyond_the_range_is_refused(_):
    return implausible("density", 0.7)


@follows("highest", "density", 0.5, "vidbench/leaderboard/rows.py", np.inf, 0.5)
def the_range_of_a_board(_):
    return rows.attainable("density")[1]


@follows("highest", "frechet", 0.1, "vidbench/scoring/imported_reference.py", False, True)
def an_impossible_score_of_a_bound_in_a_file(_):
    scores = {"real": SimpleNamespace(values={"fvd-shapes": 0.2})}
    provenance = SimpleNamespace(bounds=SimpleNamespace(bounds=scores))
    refused = outcome(imported_reference._refuse_foreign_bounds, Path("file"), provenance, load_task("shapes-gen").task)
    return has("which no clips can have", refused)


@follows("lowest", "inception-score", 0.0, "vidbench/results/meaning.py", True, False)
def the_least_score_is_called_that(_):
    return has("the least possible", meaning("is-shapes", 1.0, None))


@follows("lowest", "frechet", -1.0, "vidbench/results/every_eval_ever.py", 0.0, -1.0)
def the_range_of_an_exported_result(context):
    return context.exported("fvd-shapes")["min_score"]


@follows("at_most_classes", "inception-score", False, "vidmetrics/catalog/metric.py", 24.0, np.inf)
def the_number_of_classes_ends_a_score(_):
    return METRICS["is-shapes"].attainable_range[1]


@follows("at_most_classes", "inception-score", False, "vidbench/leaderboard/admission.py", ["to 24 (the number"], [])
def a_score_above_the_number_of_classes(_):
    return implausible("is-shapes", 25.0)


# What a distance is.


@follows("is_distance", "frechet", False, "vidbench/leaderboard/better_than_real.py", True, False)
def nothing_is_much_nearer_than_real_clips(context):
    context.document["metrics"]["fvd-shapes"] |= {"value": 0.0, "interval": None}
    return "below-floor" in real_clip_flags(Result.model_validate(context.document))


@follows("is_distance", "frechet", False, "vidbench/leaderboard/admission.py", True, False)
def an_imported_reference_needs_the_floor(context):
    context.document["data"]["imported"] = {"sha256": "ab" * 32, "environment": context.document["environment"]}
    context.document["metrics"]["fvd-shapes"]["floor"] = None
    return has("without the score of real clips", context.objections())


@follows("is_distance", "frechet", False, "vidbench/results/meaning.py", True, False)
def a_distance_below_zero_is_noise(_):
    return has("within noise of 0", meaning("fvd-shapes", -0.1, None))


@follows("is_distance", "frechet", False, "vidmetrics/estimators/few_samples.py", True, False)
def a_distance_of_few_clips_warns(_):
    return has("is biased upwards", few_samples_warning(METRICS["fvd-shapes"], moments(), 2, 2, 60))


@follows("is_distance", "frechet", False, "vidbench/tasks/differences/side_by_side.py", True, False)
def what_was_measured_of_distances_is_told(_):
    a = load_task("shapes-gen").task.model_copy(update={"evaluation": only("fvd-shapes")})
    b = a.model_copy(update={"reference": a.reference.model_copy(update={"num_clips": 512})})
    return bool(difference_document(a, b)["differences"][0]["effects"])


@follows("unbiased", "frechet", True, "vidmetrics/estimators/few_samples.py", True, False)
def an_unbiased_distance_does_not_warn(_):
    return has("is biased upwards", few_samples_warning(METRICS["fvd-shapes"], moments(), 2, 2, 60))


@follows("unbiased", "kernel", False, "vidbench/leaderboard/better_than_real.py", False, True)
def a_score_below_zero_is_impossible(_):
    numbers = {"num_samples": 4, "num_reference": 4, "network": "", "floor": None, "ceiling": None}
    metric = MetricRecord(value=-0.1, interval=None, higher_is_better=False, **numbers)
    return floor_chance(METRICS["kvd"], metric, floors_of([0.1, 0.2, 0.4])) == 0.0


@follows("unbiased", "kernel", False, "vidmetrics/estimators/growth.py", True, False)
def nothing_is_extrapolated(_):
    return has("is unbiased", curve("kvd-shapes", [ROWS]).reason)


@follows("has_growth_curve", "frechet", False, "vidmetrics/estimators/growth.py", False, True)
def there_is_no_curve(_):
    return curve("fvd-shapes", moments()) is None


# Where it is computed.


@follows(
    "estimator", "precision", "manifold:RecallEstimator", "vidmetrics/estimators/registry.py", "Precision", "Recall"
)
def an_estimator_is_made(_):
    return type(make_estimator(METRICS["precision"], 3, 60)).__name__.removesuffix("Estimator")


@follows("frame_score", "psnr", "ssim", "vidmetrics/one_call.py", True, False)
def measure_compares_frames(_):
    return vidmetrics.measure("psnr", CLIPS, OTHERS).value > 1


@follows("frame_score", "psnr", "ssim", "vidbench/scoring/frame_comparison.py", ("psnr",), ("ssim",))
def a_task_compares_frames(_):
    task = load_task("shapes-pred").task
    return frame_comparison.compare_frames(task, [METRICS["psnr"]], None).scores


@follows("frame_score", "psnr", "ssim", "vidbench/scoring/frame_scores.py", ["psnr"], ["ssim"])
def shards_of_a_score_are_read(_):
    read = []
    store = frame_store(lambda name, *_: read.append(name) or [np.ones((4, 2))])
    frame_scores.estimate_frames(METRICS["psnr"], store, range(4), 1)
    return read


@follows("frame_score", "psnr", "ssim", "vidbench/scoring/frame_scores.py", ["psnr"], ["ssim"])
def an_infinite_frame_is_looked_for(_):
    read = []
    store = SimpleNamespace(read=lambda name, *_: read.append(name) or [np.full((4, 2), np.inf)])
    outcome(frame_scores.refuse_infinite, METRICS["psnr"], store, [np.inf])
    return read


@follows("best_of_several", "psnr", True, "vidbench/scoring/frame_scores.py", 1.5, 2.0)
def two_predictions_of_a_clip(_):
    store = frame_store(lambda *_: [np.array([[1.0], [2.0]])])
    return frame_scores.estimate_frames(METRICS["psnr"], store, range(2), 2).value


@follows("higher_is_better", "psnr-best", False, "vidbench/scoring/frame_scores.py", 2.0, 1.0)
def the_better_of_two_predictions_counts(_):
    store = frame_store(lambda *_: [np.array([[1.0], [2.0]])])
    return frame_scores.estimate_frames(METRICS["psnr-best"], store, range(2), 2).value


@follows("best_of_several", "psnr", True, "vidmetrics/one_call.py", False, True)
def one_prediction_is_not_enough(_):
    return has("best of several", outcome(vidmetrics.measure, "psnr", CLIPS, OTHERS))


@follows("best_of_several", "psnr", True, "vidmetrics/catalog/definitions.py", True, False)
def a_metric_has_a_function(_):
    return "psnr" in function_ids()


@follows("printed_as", "fvd-shapes", "FVD", "vidbench/leaderboard/rows.py", "fvd-shapes", "FVD")
def a_row_stands_with_what_papers_print(_):
    return rows.family("fvd-shapes")


@follows("printed_as", "fvd-shapes", "FVD", "vidbench/tasks/differences/metric_terms.py", (), (("fvd", "fvd-shapes"),))
def metrics_of_one_printed_name_are_compared(_):
    of_shapes = load_task("shapes-gen").task.model_copy(update={"evaluation": only("fvd-shapes")})
    return related_metrics(load_task("bair-pred").task, of_shapes)


# What a network is.


@follows("num_classes", "shapes", 7, "vidmetrics/catalog/metric.py", (1.0, 24.0), (1.0, 7.0))
def a_score_ends_at_the_classes(_):
    return METRICS["is-shapes"].attainable_range


@follows("num_classes", "shapes", 7, "vidbench/scoring/repeats.py", 24.0, 7.0)
def the_interval_over_runs_ends_at_the_classes(_):
    return over("is-shapes", 1.0, 2.0, 60.0)[1]


@follows("num_classes", "shapes", 7, "vidbench/leaderboard/admission.py", [], ["1 to 7 (the number of classes)"])
def more_than_the_classes_is_refused(_):
    return implausible("is-shapes", 7.5)


def has_logits(network, file, classes):
    @follows("num_classes", network, 7, f"vidmetrics/networks/{file}.py", classes, 7)
    def a_network_has_as_many_logits(_):
        module = read_anew(ROOT / "metrics" / "vidmetrics" / "networks" / f"{file}.py")
        return getattr(module, NETWORKS[network].target.partition(":")[2])().outputs["logits"]


for _network in (
    ("shapes", "shapes", 24), ("shapes-second", "shapes_second", 24), ("inception-2015-12-05", "inception", 1008),
    ("c3d-ucf101", "c3d", 101),
):  # fmt: skip
    has_logits(*_network)


@follows("num_classes", "i3d-kinetics-600", 7, "vidmetrics/networks/__init__.py", 600, 7)
def an_i3d_is_built(context):
    from vidmetrics.networks.i3d import I3D

    context.patch.setattr(I3D, "from_tensors", lambda tensors, num_classes: num_classes)
    return build_body("i3d-kinetics-600", {})


@follows("num_classes", "i3d-kinetics-600", 7, "vidmetrics/weights/importing.py", "i3d-kinetics-600", None)
def imported_weights_are_recognised(_):
    return network_of({"Logits/Conv3d_0c_1x1/conv_3d/w": np.empty((1, 1, 1, 1, 600))})


@follows("tensors", "c3d-ucf101", ("conv9",), "vidmetrics/weights/importing.py", "c3d-ucf101", None)
def tensors_are_recognised(_):
    return network_of({"conv1a/W": np.empty(1), "mean": np.empty(1)})


@follows("embedded", "shapes", False, "vidmetrics/networks/__init__.py", "networks", "weights")
def weights_are_looked_for(_):
    return default_weights("shapes").parent.name


@follows("embedded", "shapes", False, "vidbench/results/comparability.py", False, True)
def other_published_weights_do_not_part_results(_):
    proven = SimpleNamespace(proven=True)
    return comparability._published("shapes", proven, proven)


@follows("embedded", "shapes", False, "vidmetrics/weights/sources.py", True, False)
def embedded_weights_have_our_licence(_):
    return has("shipped with it", licence_of("shapes", proven=True))


@follows("embedded", "shapes", False, "vidbench/leaderboard/admission.py", True, False)
def embedded_weights_must_be_ours(context):
    context.document["networks"]["shapes"]["weights_sha256"] = "0" * 64
    return has("not the ones that ship", context.objections())


@follows("embedded", "shapes", False, "vidbench/jobs/claimed_source.py", True, False)
def embedded_weights_come_with_a_version(_):
    claimed = SimpleNamespace(weights_sha256="0" * 64, proven=True)
    now = SimpleNamespace(weights_sha256="1" * 64)
    said = outcome(claimed_source._require_same_weights, "shapes", claimed, now, "result")
    return has("they come with the vidbench that measured it", said)


@follows("frame_score", "psnr", "", "vidbench/jobs/export_result.py", ["psnr"], [])
def scores_of_clips_are_exported(context):
    return context.scores_of_clips("psnr")


@follows("best_of_several", "psnr", True, "vidbench/jobs/export_result.py", ["psnr"], [])
def the_best_of_several_is_not_exported(context):
    return context.scores_of_clips("psnr")


@follows("pooled", "i3d-kinetics-400", 0, "vidbench/scoring/needs.py", 4 * 1424, 4 * 400)
def features_need_disk(_):
    return needs.feature_bytes([METRICS["fvd"]], 16)


@follows("more_values", "inception-2015-12-05", 0, "vidbench/scoring/needs.py", 16 * 4 * 4064, 16 * 4 * 3056)
def features_of_more_outputs_need_disk(_):
    return needs.feature_bytes([METRICS["fid"]], 16)


@follows("per_frame", "inception-2015-12-05", False, "vidbench/scoring/needs.py", 16 * 4 * 4064, 4 * 4064)
def features_of_frames_need_disk(_):
    return needs.feature_bytes([METRICS["fid"]], 16)


@follows("embedded", "shapes", False, "vidbench/jobs/rehearse.py", [], ["shapes"])
def weights_are_rehearsed_with(context):
    made = []
    context.patch.setattr(
        "vidmetrics.conformance.seeded_weights.seeded_weights", lambda name, _: made.append(name) or {}
    )
    context.patch.setattr("safetensors.numpy.save_file", lambda *_: None)
    rehearse._write_seeded_weights(load_task("shapes-gen").task, context.folder, Progress(enabled=False))
    return made


@follows("second", "shapes", "", "vidbench/scoring/panel.py", "shapes-second", None)
def a_second_network_is_asked(context):
    made = {"length_problem": lambda _: "", "outputs": ["logits"]}
    context.patch.setattr(panel, "load_network", lambda name, **_: SimpleNamespace(name=name, **made))
    task = SimpleNamespace(name="shapes-gen", clips=SimpleNamespace(num_frames=16))
    options = SimpleNamespace(precision="exact")
    run = SimpleNamespace(
        metrics=[METRICS["fvd-shapes"]],
        networks={"shapes": None},
        task=task,
        device="cpu",
        options=options,
        total_samples=1024,
        statistics=None,
    )
    second = panel.open_panel(run).second
    return second and second[0].name


@follows("judges_only", "shapes", "", "vidmetrics/catalog/metric.py", True, False)
def a_metric_is_cautioned_against(_):
    return METRICS["fvd-shapes"].caution is not None


@follows("trained_on", "i3d-kinetics-600", (), "vidmetrics/catalog/training_data.py", True, False)
def a_network_is_known_to_have_seen_training_clips(_):
    return "kinetics-600/train" in seen_by("i3d-kinetics-600")


@follows("weights", "i3d-kinetics-400", "these", "vidbench/jobs/measure.py", False, True)
def missing_weights_of_two_folders_are_named(_):
    return has(r"\(these\)", measure_job._without_weights(METRICS["fvd"]))


@follows("weights", "c3d-ucf101", "these", "vidmetrics/networks/__init__.py", False, True)
def missing_weights_are_named(_):
    return has(r"\(these\)", outcome(load_network, "c3d-ucf101"))


@follows("target", "shapes", "c3d:C3D", "vidmetrics/networks/__init__.py", False, True)
def a_network_is_built(_):
    return has("conv1a", outcome(build_body, "shapes", {}))


@follows("settings", "i3d-kinetics-600", (), "vidmetrics/networks/__init__.py", False, True)
def settings_are_handed_on(_):
    return has("num_classes", outcome(build_body, "i3d-kinetics-600", {}, kind=(InputError, TypeError)))


# What the observers above share.


class Anything(dict):
    """A mapping that has every key."""

    def __missing__(self, key):
        return None


def frame_store(read):
    """A store of scores of frames; the keys of its clips are their places."""
    return SimpleNamespace(read=read, keys=lambda clips: np.array(clips, np.uint64))


def only(metric):
    """The evaluation of shapes-gen with one metric."""
    return load_task("shapes-gen").task.evaluation.model_copy(update={"metrics": (metric,)})


def group_without_reference():
    task = load_task("shapes-gen").task
    return group_of_columns(protocol_columns(task, "fvd-shapes", task.evaluation.num_samples, None))


def moments():
    of_rows = Moments(3)
    of_rows.update(ROWS)
    return of_rows


def curve(id, reference):
    return growth.score_against_count(METRICS[id], [ROWS], 3, 60, 1, reference)


def over(id, *values):
    return over_runs(METRICS[id], [Estimate(value, None, 10, 20) for value in values])[0].interval


def implausible(id, value, **record):
    """The phrases of a refusal that the consumers above name."""
    metric = {"interval": None, "num_samples": 4, "num_reference": 4, "network": "", "floor": None, "ceiling": None}
    metric |= {"value": value, "higher_is_better": True, **record}
    reasons = " ".join(admission.implausible(METRICS[id], MetricRecord.model_validate(metric)))
    phrases = {str(p) for c in CONSUMERS for side in (c.before, c.after) if isinstance(side, list) for p in side}
    return sorted(phrase for phrase in phrases if phrase in reasons)


def read_anew(path):
    """The module of a file, executed once more: what it takes from the catalog on import it takes again."""
    spec = importlib.util.spec_from_file_location(f"anew_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Context:
    """What an observer may use of the test that calls it."""

    patch: pytest.MonkeyPatch
    folder: Path
    document: dict
    task: Path

    def objections(self):
        return admission.objections(Result.model_validate(self.document))

    def measure(self, metric):
        for name, clips in (("real", CLIPS), ("samples", OTHERS)):
            np.save(self.folder / f"{name}.npy", clips)
        options = measure_job.MeasureOptions(metrics=(metric,), shape=ClipShape(num_frames=12), device="cpu")
        sides = (self.folder / f"{name}.npy" for name in ("real", "samples"))
        return measure_job.measure_clips(*sides, options, Progress(enabled=False))

    def exported(self, metric):
        result = Result.model_validate(self.document)
        return every_eval_ever._metric(result, metric, result.metrics[metric])["metric_config"]

    def scores_of_clips(self, metric):
        self.patch.setattr(export_result, "_stores", lambda run: [[]])
        self.patch.setattr(export_result, "_of_store", lambda shards, score: [1.0])
        record = SimpleNamespace(num_samples=1, runs=None, value=1.0)
        return sorted(export_result.clip_scores(self.folder, SimpleNamespace(metrics={metric: record})))

    def evaluate(self):
        import vidbench

        return vidbench.evaluate("noise", str(self.task), output=self.folder / "out", device="cpu")


@pytest.fixture
def context(monkeypatch, tmp_path, result_document, small_task):
    return Context(monkeypatch, tmp_path, result_document, small_task)


@pytest.mark.parametrize("consumer", CONSUMERS, ids=str)
def test_a_consumer_follows(consumer, context):
    assert consumer.observe(context) == consumer.before
    with changed(consumer.record, consumer.fact, consumer.value):
        assert consumer.observe(context) == consumer.after
    assert consumer.observe(context) == consumer.before


# The list is complete, and nobody keeps another.

PACKAGES = (ROOT / "vidbench", ROOT / "metrics" / "vidmetrics")
ENDS = ("lowest", "highest", "at_most_classes", "num_classes")
# What is read of a record, and the facts behind it.
READ = {
    "needs_reference": ("needs_reference",),
    "is_distance": ("is_distance",),
    "unbiased": ("unbiased",),
    "has_growth_curve": ("has_growth_curve",),
    "frame_score": ("frame_score",),
    "best_of_several": ("best_of_several",),
    "printed_as": ("printed_as",),
    "attainable_range": ENDS,
}
# Files that name several statistics or networks for another reason than to repeat what is known about them.
DISPATCH = {
    "metrics/vidmetrics/estimators/growth.py": "which function computes a curve",
    "metrics/vidmetrics/statistics/frames.py": "which function computes a score of frames",
    "vidbench/scoring/gpu_rates.py": "which rates were recorded",
    "vidbench/tasks/differences/effects.py": "which conventions were measured",
}


def sources():
    """The modules outside the catalog, by path; the conformance vectors are published and name what they were made with."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(("metrics/vidmetrics/catalog/", "metrics/vidmetrics/conformance/")):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def listed(*of_facts):
    modules = {consumer.module for consumer in CONSUMERS if consumer.fact in of_facts}
    found = {next(path for path in (module, f"metrics/{module}") if (ROOT / path).is_file()) for module in modules}
    return {path for path in found if not path.startswith("metrics/vidmetrics/catalog/")}


def reads(tree, attribute):
    return any(isinstance(node, ast.Attribute) and node.attr == attribute for node in ast.walk(tree))


def imports(tree, module, besides=()):
    """Whether a module takes something from another, besides some names."""
    taken = [node.names for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == module]
    return any(alias.name not in besides for names in taken for alias in names)


@pytest.mark.parametrize("attribute", READ)
def test_every_reader_of_a_fact_is_listed(attribute):
    readers = {name for name, tree in sources() if reads(tree, attribute)}
    assert readers <= listed(*READ[attribute])
    assert len(READ[attribute]) > 1 or readers == listed(attribute)


def test_every_reader_of_a_direction_or_a_network_card_is_listed():
    definitions, cards = "vidmetrics.catalog.definitions", "vidmetrics.catalog.network_cards"
    directed = {n for n, tree in sources() if imports(tree, definitions) and reads(tree, "higher_is_better")}
    assert directed == listed("higher_is_better")
    # The network that a variant takes its weights from is no fact of a card.
    carded = {name for name, tree in sources() if imports(tree, cards, besides=("base_network",))}
    of_cards = [fact for fact in NETWORKS["shapes"].__dataclass_fields__ if fact != "name"]
    assert carded <= listed(*of_cards)
    assert {consumer.fact for consumer in CONSUMERS} >= set(of_cards)


def test_every_fact_has_a_consumer():
    own = set(STATISTICS["frechet"].__dataclass_fields__) - {"name"}
    assert own <= {consumer.fact for consumer in CONSUMERS}


def test_no_list_of_statistics_metrics_or_networks_is_kept_elsewhere():
    # Four statistics bear names that also mean something else.
    names = {*STATISTICS, *METRICS, *NETWORKS} - {"precision", "recall", "density", "coverage", "is", "shapes"}
    found = {}
    for path, tree in sources():
        constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        named = sorted(names & {value for value in constants if isinstance(value, str)})
        if len(named) > 1:
            found[path] = named
    assert set(found) == set(DISPATCH), found
