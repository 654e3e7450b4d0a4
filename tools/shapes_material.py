"""Clips of moving shapes that are wrong in a known way: what `measure_shapes_agreement.py` ranks under several networks.

Three kinds: held-out real clips with one of `corruptions`, in levels; samples of the shipped DVD-GAN after its weights, latents or
classes were damaged, in levels; and samples of a folder of checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measure_shapes_scale import blurred, noisy

from dvdgan.layers import use_plain_weights
from dvdgan.model import DVDGAN
from vidbench.data.shapes.dataset import CLASS_NAMES, render
from vidbench.models import ModelTask, SampleRequest, written_whole

FRAMES, SIDE = 12, 32
Corrupt = Callable[[np.ndarray], np.ndarray]
Material = dict[str, tuple[str, Callable[[], np.ndarray]]]
"""Family, and maker of clips uint8 ``[N, 12, 32, 32, 3]``, of each set of clips by name."""


def frozen(clips_NTHWC: np.ndarray, after: int) -> np.ndarray:
    """Return clips that stand still after a frame."""
    return clips_NTHWC[:, np.minimum(np.arange(clips_NTHWC.shape[1]), after)]


def shuffled(clips_NTHWC: np.ndarray, window: int) -> np.ndarray:
    """Return clips with the frames of every window of this length in a random order, of each clip its own."""
    rng = np.random.default_rng(1)
    order = np.arange(clips_NTHWC.shape[1]).reshape(-1, window)
    orders = [np.concatenate([rng.permutation(part) for part in order]) for _ in clips_NTHWC]
    return np.stack([clip[frames] for clip, frames in zip(clips_NTHWC, orders, strict=True)])


def coarse(clips_NTHWC: np.ndarray, block: int) -> np.ndarray:
    """Return clips whose pixels are means of blocks of this side."""
    n, t, h, w, c = clips_NTHWC.shape
    means = clips_NTHWC.reshape(n, t, h // block, block, w // block, block, c).mean(axis=(3, 5))
    return means.repeat(block, axis=2).repeat(block, axis=3)


def quantised(clips_NTHWC: np.ndarray, levels: int) -> np.ndarray:
    """Return clips with this many levels per channel."""
    return (clips_NTHWC * ((levels - 1) / 255)).round() * (255 / (levels - 1))


def shaken(clips_NTHWC: np.ndarray, pixels: int) -> np.ndarray:
    """Return clips whose frames are each moved by up to this many pixels along both axes, around the edges."""
    rng = np.random.default_rng(2)
    moves = rng.integers(-pixels, pixels + 1, (*clips_NTHWC.shape[:2], 2))
    return np.stack(
        [
            np.stack([np.roll(frame, tuple(move), (0, 1)) for frame, move in zip(clip, of_clip, strict=True)])
            for clip, of_clip in zip(clips_NTHWC, moves, strict=True)
        ]
    )


def faded(clips_NTHWC: np.ndarray, contrast: float) -> np.ndarray:
    """Return clips with the contrast around middle grey reduced to this share."""
    return 127.5 + contrast * (clips_NTHWC - 127.5)


def covered(clips_NTHWC: np.ndarray, side: int) -> np.ndarray:
    """Return clips with a grey square of this side in the middle."""
    made, first = clips_NTHWC.copy(), (SIDE - side) // 2
    made[:, :, first : first + side, first : first + side] = 127.5
    return made


def with_noise_clips(clips_NTHWC: np.ndarray, share: float) -> np.ndarray:
    """Return clips of which this share is replaced by white noise."""
    made, count = clips_NTHWC.copy(), round(share * len(clips_NTHWC))
    made[:count] = np.random.default_rng(3).uniform(0, 255, made[:count].shape)
    return made


def without_classes(clips_NTHWC: np.ndarray, classes: int) -> np.ndarray:
    """Return as many clips of the first classes alone; clip ``i`` is of class ``i mod 24``."""
    kept = np.flatnonzero(np.arange(len(clips_NTHWC)) % len(CLASS_NAMES) < classes)
    return clips_NTHWC[np.resize(kept, len(clips_NTHWC))]


# Family: corruption and its levels, from the weakest to the strongest.
FAMILIES: dict[str, tuple[Callable[..., np.ndarray], tuple[float, ...]]] = {
    "blur in space, pixels": (lambda clips, level: blurred(clips, space=level), (0.5, 0.8, 1.4)),
    "blur in time, frames": (lambda clips, level: blurred(clips, time=level), (0.5, 0.8, 1.4)),
    "noise, levels of 255": (noisy, (12, 25, 50)),
    "frozen after frame": (frozen, (9, 6, 3)),
    "frames shuffled within": (shuffled, (2, 4, 12)),
    "blocks of pixels": (coarse, (2, 4)),
    "levels per channel": (quantised, (5, 3, 2)),
    "shaken by pixels": (shaken, (1, 2, 4)),
    "contrast": (faded, (0.6, 0.3, 0.15)),
    "grey square, pixels": (covered, (8, 14, 20)),
    "noise clips, share": (with_noise_clips, (0.02, 0.08, 0.3)),
    "classes left of 24": (without_classes, (21, 16, 8)),
}


def corruptions() -> dict[str, tuple[str, Corrupt]]:
    """Return family and corruption of float32 clips ``[N, T, H, W, 3]`` by name, and the clips as they are."""
    made: dict[str, tuple[str, Corrupt]] = {"none": ("none", lambda clips: clips)}
    for family, (corrupt, levels) in FAMILIES.items():
        for level in levels:
            made[f"{family}: {level:g}"] = (family, lambda clips, f=corrupt, level=level: f(clips, level))
    return made


def corrupted_clips(count: int) -> Material:
    """Return sets of this many corrupted held-out clips."""
    held_out = render("test", np.arange(count), FRAMES, SIDE, SIDE)[0].astype(np.float32)
    return {
        name: (family, lambda f=corrupt: f(held_out).round().clip(0, 255).astype(np.uint8))
        for name, (family, corrupt) in corruptions().items()
    }


@dataclass(frozen=True)
class Damage:
    """One way to sample the shipped DVD-GAN of `shapes-gen` badly.

    Attributes:
        family: what is damaged.
        weights: standard deviation of noise on every weight array, as a share of the array's own.
        truncation: standard deviation of the latents; 1 is that of training.
        classes: number of classes sampled.
        whole_numbers: levels to which each weight array is rounded; 0 for none.
    """

    family: str
    weights: float = 0.0
    truncation: float = 1.0
    classes: int = len(CLASS_NAMES)
    whole_numbers: int = 0


DAMAGES: dict[str, Damage] = {
    "as shipped": Damage("none"),
    **{f"noise on weights {level:g}": Damage("noise on weights", weights=level) for level in (0.05, 0.1, 0.2, 0.4)},
    **{f"truncation {level:g}": Damage("truncation", truncation=level) for level in (0.6, 0.3, 0.05)},
    **{f"classes {count} of 24": Damage("classes", classes=count) for count in (16, 8)},
    **{f"weights of {levels} levels": Damage("rounded weights", whole_numbers=levels) for levels in (33, 17, 9)},
}


def damaged_samples(checkpoint: Path | None, damage: Damage, count: int, device: str) -> np.ndarray:
    """Return samples uint8 ``[count, 12, 32, 32, 3]`` of a checkpoint (None: as shipped) with this damage, seeds 0, 1, …"""
    model = DVDGAN.load(checkpoint, ModelTask("shapes-gen", FRAMES, 0, SIDE, SIDE, CLASS_NAMES), device)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model._generator.parameters():
            if weight.ndim > 1:
                noise = torch.randn(weight.shape, generator=draws).to(weight.device)
                weight += damage.weights * weight.std() * noise
                if damage.whole_numbers:
                    step = 2 * weight.abs().max() / (damage.whole_numbers - 1)
                    weight.copy_((weight / step).round() * step)
    use_plain_weights(model._generator)
    made = []
    for indices in np.split(np.arange(count), range(96, count, 96)):
        request = SampleRequest(
            indices, indices.astype(np.uint64), indices % damage.classes, None, FRAMES, damage.truncation
        )
        made.append(torch.as_tensor(model.sample(request)).cpu().numpy())
    return np.concatenate(made)


def damaged_clips(count: int, folder: Path, device: str) -> Material:
    """Return samples of the damaged checkpoint, made into a folder if they are not there."""
    return {
        name: (damage.family, stored(folder / f"{name.replace(' ', '-')}-{count}.npy", None, damage, count, device))
        for name, damage in DAMAGES.items()
    }


def checkpoint_samples(checkpoints: Path, count: int, folder: Path, device: str) -> Material:
    """Return samples of every checkpoint below a folder, made into another if they are not there; a checkpoint is its own family."""
    return {
        (name := str(path.relative_to(checkpoints).with_suffix(""))): (
            name,
            stored(folder / f"checkpoint-{name.replace('/', '-')}-{count}.npy", path, Damage("none"), count, device),
        )
        for path in sorted(checkpoints.rglob("*.safetensors"))
    }


def stored(path: Path, checkpoint: Path | None, damage: Damage, count: int, device: str) -> Callable[[], np.ndarray]:
    """Return the reader of a file of samples, made and written first if it is not there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary, temporary.open("wb") as file:
            np.save(file, damaged_samples(checkpoint, damage, count, device))
    return lambda: np.load(path)
