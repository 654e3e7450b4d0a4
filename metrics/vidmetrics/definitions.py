"""What each metric id means: one id, one definition, forever. Data only; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from vidmetrics.conventions import CONVENTIONS, Convention, Root
from vidmetrics.errors import InputError, unknown_name


@dataclass(frozen=True)
class MetricDefinition:
    """Everything that decides the number behind a metric id.

    Attributes:
        id: the name in tasks, results and leaderboards.
        title: one line for a table or a report.
        network: name for `vidmetrics.load_network`.
        output: which output of the network is measured, ``"logits"`` or ``"pool"``.
        statistic: ``"frechet"`` compares with real clips, ``"inception-score"`` looks at generated clips alone.
        splits: number of contiguous parts of an Inception Score, None for a distance.
        higher_is_better: direction of the metric.
        source: where the definition comes from, and which parts of it are our own choice.
        ddof: the covariances of a distance divide by ``N - ddof``, on both sides.
        root: how the distance takes its matrix root, see `vidmetrics.conventions.Convention`.
    """

    id: str
    title: str
    network: str
    output: str
    statistic: Literal["frechet", "inception-score"]
    splits: int | None
    higher_is_better: bool
    source: str
    ddof: int = 1
    root: Root = "frechet-exact"

    @property
    def needs_reference(self) -> bool:
        """True where the metric compares with real clips."""
        return self.statistic == "frechet"


def _distance(id: str, title: str, network: str, output: str, source: str) -> MetricDefinition:
    return MetricDefinition(id, title, network, output, "frechet", None, False, source)


def _convention(convention: Convention, title: str) -> MetricDefinition:
    source = f"{convention.source} {convention.note} See docs/conventions.md."
    return MetricDefinition(
        convention.id,
        title,
        convention.network,
        "logits",
        "frechet",
        None,
        False,
        source,
        convention.ddof,
        convention.root,
    )


def _score(id: str, title: str, network: str, splits: int, source: str) -> MetricDefinition:
    return MetricDefinition(id, title, network, "logits", "inception-score", splits, True, source)


_DEFINITIONS = (
    _distance(
        "fvd",
        "Fréchet Video Distance",
        "i3d-kinetics-400",
        "logits",
        "Unterthiner et al., arXiv 1812.01717, and google-research/frechet_video_distance: time-averaged logits of the "
        "I3D trained from scratch on Kinetics-400, frames stretched to 224x224 by TF1 bilinear, covariance with n-1.",
    ),
    _convention(CONVENTIONS["fvd-styleganv"], "Fréchet Video Distance as StyleGAN-V computes it"),
    _convention(CONVENTIONS["fvd-videogpt"], "Fréchet Video Distance as VideoGPT computes it"),
    _convention(CONVENTIONS["fvd-magvit"], "Fréchet Video Distance as MAGVIT computes it"),
    _convention(CONVENTIONS["fvd-cdfvd"], "Fréchet Video Distance as cd-fvd computes it with its I3D"),
    _distance(
        "fid-i3d-k600",
        "Fréchet distance on I3D Kinetics-600 pooled features",
        "i3d-kinetics-600",
        "pool",
        "DVD-GAN, Clark et al., arXiv 1907.06571, section 4: average-pooled I3D features. The mean over the time steps "
        "left after the pool, and TF1 bilinear as the resize to 224x224, are our choices where the paper is silent.",
    ),
    _score(
        "is-i3d-k600",
        "Inception Score on I3D Kinetics-600",
        "i3d-kinetics-600",
        10,
        "DVD-GAN, Clark et al., arXiv 1907.06571, section 4: Inception Score from a Kinetics-600 I3D. The paper does "
        "not give the number of splits; 10 contiguous ones, as in improved-gan (arXiv 1606.03498), are our choice.",
    ),
    _distance(
        "fvd-shapes",
        "Fréchet distance on logits of the embedded shapes network",
        "shapes",
        "logits",
        "Ours: the embedded counterpart of `fvd`, on a small classifier of moving shapes; needs no download.",
    ),
    _distance(
        "fid-shapes",
        "Fréchet distance on pooled features of the embedded shapes network",
        "shapes",
        "pool",
        "Ours: the embedded counterpart of `fid-i3d-k600`, on a small classifier of moving shapes; needs no download.",
    ),
    _score(
        "is-shapes",
        "Inception Score on the embedded shapes network",
        "shapes",
        1,
        "Ours: one score over the whole set, because each split of a finite set biases the score downward.",
    ),
)

METRICS: Mapping[str, MetricDefinition] = MappingProxyType({d.id: d for d in _DEFINITIONS})
"""Every metric by its id, in the order of the documentation."""


def get_metric(id: str) -> MetricDefinition:
    """Return the definition behind a metric id.

    Raises:
        InputError: there is no such id; suggests the nearest one.
    """
    if id in METRICS:
        return METRICS[id]
    raise InputError(unknown_name("metric", id, METRICS))
