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


@dataclass(frozen=True)
class SampleFactor:
    """A set of samples as far as a distance needs it: mean ``[D]`` and thin factor ``[N, D]`` of the covariance."""

    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, samples_ND: np.ndarray, ddof: int = 1) -> SampleFactor:
        """Return mean and factor; the covariance ``factor.T @ factor`` divides by ``N - ddof``."""
        rows = samples_ND.astype(np.float64)
        return cls(rows.mean(0), (rows - rows.mean(0)) / np.sqrt(len(rows) - ddof))


def drawn_people(num_people: int, draws: int, seed: int) -> np.ndarray:
    """Return how often each person is drawn: int64 ``[draws, num_people]``, each row with the sum ``num_people``."""
    return np.random.default_rng(seed).multinomial(num_people, np.full(num_people, 1 / num_people), size=draws)


def reference_draws(
    reference_ND: np.ndarray, people_N: np.ndarray, weights_BP: np.ndarray, people: np.ndarray, ddof: int = 1
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return mean and covariance of the reference for each draw: a person drawn twice counts twice.

    Args:
        reference_ND: features.
        people_N: who is in each clip.
        weights_BP: how often each person is drawn, see `drawn_people`.
        people: int ``[P]``, the person of each column.
        ddof: the covariance divides by the number of drawn clips less this.
    """
    rows = reference_ND.astype(np.float64)
    shift = rows.mean(0)  # sums of squares around the mean keep their digits
    rows = rows - shift
    parts = [rows[people_N == person] for person in people]
    counts = np.array([len(part) for part in parts])
    sums = np.stack([part.sum(0) for part in parts])
    squares = np.stack([part.T @ part for part in parts])
    drawn = []
    for weights in weights_BP:
        total = weights @ counts
        mean = weights @ sums / total
        covariance = (np.tensordot(weights, squares, 1) - total * np.outer(mean, mean)) / (total - ddof)
        drawn.append((mean + shift, covariance))
    return drawn


def drawn_distances(samples: SampleFactor, references: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the Fréchet distance to each drawn reference: float64 ``[draws]``.

    With the covariance of the samples as A.T A, tr((A.T A C)^(1/2)) is the sum of the roots of the eigenvalues of A C A.T,
    which is only N x N. Roots of rounding noise make it good to about 1e-6 of the value, enough for an interval.
    """
    A = samples.factor
    own = (A * A).sum()
    values = []
    for mean, covariance in references:
        roots = np.sqrt(np.clip(np.linalg.eigvalsh(A @ covariance @ A.T), 0, None)).sum()
        values.append(((samples.mean - mean) ** 2).sum() + own + np.trace(covariance) - 2 * roots)
    return np.array(values)
