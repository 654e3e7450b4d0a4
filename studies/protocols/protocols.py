"""Twelve protocols as data: which real clips are the reference, and what happens to the samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from studies.protocols.corruptions import cropped_then_resized, resized_then_cropped, through_mp4
from studies.protocols.windows import Video, Window, clips_of, drawn_windows, every_window, people_of

BASE = "base"
POOL_SEED = 7
MORE_SEEDS = (2, 3)
"""Of the controls beyond the one of the twelve protocols: a single draw says little about what draws do."""


@dataclass(frozen=True)
class RealSet:
    """Real clips whose features are computed together: windows, and what is done to their pixels."""

    windows: list[Window]
    change: Callable[[np.ndarray], np.ndarray] = lambda clips: clips

    def clips(self) -> np.ndarray:
        """Return uint8 ``[N, 12, 64, 64, 3]``."""
        return self.change(clips_of(self.windows))

    @property
    def people(self) -> np.ndarray:
        """Who is in each clip, int64 ``[N]``."""
        return people_of(self.windows)


def real_sets(train: list[Video], test: list[Video], per_video: int, step: int) -> dict[str, RealSet]:
    """Return every set of real clips that some protocol needs, by name.

    Args:
        train: videos of the train split.
        test: videos of the test split.
        per_video: windows of each video in the pools.
        step: frames between the starts of "all windows".
    """
    pool = drawn_windows(train, per_video * len(train), POOL_SEED)
    half = len(pool) // 2
    return {
        "pool": RealSet(pool),
        "pool-test": RealSet(drawn_windows(test, per_video * len(test), POOL_SEED)),
        "stride-2": RealSet(drawn_windows(train, half, POOL_SEED, stride=2)),
        "first-windows": RealSet([Window(video, 0) for video in train]),
        "all-windows": RealSet(every_window(train, step)),
        "cropped": RealSet(pool[:half], cropped_then_resized),
        **{f"pool-{seed}": RealSet(drawn_windows(train, half, POOL_SEED + seed)) for seed in MORE_SEEDS},
    }


@dataclass(frozen=True)
class Protocol:
    """One protocol.

    Attributes:
        id: its name in tables and in the predictions.
        title: what is different from the base.
        real: parts of the reference: the name of a real set, and which rows of it, by the names of the videos.
        samples: which of `SAMPLES` are measured.
        share: share of the reference and of the samples that is used, from the first ones on.
    """

    id: str
    title: str
    real: tuple[tuple[str, Callable[[list[Window]], np.ndarray]], ...]
    samples: str = BASE
    share: float = 1.0


def _whole(windows: list[Window]) -> np.ndarray:
    return np.arange(len(windows))


def _first_half(windows: list[Window]) -> np.ndarray:
    return np.arange(len(windows) // 2)


def _second_half(windows: list[Window]) -> np.ndarray:
    return np.arange(len(windows) // 2, len(windows))


def _first_by_name(windows: list[Window]) -> np.ndarray:
    ordered = sorted(range(len(windows)), key=lambda i: (windows[i].video.name, windows[i].start))
    return np.array(ordered[: len(windows) // 2])


PROTOCOLS = (
    Protocol(BASE, "a random half of the train split's windows", (("pool", _first_half),)),
    Protocol(
        "another-seed",
        "control: the other half of the windows, samples of another seed",
        (("pool", _second_half),),
        "another-seed",
    ),
    Protocol("first-by-name", "the first N windows in the order of file names", (("pool", _first_by_name),)),
    Protocol("stride-one-side", "stride 2 in the reference, 1 in the samples", (("stride-2", _whole),)),
    Protocol("first-window", "only the window at the first frame of each video", (("first-windows", _whole),)),
    Protocol("all-windows", "all windows of each video", (("all-windows", _whole),)),
    Protocol("eighth", "N / 8 reference clips and samples", (("pool", _first_half),), share=1 / 8),
    Protocol("mp4", "samples stored as mp4 (H.264, 4:2:0, crf 23)", (("pool", _first_half),), "mp4"),
    Protocol(
        "crop-order",
        "reference cropped, then resized; samples resized, then cropped",
        (("cropped", _whole),),
        "cropped",
    ),
    Protocol("train", "the whole pool of the train split", (("pool", _whole),)),
    Protocol("test", "the test split as reference", (("pool-test", _whole),)),
    Protocol("both", "both splits as reference", (("pool", _first_half), ("pool-test", _whole))),
)

CONTROLS = (
    Protocol("new-samples", "samples of another seed, the base's reference", (("pool", _first_half),), "another-seed"),
    Protocol("new-reference", "the other half of the windows, the base's samples", (("pool", _second_half),)),
    *(
        Protocol(
            f"another-seed-{seed}",
            f"windows and samples of seed {seed}",
            ((f"pool-{seed}", _whole),),
            f"another-seed-{seed}",
        )
        for seed in MORE_SEEDS
    ),
)
"""More controls, added after the predictions: the two halves of the control, and the control with more seeds."""


@dataclass(frozen=True)
class Samples:
    """One set of samples of every model: the seed, and what happens to the pixels."""

    seed: int
    change: Callable[[np.ndarray], np.ndarray] = lambda clips: clips


SAMPLES = {
    BASE: Samples(0),
    "another-seed": Samples(1),
    "mp4": Samples(0, through_mp4),
    "cropped": Samples(0, resized_then_cropped),
    **{f"another-seed-{seed}": Samples(seed) for seed in MORE_SEEDS},
}


def reference_of(
    protocol: Protocol, sets: dict[str, RealSet], features: Callable[[str], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the reference of a protocol: features ``[N, D]`` and people ``[N]``."""
    rows, people = [], []
    for name, choose in protocol.real:
        chosen = choose(sets[name].windows)
        rows.append(features(name)[chosen])
        people.append(sets[name].people[chosen])
    count = round(protocol.share * sum(map(len, rows)))
    return np.concatenate(rows)[:count], np.concatenate(people)[:count]


def samples_of(protocol: Protocol, features_ND: np.ndarray) -> np.ndarray:
    """Return the part of a model's features that the protocol uses."""
    return features_ND[: round(protocol.share * len(features_ND))]
