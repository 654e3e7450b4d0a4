"""Predicted frames that are the true ones, or closer to them than a codec or rounding would leave a copy."""

from __future__ import annotations

import numpy as np

from vidbench.results.schema import ValidityRecord
from vidbench.validity.checks import done, not_done

COPY_DB = 38.0
"""PSNR from which a frame counts as a copy: noise of 2 of 255 leaves 42 dB, a video codec at high quality 38 to 45."""
MOVING_DB = 30.0
"""PSNR of the last context frame below which a scene counts as moving: there, 38 dB cannot come from what does not move."""
SHARE = 0.05
"""Share of moving frames from which the check flags."""
LEAST = 32
"""Moving frames needed."""


def true_futures(psnr_NT: np.ndarray, copy_psnr_NT: np.ndarray) -> ValidityRecord:
    """Compare predicted frames with the true ones.

    Args:
        psnr_NT: PSNR of each predicted frame against the true one, dB; infinite if they are equal.
        copy_psnr_NT: the same for the last context frame in its place.
    """
    moving = copy_psnr_NT < MOVING_DB
    if moving.sum() < LEAST:
        return not_done(
            "true-futures", f"Fewer than {LEAST} of the frames to be predicted differ from the last context frame."
        )
    close, equal = psnr_NT[moving] >= COPY_DB, np.isinf(psnr_NT[moving])
    share = float(close.mean())
    return done(
        "true-futures",
        value=share,
        against=0.0,
        threshold=SHARE,
        flagged=share > SHARE,
        sentence=f"Of {int(moving.sum()):,} predicted frames of scenes that move (the last context frame is below {MOVING_DB:g} dB), "
        f"{close.mean():.1%} are within {COPY_DB:g} dB of the true ones and {equal.mean():.1%} are equal to them (flagged above "
        f"{SHARE:.0%}).",
    )
