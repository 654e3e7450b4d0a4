"""Published numbers that an implementation with the trained weights must give again.

They need weights that are no part of this package. ``tests/vidmetrics/test_known_answers.py`` computes them wherever those
weights are, and `vidbench doctor` says which of them could not be computed here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownAnswer:
    """One published number.

    Attributes:
        name: short name.
        needs: what it is computed with: a network with trained weights, or `IMAGENET_FILES`.
        question: what is computed.
        value: the published answer.
        tolerance: how far an answer may be from it, absolute.
        source: who published it, and where the tolerance comes from.
    """

    name: str
    needs: str
    question: str
    value: float
    tolerance: float
    source: str


IMAGENET_FILES = (
    "known-answers/rgb_imagenet/model.ckpt.* and known-answers/v_CricketShot_g04_c01_rgb.npy in VIDBENCH_HOME"
)
"""Files of github.com/deepmind/kinetics-i3d, data/, that no metric needs: another I3D checkpoint and its sample clip."""

_CONSTANT = "FVD of {} clips of {} frames of 64x64, all black against all white"
_COMMON = (
    "JunyaoHu/common_metrics_on_video_quality, README, computed with a torch port; between that port and TensorFlow it "
    "reports a difference of 0.14"
)

KNOWN_ANSWERS = (
    KnownAnswer(
        "fvd-example",
        "i3d-kinetics-400",
        _CONSTANT.format(16, 15),
        131.0,
        3.0,
        "google-research/frechet_video_distance, example.py: 'about 131'; the tolerance is the word 'about'",
    ),
    KnownAnswer("fvd-constant-15", "i3d-kinetics-400", _CONSTANT.format(8, 15), 133.70, 0.5, _COMMON),
    KnownAnswer("fvd-constant-16", "i3d-kinetics-400", _CONSTANT.format(8, 16), 152.92, 0.5, _COMMON),
    KnownAnswer(
        "fvd-constant-30",
        "i3d-kinetics-400",
        _CONSTANT.format(8, 30),
        151.39244,
        0.05,
        "the same README, computed with TensorFlow",
    ),
    KnownAnswer(
        "fvd-random",
        "i3d-kinetics-400",
        "FVD of 128 clips of 16 frames of 224x224, uniform in [0, 1] from numpy's RandomState 1 and 2, given to the network "
        "without preprocessing",
        10.13808536529541,
        1e-2,
        "universome/fvd-comparison, compare_metrics.py with TensorFlow; its torch port gives 10.138084766713924",
    ),
    KnownAnswer(
        "is-cifar10-train",
        "inception-2015-12-05",
        "Inception Score of the 50,000 training images of CIFAR-10, shuffled by numpy's RandomState 2020, 10 splits, logits "
        "without bias (images: known-answers/cifar-10-batches-bin in VIDBENCH_HOME)",
        11.23678,
        1e-2,
        "toshas/torch-fidelity, README: 11.23678 with a standard deviation of 0.09514061; agreement of faithful ports",
    ),
    KnownAnswer(
        "is-ucf101-real",
        "c3d-ucf101",
        "Inception Score of 10,000 real clips of UCF-101, 16 frames of 64x64 (videos: known-answers/UCF101 in VIDBENCH_HOME)",
        60.2,
        3.0,
        "Video Diffusion Models (2204.03458), real data at 64x64; neither crop nor kernel is stated, hence the tolerance",
    ),
    KnownAnswer(
        "i3d-imagenet-logits",
        IMAGENET_FILES,
        "norm of the logits of DeepMind's rgb_imagenet on its sample clip, 79 frames of 224x224",
        87.108871,
        87.108871e-4,
        "deepmind/kinetics-i3d, out/imagenet_rgb.txt; such norms differ by 3e-5 between machines, so 1e-4 relative",
    ),
)


def known_answer(name: str) -> KnownAnswer:
    """Return one of `KNOWN_ANSWERS` by its name."""
    return next(answer for answer in KNOWN_ANSWERS if answer.name == name)
