"""The reference set of `vidbench measure` from a file of statistics instead of clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidbench.errors import InputError
from vidbench.samples.clip_folder import ClipFiles, ClipShape
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Reference
from vidmetrics.metric_objects.statistics_files import Statistics

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


@dataclass(frozen=True)
class GivenRealSide:
    """The statistics of real clips under one network; see `vidbench.scoring.reference.RealSide`."""

    statistics: Statistics
    network: Network
    num_frames: int

    @property
    def rows_per_clip(self) -> int:
        """Feature rows per clip."""
        return self.network.rows_per_clip(self.num_frames)

    def for_metric(self, definition: MetricDefinition) -> Reference:
        """Return moments, feature batches, or None, as the metric needs."""
        return self.statistics.reference(definition)


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
