"""Write the statistics of any folder of clips, without a task, for `vidbench measure` and `vidmetrics.metric`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vidbench.data.folders.inventory import entries_sentences
from vidbench.distributed.ranks import choose_device, process_group
from vidbench.errors import InputError
from vidbench.jobs.measure import MeasureOptions, check_options, load_networks
from vidbench.jobs.sample import refuse_existing
from vidbench.progress import Progress
from vidbench.samples.clip_folder import ClipFiles, ClipShape, open_clips, refuse_missing
from vidbench.scoring.features import FeatureStore, fill_stores
from vidbench.scoring.reference import reference_moments
from vidbench.scoring.run_plan import check_outputs
from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.home import home
from vidmetrics.metric_objects.statistics_files import Content, Statistics, network_facts
from vidmetrics.networks.network import Network
from vidmetrics.networks.sharing import shared_passes


def save_folder_statistics(folder: Path, path: Path, options: MeasureOptions, progress: Progress) -> Statistics | None:
    """Measure the clips of a folder and write what metrics need of them; cached features are reused.

    Args:
        folder: clips in any form that `vidbench.samples.clip_folder.open_clips` accepts.
        path: the ``.safetensors`` file to write; it must not exist.
        options: the metrics that it is to serve, by their ids, and how clips are cut and measured.
        progress: where progress is shown.

    Returns:
        The statistics; None on all ranks except the main one.

    Raises:
        InputError: bad input, or the file exists.
    """
    check_options(options)
    refuse_existing(path, "file")
    refuse_missing(folder)
    if path.suffix != ".safetensors":
        raise InputError(f"Statistics are written as safetensors: name the output {path.stem}.safetensors.")
    metrics = [get_metric(id) for id in dict.fromkeys(options.metrics)]
    if useless := [metric.id for metric in metrics if metric.needs_reference in ("none", "frames")]:
        raise InputError(f"The metric '{useless[0]}' uses no statistics of real clips: leave it out.")
    with process_group() as ranks:
        cache = home()
        ranks.check_shared(cache)
        progress = progress if ranks.is_main else Progress(enabled=False)
        networks, _ = load_networks(
            {metric.id: True for metric in metrics}, options, choose_device(options.device, ranks)
        )
        check_outputs((path.parent, cache), ranks)
        clips = open_clips(folder, options.shape, options.ignore)
        for line in entries_sentences(options.ignore, [(f"'{clips.path}'", clips.unused)]):
            progress.say(line)
        share = shared_passes(networks, clips.height, clips.width)
        if ranks.is_main:
            path.parent.mkdir(parents=True, exist_ok=True)
        with ranks.sole_writer(path, inside=False):
            stores = fill_stores(
                clips,
                [networks[name] for name in dict.fromkeys(share.values())],
                clips.num_clips,
                root=cache,
                batch_size=options.batch_size,
                ranks=ranks,
                progress=progress,
                title="Real clips",
            )
            if not ranks.is_main:
                return None
            refuse_existing(path, "file")  # the process before may have finished it
            by_name = {name: stores[share[name]] for name in networks}
            statistics = _statistics(clips, options.shape, metrics, networks, by_name)
            statistics.save(path)
    return statistics


def _statistics(
    clips: ClipFiles,
    shape: ClipShape,
    metrics: Sequence[MetricDefinition],
    networks: Mapping[str, Network],
    stores: Mapping[str, FeatureStore],
) -> Statistics:
    whole = {(metric.network, metric.output) for metric in metrics if metric.needs_reference == "features"}
    content: dict[tuple[str, str], Content] = {}
    for name, output in dict.fromkeys((metric.network, metric.output) for metric in metrics):
        store = stores[name]
        if (name, output) in whole:
            content[name, output] = np.concatenate(list(store.read(output)))
        else:
            content[name, output] = reference_moments(home(), store, networks[name], output, shape.num_frames)
    protocol = {
        "path": str(clips.path),
        "clips_sha256": clips.identity["sha256"],
        "stride": shape.stride,
        "resolution": shape.resolution,
        "pixels": shape.pixels,
        "lossy": clips.lossy,
    }
    return Statistics(
        metrics=tuple(metric.id for metric in metrics),
        num_clips=clips.num_clips,
        size=(shape.num_frames, clips.height, clips.width),
        networks={name: network_facts(network) for name, network in networks.items()},
        protocol=protocol,
        content=content,
    )
