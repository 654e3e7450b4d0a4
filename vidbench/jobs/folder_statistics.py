"""Write the statistics of any folder of clips, without a task, for `vidbench measure` and `vidmetrics.metric`."""

from __future__ import annotations

from vidbench.errors import InputError
from vidbench.samples.clip_folder import ClipFiles, ClipShape
from vidmetrics.metric_objects.statistics_files import Statistics


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
