"""Metrics against time: the record of a curve over the windows of a long prediction."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TimeWindow(BaseModel):
    """A metric in one window of the predicted frames."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    first_frame: int = Field(
        description="First frame of the window in the clip; the context frames come before the first window."
    )
    num_frames: int
    value: float = Field(description="The metric on these frames alone, of samples and reference clips alike.")
    interval: tuple[float, float] | None = Field(description="95 % confidence interval, as that of the metric itself.")
    bounds: dict[str, float] = Field(
        default_factory=dict, description="The same of each bound; a frame metric has none for real clips."
    )


class TimeCurve(BaseModel):
    """A metric against time."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    windows: tuple[TimeWindow, ...] = Field(description="In the order of time; empty if `absent` says why.")
    absent: str | None = Field(default=None, description="Why there is no curve.")
