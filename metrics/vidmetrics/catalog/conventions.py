"""The named FVD conventions: how widely used implementations differ from the reference, as data.

Like all metrics of this package, a convention maps uint8 RGB clips to a number. Earlier steps of a pipeline (choice of
clips, decoding, conversion of a generator's floats) are up to the caller; `Convention.quantise` only records what the
named code does.

Taken from the code named in `Convention.source`; docs/conventions.md shows the effect of each difference on a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Crop = Literal["none", "center"]
Root = Literal["frechet-exact", "float32-svd"]

I3D = "i3d-kinetics-400"
"""The network of every convention; all share its weights file."""


@dataclass(frozen=True)
class Convention:
    """One way to compute FVD from uint8 clips.

    Attributes:
        id: the metric id.
        title: one line for a table or a report.
        resize: resizes of each frame in order, ``(name, side)`` with a name in `vidmetrics.networks.resize.RESIZERS`. The
            target is a square of that side; with a crop, the short side gets that length and the aspect ratio is kept.
        crop: ``"center"`` crops the central square after each resize.
        quantise: how the named code converts the floats of a generator: ``"none"`` (it does not), ``"round"`` or
            ``"truncate"`` to uint8. Only recorded: clips arrive here as uint8.
        batch_norm_eps: epsilon of every batch norm of the network.
        ddof: the covariance divides by ``N - ddof``, on both sides.
        root: ``"frechet-exact"`` is the exact distance in float64, which every sound square root gives up to rounding
            (eigenvalues, symmetric SVD, the real part of scipy's sqrtm); ``"float32-svd"`` is
            `vidmetrics.statistics.frechet_float32.distance_float32_svd`.
        source: papers and code it was taken from.
        note: caveats for readers of a number in this convention.
    """

    id: str
    title: str
    resize: tuple[tuple[str, int], ...]
    crop: Crop
    quantise: Literal["none", "round", "truncate"]
    batch_norm_eps: float
    ddof: int
    root: Root
    source: str
    note: str

    @property
    def network(self) -> str:
        """Name for `vidmetrics.load_network`: the I3D with this preprocessing and this eps."""
        return I3D if self.id == "fvd" else f"{I3D}+{self.id.removeprefix('fvd-')}"


_CONVENTIONS = (
    Convention(
        id="fvd",
        title="Fréchet Video Distance",
        resize=(("tf1-bilinear", 224),),
        crop="none",
        quantise="none",
        batch_norm_eps=1e-3,
        ddof=1,
        root="frechet-exact",
        source="Unterthiner et al., arXiv 1812.01717; google-research/google-research, frechet_video_distance/"
        "frechet_video_distance.py; tensorflow/gan, tensorflow_gan/python/eval/classifier_metrics.py.",
        note="The reference. It accepts floats 0..255, so a generator's floats need no rounding; here they do.",
    ),
    Convention(
        id="fvd-styleganv",
        title="Fréchet Video Distance as StyleGAN-V computes it",
        resize=(("bilinear", 224),),
        crop="none",
        quantise="round",
        batch_norm_eps=1e-3,
        ddof=0,
        root="frechet-exact",
        source="universome/stylegan-v, src/metrics/frechet_video_distance.py and src/metrics/metric_utils.py "
        "(FeatureStats); i3d_torchscript.pt with rescale=True, resize=True, return_features=True.",
        note="The torchscript contains the Hub's weights with batch norm folded into the convolutions. Its authors say that "
        "its resize differs from the reference; we assume half-pixel bilinear.",
    ),
    Convention(
        id="fvd-videogpt",
        title="Fréchet Video Distance as VideoGPT computes it",
        resize=(("bilinear", 224),),
        crop="center",
        quantise="truncate",
        batch_norm_eps=1e-5,
        ddof=1,
        root="float32-svd",
        source="wilson1yan/VideoGPT, videogpt/fvd/fvd.py, videogpt/fvd/pytorch_i3d.py, videogpt/data.py (preprocess), "
        "scripts/compute_fvd.py, at its head (733d2b1).",
        note="fvd.py multiplies by 2 since commit ce18ae8 (June 2021), so that the network sees [-1, 1]; the version before "
        "(3eee7ec) gave it [-0.5, 0.5], which changes the number. The repository of the paper (wilson1yan/VideoGPT-Paper) "
        "stretches instead of cropping.",
    ),
    Convention(
        id="fvd-magvit",
        title="Fréchet Video Distance as MAGVIT's offline tool computes it",
        resize=(("tf1-bilinear", 64), ("tf1-bilinear", 224)),
        crop="none",
        quantise="none",
        batch_norm_eps=1e-3,
        ddof=1,
        root="frechet-exact",
        source="google-research/magvit (05e8cfd), videogvt/tools/compute_fvd.py (normalize_videos).",
        note="Differs from the reference if frames are not 64x64: both sides are resized to 64x64 first. Only this tool does so. "
        "The evaluation that MAGVIT's configurations for UCF-101 and BAIR switch on (videogvt/train_lib/frechet_distance.py) "
        "resizes to 224 at once and is the reference, `fvd`.",
    ),
    Convention(
        id="fvd-cdfvd",
        title="Fréchet Video Distance as cd-fvd computes it with its I3D",
        resize=(("bilinear", 224),),
        crop="none",
        quantise="truncate",
        batch_norm_eps=1e-5,
        ddof=0,
        root="frechet-exact",
        source="songweige/content-debiased-fvd, cdfvd/fvd.py (compute_fvd), cdfvd/third_party/i3d/utils.py "
        "(preprocess_i3d) and pytorch_i3d.py, cdfvd/utils/metric_utils.py (FeatureStats); model='i3d'.",
        note="compute_fvd on uint8 arrays. Its video loader runs earlier: antialiased resize of the short side to the "
        "requested resolution, central crop, truncation to uint8.",
    ),
)

CONVENTIONS: Mapping[str, Convention] = MappingProxyType({c.id: c for c in _CONVENTIONS})
"""Every convention by its metric id, the reference first."""
