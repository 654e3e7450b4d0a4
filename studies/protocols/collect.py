"""Features of everything that the study compares, computed in the order in which they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from studies.protocols.distances import fvd
from studies.protocols.features import FeatureStore, NetworkChoice
from studies.protocols.models import (
    CORRUPTED,
    MEMORISER,
    all_models,
    corrupted_clips,
    first_guess,
    memorised_clips,
    source_windows,
)
from studies.protocols.protocols import BASE, PROTOCOLS, SAMPLE_CHANGES, Protocol, RealSet, real_sets, reference_of
from studies.protocols.tuning import Tuned, tune
from studies.protocols.windows import people_of, read_videos

LEVEL = 1.3
"""Score that corruptions are tuned to, over that of unchanged training clips."""
SAMPLE_SEEDS = {BASE: 0, "another-seed": 1, "mp4": 0, "cropped": 0}


@dataclass(frozen=True)
class StudySettings:
    """How large the study is.

    Attributes:
        data: the Weizmann folder.
        checkpoints: of DVD-GAN, by the names of their models.
        num_samples: clips per model.
        per_video: windows of each video; half of those of the train split are the base's reference.
        network_seeds: one network for each; corruptions are tuned on the first.
        other_changes: what of `SAMPLE_CHANGES` the networks after the first see; all but where time is short. Protocols that
            need another change then have fewer networks, and tables say how many.
        precision: type of the convolutions.
        corruptions: their names; all nine but in a test.
        protocols: their ids, the base first; all twelve but in a test.
        device: where samplers and networks compute.
    """

    data: Path
    checkpoints: Mapping[str, Path]
    num_samples: int
    per_video: int
    network_seeds: tuple[int, ...] = (0, 1, 2)
    other_changes: tuple[str, ...] = tuple(SAMPLE_CHANGES)
    precision: str = "float32"
    corruptions: tuple[str, ...] = CORRUPTED
    protocols: tuple[str, ...] = tuple(protocol.id for protocol in PROTOCOLS)
    device: str = "cpu"


class Collection:
    """Access to features by model, protocol and network; what is missing is computed."""

    def __init__(self, settings: StudySettings, store: FeatureStore) -> None:
        self.settings, self.store = settings, store
        self.train = read_videos(settings.data, "train")
        self.sets: dict[str, RealSet] = real_sets(self.train, read_videos(settings.data, "test"), settings.per_video)
        self.protocols = tuple(protocol for protocol in PROTOCOLS if protocol.id in settings.protocols)
        self.tuned = self._tuned()
        strengths = {name: found.strength for name, found in self.tuned.items()}
        self._models = all_models(settings.checkpoints, strengths, self.train, settings.num_samples, settings.device)
        self._clips: dict[tuple[str, int], np.ndarray] = {}

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(self._models)

    def protocols_of(self, seed: int) -> tuple[Protocol, ...]:
        """Return the protocols that the network of a seed measures."""
        first = seed == self.settings.network_seeds[0]
        return tuple(one for one in self.protocols if first or one.samples in self.settings.other_changes)

    def network(self, seed: int, eps: float = 1e-3) -> NetworkChoice:
        """Return the network of a seed."""
        return NetworkChoice(seed, eps, self.settings.precision)

    def reference(self, network: NetworkChoice, protocol: Protocol) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``[N, D]`` and people ``[N]`` of a protocol's reference."""
        return reference_of(
            protocol, self.sets, lambda name: self.store(network, f"real-{name}", self.sets[name].clips)
        )

    def samples(self, network: NetworkChoice, model: str, change: str) -> np.ndarray:
        """Return features ``[N, D]`` of a model's samples after a change of `SAMPLE_CHANGES`."""
        seed = SAMPLE_SEEDS[change]
        if model in self.tuned and change == BASE:
            return self.store(network, self._trial(model, self.tuned[model].strength), self._drawn(model, seed))
        return self.store(network, f"{model}-{change}", lambda: SAMPLE_CHANGES[change](self._drawn(model, seed)()))

    def sample_people(self, model: str, change: str) -> np.ndarray | None:
        """Return who is in each sample, int64 ``[N]``; None for DVD-GAN, whose samples are nobody."""
        if model != MEMORISER and model not in self.tuned:
            return None
        strength = self.tuned[model].strength if model in self.tuned else 0.0
        count = self.settings.num_samples
        return people_of(source_windows(model, strength, self.train, count, SAMPLE_SEEDS[change]))

    def _drawn(self, model: str, seed: int) -> Callable[[], np.ndarray]:
        """Return a function that makes samples once and keeps them for the next network."""

        def make() -> np.ndarray:
            if (model, seed) not in self._clips:
                self._clips[model, seed] = self._models[model](seed)()
            return self._clips[model, seed]

        return make

    def _trial(self, corruption: str, strength: float) -> str:
        return f"{corruption}-{strength:.6g}"

    def _tuned(self) -> dict[str, Tuned]:
        settings, network = self.settings, self.network(self.settings.network_seeds[0])
        reference_ND, _ = self.reference(network, PROTOCOLS[0])
        count = settings.num_samples
        clean_ND = self.store(network, f"{MEMORISER}-{BASE}", memorised_clips(self.train, count, SAMPLE_SEEDS[BASE]))
        clean = fvd(clean_ND, reference_ND)

        def score(name: str, strength: float) -> float:
            clips = corrupted_clips(name, strength, self.train, count, SAMPLE_SEEDS[BASE])
            return fvd(self.store(network, self._trial(name, strength), clips), reference_ND)

        tuned = {}
        for name in settings.corruptions:
            first, most = first_guess(name)
            tuned[name] = tune(partial(score, name), LEVEL * clean, clean, first, most)
            self.store.say(f"{name}: {tuned[name]}")
        return tuned


def fill(collection: Collection) -> None:
    """Compute all features, one network after the other; for the other eps of batch norm, only what conventions need."""
    for seed in collection.settings.network_seeds:
        _fill_network(collection, collection.network(seed), collection.protocols_of(seed))
    for seed in collection.settings.network_seeds[:1]:
        _fill_network(collection, collection.network(seed, eps=1e-5), collection.protocols[:1])


def _fill_network(collection: Collection, network: NetworkChoice, protocols: tuple[Protocol, ...]) -> None:
    for protocol in protocols:
        collection.reference(network, protocol)
    for change in dict.fromkeys(protocol.samples for protocol in protocols):
        for model in collection.models:
            collection.samples(network, model, change)
