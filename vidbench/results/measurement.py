"""The record that `vidbench measure --json` prints; never a result."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vidbench.results.meaning import cautions, meanings
from vidbench.results.schema import EnvironmentRecord, NetworkRecord, PixelsRecord


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MeasuredMetric(_Record):
    """One number."""

    value: float
    interval: tuple[float, float] | None
    num_samples: int
    num_reference: int | None
    higher_is_better: bool
    network: str = Field(description="Key into `networks`.")
    meaning: str | None = Field(
        default=None, description="What is remarkable about the value, such as 'within noise of 0'."
    )
    caution: str | None = Field(
        default=None, description="What the value is not, if the network can judge some clips only."
    )
    bias: str | None = Field(
        default=None, description="The bias to expect of a distance of fewer samples than features, with its size."
    )


class MeasuredClips(_Record):
    """The clips of one side."""

    path: str
    num_clips: int
    sha256: str = Field(description="Digest of the names and bytes of the files used.")
    lossy: bool
    unused: dict[str, int] = Field(
        default_factory=dict, description="Number of entries of the folder that are not clips, by reason."
    )


class Measurement(_Record):
    """What `vidbench measure --json` prints."""

    metrics: dict[str, MeasuredMetric]
    not_measured: dict[str, str] = Field(
        description="Metrics that a pattern matched but that could not run, with the reason."
    )
    real: MeasuredClips
    samples: MeasuredClips
    ignored: tuple[str, ...] = Field(default=(), description="Patterns of --ignore.")
    num_frames: int
    stride: int
    height: int
    width: int
    pixels: PixelsRecord = Field(description="How the frames of videos became RGB.")
    networks: dict[str, NetworkRecord]
    network_passes: int = Field(
        description="Network passes over each side; networks that compute the same features of these clips share one."
    )
    environment: EnvironmentRecord
    official: Literal[False] = False
    reasons: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the values are not, and what is remarkable about them, as `vidbench measure` says below its table."""
        return (*self.cautions, *self.value_remarks)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the values of these metrics are not, whatever the samples."""
        return tuple(cautions(self.metrics))

    @property
    def value_remarks(self) -> tuple[str, ...]:
        """What is remarkable about these values."""
        return (
            *(each.bias for each in self.metrics.values() if each.bias),
            *meanings({id: (each.value, each.interval) for id, each in self.metrics.items()}),
        )

    def to_json(self) -> str:
        """Return the record as a JSON document."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False)
