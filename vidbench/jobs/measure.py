"""Measure any two folders of clips by any metrics, with as few network passes as possible; never official."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidbench.data.folders.inventory import entries_sentences
from vidbench.distributed.ranks import choose_device, process_group
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.results.meaning import meaning
from vidbench.results.measurement import MeasuredClips, MeasuredMetric, Measurement
from vidbench.results.schema import NetworkRecord, PixelsRecord
from vidbench.samples.clip_folder import ClipFiles, ClipShape, open_clips, refuse_missing
from vidbench.scoring.assemble import environment_record, network_record
from vidbench.scoring.features import FeatureStore, fill_stores
from vidbench.scoring.given_reference import GivenRealSide, refuse_other_protocol
from vidbench.scoring.gpu_rates import gpu_sentence
from vidbench.scoring.reference import RealSide, estimate
from vidbench.scoring.run_plan import check_outputs
from vidbench.tasks.limits import MOST_BATCH, MOST_FRAMES, MOST_PIXELS, MOST_STRIDE, check_option
from vidmetrics.catalog.definitions import METRICS, MetricDefinition, get_metric
from vidmetrics.catalog.network_cards import network_card
from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.few_samples import few_samples_warning
from vidmetrics.formats.memory import refuse_more_than_memory
from vidmetrics.home import home
from vidmetrics.metric_objects.statistics_files import Statistics
from vidmetrics.networks import base_network, default_weights, load_network
from vidmetrics.networks.sharing import shared_passes
from vidmetrics.regular_files import why_no_file
from vidmetrics.statistics.moments import Moments

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """What a user may choose about a measurement.

    Attributes:
        metrics: metric ids, or patterns such as ``"fvd*"``.
        shape: how clips are cut from videos.
        ignore: patterns of entries of folders to leave out.
        weights: weights files by network; other networks use their default.
        device: torch device; None for a GPU if there is one.
        precision: ``"exact"`` (within 1e-5 of float64) or ``"fast"`` (within 1e-3, on CPUs 1e-2).
        batch_size: clips per call of the networks; does not affect the scores.
    """

    metrics: tuple[str, ...]
    shape: ClipShape = field(default_factory=ClipShape)
    ignore: tuple[str, ...] = ()
    weights: Mapping[str, Path] = field(default_factory=dict)
    device: str | None = None
    precision: Literal["exact", "fast"] = "exact"
    batch_size: int = 32


def measure_clips(real: Path | Statistics, samples: Path, options: MeasureOptions, progress: Progress) -> Measurement:
    """Measure samples against real clips, or their statistics; see `vidbench.samples.clip_folder.open_clips` for accepted formats.

    Features are cached in the home folder by the content of the files, so the same clips are never measured twice.

    Raises:
        InputError: bad input, or a metric that was named, not matched by a pattern, cannot run.
    """
    check_options(options)
    chosen = choose_metrics(options.metrics)
    with process_group() as ranks:
        ranks.check_shared(home())
        progress = progress if ranks.is_main else Progress(enabled=False)
        device = choose_device(options.device, ranks)
        given = real if isinstance(real, Statistics) else None
        paths = {"Samples": samples} if isinstance(real, Statistics) else {"Real clips": real, "Samples": samples}
        for path in paths.values():
            refuse_missing(path)
        check_outputs((home(),), ranks)
        # Opening hashes every byte, which lets other threads run: the networks are loaded meanwhile.
        with ThreadPoolExecutor(len(paths), "vidbench-opening") as pool:

            def begin_opening() -> dict[str, Future[ClipFiles]]:
                return {
                    title: pool.submit(open_clips, path, options.shape, options.ignore) for title, path in paths.items()
                }

            opening = begin_opening() if _all_weights_there(chosen, options) else None
            networks, not_measured = load_networks(chosen, options, device)
            metrics = [get_metric(id) for id in chosen if id not in not_measured]
            if not metrics:
                raise InputError(f"None of the metrics can be measured: {next(iter(not_measured.values()))}")
            if given is not None:
                given.check(networks, metrics)
            sides = {title: opened.result() for title, opened in (opening or begin_opening()).items()}
        for line in entries_sentences(options.ignore, [(f"'{clips.path}'", clips.unused) for clips in sides.values()]):
            progress.say(line)
        sample_clips = sides["Samples"]
        if given is None:
            _check_sizes(sides["Real clips"], sample_clips)
        else:
            refuse_other_protocol(given, options.shape, sample_clips)
        share = shared_passes(networks, sample_clips.height, sample_clips.width)
        passes = [networks[name] for name in dict.fromkeys(share.values())]
        frames, world = options.shape.num_frames, ranks.world_size
        progress.expect(
            {title: -(-clips.num_clips // world) for title, clips in sides.items()},
            lambda clips: gpu_sentence(passes, frames, clips * world, device),
        )
        stores = {
            title: fill_stores(
                clips,
                passes,
                clips.num_clips,
                root=home(),
                batch_size=options.batch_size,
                ranks=ranks,
                progress=progress,
                title=title,
            )
            for title, clips in sides.items()
            if title == "Samples" or any(metric.needs_reference != "none" for metric in metrics)
        }
        found: dict[str, MeasuredMetric] = {}
        for metric in metrics:
            by_side = {title: of_network[share[metric.network]] for title, of_network in stores.items()}
            side = _real_side(given, networks[metric.network], by_side, options.shape.num_frames)
            try:
                result = estimate(metric, by_side["Samples"], side)
            except InputError as error:
                if chosen[metric.id]:
                    raise
                not_measured[metric.id] = str(error)
                continue
            found[metric.id] = MeasuredMetric(
                value=result.value,
                interval=result.interval,
                num_samples=result.num_samples,
                num_reference=result.num_reference,
                higher_is_better=metric.higher_is_better,
                network=metric.network,
                meaning=meaning(metric.id, result.value, result.interval),
                caution=metric.caution,
                bias=_bias(metric, side, result),
            )
    used = {METRICS[id].network for id in found}
    records = {name: network_record(network) for name, network in networks.items() if name in used}
    return Measurement(
        metrics=found,
        not_measured=not_measured,
        real=_clips_record(sides["Real clips"]) if given is None else _statistics_record(given),
        samples=_clips_record(sample_clips),
        ignored=options.ignore,
        num_frames=options.shape.num_frames,
        stride=options.shape.stride,
        height=sample_clips.height,
        width=sample_clips.width,
        pixels=PixelsRecord(convention=options.shape.pixels),
        networks=records,
        network_passes=len(set(share.values())),
        environment=environment_record(device),
        reasons=_reasons(records, sides, options, given),
    )


def choose_metrics(patterns: Sequence[str]) -> dict[str, bool]:
    """Return the metric ids that match, and for each whether it was named and not only matched by a pattern.

    Raises:
        InputError: an unknown id, or a pattern without a match.
    """
    if not patterns:
        raise InputError("There is no metric to measure; name at least one, such as 'fvd'.")
    chosen: dict[str, bool] = {}
    for pattern in patterns:
        if not set(pattern) & set("*?["):
            chosen[get_metric(pattern).id] = True
            continue
        matching = [id for id in METRICS if fnmatchcase(id, pattern)]
        if not matching:
            raise InputError(f"No metric matches '{pattern}'; known metrics: {', '.join(METRICS)}.")
        for id in matching:
            chosen.setdefault(id, False)
    return chosen


def check_options(options: MeasureOptions) -> None:
    """Refuse numbers out of range, a clip larger than the memory, and weights files that are not there.

    Raises:
        InputError: names the option.
    """
    shape = options.shape
    side = 1 if shape.resolution is None else shape.resolution
    check_option("--num-frames", shape.num_frames, MOST_FRAMES)
    check_option("--stride", shape.stride, MOST_STRIDE)
    check_option("--resolution", side, MOST_PIXELS)
    check_option("--batch-size", options.batch_size, MOST_BATCH)
    refuse_more_than_memory(
        shape.num_frames * side * side * 3,
        f"A clip of {shape.num_frames:,} frames of {side}x{side} pixels",
        "lower --resolution or --num-frames",
    )
    for name, path in options.weights.items():
        default_weights(name)  # refuses an unknown network
        if not path.is_file():
            raise InputError(f"The weights file '{path}' of the network '{name}' {why_no_file(path)}; check --weights.")


def _check_sizes(real: ClipFiles, samples: ClipFiles) -> None:
    if (real.height, real.width) != (samples.height, samples.width):
        raise InputError(
            f"Frames of '{real.path}' have {real.width}x{real.height} pixels and frames of '{samples.path}' "
            f"{samples.width}x{samples.height}: use --resolution to resize both."
        )


def _all_weights_there(chosen: Mapping[str, bool], options: MeasureOptions) -> bool:
    """Return whether loading the networks will take time; where weights are missing, it is refused at once."""
    names = {METRICS[id].network for id in chosen if METRICS[id].needs_reference != "frames"}
    given = options.weights
    return all(name in given or base_network(name) in given or default_weights(name).is_file() for name in names)


def load_networks(
    chosen: Mapping[str, bool], options: MeasureOptions, device: str
) -> tuple[dict[str, Network], dict[str, str]]:
    """Return the networks by name, and for each metric matched by a pattern that cannot run, the reason."""
    networks: dict[str, Network] = {}
    not_measured: dict[str, str] = {}
    for id, outright in chosen.items():
        name = METRICS[id].network
        if METRICS[id].needs_reference == "frames":
            reason = f"The metric '{id}' compares each predicted frame with the true one, not sets of clips"
            if outright:
                raise InputError(f"{reason}; call vidmetrics.measure('{id}', true, predicted).")
            not_measured[id] = f"{reason}."
            continue
        weights = options.weights.get(name, options.weights.get(base_network(name)))
        if weights is None and not outright and not default_weights(name).is_file():
            not_measured[id] = (
                f"The weights of '{base_network(name)}' are not at {default_weights(name)}; run `vidbench weights fetch "
                f"{base_network(name)}`."
            )
            continue
        if weights is None and not default_weights(name).is_file():
            raise InputError(_without_weights(METRICS[id]))
        if name not in networks:
            networks[name] = load_network(name, weights=weights, device=device, precision=options.precision)
        unfit = networks[name].length_problem(options.shape.num_frames)
        if unfit and outright:
            raise InputError(f"{unfit}; change --num-frames or leave the metric '{id}' out.")
        if unfit:
            not_measured[id] = f"{unfit}."
    wanted = {METRICS[id].network for id in chosen if id not in not_measured}
    return {name: network for name, network in networks.items() if name in wanted}, not_measured


def _without_weights(metric: MetricDefinition) -> str:
    """Return the sentence for a metric without weights: how to get them, and what runs without, if anything does."""
    name = base_network(metric.network)
    twins = (other for other in METRICS.values() if other.caution and other.statistic == metric.statistic)
    twin = next(twins, None)
    instead = "" if twin is None else f"; without any, --metric {twin.id} runs, which judges only moving shapes"
    return (
        f"The weights of '{name}' ({network_card(name).weights}) are not at {default_weights(name)}: run `vidbench weights "
        f"fetch {name}`{instead}."
    )


def _real_side(
    given: Statistics | None, network: Network, stores: Mapping[str, FeatureStore], num_frames: int
) -> RealSide | GivenRealSide:
    if given is not None:
        return GivenRealSide(given, network, num_frames)
    # If no metric needs real clips they have no store, and none is read.
    return RealSide(home(), stores.get("Real clips", stores["Samples"]), network, num_frames)


def _bias(metric: MetricDefinition, side: RealSide | GivenRealSide, result: Estimate) -> str | None:
    """Return the sentence about a distance of fewer rows than features, if it is one."""
    reference = side.for_metric(metric)
    if not isinstance(reference, Moments):
        return None
    rows = result.num_samples * side.rows_per_clip
    return few_samples_warning(metric, reference, rows, result.num_samples, result.num_reference or 0)


def _statistics_record(statistics: Statistics) -> MeasuredClips:
    return MeasuredClips(
        path=str(statistics.protocol.get("path", "statistics")),
        num_clips=statistics.num_clips,
        sha256=sha256(statistics.to_bytes()).hexdigest(),
        lossy=bool(statistics.protocol.get("lossy", False)),
    )


def _clips_record(clips: ClipFiles) -> MeasuredClips:
    return MeasuredClips(
        path=str(clips.path),
        num_clips=clips.num_clips,
        sha256=clips.identity["sha256"],
        lossy=clips.lossy,
        unused=dict(clips.unused),
    )


def _reasons(
    networks: Mapping[str, NetworkRecord],
    sides: Mapping[str, ClipFiles],
    options: MeasureOptions,
    given: Statistics | None,
) -> tuple[str, ...]:
    unproven: Iterable[str] = dict.fromkeys(
        base_network(name) for name, record in networks.items() if not record.proven
    )
    reasons = ["Clips from arbitrary folders were measured, without a task."]
    if given is not None:
        reasons.append("The real clips are represented by statistics, whose clips were not seen.")
    reasons += [f"The weights of '{name}' are not proven to be the published ones." for name in unproven]
    reasons += [f"{title} were stored with a lossy codec." for title, clips in sides.items() if clips.lossy]
    if options.shape.pixels != "exact":
        reasons.append(f"Frames of videos were converted to RGB by '{options.shape.pixels}'.")
    if options.precision != "exact":
        reasons.append(f"The networks ran with precision '{options.precision}'.")
    return tuple(reasons)
