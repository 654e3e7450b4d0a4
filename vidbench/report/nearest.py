"""The nearest real clip of each sample, in the features of a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vidbench.scoring.features import FeatureStore

MAX_SAMPLES = 4096
MAX_REAL = 16384


@dataclass(frozen=True)
class NearestClips:
    """The nearest real clip of each of the first samples.

    Attributes:
        nearest: int64 ``[n]``, index of the reference clip.
        distances: float64 ``[n]``, Euclidean distance in feature space.
        num_real: number of reference clips searched.
    """

    nearest: np.ndarray
    distances: np.ndarray
    num_real: int

    def order(self) -> np.ndarray:
        """Return the indices of the samples, int64 ``[n]``, from the nearest to the farthest."""
        return np.argsort(self.distances, kind="stable")


def nearest_real(samples: FeatureStore, real: FeatureStore, output: str, rows_per_clip: int) -> NearestClips:
    """Return the nearest reference clip of each sample; a clip with one row per frame is represented by their mean.

    Searches the first 4,096 samples and the first 16,384 reference clips, so that it takes seconds at any size, with the
    features of the samples and of one shard of real clips in memory.

    Args:
        samples: complete feature store of the samples.
        real: complete feature store of the reference clips, from the same network.
        output: name of the network's output.
        rows_per_clip: rows per clip.
    """
    a = np.concatenate(list(clip_features(samples, output, rows_per_clip, MAX_SAMPLES)))
    # Centring keeps the digits that squares of large offsets would lose.
    centre = a.mean(axis=0)
    a -= centre
    nearest, least = np.zeros(len(a), np.int64), np.full(len(a), np.inf)
    found = np.empty_like(a)
    seen = 0
    for clips in clip_features(real, output, rows_per_clip, MAX_REAL):
        b = clips - centre
        # Squared distances up to the sample's own square, which is the same for all.
        squares = np.square(b).sum(axis=1) - 2 * a @ b.T
        closest = squares.argmin(axis=1)
        smallest = squares[np.arange(len(a)), closest]
        nearer = smallest < least
        nearest[nearer], least[nearer], found[nearer] = closest[nearer] + seen, smallest[nearer], b[closest[nearer]]
        seen += len(b)
    return NearestClips(nearest, np.linalg.norm(a - found, axis=1), seen)


def clip_features(
    store: FeatureStore, output: str, rows_per_clip: int, limit: int = sys.maxsize
) -> Iterator[np.ndarray]:
    """Yield the mean row of each of the first clips, float64 ``[n, D]``, one shard at a time."""
    for rows in store.read(output, range(min(limit, store.num_clips))):
        yield rows.reshape(len(rows) // rows_per_clip, rows_per_clip, -1).mean(axis=1, dtype=np.float64)
