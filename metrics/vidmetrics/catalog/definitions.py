"""What each metric id means: one id, one definition, forever. Data only; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from vidmetrics.catalog.conventions import CONVENTIONS, Convention, Root
from vidmetrics.errors import InputError, unknown_name

Statistic: TypeAlias = Literal[
    "frechet",
    "frechet-inf",
    "inception-score",
    "kernel",
    "kernel-subsets",
    "precision",
    "recall",
    "density",
    "coverage",
    "psnr",
    "ssim",
    "psnr-best",
    "ssim-best",
]
"""What is computed from the features (or, for the last four, from the frames)."""

_NEEDS: Mapping[Statistic, Literal["none", "moments", "features", "frames"]] = {
    "frechet": "moments",
    "frechet-inf": "moments",
    "inception-score": "none",
    "kernel": "features",
    "kernel-subsets": "features",
    "precision": "features",
    "recall": "features",
    "density": "features",
    "coverage": "features",
    "psnr": "frames",
    "ssim": "frames",
    "psnr-best": "frames",
    "ssim-best": "frames",
}


@dataclass(frozen=True)
class MetricDefinition:
    """Everything that decides the number behind a metric id.

    Attributes:
        id: the name in tasks, results and leaderboards.
        title: one line for a table or a report.
        network: name for `vidmetrics.load_network`; ``""`` where frames themselves are compared.
        output: which output of the network is measured, e.g. ``"logits"``; ``""`` where there is no network.
        statistic: what is computed from the features, see docs/metrics.md.
        splits: number of contiguous parts of an Inception Score, None for all others.
        higher_is_better: direction of the metric.
        source: where the definition comes from, and which parts of it are our own choice.
        ddof: the covariances of a distance divide by ``N - ddof``, on both sides.
        root: how the distance takes its matrix root, see `vidmetrics.catalog.conventions.Convention`.
    """

    id: str
    title: str
    network: str
    output: str
    statistic: Statistic
    splits: int | None
    higher_is_better: bool
    source: str
    ddof: int = 1
    root: Root = "frechet-exact"

    @property
    def needs_reference(self) -> Literal["none", "moments", "features", "frames"]:
        """What the metric must know of real clips: their moments, all their features, or the true frames of each clip."""
        return _NEEDS[self.statistic]


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


def _score(id: str, title: str, network: str, splits: int, source: str, output: str = "logits") -> MetricDefinition:
    return MetricDefinition(id, title, network, output, "inception-score", splits, True, source)


def _discrepancy(id: str, title: str, network: str, output: str, statistic: Statistic, source: str) -> MetricDefinition:
    return MetricDefinition(id, title, network, output, statistic, None, False, source)


def _manifold(statistic: Statistic, title: str, source: str) -> tuple[MetricDefinition, MetricDefinition]:
    choice = (
        "Logits of the Kinetics-400 I3D, the features of `fvd`, are our choice: the paper measures images.",
        "Ours: on pooled features of the embedded shapes network; needs no download.",
    )
    return (
        MetricDefinition(
            statistic, title, "i3d-kinetics-400", "logits", statistic, None, True, f"{source} {choice[0]}"
        ),
        MetricDefinition(
            f"{statistic}-shapes",
            f"{title}, embedded shapes network",
            "shapes",
            "pool",
            statistic,
            None,
            True,
            f"{source} {choice[1]}",
        ),
    )


def _frames(statistic: Statistic, title: str, source: str) -> MetricDefinition:
    return MetricDefinition(statistic, title, "", "", statistic, None, True, source)


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
    _discrepancy(
        "kvd",
        "Kernel Video Distance",
        "i3d-kinetics-400",
        "logits",
        "kernel",
        "The name is from Unterthiner et al., arXiv 1812.01717: the unbiased squared MMD with a polynomial kernel of "
        "degree 3 on the features of `fvd`. Kernel (x.y/D + 1)^3 and all pairs of clips, as in the evaluation scripts "
        "in use (scikit-learn's polynomial_kernel on I3D logits); google-research/frechet_video_distance has no code "
        "for it.",
    ),
    _distance(
        "fid",
        "Fréchet Inception Distance of frames",
        "inception-2015-12-05",
        "pool",
        "Heusel et al., arXiv 1706.08500: pool_3 of the Inception graph of 2015-12-05, frames stretched to 299x299 by "
        "TF1 bilinear, covariance with n-1. All frames of all clips, real and generated, are our choice.",
    ),
    _score(
        "is",
        "Inception Score of frames",
        "inception-2015-12-05",
        10,
        "Salimans et al., arXiv 1606.03498, and openai/improved-gan: 10 contiguous splits, softmax over 1,008 outputs "
        "without the bias of the last layer. All frames of all generated clips, and splits of whole clips, are our "
        "choice.",
        output="logits-unbiased",
    ),
    _discrepancy(
        "kid",
        "Kernel Inception Distance of frames",
        "inception-2015-12-05",
        "pool",
        "kernel-subsets",
        "Binkowski et al., arXiv 1801.01401: mean of the unbiased squared MMD, kernel (x.y/D + 1)^3, over 100 subsets of "
        "1,000 drawn without replacement, seed 0, not multiplied by 1,000. All frames of all clips are our choice.",
    ),
    _score(
        "is-c3d-ucf101",
        "Inception Score on C3D UCF-101",
        "c3d-ucf101",
        1,
        "TGAN and TGANv2, Saito et al., arXiv 1811.09245, and their code: C3D fine-tuned on UCF-101, softmax over 101 "
        "classes, one split; 2,048 clips of 16 frames in the published recipe.",
    ),
    _distance(
        "fid-c3d-ucf101",
        "Fréchet distance on C3D UCF-101 features",
        "c3d-ucf101",
        "fc7",
        "TGANv2, Saito et al., arXiv 1811.09245, and its code: fc7 of C3D fine-tuned on UCF-101; there, 10 clips of each "
        "video of train split 1 are the real side.",
    ),
    *_manifold(
        "precision",
        "Precision, k = 3",
        "Kynkäänniemi et al., arXiv 1904.06991: generated clips inside the real manifold, k = 3.",
    ),
    *_manifold(
        "recall",
        "Recall, k = 3",
        "Kynkäänniemi et al., arXiv 1904.06991: real clips inside the generated manifold, k = 3.",
    ),
    *_manifold(
        "density",
        "Density, k = 5",
        "Naeem et al., arXiv 2002.09797: real balls around a generated clip, k = 5.",
    ),
    *_manifold(
        "coverage",
        "Coverage, k = 5",
        "Naeem et al., arXiv 2002.09797: real balls that hold a generated clip, k = 5.",
    ),
    _frames(
        "psnr",
        "Peak signal-to-noise ratio of predicted frames",
        "10 log10(255^2 / MSE) over the pixels and channels of a frame, mean over the predicted frames and over clips.",
    ),
    _frames(
        "ssim",
        "Structural similarity of predicted frames",
        "Wang et al. 2004: 11x11 Gaussian window of sigma 1.5 inside the frame, range 255, mean over RGB channels, over "
        "the predicted frames and over clips. RGB instead of grey is our choice.",
    ),
    _frames(
        "psnr-best",
        "Peak signal-to-noise ratio of the best of a task's predictions",
        "Denton and Fergus, arXiv 1802.07687: of the samples from one context the one with the highest `psnr`, mean over "
        "contexts. How many samples the task fixes.",
    ),
    _frames(
        "ssim-best",
        "Structural similarity of the best of a task's predictions",
        "Denton and Fergus, arXiv 1802.07687: of the samples from one context the one with the highest `ssim`, mean over "
        "contexts. How many samples the task fixes.",
    ),
    _discrepancy(
        "fvd-inf",
        "Fréchet Video Distance, extrapolated to infinitely many samples",
        "i3d-kinetics-400",
        "logits",
        "frechet-inf",
        "Chong and Forsyth, arXiv 1911.07023, applied to `fvd`: a line in 1/n through 15 sizes up to N, the generated "
        "side only; seeded random subsets of at least 5 rows per feature (or N/10) are our choice.",
    ),
    _discrepancy(
        "fid-inf",
        "Fréchet Inception Distance of frames, extrapolated to infinitely many samples",
        "inception-2015-12-05",
        "pool",
        "frechet-inf",
        "Chong and Forsyth, arXiv 1911.07023, applied to `fid`: a line in 1/n through 15 sizes up to N, the generated "
        "side only; seeded random subsets of whole clips with at least 5 rows per feature (or N/10) are our choice.",
    ),
    _discrepancy(
        "kvd-shapes",
        "Kernel distance on logits of the embedded shapes network",
        "shapes",
        "logits",
        "kernel",
        "Ours: the embedded counterpart of `kvd`, on a small classifier of moving shapes; needs no download.",
    ),
    _discrepancy(
        "fvd-inf-shapes",
        "Fréchet distance on logits of the embedded shapes network, extrapolated to infinitely many samples",
        "shapes",
        "logits",
        "frechet-inf",
        "Ours: the embedded counterpart of `fvd-inf`, on a small classifier of moving shapes; needs no download.",
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
