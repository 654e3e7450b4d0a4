"""The tolerance of `fvd-videogpt`: whatever library sums its float32 roots, in whatever order, the answer stays within it.

9 clips give 400 features covariances of rank 3 and 4. The other singular values of their float32 roots are rounding noise, and
the trace adds their roots with the sign of singular vectors that mean nothing: a random sum around the exact distance.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from vidmetrics import frechet_distance
from vidmetrics.conformance.ours import _network
from vidmetrics.conformance.vectors import load_vectors
from vidmetrics.statistics.frechet_float32 import distance_float32_svd

VECTOR = load_vectors(["fvd-conventions/fvd-videogpt"])[0]
TRIALS = 20


@pytest.fixture(scope="module")
def features():
    """Logits float32 ``[N, 400]`` of the generated and of the real clips."""
    inputs = VECTOR.inputs()
    network = _network(inputs, "i3d-kinetics-400+videogpt")
    return [network(inputs[f"{side}_clips"])["logits"] for side in ("generated", "real")]


def off(distance):
    """The signed deviation from the known answer, relative to it."""
    return distance / float(VECTOR.expected["distance"]) - 1


def moments(rows, dtype=np.float64):
    """Mean and covariance, summed row by row in one dtype."""
    rows = rows.astype(dtype)
    mean = sum(rows) / dtype(len(rows))
    return mean, sum(np.outer(row, row) for row in rows - mean) / dtype(len(rows) - 1)


def by_torch(pair):
    return distance_float32_svd(*moments(pair[0]), *moments(pair[1]))


def by_library(svd, dtype):
    """The same recipe on another singular value decomposition."""

    def root(matrix):
        left, values, right = svd(matrix)
        return (left * np.where(values < 1e-10, values, np.sqrt(values))) @ right

    def distance(pair):
        (mean_a, a), (mean_b, b) = ([x.astype(np.float32) for x in moments(rows, dtype)] for rows in pair)
        first = root(a)
        trace = np.trace(a + b) - 2 * np.trace(root(first @ (b @ first)))
        assert first.dtype == np.float32
        return float(trace + np.sum((mean_a - mean_b) ** 2))

    return distance


def gesvd(matrix):
    return scipy.linalg.svd(matrix, lapack_driver="gesvd")


LIBRARIES = {
    "torch": by_torch,
    "numpy-gesdd": by_library(np.linalg.svd, np.float64),
    "scipy-gesvd": by_library(gesvd, np.float64),
    "float32-sums": by_library(gesvd, np.float32),
}


@pytest.fixture(scope="module")
def scatter(features):
    """Deviations by library, over orders of the features and roundings of the network."""
    found = {}
    for name, distance in LIBRARIES.items():
        found[name] = []
        for trial in range(TRIALS):
            rng = np.random.default_rng(trial)
            order = rng.permutation(400)  # every sum over features runs in another order
            # 1e-6 is how far two machines' float32 networks are apart (docs/precision.md).
            pair = [(x * (1 + 1e-6 * rng.normal(size=x.shape))).astype(np.float32)[:, order] for x in features]
            found[name].append(off(distance(pair)))
    return found


def test_the_known_answer_is_one_draw_around_the_exact_distance(features, scatter):
    exact = off(frechet_distance(*moments(features[0]), *moments(features[1])))
    assert abs(exact) < 1e-3
    everything = np.concatenate(list(scatter.values()))
    assert abs(everything.mean() - exact) < 3e-4


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_stays_within_the_tolerance(scatter, library):
    deviations = np.array(scatter[library])
    assert np.abs(deviations).max() <= VECTOR.tolerance
    # So do far more draws than these few: 400 of torch's had a standard deviation of 3.0e-4, and the tails of a Gaussian.
    assert abs(deviations.mean()) + 5 * deviations.std(ddof=1) <= VECTOR.tolerance


def test_the_tolerance_of_the_other_conventions_would_be_passed_by_luck_alone(scatter):
    everything = np.abs(np.concatenate(list(scatter.values())))
    assert (everything > 1e-4).mean() > 0.5


def test_numbers_of_threads(features):
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            assert abs(off(by_torch(features))) <= VECTOR.tolerance
    finally:
        torch.set_num_threads(before)


def test_mistakes_are_far_beyond_the_tolerance():
    expected = float(VECTOR.expected["distance"])
    nearest = min(abs(float(answer["distance"]) / expected - 1) for answer in VECTOR.mistakes.values())
    assert nearest > 50 * VECTOR.tolerance
