"""Inception Score from logits (Salimans et al., arXiv 1606.03498): exp of the mean KL divergence to the marginal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScoreSums:
    """Sums over samples that determine the score of a set; adding them joins sets.

    Attributes:
        count: number of samples.
        plogp: sum over samples and classes of p log p, in nats.
        p: float64 ``[C]``, sum over samples of the class probabilities.
    """

    count: int
    plogp: float
    p: Array

    def __add__(self, other: ScoreSums) -> ScoreSums:
        """Return the sums of the union of both sets."""
        return ScoreSums(self.count + other.count, self.plogp + other.plogp, self.p + other.p)


def check_logits(logits: npt.NDArray[Any], first_index: int = 0, rows_per_sample: int = 1) -> Array:
    """Return logits as float64 ``[N, C]``; arguments and errors are those of `score_sums`."""
    logits = np.asarray(logits)
    if logits.ndim != 2 or logits.shape[1] < 1 or logits.dtype.kind not in "fiu":
        raise InputError(f"The logits are {logits.dtype} {list(logits.shape)}, but real numbers [N, C] are needed.")
    values = logits.astype(np.float64)
    bad = np.isnan(values).any(axis=1) | ~np.isfinite(values.max(axis=1, initial=-np.inf))
    if bad.any():
        sample, frame = divmod(first_index + int(np.argmax(bad)), rows_per_sample)
        place = f"sample {sample}" if rows_per_sample == 1 else f"sample {sample}, frame {frame},"
        raise InputError(f"The logits of {place} contain NaN or infinity; check the clip and the network.")
    return values


def score_sums(logits: npt.NDArray[Any], first_index: int = 0, rows_per_sample: int = 1) -> ScoreSums:
    """Return the sums over a batch.

    Args:
        logits: real ``[N, C]``; ``-inf`` means a probability of exactly 0.
        first_index: index of the first row in the stream, for messages.
        rows_per_sample: rows of one clip, for messages.

    Raises:
        InputError: wrong shape or dtype; a row with NaN, ``+inf`` or no finite value.
    """
    values = check_logits(logits, first_index, rows_per_sample)
    shifted = values - values.max(axis=1, keepdims=True, initial=-np.inf)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=1, keepdims=True)
    p = exponentials / totals
    # p log p tends to 0 with p; if p underflowed to 0, log p may be -inf and the product NaN.
    logp = np.where(p > 0, shifted, 0.0) - np.log(totals)
    return ScoreSums(len(values), float((p * logp).sum()), p.sum(axis=0))


def score_from_sums(sums: ScoreSums) -> float:
    """Return the Inception Score of a set of at least one sample: between 1 and the number of classes."""
    marginal = sums.p / sums.count
    present = marginal[marginal > 0]
    return float(np.exp(sums.plogp / sums.count - np.sum(present * np.log(present))))


def inception_score(logits: npt.NDArray[Any], splits: int = 10) -> tuple[float, float]:
    """Return the mean and standard deviation of the Inception Score over contiguous splits.

    >>> import numpy as np, vidmetrics
    >>> mean, spread = vidmetrics.inception_score(100 * np.eye(4), splits=1)  # 4 samples, each surely of another class
    >>> round(mean, 6)
    4.0

    Split ``i`` of ``S`` contains samples ``i*N//S`` to ``(i+1)*N//S``; the standard deviation has ``ddof=0``, as in
    the original code (openai/improved-gan). Computed from log-softmax in float64.

    Args:
        logits: real ``[N, C]``, before softmax; ``-inf`` means a probability of exactly 0.
        splits: number of parts.

    Raises:
        InputError: wrong shape or dtype; NaN or ``+inf`` (names the row); fewer samples than splits.
    """
    logits = np.asarray(logits)
    if splits < 1 or logits.ndim < 1 or len(logits) < splits:
        raise InputError(
            f"{len(np.atleast_1d(logits))} samples cannot be divided into {splits} splits; give more samples, or a number "
            "of splits from 1 to the number of samples."
        )
    bounds = [i * len(logits) // splits for i in range(splits + 1)]
    scores = [score_from_sums(score_sums(logits[start:stop], start)) for start, stop in pairwise(bounds)]
    return float(np.mean(scores)), float(np.std(scores))
