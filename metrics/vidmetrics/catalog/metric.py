"""The definition of a metric, as a record."""

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
        network: feature extractor, a name for `vidmetrics.load_network`; ``""`` if frames themselves are compared.
        output: which of its outputs is measured, e.g. ``"logits"``; ``""`` without a network.
        statistic: what is computed from the features, see `vidmetrics.catalog.facts` and docs/metrics.md.
        source: origin of the definition, and which parts are our choice.
        splits: number of contiguous parts of an Inception Score, None for all others.
        ddof: the covariances of a distance divide by ``N - ddof``, on both sides.
        root: method of the matrix square root, see `vidmetrics.catalog.conventions.Convention`.
        compared_by: network that compares two frames, a name for `vidmetrics.load_network`; ``""`` for every metric that is computed
            from features or from pixels.
        printed_as: its name in papers, if any, see `vidmetrics.catalog.published_names`.
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
    compared_by: str = ""
    printed_as: str | None = None

    @property
    def facts(self) -> StatisticFacts:
        """Facts about the statistic, independent of the features."""
        return statistic_facts(self.statistic)

    @property
    def frame_score(self) -> str:
        """Name of the scores of single frames that it averages, by network if one compares them; ``""`` for a metric of features."""
        return self.compared_by or self.facts.frame_score

    @property
    def uses_network(self) -> str:
        """The network that it cannot do without, of features or of comparisons; ``""`` if it needs none."""
        return self.network or self.compared_by

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

    @property
    def caution(self) -> str | None:
        """What a value of the metric is not, in one sentence, if its network can judge some clips only; else None."""
        if not self.network or not (only := network_card(self.network).judges_only):
            return None
        return (
            f"Measured by a small network that knows only {only}: on any other clips the value means nothing, and it is never "
            "comparable with a published FVD, FID or IS."
        )
