"""Named recipes for the inputs of the known-answer vectors: the same bytes on every machine.

A recipe draws raw 64-bit words of the Philox generator (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
2011), whose stream numpy guarantees never to change, and continues with integers and exact binary fractions. Nothing is
rounded, so neither the numpy version nor the BLAS affects an input, and an oracle may treat the numbers as exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.seeded_c3d import seeded_c3d_weights
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.conformance.seeded_inception import seeded_inception_weights
from vidmetrics.conformance.seeded_transformers import seeded_videomae_weights, seeded_vjepa_weights
from vidmetrics.errors import InputError, unknown_name

Arrays = dict[str, npt.NDArray[Any]]
Integers = npt.NDArray[np.int64]

WEIGHTS = "weights/"
"""Prefix of the network's variables among the inputs of a vector."""


def make_inputs(recipe: Mapping[str, Any]) -> Arrays:
    """Return the named arrays of a recipe ``{"name": NAME, **arguments}``.

    Raises:
        InputError: there is no such recipe, or its arguments are wrong.
    """
    arguments = dict(recipe)
    name = str(arguments.pop("name", ""))
    if name not in _RECIPES:
        raise InputError(unknown_name("recipe", name, _RECIPES))
    try:
        return _RECIPES[name](**arguments)
    except TypeError as error:
        raise InputError(
            f"The recipe '{name}' does not accept these arguments ({error}); correct the vector."
        ) from error


def _words(seed: int, stream: int, *shape: int) -> npt.NDArray[np.uint64]:
    generator = np.random.Philox(key=np.array([seed, stream], np.uint64))
    return np.asarray(generator.random_raw(int(np.prod(shape))), np.uint64).reshape(shape)


def _integers(seed: int, stream: int, bound: int, *shape: int) -> Integers:
    """Return integers from 0 to bound - 1; the modulo bias is below bound / 2**32 and irrelevant here."""
    return ((_words(seed, stream, *shape) >> np.uint64(32)) % np.uint64(bound)).astype(np.int64)


def _bells(seed: int, stream: int, *shape: int) -> Integers:
    """Return centred integers with a bell-shaped distribution: the sum of the four 16-bit parts of a word.

    Their standard deviation is about 37,800 = 1.15 * 2**15.
    """
    words = _words(seed, stream, *shape)
    parts = [(words >> np.uint64(16 * i)) & np.uint64(0xFFFF) for i in range(4)]
    return sum((part.astype(np.int64) for part in parts), np.zeros(shape, np.int64)) - 2 * 65535


