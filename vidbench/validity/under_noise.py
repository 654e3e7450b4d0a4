"""The score under weak noise: patterns made for a network are brittle, and what a network sees in clips is not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vidbench.rendering.numbers import score_text
from vidbench.results.schema import ValidityRecord
from vidbench.validity.checks import done

LEVELS = (1, 2, 4)
"""Standard deviations of the noise, of 255."""
SHARE = 0.01
"""Rise of a distance from which the check flags, as a share of the scale from floor to ceiling; docs/validity.md has what it was calibrated on."""


def noisy_clips(clips_NTHWC: np.ndarray, keys_N: np.ndarray, first_frame: int = 0) -> dict[int, np.ndarray]:
    """Return clips with Gaussian noise of each level, uint8 ``[N, T, H, W, 3]``, rounded and cut to 0 to 255.

    The noise of a clip depends on its key alone; the levels scale the same noise.

    Args:
        clips_NTHWC: uint8.
        keys_N: keys of the clips, uint64; the seeds.
        first_frame: first frame that gets noise: for predictions the first predicted one.
    """
    noisy = {level: clips_NTHWC.copy() for level in LEVELS}
    for number, (clip, key) in enumerate(zip(clips_NTHWC, keys_N, strict=True)):
        frames = clip[first_frame:].astype(np.float32)
        noise = np.random.Generator(np.random.Philox(int(key))).standard_normal(frames.shape, np.float32)
        for level in LEVELS:
            noisy[level][number, first_frame:] = np.clip(np.rint(frames + np.float32(level) * noise), 0, 255)
    return noisy


def under_noise(
    metric: str, values: Mapping[int, float], real_values: Mapping[int, float], scale: float, count: int
) -> ValidityRecord:
    """Compare how weak noise changes the score of samples and of held-out clips.

    Args:
        metric: id of the metric.
        values: score of the samples by level, without noise at 0.
        real_values: the same of held-out clips; empty if they are not known.
        scale: ceiling less floor, or another typical distance of clips without content.
        count: number of samples.
    """
    change = {level: (values[level] - values[0]) / scale for level in LEVELS}
    real = {level: (real_values[level] - real_values[0]) / scale for level in LEVELS if real_values}
    worst = max(LEVELS, key=lambda level: change[level])
    against = max((abs(each) for each in real.values()), default=None)
    threshold = SHARE + (against or 0.0)
    scores = ", ".join(f"{score_text(values[level])} at {level}" for level in LEVELS)
    others = "" if not real else f"; held-out clips change by {against:.2%}"
    return done(
        "noise",
        value=change[worst],
        against=against,
        threshold=threshold,
        flagged=change[worst] > threshold,
        sentence=f"{metric} of {count:,} samples is {score_text(values[0])} and, under noise of deviation 1, 2 and 4 of 255, {scores}: a "
        f"change by {change[worst]:.2%} of the scale from floor to ceiling (flagged above {threshold:.2%}){others}.",
    )
