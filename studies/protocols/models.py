"""The sixteen models: six checkpoints of DVD-GAN, a memoriser, nine corruptions of training clips."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from studies.protocols.corruptions import CORRUPTIONS, resized, shared_out
from studies.protocols.windows import FRAMES, Video, Window, clips_of, drawn_windows
from vidbench.errors import InputError
from vidbench.models.choice import choose_registered
from vidbench.models.interface import ModelTask, SampleRequest
from vidbench.scoring.clip_sources import in_host_memory
from vidbench.scoring.seeds import sample_seeds

MEMORISER = "memoriser"
ONE_PERSON = "one-person"
"""The corruption that has no pixels: a share of the clips shows one person only."""
CORRUPTED = (*CORRUPTIONS, ONE_PERSON)
KEPT_PERSON = 3
_CHECKPOINT = re.compile(r"step-(\d+)\.safetensors")


def find_checkpoints(folder: Path) -> dict[str, Path]:
    """Return the checkpoints ``step-NNNNN.safetensors`` of a folder by the name of their model, earliest first."""
    found = sorted(file for file in folder.glob("step-*.safetensors") if _CHECKPOINT.fullmatch(file.name))
    return {f"dvdgan-{int(file.stem.removeprefix('step-'))}": file for file in found}


def first_guess(corruption: str) -> tuple[float, float]:
    """Return the strength to begin the tuning with, and the strongest one."""
    return (0.4, 1.0) if corruption == ONE_PERSON else (CORRUPTIONS[corruption].first, CORRUPTIONS[corruption].most)


def corrupted_clips(
    name: str, strength: float, videos: list[Video], count: int, sample_seed: int
) -> Callable[[], np.ndarray]:
    """Return a function that makes the clips of a corruption: uint8 ``[N, 12, 64, 64, 3]``."""

    def make() -> np.ndarray:
        clips_NTHWC = clips_of(source_windows(name, strength, videos, count, sample_seed))
        if name not in CORRUPTIONS:
            return clips_NTHWC
        return CORRUPTIONS[name].apply(clips_NTHWC, strength, _seed_of(name, sample_seed))

    return make


def _seed_of(name: str, sample_seed: int) -> int:
    """Return the seed of a model's windows and noise: two models do not share their source clips."""
    return 1000 * (sample_seed + 1) + (999 if name == MEMORISER else CORRUPTED.index(name))


def source_windows(name: str, strength: float, videos: list[Video], count: int, sample_seed: int) -> list[Window]:
    """Return the training clips that the memoriser or a corruption begins with."""
    seed = _seed_of(name, sample_seed)
    windows = drawn_windows(videos, count, seed)
    if name != ONE_PERSON:
        return windows
    alone = drawn_windows([video for video in videos if video.person == KEPT_PERSON], count, seed)
    replaced = shared_out(strength, count, seed)
    return [one if there else other for one, other, there in zip(alone, windows, replaced, strict=True)]


def memorised_clips(videos: list[Video], count: int, sample_seed: int) -> Callable[[], np.ndarray]:
    """Return a function that draws training clips, unchanged."""
    return lambda: clips_of(source_windows(MEMORISER, 0.0, videos, count, sample_seed))


def sampled_clips(
    checkpoint: Path, classes: tuple[str, ...], count: int, sample_seed: int, device: str
) -> Callable[[], np.ndarray]:
    """Return a function that samples DVD-GAN at 32x32 and resizes to 64x64; labels take turns.

    Raises:
        InputError: the checkpoint is not one of the training of this study.
    """

    def make() -> np.ndarray:
        task = ModelTask(
            name="weizmann-gen-32", num_frames=FRAMES, context_frames=0, height=32, width=32, class_names=classes
        )
        model = choose_registered("dvdgan").factory.load(checkpoint, task, device)
        parts = []
        for start in range(0, count, 32):
            indices = np.arange(start, min(start + 32, count))
            request = SampleRequest(indices, sample_seeds(sample_seed, indices), indices % len(classes), None, FRAMES)
            parts.append(in_host_memory(model.sample(request)))
        return resized(np.concatenate(parts), 64)

    return make


def all_models(
    checkpoints: Mapping[str, Path], strengths: Mapping[str, float], videos: list[Video], count: int, device: str
) -> dict[str, Callable[[int], Callable[[], np.ndarray]]]:
    """Return every model by name: called with the seed of its samples, it gives the function that makes them."""
    if not strengths and not checkpoints:
        raise InputError("A study of no models has no answer: give checkpoints, corruptions or both.")
    classes = tuple(sorted({video.name.partition("/")[0] for video in videos}))
    models: dict[str, Callable[[int], Callable[[], np.ndarray]]] = {}
    for name, file in checkpoints.items():
        models[name] = lambda seed, file=file: sampled_clips(file, classes, count, seed, device)  # type: ignore[misc]
    models[MEMORISER] = lambda seed: memorised_clips(videos, count, seed)
    for name, strength in strengths.items():
        models[name] = lambda seed, name=name, strength=strength: corrupted_clips(  # type: ignore[misc]
            name, strength, videos, count, seed
        )
    return models
