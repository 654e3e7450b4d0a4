"""Keys of clips, and the groups of the jackknife that are drawn from them.

Groups that are ranges of the sample order could be chosen: samples ordered within their classes make every group alike, and the interval
shrinks. So the group of a clip depends on its bytes, and on those of all other clips through a salt, and never on its place. Whoever
changes a clip to move it to another group draws all groups again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

Keys: TypeAlias = npt.NDArray[np.uint64]
Labels: TypeAlias = npt.NDArray[np.int64]

# SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the increment, and the shifts and factors of its output function.
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST_SHIFT = np.uint64(31)


def clip_keys(clips_NTHWC: npt.NDArray[np.uint8]) -> Keys:
    """Return the key of each clip, uint64 ``[N]``: the first 8 bytes of SHA-256 of its bytes, the first one highest.

    >>> import numpy as np
    >>> from vidmetrics.statistics.clip_keys import clip_keys
    >>> [f"{key:016x}" for key in clip_keys(np.zeros((1, 1, 1, 1, 3), np.uint8)).tolist()]
    ['709e80c88487a241']

    Args:
        clips_NTHWC: clips uint8 ``[N, T, H, W, 3]``.
    """
    clips = np.ascontiguousarray(clips_NTHWC)
    return np.array([int.from_bytes(sha256(clip.data).digest()[:8], "big") for clip in clips], np.uint64)


def place_keys(num_clips: int) -> Keys:
    """Return keys for clips that nobody has, uint64 ``[num_clips]``: their places in the order.

    Groups are then drawn by place: as good for samples in any order that was not made for it, but another order has other groups.
    """
    return np.arange(num_clips, dtype=np.uint64)


def drawn_groups(keys_N: Keys, num_groups: int, samples_per_key: int = 1, strata_N: Labels | None = None) -> Labels:
    """Return the group of each clip, int64 ``[N]``, 0 to ``num_groups - 1``; sizes differ by at most one unit.

    Clips are sorted by stratum, and within it by a number drawn from their key and a salt, the SHA-256 of all keys, and dealt out to the
    groups in turn. Equal clips have numbers of their own, by their rank among equals, so that a model that repeats a few clips has them
    in every group; which of them is where does not matter, because they are equal.

    Args:
        keys_N: keys, uint64 ``[N]``.
        num_groups: number of groups, at most N.
        samples_per_key: adjacent samples that belong together, e.g. those of one context: a unit.
        strata_N: stratum of each clip, int64 ``[N]``, e.g. its label: each group has nearly the same number of each. None for one stratum.

    Raises:
        InputError: more groups than clips, or none.
    """
    count = len(keys_N)
    if not 1 <= num_groups <= max(1, count):
        raise InputError(f"{count} clips cannot be divided into {num_groups} groups; give more clips.")
    labels = np.empty(count, np.int64)
    labels[drawn_order(keys_N, samples_per_key, strata_N)] = np.arange(count) // samples_per_key % num_groups
    return labels


def drawn_order(keys_N: Keys, samples_per_key: int = 1, strata_N: Labels | None = None) -> Labels:
    """Return the indices of clips in the order that is drawn from their keys, int64 ``[N]``; see `drawn_groups`."""
    keys = np.asarray(keys_N, np.uint64)
    salt = np.frombuffer(sha256(np.sort(keys).astype("<u8").tobytes()).digest()[:8], "<u8").astype(np.uint64)
    z = (keys ^ salt) + (_ranks_among_equals(keys) // samples_per_key + 1).astype(np.uint64) * _INCREMENT
    for shift, factor in _MIX:
        z = (z ^ (z >> shift)) * factor
    return np.lexsort((z ^ (z >> _LAST_SHIFT), np.zeros(len(keys), np.int64) if strata_N is None else strata_N))


def groups_sha256(keys_N: Keys, labels_N: Labels) -> str:
    """Return a digest of which clip is in which group, 64 hex digits; the order of the clips does not matter."""
    order = np.lexsort((labels_N, keys_N))
    return sha256(keys_N[order].astype("<u8").tobytes() + labels_N[order].astype("<u4").tobytes()).hexdigest()


def _ranks_among_equals(keys_N: Keys) -> npt.NDArray[Any]:
    order = np.argsort(keys_N, kind="stable")
    places = np.arange(len(order))
    begins = np.ones(len(order), np.bool_)
    begins[1:] = keys_N[order][1:] != keys_N[order][:-1]
    ranks = np.empty(len(order), np.int64)
    ranks[order] = places - np.maximum.accumulate(np.where(begins, places, 0)) if len(order) else 0
    return ranks
