"""Fréchet distances between stored features: by every convention, and over draws of people with replacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidmetrics import CONVENTIONS, frechet_distance
from vidmetrics.statistics.frechet_float32 import distance_float32_svd

REFERENCE_CONVENTION = "fvd"


def fvd(samples_ND: np.ndarray, reference_ND: np.ndarray, convention: str = REFERENCE_CONVENTION) -> float:
    """Return the distance of two sets of features by the divisor and the root of a convention.

    Its resize and its eps act before features are there: give features of a network with that eps.
    """
    chosen = CONVENTIONS[convention]
    moments = []
    for rows in (samples_ND, reference_ND):
        rows = rows.astype(np.float64)
        moments += [rows.mean(0), np.cov(rows, rowvar=False, ddof=chosen.ddof)]
    return distance_float32_svd(*moments) if chosen.root == "float32-svd" else frechet_distance(*moments)


def drawn_people(num_people: int, draws: int, seed: int) -> np.ndarray:
    """Return how often each person is drawn: int64 ``[draws, num_people]``, each row with the sum ``num_people``."""
    return np.random.default_rng(seed).multinomial(num_people, np.full(num_people, 1 / num_people), size=draws)


@dataclass(frozen=True)
class PeopleParts:
    """A reference set as sums over each person's clips, so that a draw of people is a weighted sum.

    Attributes:
        shift: ``[D]``, subtracted from all features, so that sums of squares keep their digits.
        counts: clips of each person, ``[P]``.
        sums: ``[P, D]``.
        squares: sums of outer products, ``[P, D, D]``.
    """

    shift: np.ndarray
    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, reference_ND: np.ndarray, people_N: np.ndarray, people: np.ndarray) -> PeopleParts:
        """Return the sums of the people in the order of ``people``."""
        rows = reference_ND.astype(np.float64)
        shift = rows.mean(0)
        parts = [rows[people_N == person] - shift for person in people]
        counts = np.array([len(part) for part in parts])
        return cls(shift, counts, np.stack([p.sum(0) for p in parts]), np.stack([p.T @ p for p in parts]))


def drawn_distances(
    samples_ND: np.ndarray, weights_BN: np.ndarray, reference: PeopleParts, weights_BP: np.ndarray, ddof: int = 1
) -> np.ndarray:
    """Return the Fréchet distance for each draw: float64 ``[B]``, NaN for a draw of too few clips.

    With the weighted covariance of the samples as A.T A, tr((A.T A C)^(1/2)) is the sum of the roots of the eigenvalues of
    A C A.T, which is only N x N and, but for weights and centring, a sum over people. Roots of rounding noise leave about six
    digits, enough for an interval.

    Args:
        samples_ND: features of the samples.
        weights_BN: how often each sample counts in each draw.
        reference: see `PeopleParts`.
        weights_BP: how often each person of the reference is drawn, see `drawn_people`.
        ddof: covariances divide by the number of clips less this.
    """
    X = samples_ND.astype(np.float64) - reference.shift
    kernels_PNN = X @ reference.squares @ X.T
    products_NP, norms_N = X @ reference.sums.T, (X * X).sum(1)
    traces_P = np.trace(reference.squares, axis1=1, axis2=2)
    values = []
    for drawn, people in zip(weights_BN, weights_BP, strict=True):
        total, count = people @ reference.counts, drawn.sum()
        if min(total, count) <= ddof:
            values.append(np.nan)
            continue
        mean, along = people @ reference.sums / total, products_NP @ people / total
        kernel = (np.tensordot(people, kernels_PNN, 1) - total * np.outer(along, along)) / (total - ddof)
        share = drawn / count
        left = kernel @ share
        kernel = kernel - left[:, None] - left[None, :] + share @ left
        scale = np.sqrt(drawn / (count - ddof))
        eigenvalues = np.linalg.eigvalsh(scale[:, None] * kernel * scale)
        own_mean = share @ X
        own = (drawn @ norms_N - count * own_mean @ own_mean) / (count - ddof)
        trace = (people @ traces_P - total * mean @ mean) / (total - ddof)
        root = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
        values.append(((own_mean - mean) ** 2).sum() + own + trace - 2 * root)
    return np.array(values)
