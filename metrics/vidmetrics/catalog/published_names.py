"""Metric names as printed in papers, each with its statistic."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PUBLISHED_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "FVD": "frechet",
        "FVD128": "frechet",
        "gFVD": "frechet",
        "FID(I3D-K600)": "frechet",
        "FID(C3D)": "frechet",
        "FID(C3D fc7)": "frechet",
        "FVD(VideoMAE)": "frechet",
        "JEDi": "second-moments",
        "IS(I3D-K600)": "inception-score",
        "IS(C3D)": "inception-score",
        "IS": "inception-score",
    }
)
"""Statistic by printed name; `MetricDefinition.printed_as` is one of these names."""
