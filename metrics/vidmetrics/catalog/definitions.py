"""The definition of each metric id: one id, one definition, forever. Data only."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from types import MappingProxyType

from vidmetrics.catalog.conventions import CONVENTIONS, Convention
from vidmetrics.catalog.metric import MetricDefinition
from vidmetrics.errors import InputError, unknown_name

__all__ = ["METRICS", "MetricDefinition", "function_ids", "get_metric"]


def _convention(convention: Convention) -> MetricDefinition:
    return MetricDefinition(
        id=convention.id,
        title=convention.title,
        network=convention.network,
        output="logits",
        statistic="frechet",
        source=f"{convention.source} {convention.note} See docs/conventions.md.",
        ddof=convention.ddof,
        root=convention.root,
        printed_as="FVD",
    )


def _manifold(statistic: str, title: str, source: str) -> tuple[MetricDefinition, MetricDefinition]:
    ours = "Logits of the Kinetics-400 I3D, the features of `fvd`, are our choice: the paper uses images."
    embedded = "Ours: pooled features of the embedded shapes network; needs no download."
    return (
        MetricDefinition(
            id=statistic,
            title=title,
            network="i3d-kinetics-400",
            output="logits",
            statistic=statistic,
            source=f"{source} {ours}",
        ),
        MetricDefinition(
            id=f"{statistic}-shapes",
            title=f"{title}, embedded shapes network",
            network="shapes",
            output="pool",
            statistic=statistic,
            source=f"{source} {embedded}",
        ),
    )


_LPIPS = "Zhang et al., arXiv 1801.03924, and richzhang/PerceptualSimilarity (PyPI lpips 0.1.4), version 0.1 with its trained layers,"
_LPIPS_SIZE = "Frames are compared at the size of the task, not resized."

_DEBIASED = (
    "Ge et al., arXiv 2404.12391, and songweige/content-debiased-fvd (PyPI cd-fvd 0.1.1, model='videomae'): mean over the tokens of "
    "VideoMAE v2 ViT-g/14 fine-tuned on Something-Something v2, then its last norm; 16 frames stretched to 224x224 and divided by 255."
)

_DEFINITIONS = (
    MetricDefinition(
        id="fvd",
        title="Fréchet Video Distance",
        network="i3d-kinetics-400",
        output="logits",
        statistic="frechet",
        source="Unterthiner et al., arXiv 1812.01717, and google-research/frechet_video_distance: time-averaged logits of the "
        "I3D trained from scratch on Kinetics-400, frames resized to 224x224 by TF1 bilinear, covariance with n-1.",
        printed_as="FVD",
    ),
    *(_convention(convention) for convention in CONVENTIONS.values() if convention.id != "fvd"),
    MetricDefinition(
        id="fid-i3d-k600",
        title="Fréchet distance on I3D Kinetics-600 pooled features",
        network="i3d-kinetics-600",
        output="pool",
        statistic="frechet",
        source="DVD-GAN, Clark et al., arXiv 1907.06571, section 4: average-pooled I3D features. Averaging the remaining time "
        "steps and resizing to 224x224 by TF1 bilinear are our choices; the paper does not say.",
        printed_as="FID(I3D-K600)",
    ),
    MetricDefinition(
        id="is-i3d-k600",
        title="Inception Score on I3D Kinetics-600",
        network="i3d-kinetics-600",
        output="logits",
        statistic="inception-score",
        splits=10,
        source="DVD-GAN, Clark et al., arXiv 1907.06571, section 4: Inception Score from a Kinetics-600 I3D. The paper does "
        "not give the number of splits; 10 contiguous ones, as in improved-gan (arXiv 1606.03498), are our choice.",
        printed_as="IS(I3D-K600)",
    ),
    MetricDefinition(
        id="fvd-shapes",
        title="Fréchet distance on logits of the embedded shapes network",
        network="shapes",
        output="logits",
        statistic="frechet",
        source="Ours: the embedded counterpart of `fvd`, on a small classifier of moving shapes; needs no download.",
    ),
    MetricDefinition(
        id="fvd-shapes-second",
        title="Fréchet distance on logits of the second embedded shapes network",
        network="shapes-second",
        output="logits",
        statistic="frechet",
        source="Ours: `fvd-shapes` on a classifier of another architecture, for a second opinion; needs no download.",
    ),
    MetricDefinition(
        id="fid-shapes",
        title="Fréchet distance on pooled features of the embedded shapes network",
        network="shapes",
        output="pool",
        statistic="frechet",
        source="Ours: the embedded counterpart of `fid-i3d-k600`, on a small classifier of moving shapes; needs no download.",
    ),
    MetricDefinition(
        id="is-shapes",
        title="Inception Score on the embedded shapes network",
        network="shapes",
        output="logits",
        statistic="inception-score",
        splits=1,
        source="Ours: one score over the whole set, because splitting a finite set biases the score downward.",
    ),
    MetricDefinition(
        id="kvd",
        title="Kernel Video Distance",
        network="i3d-kinetics-400",
        output="logits",
        statistic="kernel",
        source="Name from Unterthiner et al., arXiv 1812.01717: unbiased squared MMD with a polynomial kernel of degree 3 on the "
        "features of `fvd`. Kernel (x.y/D + 1)^3 over all pairs of clips, as in common evaluation scripts (scikit-learn's "
        "polynomial_kernel on I3D logits); google-research/frechet_video_distance does not include it.",
    ),
    MetricDefinition(
        id="fid",
        title="Fréchet Inception Distance of frames",
        network="inception-2015-12-05",
        output="pool",
        statistic="frechet",
        source="Heusel et al., arXiv 1706.08500: pool_3 of the Inception graph of 2015-12-05, frames resized to 299x299 by "
        "TF1 bilinear, covariance with n-1. Using all frames of all clips is our choice.",
    ),
    MetricDefinition(
        id="is",
        title="Inception Score of frames",
        network="inception-2015-12-05",
        output="logits-unbiased",
        statistic="inception-score",
        splits=10,
        source="Salimans et al., arXiv 1606.03498, and openai/improved-gan: 10 contiguous splits, softmax over 1,008 outputs "
        "without the bias of the last layer. Using all frames of all generated clips, and splits of whole clips, is our "
        "choice.",
    ),
    MetricDefinition(
        id="kid",
        title="Kernel Inception Distance of frames",
        network="inception-2015-12-05",
        output="pool",
        statistic="kernel-subsets",
        source="Binkowski et al., arXiv 1801.01401: mean of the unbiased squared MMD, kernel (x.y/D + 1)^3, over 100 subsets of "
        "1,000 drawn without replacement, seed 0, not multiplied by 1,000. Using all frames of all clips is our choice.",
    ),
    MetricDefinition(
        id="is-c3d-ucf101",
        title="Inception Score on C3D UCF-101",
        network="c3d-ucf101",
        output="logits",
        statistic="inception-score",
        splits=1,
        source="TGAN and TGANv2, Saito et al., arXiv 1811.09245, and their code: C3D fine-tuned on UCF-101, softmax over 101 "
        "classes, one split; 2,048 clips of 16 frames in the published recipe.",
        printed_as="IS(C3D)",
    ),
    MetricDefinition(
        id="fid-c3d-ucf101",
        title="Fréchet distance on C3D UCF-101 features",
        network="c3d-ucf101",
        output="fc7",
        statistic="frechet",
        source="TGANv2, Saito et al., arXiv 1811.09245, and its code: fc7 of C3D fine-tuned on UCF-101; there, 10 clips of each "
        "video of train split 1 are the reference set.",
        printed_as="FID(C3D)",
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
        "Naeem et al., arXiv 2002.09797: real balls that contain a generated clip, k = 5.",
    ),
    MetricDefinition(
        id="psnr",
        title="Peak signal-to-noise ratio of predicted frames",
        statistic="psnr",
        source="10 log10(255^2 / MSE) over the pixels and channels of a frame, mean over predicted frames, then over clips.",
    ),
    MetricDefinition(
        id="ssim",
        title="Structural similarity of predicted frames",
        statistic="ssim",
        source="Wang et al. 2004: 11x11 Gaussian window of sigma 1.5 inside the frame, range 255, mean over RGB channels, "
        "predicted frames and clips. RGB instead of grey is our choice.",
    ),
    MetricDefinition(
        id="lpips",
        title="Learned perceptual distance of predicted frames, AlexNet",
        statistic="lpips",
        compared_by="lpips-alex",
        source=f"{_LPIPS} on AlexNet, the default of the released code; mean over predicted frames, then over clips. {_LPIPS_SIZE}",
    ),
    MetricDefinition(
        id="lpips-vgg",
        title="Learned perceptual distance of predicted frames, VGG-16",
        statistic="lpips",
        compared_by="lpips-vgg",
        source=f"{_LPIPS} on VGG-16, as many papers on tokenizers use it; mean over frames, then over clips. {_LPIPS_SIZE}",
    ),
    MetricDefinition(
        id="lpips-best",
        title="Learned perceptual distance of the best of several predictions, AlexNet",
        statistic="lpips-best",
        compared_by="lpips-alex",
        source="Denton and Fergus, arXiv 1802.07687, applied to `lpips`: lowest among the samples for the same context, mean over "
        "contexts. The task fixes the number of samples.",
    ),
    MetricDefinition(
        id="psnr-best",
        title="Peak signal-to-noise ratio of the best of several predictions",
        statistic="psnr-best",
        source="Denton and Fergus, arXiv 1802.07687: highest `psnr` among the samples for the same context, mean over contexts. The "
        "task fixes the number of samples.",
    ),
    MetricDefinition(
        id="ssim-best",
        title="Structural similarity of the best of several predictions",
        statistic="ssim-best",
        source="Denton and Fergus, arXiv 1802.07687: highest `ssim` among the samples for the same context, mean over contexts. The "
        "task fixes the number of samples.",
    ),
    MetricDefinition(
        id="fvd-inf",
        title="Fréchet Video Distance, extrapolated to infinitely many samples",
        network="i3d-kinetics-400",
        output="logits",
        statistic="frechet-inf",
        source="Chong and Forsyth, arXiv 1911.07023, applied to `fvd`: a line in 1/n through 15 sizes up to N, on the generated "
        "side only; seeded random subsets of at least 5 rows per feature (or N/10) are our choice.",
    ),
    MetricDefinition(
        id="fid-inf",
        title="Fréchet Inception Distance of frames, extrapolated to infinitely many samples",
        network="inception-2015-12-05",
        output="pool",
        statistic="frechet-inf",
        source="Chong and Forsyth, arXiv 1911.07023, applied to `fid`: a line in 1/n through 15 sizes up to N, on the generated "
        "side only; seeded random subsets of whole clips with at least 5 rows per feature (or N/10) are our choice.",
    ),
    MetricDefinition(
        id="kvd-shapes",
        title="Kernel distance on logits of the embedded shapes network",
        network="shapes",
        output="logits",
        statistic="kernel",
        source="Ours: the embedded counterpart of `kvd`, on a small classifier of moving shapes; needs no download.",
    ),
    MetricDefinition(
        id="fvd-videomae-ssv2",
        title="Content-debiased Fréchet Video Distance, covariance with n-1",
        network="videomae-ssv2",
        output="pool",
        statistic="frechet",
        source=f"{_DEBIASED} Covariance with n-1, as `fvd`, is our choice: their code divides by n (`fvd-videomae-ssv2-cdfvd`).",
        printed_as="FVD(VideoMAE)",
    ),
    MetricDefinition(
        id="fvd-videomae-ssv2-cdfvd",
        title="Content-debiased Fréchet Video Distance as cd-fvd computes it",
        network="videomae-ssv2",
        output="pool",
        statistic="frechet",
        source=f"{_DEBIASED} Covariance with n, as in their code; 2,048 generated clips there.",
        ddof=0,
        printed_as="FVD(VideoMAE)",
    ),
    MetricDefinition(
        id="jedi",
        title="JEPA Embedding Distance",
        network="vjepa-ssv2",
        output="pool",
        statistic="second-moments",
        source="JEDi, Luo et al., arXiv 2410.05203, and oooolga/JEDi (PyPI videojedi): biased squared MMD, kernel (x.y/D)^2, times 100, "
        "on V-JEPA ViT-H/16 with the pooler of its SSv2 probe; 5,000 clips there. Its code resizes nothing: frames of other sizes than "
        "224x224 are stretched bilinearly here, which is our choice.",
        printed_as="JEDi",
    ),
    MetricDefinition(
        id="jedi-shapes",
        title="JEDi's distance on pooled features of the embedded shapes network",
        network="shapes",
        output="pool",
        statistic="second-moments",
        source="Ours: the embedded counterpart of `jedi`, on a small classifier of moving shapes; needs no download.",
    ),
    MetricDefinition(
        id="fvd-inf-shapes",
        title="Fréchet distance on logits of the embedded shapes network, extrapolated to infinitely many samples",
        network="shapes",
        output="logits",
        statistic="frechet-inf",
        source="Ours: the embedded counterpart of `fvd-inf`, on a small classifier of moving shapes; needs no download.",
    ),
)

METRICS: Mapping[str, MetricDefinition] = MappingProxyType({d.id: d for d in _DEFINITIONS})
"""Every metric by its id."""


def get_metric(id: str) -> MetricDefinition:
    """Return the definition of a metric id.

    >>> import vidmetrics
    >>> vidmetrics.get_metric("fvd").network
    'i3d-kinetics-400'

    Raises:
        InputError: there is no such id; suggests the nearest one.
    """
    if id in METRICS:
        return METRICS[id]
    raise InputError(unknown_name("metric", id, METRICS))


def function_ids() -> dict[str, str]:
    """Map the name of each one-call function of `vidmetrics` to its metric id.

    Best-of-several metrics have no function: one call compares one prediction per clip.
    """
    return {
        id.replace("-", "_") + "_" * keyword.iskeyword(id): id
        for id, definition in METRICS.items()
        if not definition.facts.best_of_several
    }
