"""From features to what the study says: scores, Kendall's tau, flipped pairs, and which of them are certain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from studies.protocols.collect import Collection, StudySettings, fill
from studies.protocols.distances import (
    REFERENCE_CONVENTION,
    SampleFactor,
    drawn_distances,
    drawn_people,
    fvd,
    reference_draws,
)
from studies.protocols.features import FeatureStore, NetworkChoice
from studies.protocols.protocols import BASE, Protocol, samples_of
from studies.protocols.ranks import certain_flips, flipped_pairs, tau
from vidmetrics import CONVENTIONS

DRAWS = 200
DRAW_SEED = 0
Scores = dict[str, float]


class Drawn:
    """Scores of models for each draw of people, computed for the models that are asked for."""

    def __init__(self, collection: Collection, network: NetworkChoice, protocol: Protocol, ddof: int = 1) -> None:
        reference_ND, people_N = collection.reference(network, protocol)
        self.num_reference = len(reference_ND)
        self._samples: Callable[[str], np.ndarray] = lambda model: samples_of(
            protocol, collection.samples(network, model, protocol.samples)
        )
        self._ddof = ddof
        self._references = reference_draws(reference_ND, people_N, *_people_draws(people_N), ddof)
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, model: str) -> np.ndarray:
        """Return float64 ``[DRAWS]``."""
        if model not in self._known:
            self._known[model] = drawn_distances(SampleFactor.of(self._samples(model), self._ddof), self._references)
        return self._known[model]


def _people_draws(people_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each person is drawn, and the people: those of the two splits are drawn apart.

    The draws of the train split are the same whatever else is in the reference, so that protocols are paired.
    """
    people = np.unique(people_N)
    train, test = people[people < 7], people[people >= 7]
    parts = [drawn_people(len(part), DRAWS, DRAW_SEED + side) for side, part in enumerate((train, test)) if len(part)]
    return np.concatenate(parts, axis=1), np.concatenate([part for part in (train, test) if len(part)])


def compared(
    models: tuple[str, ...], base: Scores, other: Scores, base_drawn: Drawn, other_drawn: Drawn
) -> dict[str, Any]:
    """Return tau, flipped pairs and certain flips of two lists of scores, with the names of the models."""
    base_M, other_M = (np.array([scores[model] for model in models]) for scores in (base, other))
    flips = flipped_pairs(base_M, other_M)
    needed = sorted({model for pair in flips for model in pair})
    place = {model: row for row, model in enumerate(needed)}
    certain = []
    if flips:
        drawn = [np.stack([of(models[model]) for model in needed]) for of in (base_drawn, other_drawn)]
        found = certain_flips([(place[a], place[b]) for a, b in flips], *drawn)
        certain = [(needed[a], needed[b]) for a, b in found]

    def named(pairs: list[tuple[int, int]]) -> list[list[str]]:
        return [[models[a], models[b]] for a, b in pairs]

    return {
        "tau": tau(base_M, other_M),
        "flips": named(flips),
        "certain": named(certain),
        "winner": models[int(np.argmin(other_M))],
    }


def analyse_network(collection: Collection, seed: int, with_conventions: bool) -> dict[str, Any]:
    """Return what the study finds with one network: ``protocols`` and ``conventions``, by id."""
    network = collection.network(seed)
    base_protocol = collection.protocols[0]
    base_drawn = Drawn(collection, network, base_protocol)
    base = _scores(collection, network, base_protocol)
    found: dict[str, Any] = {"protocols": {}, "conventions": {}}
    for protocol in collection.protocols_of(seed):
        drawn = base_drawn if protocol.id == BASE else Drawn(collection, network, protocol)
        scores = _scores(collection, network, protocol)
        found["protocols"][protocol.id] = {
            "num_reference": drawn.num_reference,
            "num_samples": round(protocol.share * collection.settings.num_samples),
            "scores": scores,
            **compared(collection.models, base, scores, base_drawn, drawn),
        }
    for id, convention in CONVENTIONS.items() if with_conventions else ():
        other = collection.network(seed, convention.batch_norm_eps)
        scores = _scores(collection, other, base_protocol, id)
        drawn = Drawn(collection, other, base_protocol, convention.ddof)
        found["conventions"][id] = {
            "scores": scores,
            **compared(collection.models, base, scores, base_drawn, drawn),
        }
    return found


def _scores(
    collection: Collection, network: NetworkChoice, protocol: Protocol, convention: str = REFERENCE_CONVENTION
) -> Scores:
    reference_ND, _ = collection.reference(network, protocol)
    return {
        model: fvd(samples_of(protocol, collection.samples(network, model, protocol.samples)), reference_ND, convention)
        for model in collection.models
    }


def summary(networks: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return, for each protocol or convention, means over the networks, and the flips that all networks have.

    Args:
        networks: what `analyse_network` returned, by the seed of the network.
        kind: ``"protocols"`` or ``"conventions"``.
    """
    rows = {}
    for id in dict.fromkeys(id for network in networks.values() for id in network[kind]):
        found = [network[kind][id] for network in networks.values() if id in network[kind]]
        everywhere = set.intersection(*({tuple(pair) for pair in one["flips"]} for one in found))
        rows[id] = {
            "networks": len(found),
            "tau": float(np.mean([one["tau"] for one in found])),
            "lowest_tau": min(one["tau"] for one in found),
            "flips": float(np.mean([len(one["flips"]) for one in found])),
            "certain": float(np.mean([len(one["certain"]) for one in found])),
            "flips_in_every_network": len(everywhere),
            "winners": [one["winner"] for one in found],
        }
    return rows


def between_networks(networks: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return tau and flips of the base's scores by every other network against those by the first."""
    first, *others = networks
    scores = {seed: list(networks[seed]["protocols"][BASE]["scores"].values()) for seed in networks}
    return {
        seed: {
            "tau": tau(np.array(scores[first]), np.array(scores[seed])),
            "flips": len(flipped_pairs(np.array(scores[first]), np.array(scores[seed]))),
        }
        for seed in others
    }


def study(settings: StudySettings, store: FeatureStore) -> dict[str, Any]:
    """Compute what is missing and return all that the study found, as JSON."""
    collection = Collection(settings, store)
    fill(collection)
    first = settings.network_seeds[0]
    networks = {str(seed): analyse_network(collection, seed, seed == first) for seed in settings.network_seeds}
    return {
        "models": list(collection.models),
        "protocols": {protocol.id: protocol.title for protocol in collection.protocols},
        "tuned": {name: vars(found) for name, found in collection.tuned.items()},
        "summary": {kind: summary(networks, kind) for kind in ("protocols", "conventions")},
        "between_networks": between_networks(networks),
        "networks": networks,
    }
