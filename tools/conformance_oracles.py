"""Compute expected values of the conformance vectors from definitions, in 60-digit arithmetic; shares no code with ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath as mp
import numpy as np

from vidmetrics.conformance.recipes import hidden_blocks

mp.mp.dps = 60

Arrays = Mapping[str, np.ndarray]


def _matrix(array: np.ndarray) -> mp.matrix:
    return mp.matrix(array.tolist())


def _root_sum(matrix: mp.matrix) -> mp.mpf:
    """Return the sum of square roots of a symmetric matrix's eigenvalues; values rounded below 0 count as 0."""
    return mp.fsum(mp.sqrt(max(value, mp.mpf(0))) for value in mp.eigsy(matrix, eigvals_only=True))


def _covariance_part(A: mp.matrix, B: mp.matrix) -> mp.mpf:
    """Return tr A + tr B - 2 tr (A^(1/2) B A^(1/2))^(1/2), Dowson and Landau's formula."""
    values, vectors = mp.eigsy(A)
    root = vectors * mp.diag([mp.sqrt(max(value, mp.mpf(0))) for value in values]) * vectors.T
    traces = mp.fsum(A[i, i] + B[i, i] for i in range(A.rows))
    return traces - 2 * _root_sum(root * B * root)


def _squares(a: list[mp.mpf], b: list[mp.mpf]) -> mp.mpf:
    return mp.fsum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def frechet_from_moments(inputs: Arrays, recipe: Mapping[str, Any]) -> float:
    """Return the Fréchet distance of given moments: in closed form, or summed over the recipe's hidden blocks."""
    means = [_matrix(inputs[f"mean_{side}"]) for side in "ab"]
    squares = _squares(list(means[0]), list(means[1]))
    if recipe["name"] == "isotropic":
        a, b = (mp.sqrt(mp.mpf(recipe[f"variance_{side}"])) for side in "ab")
        return float(squares + recipe["dim"] * (a - b) ** 2)
    arguments = [recipe[key] for key in ("blocks", "size", "octaves")]
    blocks = [hidden_blocks(recipe["seed"], stream, *arguments) for stream in (1, 2)]
    parts = [_covariance_part(_matrix(a), _matrix(b)) for a, b in zip(*blocks, strict=True)]
    # The Hadamard matrix is sqrt(blocks) times orthogonal, and the recipe divides by blocks and by 2**octaves.
    return float(squares + mp.fsum(parts) / mp.mpf(2) ** recipe["octaves"])


def _centred(rows: np.ndarray, ddof: int = 1) -> tuple[list[mp.mpf], mp.matrix]:
    table = _matrix(rows)
    mean = [mp.fsum(table[:, j]) / table.rows for j in range(table.cols)]
    scale = mp.sqrt(mp.mpf(table.rows - ddof))
    return mean, mp.matrix([[(table[i, j] - mean[j]) / scale for j in range(table.cols)] for i in range(table.rows)])


def frechet_from_rows(rows_a: np.ndarray, rows_b: np.ndarray, ddof: int = 1) -> float:
    """Return the Fréchet distance of two sets of rows.

    With X and Y centred and scaled, tr((AB)^(1/2)) is the nuclear norm of X Y^T. With more rows than columns, the
    covariances are formed instead, in 60 digits.
    """
    (mean_a, X), (mean_b, Y) = _centred(rows_a, ddof), _centred(rows_b, ddof)
    squares = _squares(mean_a, mean_b)
    if min(X.rows, Y.rows) > X.cols:
        return float(squares + _covariance_part(X.T * X, Y.T * Y))
    cross = X * Y.T
    gram = cross * cross.T if cross.rows <= cross.cols else cross.T * cross
    return float(squares + mp.fsum(x * x for x in X) + mp.fsum(y * y for y in Y) - 2 * _root_sum(gram))


def frechet_from_features(inputs: Arrays, recipe: Mapping[str, Any]) -> float:
    """Return `frechet_from_rows` of both feature arrays."""
    return frechet_from_rows(inputs["features_a"], inputs["features_b"])


def moments(inputs: Arrays, recipe: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the mean and the unbiased covariance."""
    mean, X = _centred(inputs["features"])
    return {
        "mean": np.array([float(m) for m in mean]),
        "covariance": np.array((X.T * X).tolist(), dtype=float).reshape(X.cols, X.cols),
    }


def inception_score(inputs: Arrays, recipe: Mapping[str, Any], splits: int) -> dict[str, float]:
    """Return the mean and standard deviation over splits of exp(mean KL divergence from the split's marginal)."""
    logits, scores = inputs["logits"], []
    for i in range(splits):
        table = []
        for row in logits[i * len(logits) // splits : (i + 1) * len(logits) // splits].tolist():
            weights = [mp.exp(mp.mpf(x) - mp.mpf(max(row))) if x != -np.inf else mp.mpf(0) for x in row]
            table.append([weight / mp.fsum(weights) for weight in weights])
        marginal = [mp.fsum(column) / len(table) for column in zip(*table, strict=True)]
        divergences = [mp.fsum(p * mp.log(p / q) for p, q in zip(row, marginal, strict=True) if p > 0) for row in table]
        scores.append(mp.exp(mp.fsum(divergences) / len(table)))
    mean = mp.fsum(scores) / splits
    return {"mean": float(mean), "std": float(mp.sqrt(mp.fsum((s - mean) ** 2 for s in scores) / splits))}


def kernel_mmd(inputs: Arrays, recipe: Mapping[str, Any], degree: int, gamma: float, coef0: float) -> float:
    """Return the unbiased squared MMD: kernel means over distinct pairs within each set, minus twice the mean across."""
    X, Y = _matrix(inputs["features_a"]), _matrix(inputs["features_b"])

    def total(products: mp.matrix, skip_diagonal: bool) -> mp.mpf:
        return mp.fsum(
            (mp.mpf(gamma) * products[i, j] + coef0) ** degree
            for i in range(products.rows)
            for j in range(products.cols)
            if not (skip_diagonal and i == j)
        )

    n, m = X.rows, Y.rows
    within = total(X * X.T, True) / (n * (n - 1)) + total(Y * Y.T, True) / (m * (m - 1))
    return float(within - 2 * total(X * Y.T, False) / (n * m))


def jedi(inputs: Arrays, recipe: Mapping[str, Any], degree: int, gamma: float, coef0: float, scale: float) -> float:
    """Return the biased squared MMD times a scale: kernel means over all pairs within each set, minus twice the mean across."""
    X, Y = _matrix(inputs["features_a"]), _matrix(inputs["features_b"])

    def mean(products: mp.matrix) -> mp.mpf:
        kernel = ((mp.mpf(gamma) * product + coef0) ** degree for product in products)
        return mp.fsum(kernel) / (products.rows * products.cols)

    return float(scale * (mean(X * X.T) + mean(Y * Y.T) - 2 * mean(X * Y.T)))


ORACLES: dict[str, tuple[str, Callable[..., Any]]] = {
    "frechet-from-moments": ("Dowson and Landau's formula in 60 digits", frechet_from_moments),
    "frechet-from-features": ("the exact features in 60 digits", frechet_from_features),
    "moments": ("the definition in 60 digits", moments),
    "inception-score": ("the definition in 60 digits", inception_score),
    "kernel-mmd": ("the definition in 60 digits", kernel_mmd),
    "jedi-from-features": ("the definition in 60 digits", jedi),
}
"""How the expected value of each kind is computed: a description and the function."""
