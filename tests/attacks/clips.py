"""Clips of attacks on the embedded task: what an author with the data and the weights can hand in. Clip i has the label i mod 24."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from vidbench.data.shapes.dataset import render
from vidmetrics import load_network
from vidmetrics.networks.moving_shapes import preprocess

SHAPE = (12, 32, 32)
# Test clips far behind those that any task shows: the true generator, which no attack can be better than.
_FRESH = 24 * 100_000


def held_out(count: int) -> np.ndarray:
    """The held-out clips of the task, uint8 ``[N, T, H, W, 3]``."""
    return render("test", np.arange(count), *SHAPE)[0]


def fresh(count: int) -> np.ndarray:
    """Clips of the true generator that no task shows: honest."""
    return render("test", _FRESH + np.arange(count), *SHAPE)[0]


def training(count: int) -> np.ndarray:
    """Clips of the reference set."""
    return render("train", np.arange(count), *SHAPE)[0]


def noisy_training(count: int) -> np.ndarray:
    """Clips of the reference set with noise of two levels, which the network hardly sees."""
    noise = np.random.default_rng(7).normal(0, 2, (count, *SHAPE, 3))
    return np.clip(np.rint(training(count) + noise), 0, 255).astype(np.uint8)


def blurred_training(count: int) -> np.ndarray:
    """Clips of the reference set, blurred by half a pixel."""
    blurred = gaussian_filter(training(count).astype(np.float32), (0, 0, 0.5, 0.5, 0), mode="nearest")
    return np.clip(blurred + 0.5, 0, 255).astype(np.uint8)


def shuffled(count: int) -> np.ndarray:
    """Honest clips in another order, so that their classes are not those of the task."""
    return fresh(count)[np.random.default_rng(0).permutation(count)]


def stills(count: int) -> np.ndarray:
    """The first frame of honest clips, held still."""
    return np.repeat(fresh(count)[:, :1], SHAPE[0], axis=1)


def optimised_stills(count: int, levels: int = 8, steps: int = 30) -> np.ndarray:
    """Stills changed by a few levels, by gradient steps that bring the logits of still i to those of reference clip i."""
    network = load_network("shapes")
    body = network._body
    assert isinstance(body, torch.nn.Module)
    found = []
    targets = training(count)
    for start in range(0, count, 96):
        still = torch.from_numpy(stills(count)[start : start + 96]).float()
        with torch.no_grad():
            wanted = body(torch.from_numpy(targets[start : start + 96]))["logits"]
        change = torch.zeros_like(still)
        for _ in range(steps):
            change.requires_grad_(True)
            logits = body.classifier(body.pooled(_scaled(still + change)))
            (slope,) = torch.autograd.grad(((logits - wanted) ** 2).sum(), change)
            with torch.no_grad():
                change = (change - slope.sign()).clamp(-levels, levels)
        found.append((still + change.detach()).round().clamp(0, 255).to(torch.uint8).numpy())
    return np.concatenate(found)


def _scaled(clips_NTHWC: torch.Tensor) -> torch.Tensor:
    """Return what `preprocess` returns for uint8, for floats that have a gradient."""
    return (clips_NTHWC.permute(0, 4, 1, 2, 3) / 127.5 - 1.0).contiguous()


def scaled_as_the_network_does(clips_NTHWC: np.ndarray) -> bool:
    """Return whether `_scaled` is the preprocessing of the network, without which the attack would be a weak one."""
    clips = torch.from_numpy(clips_NTHWC)
    return bool(torch.allclose(preprocess(clips), _scaled(clips.float())))
