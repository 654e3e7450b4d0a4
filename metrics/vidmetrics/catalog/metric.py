"""The record behind a metric id."""

from __future__ import annotations

from dataclasses import dataclass

from vidmetrics.catalog.conventions import Root
from vidmetrics.catalog.facts import Needs, StatisticFacts, statistic_facts
from vidmetrics.catalog.network_cards import network_card


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """Everything that decides the number behind a metric id.

    Attributes:
        id: the name in tasks, results and leaderboards.
        title: one line for a table or a report.
        network: name for `vidmetrics.load_network`; ``""`` where frames themselves are compared.
        output: which output of the network is measured, e.g. ``"logits"``; ``""`` where there is no network.
        statistic: what is computed from the features, see `vidmetrics.catalog.facts` and docs/metrics.md.
        source: where the definition comes from, and which parts of it are our own choice.
        splits: number of contiguous parts of an Inception Score, None for all others.
        ddof: the covariances of a distance divide by ``N - ddof``, on both sides.
        root: how the distance takes its matrix root, see `vidmetrics.catalog.conventions.Convention`.
        printed_as: the name that papers print for it, where they do, see `vidmetrics.catalog.published_names`.
    """

    id: str
    title: str
    network: str = ""
    output: str = ""
    statistic: str
    source: str
    splits: int | None = None
    ddof: int = 1
    root: Root = "frechet-exact"
    printed_as: str | None = None

    @property
    def facts(self) -> StatisticFacts:
        """What is true of the statistic whatever it is computed from."""
        return statistic_facts(self.statistic)

    @property
    def needs_reference(self) -> Needs:
        """Input from the real clips: nothing, their moments, all their features, or the true frames of each clip."""
        return self.facts.needs_reference

    @property
    def higher_is_better(self) -> bool:
        """Direction of the metric."""
        return self.facts.higher_is_better

    @property
    def attainable_range(self) -> tuple[float, float]:
        """Attainable range; intervals are clipped to it."""
        return self.facts.attainable_range(self.root, network_card(self.network).num_classes if self.network else None)
