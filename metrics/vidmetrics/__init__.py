"""The measuring instruments of video generation: arrays in, numbers out.

`import vidmetrics` is light: torch and scipy are imported when a function needs them. Clips are uint8 RGB
``[N, T, H, W, 3]`` everywhere.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vidmetrics.errors import InputError

# These two functions bear the names of their files. Importing the files first makes the functions, not the files, the
# attributes of this package; both files import only numpy.
from vidmetrics.inception_score import inception_score
from vidmetrics.measure import measure

if TYPE_CHECKING:
    from vidmetrics.conventions import CONVENTIONS, Convention
    from vidmetrics.definitions import METRICS, MetricDefinition, get_metric
    from vidmetrics.estimators import Estimate, make_estimator
    from vidmetrics.frechet import frechet_distance
    from vidmetrics.intervals import jackknife_interval
    from vidmetrics.measure import (
        fid_i3d_k600,
        fid_shapes,
        fvd,
        fvd_cdfvd,
        fvd_magvit,
        fvd_shapes,
        fvd_styleganv,
        fvd_videogpt,
        is_i3d_k600,
        is_shapes,
    )
    from vidmetrics.moments import Moments
    from vidmetrics.networks import load_network

_HOMES = {
    "CONVENTIONS": "conventions",
    "Convention": "conventions",
    "Estimate": "estimators",
    "METRICS": "definitions",
    "MetricDefinition": "definitions",
    "Moments": "moments",
    "fid_i3d_k600": "measure",
    "fid_shapes": "measure",
    "frechet_distance": "frechet",
    "fvd": "measure",
    "fvd_cdfvd": "measure",
    "fvd_magvit": "measure",
    "fvd_shapes": "measure",
    "fvd_styleganv": "measure",
    "fvd_videogpt": "measure",
    "get_metric": "definitions",
    "is_i3d_k600": "measure",
    "is_shapes": "measure",
    "jackknife_interval": "intervals",
    "load_network": "networks",
    "make_estimator": "estimators",
}

__all__ = [
    "CONVENTIONS",
    "METRICS",
    "Convention",
    "Estimate",
    "InputError",
    "MetricDefinition",
    "Moments",
    "fid_i3d_k600",
    "fid_shapes",
    "frechet_distance",
    "fvd",
    "fvd_cdfvd",
    "fvd_magvit",
    "fvd_shapes",
    "fvd_styleganv",
    "fvd_videogpt",
    "get_metric",
    "inception_score",
    "is_i3d_k600",
    "is_shapes",
    "jackknife_interval",
    "load_network",
    "make_estimator",
    "measure",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vidmetrics' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"vidmetrics.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
