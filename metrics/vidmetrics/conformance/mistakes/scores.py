"""Mistakes in Inception Scores and in kernel distances."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.mistakes.mistake import Answerer, Arrays, Mistake

Array = npt.NDArray[Any]


def _softmax(logits: Array) -> Array:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _divergence(p: Array, q: Array) -> Array:
    """Return the KL divergence of each row of p to q, with 0 log 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0).sum(axis=1))


def _score(p: Array) -> float:
    return float(np.exp(_divergence(p, p.mean(0)).mean()))


def _splits(logits: Array, splits: int) -> list[Array]:
    bounds = [i * len(logits) // splits for i in range(splits + 1)]
    return [logits[start:stop] for start, stop in itertools.pairwise(bounds)]


def _per_split(score: Callable[[Array], float], ddof: int = 0) -> dict[str, Answerer]:
    def answer(inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
        scores = np.array([score(part) for part in _splits(inputs["logits"], parameters["splits"])])
        std = float(np.std(scores, ddof=ddof)) if len(scores) > ddof else float("nan")
        return {"mean": float(scores.mean()), "std": std}

    return {"inception-score": answer}


def _naive(logits: Array) -> float:
    p = _softmax(logits)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean()))


def _whole_set(inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
    return {"mean": _score(_softmax(inputs["logits"])), "std": 0.0}


def _remainder_dropped(inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
    size = len(inputs["logits"]) // parameters["splits"]
    scores = [_score(_softmax(inputs["logits"][i * size : (i + 1) * size])) for i in range(parameters["splits"])]
    return {"mean": float(np.mean(scores)), "std": float(np.std(scores))}


def _without_exponential(logits: Array) -> float:
    p = _softmax(logits)
    return float(_divergence(p, p.mean(0)).mean())


def _marginal_first(logits: Array) -> float:
    p = _softmax(logits)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = p.mean(0)
        return float(np.exp((q * (np.log(q) - np.log(p))).sum(1).mean()))


def _kernel(x: Array, y: Array, degree: int, gamma: float, coef0: float) -> Array:
    return np.asarray((gamma * (x @ y.T) + coef0) ** degree)


def _mmd(inputs: Arrays, parameters: dict[str, Any], *, biased: bool = False, **changed: float) -> float:
    settings: dict[str, Any] = {name: parameters[name] for name in ("degree", "gamma", "coef0")} | changed
    x, y = inputs["features_a"], inputs["features_b"]
    within = []
    for rows in (x, y):
        kernel = _kernel(rows, rows, **settings)
        n = len(rows)
        within.append(kernel.mean() if biased else (kernel.sum() - np.trace(kernel)) / (n * (n - 1)))
    return float(sum(within) - 2 * _kernel(x, y, **settings).mean())


def _mmd_with(**changed: Any) -> dict[str, Answerer]:
    return {"kernel-mmd": lambda inputs, parameters: _mmd(inputs, parameters, **changed)}


def _jedi(
    inputs: Arrays, parameters: dict[str, Any], *, unbiased: bool = False, scaled: bool = True, **changed: float
) -> float:
    return _mmd(inputs, parameters, biased=not unbiased, **changed) * (parameters["scale"] if scaled else 1.0)


def _jedi_with(**changed: Any) -> dict[str, Answerer]:
    return {"jedi-from-features": lambda inputs, parameters: _jedi(inputs, parameters, **changed)}


def _jedi_centred(inputs: Arrays, parameters: dict[str, Any]) -> float:
    mean = inputs["features_a"].mean(0)
    return _jedi({name: rows - mean for name, rows in inputs.items()}, parameters)


def _mmd_rooted(inputs: Arrays, parameters: dict[str, Any]) -> float:
    return float(np.sqrt(max(_mmd(inputs, parameters), 0)))


SCORE_MISTAKES = {
    "naive-p-log-p": Mistake("computes p log p without the case p = 0, which gives NaN", _per_split(_naive)),
    "splits-ignored": Mistake("scores the whole set at once and ignores the splits", {"inception-score": _whole_set}),
    "std-ddof-1": Mistake(
        "divides the variance over splits by S - 1", _per_split(lambda part: _score(_softmax(part)), ddof=1)
    ),
    "remainder-dropped": Mistake("drops the samples beyond S times N // S", {"inception-score": _remainder_dropped}),
    "without-exponential": Mistake("returns the mean divergence without exp", _per_split(_without_exponential)),
    "divergence-reversed": Mistake("computes the divergence in the wrong direction", _per_split(_marginal_first)),
    "softmax-twice": Mistake(
        "takes the softmax of probabilities", _per_split(lambda part: _score(_softmax(_softmax(part))))
    ),
    "biased-mmd": Mistake("keeps the diagonal of the kernel matrices (biased MMD)", _mmd_with(biased=True)),
    "gamma-1": Mistake("does not divide the inner product by D", _mmd_with(gamma=1.0) | _jedi_with(gamma=1.0)),
    "unbiased-mmd": Mistake("leaves out the diagonal of the kernel matrices (unbiased MMD)", _jedi_with(unbiased=True)),
    "coef0-1": Mistake("adds 1 to the kernel, as the kernel distances do", _jedi_with(coef0=1.0)),
    "degree-3": Mistake("uses a cubic kernel, as the kernel distances do", _jedi_with(degree=3)),
    "not-times-100": Mistake("does not multiply by 100", _jedi_with(scaled=False)),
    "centred-features": Mistake("subtracts the mean of the real features first", {"jedi-from-features": _jedi_centred}),
    "coef0-0": Mistake("omits the constant of the kernel", _mmd_with(coef0=0.0)),
    "degree-2": Mistake("uses a quadratic kernel", _mmd_with(degree=2)),
    "root-of-mmd": Mistake("returns the root of the squared MMD", {"kernel-mmd": _mmd_rooted}),
}
