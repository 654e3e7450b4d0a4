"""From features to what the study says: scores, Kendall's tau, flipped pairs, and which of them are certain."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from typing import Any

import numpy as np

from studies.protocols.collect import Collection, StudySettings
from studies.protocols.distances import (
    REFERENCE_CONVENTION,
    PeopleParts,
    drawn_distances,
    drawn_people,
    fvd,
)
from studies.protocols.features import FeatureStore, NetworkChoice
from studies.protocols.protocols import BASE, Protocol, samples_of
from studies.protocols.ranks import certain_flips, flipped_pairs, interval, tau
from vidmetrics import CONVENTIONS
from vidmetrics.networks.precision import computing

DRAWS = 400
DRAW_SEED = 0
KINDS = {"certain": False, "certain_with_samples": True}
"""Kinds of draws, by the name of the flips that they make certain: whether samples of a person are drawn with the reference."""
SPLITS = (np.arange(7), np.arange(7, 9))
"""The people of the train split and of the test split, who are drawn apart."""
Scores = dict[str, float]


class Drawn:
    """Scores of models for each draw of people, computed for the models that are asked for.

    Args:
        collection: access to features.
        network: the feature extractor.
        protocol: whose reference is drawn.
        follow: whether samples that are clips of a person are drawn with that person; those of DVD-GAN never are.
        ddof: of the covariances.
    """

    def __init__(
        self, collection: Collection, network: NetworkChoice, protocol: Protocol, follow: bool, ddof: int = 1
    ) -> None:
        reference_ND, people_N = collection.reference(network, protocol)
        self._samples: Callable[[str], np.ndarray] = lambda model: samples_of(
            protocol, collection.samples(network, model, protocol.samples)
        )
        self._people: Callable[[str], np.ndarray | None] = lambda model: (
            collection.sample_people(model, protocol.samples) if follow else None
        )
        splits = [split for split in SPLITS if np.isin(split, people_N).any()]
        self._weights_BP = np.concatenate([_draws(split) for split in splits], axis=1)
        self._parts = PeopleParts.of(reference_ND, people_N, np.concatenate(splits))
        self._ddof = ddof
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, model: str) -> np.ndarray:
        """Return float64 ``[DRAWS]``."""
        if model not in self._known:
            samples_ND, people = self._samples(model), self._people(model)
            weights_BN = np.ones((DRAWS, len(samples_ND)))
            if people is not None:  # they are of the train split, whose draws are the same in every protocol
                weights_BN = _draws(SPLITS[0])[:, people[: len(samples_ND)]].astype(float)
            self._known[model] = drawn_distances(samples_ND, weights_BN, self._parts, self._weights_BP, self._ddof)
        return self._known[model]


def _draws(split: np.ndarray) -> np.ndarray:
    """Return how often each person of a split is drawn, the same for every protocol: they are paired."""
    return drawn_people(len(split), DRAWS, DRAW_SEED + int(split[0] > 0))


def compared(
    models: tuple[str, ...],
    base: Scores,
    other: Scores,
    drawn: dict[str, tuple[Callable[[str], np.ndarray], Callable[[str], np.ndarray]]],
) -> dict[str, Any]:
    """Return tau, flipped pairs and the certain ones among them, with the names of the models.

    Args:
        models: their names.
        base: scores under the base.
        other: scores under the other protocol.
        drawn: by the name of a kind of draw, the drawn scores of a model under the base and under the other protocol.
    """
    base_M, other_M = (np.array([scores[model] for model in models]) for scores in (base, other))
    flips = [(models[a], models[b]) for a, b in flipped_pairs(base_M, other_M)]
    return {
        "tau": tau(base_M, other_M),
        "flips": flips,
        **{name: certain_flips(flips, *pair) for name, pair in drawn.items()},
        "winner": models[int(np.argmin(other_M))],
    }


def analyse_network(collection: Collection, seed: int, pool: ThreadPoolExecutor) -> dict[str, Any]:
    """Return what the study finds with one network: ``protocols``, ``controls`` and ``conventions``, by id."""
    network, base_protocol, models = collection.network(seed), collection.protocols[0], collection.models
    base_drawn = {name: Drawn(collection, network, base_protocol, follow) for name, follow in KINDS.items()}
    list(pool.map(lambda which: base_drawn[which[0]](which[1]), product(KINDS, models)))  # known to all from here on
    base = _scores(collection, network, base_protocol)

    def beside(network: NetworkChoice, protocol: Protocol, convention: str = REFERENCE_CONVENTION) -> dict[str, Any]:
        scores = _scores(collection, network, protocol, convention)
        drawn = {
            name: (base_drawn[name], Drawn(collection, network, protocol, follow, CONVENTIONS[convention].ddof))
            for name, follow in KINDS.items()
        }
        return {
            "num_reference": len(collection.reference(network, protocol)[0]),
            "num_samples": round(protocol.share * collection.settings.num_samples),
            "scores": scores,
            **compared(models, base, scores, drawn),
        }

    kinds = {
        "protocols": {one.id: pool.submit(beside, network, one) for one in collection.protocols},
        "controls": {one.id: pool.submit(beside, network, one) for one in collection.controls},
        "conventions": {
            id: pool.submit(beside, collection.network(seed, convention.batch_norm_eps), base_protocol, id)
            for id, convention in CONVENTIONS.items()
        },
    }
    return {
        "pairs_inside_their_interval": _inside(models, base, base_drawn["certain"]),
        **{kind: {id: row.result() for id, row in rows.items()} for kind, rows in kinds.items()},
    }


def _inside(models: tuple[str, ...], base: Scores, drawn: Callable[[str], np.ndarray]) -> int:
    """Return for how many pairs the difference of all people is inside the interval of the drawn differences."""
    inside = 0
    for a, b in combinations(models, 2):
        low, high = interval(drawn(a) - drawn(b))
        inside += low <= base[a] - base[b] <= high
    return int(inside)


def _scores(
    collection: Collection, network: NetworkChoice, protocol: Protocol, convention: str = REFERENCE_CONVENTION
) -> Scores:
    reference_ND, _ = collection.reference(network, protocol)
    return {
        model: fvd(samples_of(protocol, collection.samples(network, model, protocol.samples)), reference_ND, convention)
        for model in collection.models
    }


def summary(networks: dict[str, Any], kind: str, tuned: set[str]) -> dict[str, dict[str, Any]]:
    """Return, for each protocol or convention, means over the networks, and the flips that all networks have.

    Args:
        networks: what `analyse_network` returned, by the seed of the network.
        kind: ``"protocols"``, ``"controls"`` or ``"conventions"``.
        tuned: names of the corruptions, whose pairs are ties under the base.
    """
    rows = {}
    for id in next(iter(networks.values()))[kind]:
        found = [network[kind][id] for network in networks.values()]
        everywhere = set.intersection(*(set(one["flips"]) for one in found))
        rows[id] = {
            "tau": float(np.mean([one["tau"] for one in found])),
            "lowest_tau": min(one["tau"] for one in found),
            "flips": float(np.mean([len(one["flips"]) for one in found])),
            "flips_of_each": [len(one["flips"]) for one in found],
            "among_tuned": float(np.mean([sum(tuned >= set(pair) for pair in one["flips"]) for one in found])),
            **{name: float(np.mean([len(one[name]) for one in found])) for name in KINDS},
            "spread_of_tuned": float(np.mean([_spread(one["scores"], tuned) for one in found])),
            "flips_in_every_network": len(everywhere),
            "winners": [one["winner"] for one in found],
        }
    return rows


def _spread(scores: Scores, tuned: set[str]) -> float:
    values = [scores[model] for model in tuned]
    return max(values) / min(values)


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
    with computing("exact"):  # for all threads: these switches belong to the process
        collection = Collection(settings, store)
        collection.fill()
    store.say("features are complete")
    with ThreadPoolExecutor(settings.workers) as pool:
        networks = {}
        for seed in settings.network_seeds:
            networks[str(seed)] = analyse_network(collection, seed, pool)
            store.say(f"network {seed} is analysed")
    return {
        "models": list(collection.models),
        "protocols": {protocol.id: protocol.title for protocol in collection.protocols},
        "controls": {protocol.id: protocol.title for protocol in collection.controls},
        "target": collection.target,
        "tuned": {name: vars(found) for name, found in collection.tuned.items()},
        "summary": {
            kind: summary(networks, kind, set(collection.tuned)) for kind in ("protocols", "controls", "conventions")
        },
        "between_networks": between_networks(networks),
        "networks": networks,
    }
