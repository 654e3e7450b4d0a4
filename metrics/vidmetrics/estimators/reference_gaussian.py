"""The Gaussian of a reference set, factored once for all that is compared with it: folds, growth curve, bounds, repeated runs."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.frechet import Gaussian, gaussian
from vidmetrics.statistics.moments import Moments

_KNOWN: WeakKeyDictionary[Moments, dict[int, tuple[int, Gaussian]]] = WeakKeyDictionary()


def covariance_of(moments: Moments, ddof: int) -> npt.NDArray[np.float64]:
    """Return the covariance ``[D, D]`` that divides by ``N - ddof``; moments store the unbiased one."""
    if ddof == 1:
        return moments.covariance
    return moments.covariance * ((moments.count - 1) / (moments.count - ddof))


def given_moments(reference: object) -> Moments:
    """Return the reference, which must be moments.

    Raises:
        InputError: it is not.
    """
    if not isinstance(reference, Moments):
        raise InputError("A distance to real clips needs their moments; give a reference.")
    return reference


def reference_gaussian(reference: Moments, ddof: int = 1) -> Gaussian:
    """Return the Gaussian of reference moments; kept, with its factor, as long as they are and get no further rows.

    Args:
        reference: the moments.
        ddof: the covariance divides by ``N - ddof``.

    Raises:
        InputError: too few rows.
    """
    known = _KNOWN.setdefault(reference, {})
    if ddof not in known or known[ddof][0] != reference.count:
        known[ddof] = reference.count, gaussian(reference.mean, covariance_of(reference, ddof), "reference")
    return known[ddof][1]
