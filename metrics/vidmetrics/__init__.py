"""The measuring instruments of video generation: arrays in, numbers out.

`import vidmetrics` is light: torch and scipy are imported when a function needs them. Clips are uint8 RGB
``[N, T, H, W, 3]`` everywhere.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vidmetrics.errors import InputError
from vidmetrics.one_call import measure

# These two functions bear the names of their files. Importing the files first makes the functions, not the files, the
# attributes of this package; both files import only numpy.
from vidmetrics.statistics.inception_score import inception_score

if TYPE_CHECKING:
    from vidmetrics.catalog.conventions import CONVENTIONS, Convention
    from vidmetrics.catalog.definitions import METRICS, MetricDefinition, get_metric
    from vidmetrics.estimators.base import Estimate
    from vidmetrics.estimators.registry import make_estimator
    from vidmetrics.networks import load_network
    from vidmetrics.one_call import (
        coverage,
        coverage_shapes,
        density,
        density_shapes,
        fid,
        fid_c3d_ucf101,
        fid_i3d_k600,
        fid_inf,
        fid_shapes,
        fvd,
        fvd_cdfvd,
        fvd_inf,
        fvd_inf_shapes,
        fvd_magvit,
        fvd_shapes,
        fvd_styleganv,
        fvd_videogpt,
        is_,
        is_c3d_ucf101,
        is_i3d_k600,
        is_shapes,
        kid,
        kvd,
        kvd_shapes,
        precision,
        precision_shapes,
        psnr,
        recall,
        recall_shapes,
        ssim,
    )
    from vidmetrics.statistics.extrapolation import at_infinity
    from vidmetrics.statistics.frames import best_of_k, mean_of_k, psnr_frames, ssim_frames
    from vidmetrics.statistics.frechet import frechet_distance
    from vidmetrics.statistics.intervals import jackknife_interval
    from vidmetrics.statistics.kernel import kid_subsets, polynomial_mmd
    from vidmetrics.statistics.manifold import density_coverage, precision_recall
    from vidmetrics.statistics.moments import Moments

_HOMES = {
    "CONVENTIONS": "catalog.conventions",
    "Convention": "catalog.conventions",
    "Estimate": "estimators.base",
    "METRICS": "catalog.definitions",
    "MetricDefinition": "catalog.definitions",
    "Moments": "statistics.moments",
    "at_infinity": "statistics.extrapolation",
    "best_of_k": "statistics.frames",
    "coverage": "one_call",
    "coverage_shapes": "one_call",
    "density": "one_call",
    "density_coverage": "statistics.manifold",
    "density_shapes": "one_call",
    "fid": "one_call",
    "fid_c3d_ucf101": "one_call",
    "fid_i3d_k600": "one_call",
    "fid_inf": "one_call",
    "fid_shapes": "one_call",
    "frechet_distance": "statistics.frechet",
    "fvd": "one_call",
    "fvd_cdfvd": "one_call",
    "fvd_inf": "one_call",
    "fvd_inf_shapes": "one_call",
    "fvd_magvit": "one_call",
    "fvd_shapes": "one_call",
    "fvd_styleganv": "one_call",
    "fvd_videogpt": "one_call",
    "get_metric": "catalog.definitions",
    "is_": "one_call",
    "is_c3d_ucf101": "one_call",
    "is_i3d_k600": "one_call",
    "is_shapes": "one_call",
    "jackknife_interval": "statistics.intervals",
    "kid": "one_call",
    "kid_subsets": "statistics.kernel",
    "kvd": "one_call",
    "kvd_shapes": "one_call",
    "load_network": "networks",
    "make_estimator": "estimators.registry",
    "mean_of_k": "statistics.frames",
    "polynomial_mmd": "statistics.kernel",
    "precision": "one_call",
    "precision_recall": "statistics.manifold",
    "precision_shapes": "one_call",
    "psnr": "one_call",
    "psnr_frames": "statistics.frames",
    "recall": "one_call",
    "recall_shapes": "one_call",
    "ssim": "one_call",
    "ssim_frames": "statistics.frames",
}

__all__ = [
    "CONVENTIONS",
    "METRICS",
    "Convention",
    "Estimate",
    "InputError",
    "MetricDefinition",
    "Moments",
    "at_infinity",
    "best_of_k",
    "coverage",
    "coverage_shapes",
    "density",
    "density_coverage",
    "density_shapes",
    "fid",
    "fid_c3d_ucf101",
    "fid_i3d_k600",
    "fid_inf",
    "fid_shapes",
    "frechet_distance",
    "fvd",
    "fvd_cdfvd",
    "fvd_inf",
    "fvd_inf_shapes",
    "fvd_magvit",
    "fvd_shapes",
    "fvd_styleganv",
    "fvd_videogpt",
    "get_metric",
    "inception_score",
    "is_",
    "is_c3d_ucf101",
    "is_i3d_k600",
    "is_shapes",
    "jackknife_interval",
    "kid",
    "kid_subsets",
    "kvd",
    "kvd_shapes",
    "load_network",
    "make_estimator",
    "mean_of_k",
    "measure",
    "polynomial_mmd",
    "precision",
    "precision_recall",
    "precision_shapes",
    "psnr",
    "psnr_frames",
    "recall",
    "recall_shapes",
    "ssim",
    "ssim_frames",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vidmetrics' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"vidmetrics.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
