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
    from vidmetrics.estimation import Estimate
    from vidmetrics.estimators import make_estimator
    from vidmetrics.extrapolation import at_infinity
    from vidmetrics.frames import best_of_k, mean_of_k, psnr_frames, ssim_frames
    from vidmetrics.frechet import frechet_distance
    from vidmetrics.intervals import jackknife_interval
    from vidmetrics.kernel import kid_subsets, polynomial_mmd
    from vidmetrics.manifold import density_coverage, precision_recall
    from vidmetrics.measure import (
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
    from vidmetrics.moments import Moments
    from vidmetrics.networks import load_network

_HOMES = {
    "CONVENTIONS": "conventions",
    "Convention": "conventions",
    "Estimate": "estimation",
    "METRICS": "definitions",
    "MetricDefinition": "definitions",
    "Moments": "moments",
    "at_infinity": "extrapolation",
    "best_of_k": "frames",
    "coverage": "measure",
    "coverage_shapes": "measure",
    "density": "measure",
    "density_coverage": "manifold",
    "density_shapes": "measure",
    "fid": "measure",
    "fid_c3d_ucf101": "measure",
    "fid_i3d_k600": "measure",
    "fid_inf": "measure",
    "fid_shapes": "measure",
    "frechet_distance": "frechet",
    "fvd": "measure",
    "fvd_cdfvd": "measure",
    "fvd_inf": "measure",
    "fvd_inf_shapes": "measure",
    "fvd_magvit": "measure",
    "fvd_shapes": "measure",
    "fvd_styleganv": "measure",
    "fvd_videogpt": "measure",
    "get_metric": "definitions",
    "is_": "measure",
    "is_c3d_ucf101": "measure",
    "is_i3d_k600": "measure",
    "is_shapes": "measure",
    "jackknife_interval": "intervals",
    "kid": "measure",
    "kid_subsets": "kernel",
    "kvd": "measure",
    "kvd_shapes": "measure",
    "load_network": "networks",
    "make_estimator": "estimators",
    "mean_of_k": "frames",
    "polynomial_mmd": "kernel",
    "precision": "measure",
    "precision_recall": "manifold",
    "precision_shapes": "measure",
    "psnr": "measure",
    "psnr_frames": "frames",
    "recall": "measure",
    "recall_shapes": "measure",
    "ssim": "measure",
    "ssim_frames": "frames",
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
