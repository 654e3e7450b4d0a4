"""Mistakes in Fréchet distances, moments and kernel distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.mistakes.mistake import Answerer, Arrays, Mistake

Array = npt.NDArray[Any]
_BATCH = 16
"""Batch size of the reference code of FVD, used by implementations that average over batches."""


def frechet(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    """Return the distance by the textbook formula, from the eigenvalues of the product, in the dtype of the input."""
    roots = np.sqrt(np.maximum(np.linalg.eigvals(cov_a @ cov_b).real, 0)).sum()
    delta = mean_a - mean_b
    return float(delta @ delta + np.trace(cov_a) + np.trace(cov_b) - 2 * roots)


def _covariance(rows: Array, ddof: int = 1) -> Array:
    return np.atleast_2d(np.cov(rows, rowvar=False, ddof=ddof))


def _of_features(a: Array, b: Array, ddof: int = 1) -> float:
    return frechet(a.mean(0), _covariance(a, ddof), b.mean(0), _covariance(b, ddof))


def _pair(wrong: Callable[[Array, Array], float]) -> Answerer:
    return lambda inputs, _: wrong(inputs["features_a"], inputs["features_b"])


def of_both(wrong: Callable[[Array, Array, Array, Array], float]) -> dict[str, Answerer]:
    """Return the answers, from moments and from features, of a distance with a wrong formula."""
    return {
        "frechet-from-moments": lambda i, _: wrong(i["mean_a"], i["cov_a"], i["mean_b"], i["cov_b"]),
        "frechet-from-features": _pair(lambda a, b: wrong(a.mean(0), _covariance(a), b.mean(0), _covariance(b))),
    }


def _root_in_float32(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    def root(matrix: Array) -> Array:
        left, values, right = np.linalg.svd(matrix)
        # The published code keeps small singular values instead of taking their roots.
        values = np.where(values < 1e-10, values, np.sqrt(values)).astype(np.float32)
        result: Array = (left * values) @ right
        return result

    A, B, delta = cov_a.astype(np.float32), cov_b.astype(np.float32), (mean_a - mean_b).astype(np.float32)
    half = root(A)
    trace = np.trace(root(half @ B @ half))
    return float(delta @ delta + np.trace(A) + np.trace(B) - 2 * trace)


def _product_without_root(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    delta = mean_a - mean_b
    return float(delta @ delta + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(cov_a @ cov_b))


def _singular_values_of_product(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    delta = mean_a - mean_b
    roots = np.sqrt(np.linalg.svd(cov_a @ cov_b, compute_uv=False)).sum()
    return float(delta @ delta + np.trace(cov_a) + np.trace(cov_b) - 2 * roots)


def _diagonal_added(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    ridge = 1e-6 * np.eye(len(cov_a))
    roots = np.sqrt(np.maximum(np.linalg.eigvals((cov_a + ridge) @ (cov_b + ridge)).real, 0)).sum()
    delta = mean_a - mean_b
    return float(delta @ delta + np.trace(cov_a) + np.trace(cov_b) - 2 * roots)


def _trace_once(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    twice = frechet(mean_a, cov_a, mean_b, cov_b)
    delta = mean_a - mean_b
    return float(delta @ delta + np.trace(cov_a) + np.trace(cov_b) + twice) / 2


def _means_not_squared(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    length = float(np.linalg.norm(mean_a - mean_b))
    return frechet(mean_a, cov_a, mean_b, cov_b) - length**2 + length


def _only_diagonals(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    return frechet(mean_a, np.diag(np.diag(cov_a)), mean_b, np.diag(np.diag(cov_b)))


def _root_of_distance(mean_a: Array, cov_a: Array, mean_b: Array, cov_b: Array) -> float:
    return float(np.sqrt(max(frechet(mean_a, cov_a, mean_b, cov_b), 0)))


def _mean_over_batches(a: Array, b: Array) -> float:
    pairs = [(a[i : i + _BATCH], b[i : i + _BATCH]) for i in range(0, min(len(a), len(b)), _BATCH)]
    return float(np.mean([_of_features(x, y) for x, y in pairs if min(len(x), len(y)) > 1]))


def _pairs_of_samples(a: Array, b: Array) -> float:
    count = min(len(a), len(b))
    return float(np.square(a[:count] - b[:count]).sum(axis=1).mean())


def _centred_in_place(a: Array, b: Array) -> float:
    mean_b = b.mean(0)
    return frechet(np.zeros_like(mean_b), _covariance(a), mean_b, _covariance(b))


def _float32_throughout(a: Array, b: Array) -> float:
    a, b = a.astype(np.float32), b.astype(np.float32)
    cov_a, cov_b = (np.cov(rows, rowvar=False, dtype=np.float32) for rows in (a, b))
    return _root_in_float32(a.mean(0), cov_a, b.mean(0), cov_b)


def one_pass_float32(rows: Array) -> tuple[Array, Array]:
    """Return mean and covariance from float32 sums of x and of x x^T."""
    single = rows.astype(np.float32)
    mean = single.sum(0) / np.float32(len(rows))
    second = single.T @ single / np.float32(len(rows))
    return mean, (second - np.outer(mean, mean)) * np.float32(len(rows) / (len(rows) - 1))


def _one_pass_moments(inputs: Arrays, parameters: dict[str, Any]) -> Arrays:
    mean, covariance = one_pass_float32(inputs["features"])
    return {"mean": mean, "covariance": covariance}


def _batches(inputs: Arrays, parameters: dict[str, Any]) -> list[Array]:
    rows, size = inputs["features"], parameters["batch_size"]
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _moments_over_batches(inputs: Arrays, parameters: dict[str, Any]) -> Arrays:
    parts = [part for part in _batches(inputs, parameters) if len(part) > 1]
    covariances = np.stack([_covariance(part) for part in parts])
    return {"mean": np.mean([part.mean(0) for part in parts], 0), "covariance": covariances.mean(0)}


def _without_partial_batch(inputs: Arrays, parameters: dict[str, Any]) -> Arrays:
    rows = np.concatenate([part for part in _batches(inputs, parameters) if len(part) == parameters["batch_size"]])
    return {"mean": rows.mean(0), "covariance": _covariance(rows)}


def _moments_ddof_0(inputs: Arrays, parameters: dict[str, Any]) -> Arrays:
    return {"mean": inputs["features"].mean(0), "covariance": _covariance(inputs["features"], 0)}


DISTANCE_MISTAKES = {
    "ddof-0": Mistake(
        "divides the covariance by N instead of N - 1",
        {"frechet-from-features": _pair(lambda a, b: _of_features(a, b, ddof=0)), "moments": _moments_ddof_0},
    ),
    "mean-over-batches": Mistake(
        "averages over batches instead of using all samples together",
        {"frechet-from-features": _pair(_mean_over_batches), "moments": _moments_over_batches},
    ),
    "per-sample": Mistake(
        "compares sample with sample and averages, without any covariance",
        {"frechet-from-features": _pair(_pairs_of_samples)},
    ),
    "centred-in-place": Mistake(
        "subtracts the mean of the first set in place and loses it (what a second call of such code gives)",
        {"frechet-from-features": _pair(_centred_in_place)},
    ),
    "partial-batch-dropped": Mistake("drops an incomplete last batch", {"moments": _without_partial_batch}),
    "float32-one-pass": Mistake("sums x and x x^T in float32", {"moments": _one_pass_moments}, rounding=True),
    "float32-root": Mistake("takes the matrix root in float32", of_both(_root_in_float32), rounding=True),
    "float32-throughout": Mistake(
        "computes means, covariances and root in float32", {"frechet-from-features": _pair(_float32_throughout)}, True
    ),
    "missing-root": Mistake("takes the trace of A B without its root", of_both(_product_without_root)),
    "root-of-singular-values": Mistake(
        "takes roots of the singular values of A B, which are its eigenvalues only if A and B commute",
        of_both(_singular_values_of_product),
    ),
    "diagonal-added": Mistake("always adds 1e-6 to both diagonals before the root", of_both(_diagonal_added)),
    "root-counted-once": Mistake("subtracts the trace of the root once instead of twice", of_both(_trace_once)),
    "means-not-squared": Mistake("adds the distance of the means instead of its square", of_both(_means_not_squared)),
    "diagonals-alone": Mistake("uses variances only, without covariances", of_both(_only_diagonals)),
    "root-of-distance": Mistake("returns the root of the Fréchet distance", of_both(_root_of_distance)),
}
