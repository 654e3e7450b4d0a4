"""Samples and their nearest real clips, in the features of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vidbench.scoring.features import FeatureStore

MAX_SAMPLES = 4096
MAX_REAL = 16384


@dataclass(frozen=True)
class Neighbours:
    """The nearest real clip of each of the first samples.

    Attributes:
        nearest: int64 ``[n]``, index of the reference clip.
        distances: float64 ``[n]``, Euclidean distance in feature space.
        num_real: reference clips that were looked at.
    """

    nearest: np.ndarray
    distances: np.ndarray
    num_real: int

    def order(self) -> np.ndarray:
        """Indices of the samples, int64 ``[n]``, from the nearest to the farthest."""
        return np.argsort(self.distances, kind="stable")


def nearest_real(samples: FeatureStore, real: FeatureStore, output: str, rows_per_clip: int) -> Neighbours:
    """Return the nearest reference clip of each sample; a clip with a row per frame counts by the mean of its rows.

    Looks at the first 4,096 samples and the first 16,384 reference clips, so that it takes seconds at any size, and holds the features
    of the samples and of one shard of real clips at a time.

    Args:
        samples: complete feature shards of the samples.
        real: complete feature shards of the reference clips under the same network.
        output: name of the network's output.
        rows_per_clip: rows of one clip.
    """
    a = np.concatenate(list(_clip_features(samples, output, rows_per_clip, MAX_SAMPLES)))
    # Differences from a point in their midst keep the digits that squares of large offsets would lose.
    centre = a.mean(axis=0)
    a -= centre
    nearest, least = np.zeros(len(a), np.int64), np.full(len(a), np.inf)
    found = np.empty_like(a)
    seen = 0
    for clips in _clip_features(real, output, rows_per_clip, MAX_REAL):
        b = clips - centre
        # Without the square of the sample itself, which is the same for all.
        squares = np.square(b).sum(axis=1) - 2 * a @ b.T
        closest = squares.argmin(axis=1)
        smallest = squares[np.arange(len(a)), closest]
        nearer = smallest < least
        nearest[nearer], least[nearer], found[nearer] = closest[nearer] + seen, smallest[nearer], b[closest[nearer]]
        seen += len(b)
    return Neighbours(nearest, np.linalg.norm(a - found, axis=1), seen)


def _clip_features(store: FeatureStore, output: str, rows_per_clip: int, limit: int) -> Iterator[np.ndarray]:
    """Yield the mean row of each of the first clips, float64 ``[n, D]``, shard by shard, so that memory holds one."""
    for rows in store.read(output, range(min(limit, store.num_clips))):
        yield rows.reshape(len(rows) // rows_per_clip, rows_per_clip, -1).mean(axis=1, dtype=np.float64)
