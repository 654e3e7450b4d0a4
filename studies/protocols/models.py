"""The sixteen models: six checkpoints of DVD-GAN, a memoriser, nine corruptions of training clips."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from studies.protocols.corruptions import CORRUPTIONS, resized
from studies.protocols.windows import FRAMES, Video, clips_of, drawn_windows
from vidbench.errors import InputError
from vidbench.models.choice import choose_registered
from vidbench.models.interface import ModelTask, SampleRequest
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
    """Return a function that makes the clips of a corruption: uint8 ``[N, 12, 64, 64, 3]``.

    Windows are the model's own: two corruptions do not share their source clips.
    """
    seed = 1000 * (sample_seed + 1) + CORRUPTED.index(name)

    def make() -> np.ndarray:
        windows = drawn_windows(videos, count, seed)
        if name != ONE_PERSON:
            return CORRUPTIONS[name].apply(clips_of(windows), strength, seed)
        alone = drawn_windows([video for video in videos if video.person == KEPT_PERSON], count, seed)
        replaced = round(strength * count)
        return clips_of(alone[:replaced] + windows[replaced:])

    return make


def memorised_clips(videos: list[Video], count: int, sample_seed: int) -> Callable[[], np.ndarray]:
    """Return a function that draws training clips, unchanged."""
    return lambda: clips_of(drawn_windows(videos, count, 1000 * (sample_seed + 1) + 999))


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
            parts.append(np.asarray(model.sample(request)))
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
