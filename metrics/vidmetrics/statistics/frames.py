"""PSNR and SSIM of predicted frames against the true frame at the same time, on uint8 RGB.

    PSNR = 10 log10(255^2 / MSE)                    over all pixels and channels of a frame; infinite for equal frames
    SSIM = mean of (2 m_x m_y + C1)(2 s_xy + C2) / ((m_x^2 + m_y^2 + C1)(s_x^2 + s_y^2 + C2))

SSIM follows Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004): local
means, variances and covariance under an 11x11 Gaussian window of standard deviation 1.5, normalised to sum 1 (so
without the n/(n-1) of sample variances), C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2. Windows are entirely inside
the frame, as in the authors' code; the map is averaged over positions, then over the three channels.

The score of a clip is the mean over its predicted frames. If a model predicts each clip k times, *best of k* uses the
prediction with the highest score for each clip and metric (Denton and Fergus, arXiv 1802.07687), and *mean of k* the
average over predictions. The two are not comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

Array = npt.NDArray[np.float64]

WINDOW = 11
_SIGMA = 1.5
_PEAK = 255.0
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2


def psnr_frames(true_NTHWC: npt.NDArray[Any], predicted_NTHWC: npt.NDArray[Any]) -> Array:
    """Return the PSNR of every frame in decibels, float64 ``[N, T]``, infinite for equal frames.

    >>> import numpy as np, vidmetrics
    >>> true = np.zeros((1, 2, 16, 16, 3), np.uint8)
    >>> vidmetrics.psnr_frames(true, true + np.uint8(1)).round(2)
    array([[48.13, 48.13]])

    Args:
        true_NTHWC: uint8 RGB ``[N, T, H, W, 3]``, without context frames.
        predicted_NTHWC: same shape.

    Raises:
        InputError: wrong dtype, different shapes, or no frames.
    """
    true, predicted = _pair(true_NTHWC, predicted_NTHWC)
    scores = np.empty(true.shape[:2])
    for clip in range(len(true)):
        difference = true[clip].astype(np.float64) - predicted[clip].astype(np.float64)
        with np.errstate(divide="ignore"):
            scores[clip] = 10 * np.log10(_PEAK**2 / np.square(difference).mean(axis=(1, 2, 3)))
    return scores


def ssim_frames(true_NTHWC: npt.NDArray[Any], predicted_NTHWC: npt.NDArray[Any]) -> Array:
    """Return the SSIM of every frame, -1 to 1 and 1 for equal frames, float64 ``[N, T]``.

    >>> import numpy as np, vidmetrics
    >>> true = np.zeros((1, 2, 16, 16, 3), np.uint8)
    >>> vidmetrics.ssim_frames(true, true)
    array([[1., 1.]])

    Args:
        true_NTHWC: uint8 RGB ``[N, T, H, W, 3]``, without context frames; at least 11x11 pixels.
        predicted_NTHWC: same shape.

    Raises:
        InputError: wrong dtype, different shapes, no frames, or frames smaller than the window.
    """
    true, predicted = _pair(true_NTHWC, predicted_NTHWC)
    height, width = true.shape[2:4]
    if min(height, width) < WINDOW:
        raise InputError(
            f"SSIM slides an {WINDOW}x{WINDOW} window over a frame, and these are {width}x{height} pixels; "
            "give larger frames."
        )
    rows, columns = _sliding(height), _sliding(width)

    def local_mean(image_TCHW: Array) -> Array:
        return np.asarray(rows @ image_TCHW @ columns.T, np.float64)

    scores = np.empty(true.shape[:2])
    for clip in range(len(true)):
        x, y = (part[clip].astype(np.float64).transpose(0, 3, 1, 2) for part in (true, predicted))
        mean_x, mean_y = local_mean(x), local_mean(y)
        var_x = local_mean(x * x) - mean_x * mean_x
        var_y = local_mean(y * y) - mean_y * mean_y
        covariance = local_mean(x * y) - mean_x * mean_y
        likeness = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
        likeness /= (mean_x * mean_x + mean_y * mean_y + _C1) * (var_x + var_y + _C2)
        scores[clip] = likeness.mean(axis=(1, 2, 3))
    return scores


FRAME_SCORES: Mapping[str, Callable[[npt.NDArray[Any], npt.NDArray[Any]], Array]] = MappingProxyType(
    {"psnr": psnr_frames, "ssim": ssim_frames}
)
"""The scores of single frames by name."""


def best_of_k(scores_KN: npt.NDArray[Any]) -> Array:
    """Return the score of the best prediction of each clip, float64 ``[N]``.

    >>> import numpy as np, vidmetrics
    >>> vidmetrics.best_of_k(np.array([[20.0, 31.0], [25.0, 30.0]]))  # 2 predictions of 2 clips
    array([25., 31.])

    Args:
        scores_KN: real ``[K, N]``, the mean over frames of each of K predictions of each clip; higher is better.

    Raises:
        InputError: wrong shape, or NaN.
    """
    best: Array = _predictions(scores_KN).max(axis=0)
    return best


def mean_of_k(scores_KN: npt.NDArray[Any]) -> Array:
    """Return the mean score over the predictions of each clip, float64 ``[N]``; arguments as for `best_of_k`.

    >>> import numpy as np, vidmetrics
    >>> vidmetrics.mean_of_k(np.array([[20.0, 31.0], [25.0, 30.0]]))
    array([22.5, 30.5])
    """
    mean: Array = _predictions(scores_KN).mean(axis=0)
    return mean


def _predictions(scores_KN: npt.NDArray[Any]) -> Array:
    scores = np.asarray(scores_KN, np.float64)
    if scores.ndim != 2 or 0 in scores.shape:
        raise InputError(f"Scores of K predictions of N clips are [K, N], not {list(scores.shape)}; stack them so.")
    bad = np.isnan(scores).any(axis=0)
    if bad.any():
        raise InputError(f"A score of sample {int(np.argmax(bad))} is NaN; check the clip.")
    return scores


def _sliding(size: int) -> Array:
    """Return the window at every position along a line of pixels, float64 ``[size - 10, size]``."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * np.square(offsets / _SIGMA))
    weights /= weights.sum()
    matrix = np.zeros((size - WINDOW + 1, size))
    for place in range(len(matrix)):
        matrix[place, place : place + WINDOW] = weights
    return matrix


def _pair(true: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    true, predicted = np.asarray(true), np.asarray(predicted)
    for name, clips in (("true", true), ("predicted", predicted)):
        if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[4] != 3:
            raise InputError(f"The {name} clips are {clips.dtype} {list(clips.shape)}; give uint8 RGB [N, T, H, W, 3].")
    if true.shape != predicted.shape or 0 in true.shape:
        raise InputError(
            f"The true clips are {list(true.shape)} and the predicted ones {list(predicted.shape)}; give as many "
            "predicted frames of the same size, and at least one."
        )
    return true, predicted