def _mixed_rows(seed: int, stream: int, count: int, dim: int, octaves: int, offset: int) -> npt.NDArray[np.float64]:
    """Return correlated rows: column j has a width of about 2**(-octaves * j / dim), centred at the offset."""
    mixing = _integers(seed, 99, 5, dim, dim) - 2 + 4 * np.eye(dim, dtype=np.int64)
    scale = np.exp2(-(octaves * np.arange(dim) // dim) - 15.0)
    rows: npt.NDArray[np.float64] = (_bells(seed, stream, count, dim) * scale) @ mixing.astype(np.float64) + offset
    return rows


def _features(
    seed: int, dim: int, count_a: int, count_b: int, octaves: int = 0, offset: int = 0, shift: int = 0, widen: int = 8
) -> Arrays:
    """Return two sets of features float64 ``[N, dim]``; the second is shifted by shift/8 and widen/8 times as wide."""
    rows_b = _mixed_rows(seed, 2, count_b, dim, octaves, 0) * (widen / 8) + offset + shift / 8
    return {"features_a": _mixed_rows(seed, 1, count_a, dim, octaves, offset), "features_b": rows_b}


def _stream(seed: int, dim: int, count: int, octaves: int = 0, offset: int = 0) -> Arrays:
    """Return one set of features float64 ``[count, dim]``."""
    return {"features": _mixed_rows(seed, 1, count, dim, octaves, offset)}


def _isotropic(dim: int, variance_a: float, variance_b: float, shift: float) -> Arrays:
    """Return the moments of two uncorrelated Gaussians; the means differ by the shift in every direction."""
    return {
        "mean_a": np.zeros(dim),
        "cov_a": variance_a * np.eye(dim),
        "mean_b": np.full(dim, float(shift)),
        "cov_b": variance_b * np.eye(dim),
    }


def hidden_blocks(seed: int, stream: int, blocks: int, size: int, octaves: int) -> Integers:
    """Return symmetric positive definite integer matrices ``[blocks, size, size]``: L diag(2**k) L^T, L unit triangular.

    The exponents k run from 0 to octaves over all blocks together.
    """
    below = np.tril(_integers(seed, stream, 3, blocks, size, size) - 1, -1)
    # Sparse, so L itself is well conditioned and the exponents determine the condition number.
    below *= _integers(seed, stream + 10, 4, blocks, size, size) == 0
    lower = below + np.eye(size, dtype=np.int64)
    exponents = (np.arange(blocks * size) * octaves // max(blocks * size - 1, 1)).reshape(size, blocks).T
    # One stream is wide where the next is narrow, so the distance is of the order of the traces.
    exponents = np.roll(exponents, stream - 1, axis=1)
    return np.asarray(np.einsum("bij,bj,bkj->bik", lower, np.int64(1) << exponents, lower), np.int64)


def _hidden_block_moments(seed: int, blocks: int, size: int, octaves: int) -> Arrays:
    """Return moments of ``blocks * size`` features with dense covariances that do not commute.

    Both covariances are block diagonal in a common basis, a Hadamard matrix over the blocks, so their distance is the sum
    of the distances of the small blocks, which an oracle can afford. All entries are exact in float64.
    """
    dim = blocks * size
    hadamard = np.array([[1]], np.int64)
    while len(hadamard) < blocks:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    moments: Arrays = {}
    for stream, side in ((1, "a"), (2, "b")):
        parts = hidden_blocks(seed, stream, blocks, size, octaves)
        mixed = np.einsum("pk,qk,kij->piqj", hadamard, hadamard, parts).reshape(dim, dim)
        if np.abs(mixed).max() >= 2**53:
            raise InputError("The hidden blocks are too wide for exact float64; use fewer octaves.")
        moments[f"cov_{side}"] = mixed / np.exp2(octaves + np.log2(blocks))
        moments[f"mean_{side}"] = _bells(seed, stream + 20, dim) / 2.0**22
    return moments


def _logits(seed: int, count: int, classes: int, scale: int = 1, impossible: int = 0) -> Arrays:
    """Return logits float64 ``[count, classes]``; if impossible > 0, about one in ``impossible`` is minus infinity."""
    values = _bells(seed, 1, count, classes) * (scale / 2.0**15)
    if impossible:
        values[_integers(seed, 2, impossible, count, classes) == 0] = -np.inf
        values[np.arange(count), _integers(seed, 3, classes, count)] = 0.0
    return {"logits": values}


def _frames(seed: int, count: int, height: int, width: int) -> Arrays:
    """Return frames float32 ``[count, height, width, 3]`` with integer values 0 to 255."""
    return {"frames": _integers(seed, 1, 256, count, height, width, 3).astype(np.float32)}


def _clip(seed: int, noise_eighths: int, frames: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return one clip uint8 ``[T, H, W, 3]``: waves with seeded directions and speeds, mixed with noise."""
    t, y, x = np.meshgrid(*(np.arange(size) for size in (frames, height, width)), indexing="ij")
    speed = _integers(seed, 1, 61, 3, 3) - 30
    waves = np.stack(
        [255 - np.abs((speed[c, 0] * y + speed[c, 1] * x + speed[c, 2] * t + 85 * c) % 510 - 255) for c in range(3)], -1
    )
    noise = _integers(seed, 2, 256, frames, height, width, 3)
    return ((waves * (8 - noise_eighths) + noise * noise_eighths) // 8).astype(np.uint8)


def _clips(
    seed: int, count: int, frames: int, height: int, width: int, weights_seed: int, network: str = "i3d-kinetics-400"
) -> Arrays:
    """Return clips uint8 ``[count, T, H, W, 3]`` and the seeded weights of a network."""
    clips = np.stack([_clip(1000 * seed + i, i % 3, frames, height, width) for i in range(count)])
    return {"clips": clips, **_weights(network, weights_seed)}


def _clip_pair(
    seed: int,
    count_real: int,
    count_generated: int,
    frames: int,
    height: int,
    width: int,
    weights_seed: int,
    network: str = "i3d-kinetics-400",
) -> Arrays:
    """Return real and, with more noise, generated clips uint8 ``[N, T, H, W, 3]``, and the seeded weights of a network."""
    real = [_clip(1000 * seed + i, 1, frames, height, width) for i in range(count_real)]
    generated = [_clip(1000 * seed + 500 + i, 2 + i % 3, frames, height, width) for i in range(count_generated)]
    weights = _weights(network, weights_seed)
    return {"real_clips": np.stack(real), "generated_clips": np.stack(generated), **weights}


_SEEDED: dict[str, Callable[[int], Mapping[str, npt.NDArray[np.float32]]]] = {
    "i3d-kinetics-400": seeded_i3d_weights,
    "inception-2015-12-05": seeded_inception_weights,
    "c3d-ucf101": seeded_c3d_weights,
    "videomae-ssv2": seeded_videomae_weights,
    "vjepa-ssv2": seeded_vjepa_weights,
}


def _weights(network: str, seed: int) -> Arrays:
    if network not in _SEEDED:
        raise InputError(unknown_name("network", network, _SEEDED))
    return {WEIGHTS + name: value for name, value in _SEEDED[network](seed).items()}


_RECIPES: dict[str, Callable[..., Arrays]] = {
    "features": _features,
    "stream": _stream,
    "isotropic": _isotropic,
    "hidden-block-moments": _hidden_block_moments,
    "logits": _logits,
    "frames": _frames,
    "clips": _clips,
    "clip-pair": _clip_pair,
}
