"""Write the statistics of any folder of clips, without a task, for `vidbench measure` and `vidmetrics.metric`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidbench.data.folders.inventory import entries_sentences
from vidbench.distributed.ranks import choose_device, process_group
from vidbench.errors import InputError
from vidbench.jobs.sample import refuse_existing
from vidbench.progress import Progress
from vidbench.samples.clip_folder import ClipFiles, ClipShape, open_clips, refuse_missing
from vidbench.scoring.features import fill_stores
from vidbench.scoring.reference import reference_moments
from vidbench.scoring.run_plan import check_outputs
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.home import home
from vidmetrics.metric_objects.statistics_files import Statistics, network_facts
from vidmetrics.networks import load_network
from vidmetrics.networks.sharing import shared_passes


def refuse_other_protocol(statistics: Statistics, shape: ClipShape, samples: ClipFiles) -> None:
    """Refuse samples that are cut or sized differently from the clips behind statistics.

    Raises:
        InputError: names the option that makes them agree, if there is one.
    """
    frames, height, width = statistics.size
    for option, ours, theirs in (
        ("--num-frames", shape.num_frames, frames),
        ("--stride", shape.stride, statistics.protocol.get("stride", shape.stride)),
        ("--pixels", shape.pixels, statistics.protocol.get("pixels", shape.pixels)),
    ):
        if ours != theirs:
            raise InputError(
                f"The statistics are of clips with {option} {theirs}, and the samples are read with {option} {ours}: use "
                f"{option} {theirs}."
            )
    if (samples.height, samples.width) != (height, width):
        advice = f"use --resolution {height}" if height == width else "resize the samples to it"
        raise InputError(
            f"The statistics are of frames of {width}x{height} pixels and frames of '{samples.path}' have "
            f"{samples.width}x{samples.height}: {advice}."
        )
