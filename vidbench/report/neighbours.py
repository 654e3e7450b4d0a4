"""Samples and their nearest real clips, in the features of a network."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from vidbench.features import SHARD_SIZE, FeatureStore

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

    Looks at the first 4,096 samples and the first 16,384 reference clips, so that it takes seconds at any size.

    Args:
        samples: complete feature shards of the samples.
        real: complete feature shards of the reference clips under the same network.
        output: name of the network's output.
        rows_per_clip: rows of one clip.
    """
    a = _clip_features(samples, output, rows_per_clip, MAX_SAMPLES)
    b = _clip_features(real, output, rows_per_clip, MAX_REAL)
    # Differences from the mean keep the digits that squares of large offsets would lose.
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    squares_b = np.square(b).sum(axis=1)
    nearest, distances = [], []
    for start in range(0, len(a), 512):
        block = a[start : start + 512]
        found = (squares_b - 2 * block @ b.T).argmin(axis=1)
        nearest.append(found)
        distances.append(np.linalg.norm(block - b[found], axis=1))
    return Neighbours(np.concatenate(nearest), np.concatenate(distances), len(b))


def _clip_features(store: FeatureStore, output: str, rows_per_clip: int, limit: int) -> np.ndarray:
    shards = islice(store.read(output), -(-limit // SHARD_SIZE))
    rows = np.concatenate(list(shards)).astype(np.float64)
    means: np.ndarray = rows.reshape(len(rows) // rows_per_clip, rows_per_clip, -1).mean(axis=1)
    return means[:limit]
