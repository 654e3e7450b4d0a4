"""The jackknife groups of an estimate, drawn from the keys of its clips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.clip_keys import Keys, Labels, drawn_groups, drawn_order, groups_sha256, place_keys


@dataclass(frozen=True)
class ClipKeys:
    """Keys of the clips of an estimate, in their order.

    Attributes:
        keys: uint64 ``[N]``, see `vidmetrics.statistics.clip_keys.clip_keys`; of the real clip for samples that continue one.
        samples_per_key: adjacent samples that continue one clip, and so belong together.
        strata: stratum of each clip, int64 ``[N]``, if its number of clips is fixed by design, as that of a label is; None for one.
    """

    keys: Keys
    samples_per_key: int = 1
    strata: Labels | None = None

    def within(self, parts_N: Labels) -> ClipKeys:
        """Return the same keys, with the parts of a division of the samples as further strata; parts are int64 ``[N]``."""
        if self.strata is None:
            return replace(self, strata=parts_N)
        _, strata = np.unique(np.stack([parts_N, self.strata]), axis=1, return_inverse=True)
        return replace(self, strata=strata.reshape(-1).astype(np.int64))


@dataclass(frozen=True)
class Groups:
    """Jackknife groups.

    Attributes:
        labels: group of each sample, int64 ``[N]``.
        count: number of groups; 1 if there are too few samples for an interval.
        sha256: digest of which clip is in which group.
        order: indices of the samples in the order drawn from their keys, int64 ``[N]``.
    """

    labels: Labels
    count: int
    sha256: str
    order: Labels

    @classmethod
    def drawn(cls, keys: ClipKeys | None, num_samples: int, wanted: int) -> Groups:
        """Return groups drawn from keys.

        Args:
            keys: of the clips; None to draw by place.
            num_samples: number of clips.
            wanted: number of groups; fewer if there are few samples.

        Raises:
            InputError: another number of keys than of samples.
        """
        given = keys_or_places(keys, num_samples)
        count = num_groups(wanted, num_samples)
        # A few large units would leave groups empty.
        unit = given.samples_per_key if num_samples >= count * given.samples_per_key else 1
        labels = drawn_groups(given.keys, count, unit, given.strata)
        order = drawn_order(given.keys, given.samples_per_key)
        return cls(labels, count, groups_sha256(given.keys, labels), order)

    def means_without(self, scores_N: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the mean of the scores of the samples without each group, float64 ``[count]``."""
        sums = np.bincount(self.labels, scores_N, self.count)
        sizes = np.bincount(self.labels, minlength=self.count)
        left: npt.NDArray[np.float64] = (sums.sum() - sums) / np.maximum(len(scores_N) - sizes, 1)
        return left


def keys_or_places(keys: ClipKeys | None, num_samples: int) -> ClipKeys:
    """Return the keys of clips, or their places if nobody has the clips.

    Raises:
        InputError: another number of keys than of samples.
    """
    given = ClipKeys(place_keys(num_samples)) if keys is None else keys
    if len(given.keys) != num_samples:
        raise InputError(f"There are {len(given.keys)} keys of clips for {num_samples} samples; give one for each.")
    return given


def num_groups(wanted: int, num_samples: int) -> int:
    """Return the number of jackknife groups, each with at least two samples; 1 (no interval) if fewer than 3 are possible."""
    possible = min(wanted, num_samples // 2)
    return possible if possible >= 3 else 1


def as_recorded(folds: npt.NDArray[Any]) -> tuple[float, ...] | None:
    """Return values without each group as a result records them: None if one is not finite."""
    return tuple(map(float, folds)) if np.isfinite(folds).all() else None
