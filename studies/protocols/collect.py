"""Features of everything that the study compares, computed in the order in which they are needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
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
from studies.protocols.protocols import BASE, CONTROLS, PROTOCOLS, SAMPLES, Protocol, RealSet, real_sets, reference_of
from studies.protocols.tuning import Tuned, tune
from studies.protocols.windows import people_of, read_videos

LEVEL = 1.3
"""Score that corruptions are tuned to, over that of the memoriser."""
LEAST = 1.1
"""The same over the unchanged clips of each corruption: no strength lowers their score, so the level may not be below it."""
OTHER_EPS = 1e-5
"""Of batch norm in the conventions that are not the graph's."""


@dataclass(frozen=True)
class StudySettings:
    """How large the study is.

    Attributes:
        data: the Weizmann folder.
        checkpoints: of DVD-GAN, by the names of their models.
        num_samples: clips per model.
        per_video: windows of each video; half of those of the train split are the base's reference.
        step: frames between the starts of "all windows".
        network_seeds: one network for each; corruptions are tuned on the first.
        precision: type of the convolutions.
        corruptions: their names; all nine but in a test.
        protocols: ids of protocols and further controls, the base first; all but in a test.
        device: where samplers and networks compute.
        workers: threads that make clips and distances; changes no number.
    """

    data: Path
    checkpoints: Mapping[str, Path]
    num_samples: int
    per_video: int
    step: int = 1
    network_seeds: tuple[int, ...] = (0, 1, 2)
    precision: str = "float32"
    corruptions: tuple[str, ...] = CORRUPTED
    protocols: tuple[str, ...] = tuple(protocol.id for protocol in (*PROTOCOLS, *CONTROLS))
    device: str = "cpu"
    workers: int = os.cpu_count() or 1


class Collection:
    """Access to features by model, protocol and network; what is missing is computed."""

    def __init__(self, settings: StudySettings, store: FeatureStore) -> None:
        self.settings, self.store = settings, store
        self.train = read_videos(settings.data, "train")
        test = read_videos(settings.data, "test")
        self.sets: dict[str, RealSet] = real_sets(self.train, test, settings.per_video, settings.step)
        self.protocols = tuple(protocol for protocol in PROTOCOLS if protocol.id in settings.protocols)
        self.controls = tuple(protocol for protocol in CONTROLS if protocol.id in settings.protocols)
        self.tuned = self._tuned()
        strengths = {name: found.strength for name, found in self.tuned.items()}
        self._models = all_models(settings.checkpoints, strengths, self.train, settings.num_samples, settings.device)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(self._models)

    def network(self, seed: int, eps: float = 1e-3) -> NetworkChoice:
        """Return the network of a seed."""
        return NetworkChoice(seed, eps, self.settings.precision)

    def reference(self, network: NetworkChoice, protocol: Protocol) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``[N, D]`` and people ``[N]`` of a protocol's reference."""
        return reference_of(
            protocol, self.sets, lambda name: self.store(network, f"real-{name}", self.sets[name].clips)
        )

    def samples(self, network: NetworkChoice, model: str, samples: str) -> np.ndarray:
        """Return features ``[N, D]`` of a model's samples, by a name in `SAMPLES`."""
        drawn = SAMPLES[samples]
        return self.store(
            network, self._stored_as(model, samples), lambda: drawn.change(self._models[model](drawn.seed)())
        )

    def sample_people(self, model: str, samples: str) -> np.ndarray | None:
        """Return who is in each sample, int64 ``[N]``; None for DVD-GAN, whose samples are nobody."""
        if model != MEMORISER and model not in self.tuned:
            return None
        strength = self.tuned[model].strength if model in self.tuned else 0.0
        return people_of(source_windows(model, strength, self.train, self.settings.num_samples, SAMPLES[samples].seed))

    def fill(self) -> None:
        """Compute all features: every set of clips is made once and seen by all networks that need it."""
        seeds, used = self.settings.network_seeds, (*self.protocols, *self.controls)
        every, plain = (
            tuple(self.network(seed, eps) for seed in seeds for eps in each) for each in ((1e-3, OTHER_EPS), (1e-3,))
        )
        references = dict.fromkeys(name for protocol in used for name, _ in protocol.real)
        of_base = [name for name, _ in self.protocols[0].real]
        samples = dict.fromkeys(protocol.samples for protocol in used)

        def real(name: str) -> None:
            self.store.fill(every if name in of_base else plain, f"real-{name}", self.sets[name].clips)

        def sampled(model: str) -> None:
            drawn = cache(lambda seed: self._models[model](seed)())
            for name in samples:
                choice = SAMPLES[name]
                self.store.fill(
                    every if name == BASE else plain,
                    self._stored_as(model, name),
                    lambda choice=choice: choice.change(drawn(choice.seed)),  # type: ignore[misc]
                )

        with ThreadPoolExecutor(self.settings.workers) as pool:
            for done in [
                *(pool.submit(sampled, model) for model in self.models),
                *map(partial(pool.submit, real), references),
            ]:
                done.result()

    def _stored_as(self, model: str, samples: str) -> str:
        tuned = samples == BASE and model in self.tuned
        return self._trial(model, self.tuned[model].strength) if tuned else f"{model}-{samples}"

    def _trial(self, corruption: str, strength: float) -> str:
        return f"{corruption}-{strength:.6g}"

    def _tuned(self) -> dict[str, Tuned]:
        settings, network = self.settings, self.network(self.settings.network_seeds[0])
        reference_ND, _ = self.reference(network, PROTOCOLS[0])
        count = settings.num_samples
        clean_ND = self.store(network, f"{MEMORISER}-{BASE}", memorised_clips(self.train, count, SAMPLES[BASE].seed))

        def score(name: str, strength: float) -> float:
            clips = corrupted_clips(name, strength, self.train, count, SAMPLES[BASE].seed)
            return fvd(self.store(network, self._trial(name, strength), clips), reference_ND)

        with ThreadPoolExecutor(settings.workers) as pool:
            unchanged = dict(
                zip(settings.corruptions, pool.map(partial(score, strength=0.0), settings.corruptions), strict=True)
            )
            self.target = max(LEVEL * fvd(clean_ND, reference_ND), LEAST * max(unchanged.values()))

            def one(name: str) -> Tuned:
                found = tune(partial(score, name), self.target, unchanged[name], *first_guess(name), step=1 / count)
                self.store.say(f"{name}: {found}")
                return found

            return dict(zip(settings.corruptions, pool.map(one, settings.corruptions), strict=True))
