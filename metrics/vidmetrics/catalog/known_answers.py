"""Published numbers that an implementation with the trained weights must reproduce.

They need weights that are not part of this package. ``tests/vidmetrics/catalog/test_known_answers.py`` computes them if
the weights are available, and `vidbench doctor` lists those that cannot be computed here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownAnswer:
    """One published number.

    Attributes:
        name: short name.
        needs: a network with trained weights, or `IMAGENET_FILES`.
        question: what is computed.
        value: the published answer.
        tolerance: largest absolute deviation.
        source: who published it, and the reason for the tolerance.
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
"""Files from data/ of github.com/deepmind/kinetics-i3d that no metric needs: another I3D checkpoint and its sample clip."""

_CONSTANT = "FVD of {} clips of {} frames of 64x64, all black against all white"
_COMMON = (
    "JunyaoHu/common_metrics_on_video_quality, README of commit 5f75173, computed with a torch port of StyleGAN-V's; between "
    "that port and TensorFlow it reports a difference of 0.14 at 30 frames; an earlier version of the README has 153.11 at 16 and "
    "66.08 at 24 frames, so the tolerance is 0.3 %, or 0.5 if that is more"
)
_BY_LENGTH = {
    10: 569.2296293622766,
    11: 486.3584254441098,
    12: 551.9610501807822,
    13: 146.36638178542628,
    14: 172.85453222258292,
    15: 133.70311962583372,
    16: 152.91750309134142,
    17: 357.7402855012116,
    18: 382.4668646785276,
    19: 306.73840379649727,
    20: 338.4151811780684,
    21: 78.17255931098194,
    22: 82.33446642508818,
    23: 64.5885972265882,
    24: 66.06281151704604,
    25: 314.4803706985065,
    26: 316.6870909853734,
    27: 288.97196946254184,
    28: 287.7805184515251,
    29: 152.1524775765185,
    30: 151.2564750365302,
}
CONSTANT_LENGTHS = tuple(_BY_LENGTH)
"""Clip lengths with a known answer, `fvd-constant-10` to `fvd-constant-30`."""

_CIFAR = "(images: known-answers/cifar-10-batches-bin in VIDBENCH_HOME)"
_CHOSEN = (
    "drawn by numpy's RandomState 2020 without replacement as in utils/util_dump_dataset_as_images.py, in the order "
    "of their indices " + _CIFAR
)
_UCF101_SOURCE = (
    "Video Diffusion Models (2204.03458), real data at 64x64; crop, kernel and spread are not stated. The tolerance is our "
    "choice: five times the spread of 0.62 that the paper reports for 10,000 of its own clips, and a tenth of the step to the "
    "about 90 published for real clips at 128x128 (1912.08860), the size of effect that the sharpness of a resize can have"
)
_FIDELITY_TESTS = "toshas/torch-fidelity, tests/torch_versions_ge_1_11_0/test_versions.py"

KNOWN_ANSWERS = (
    KnownAnswer(
        "fvd-example",
        "i3d-kinetics-400",
        _CONSTANT.format(16, 15),
        131.0,
        3.0,
        "google-research/frechet_video_distance, example.py: 'about 131'; the tolerance is the word 'about'",
    ),
    *(
        KnownAnswer(
            f"fvd-constant-{frames}",
            "i3d-kinetics-400",
            _CONSTANT.format(8, frames),
            value,
            max(0.5, 0.003 * value),
            _COMMON,
        )
        for frames, value in _BY_LENGTH.items()
    ),
    KnownAnswer(
        "fvd-constant-30-tensorflow",
        "i3d-kinetics-400",
        _CONSTANT.format(8, 30),
        151.39244,
        0.05,
        "the same README, computed with TensorFlow",
    ),
    KnownAnswer(
        "fvd-random",
        "i3d-kinetics-400",
        "FVD of 128 clips of 16 frames of 224x224, uniform in [0, 1] from numpy's RandomState 1 and 2, fed to the network "
        "without preprocessing",
        10.13808536529541,
        1e-2,
        "universome/fvd-comparison, compare_metrics.py with TensorFlow; its torch port gives 10.138084766713924",
    ),
    KnownAnswer(
        "is-cifar10-train",
        "inception-2015-12-05",
        "Inception Score of the 50,000 training images of CIFAR-10, shuffled by numpy's RandomState 2020, 10 splits, logits "
        f"without bias {_CIFAR}",
        11.23678,
        1e-2,
        "toshas/torch-fidelity, README: 11.23678 with a standard deviation of 0.09514061; agreement of faithful ports",
    ),
    KnownAnswer(
        "is-cifar10-100",
        "inception-2015-12-05",
        f"Inception Score of 100 training images of CIFAR-10, {_CHOSEN}, then shuffled by RandomState 2020, 10 splits",
        4.51089784587268,
        5e-3,
        "toshas/torch-fidelity, tests/tf1/precision/test_metric_isc_fidelity.py, which allows 1e-4 between its own versions "
        "and 5e-3 relative between it and TensorFlow",
    ),
    KnownAnswer(
        "is-cifar10-5000",
        "inception-2015-12-05",
        f"Inception Score of 5,000 training images of CIFAR-10, {_CHOSEN}, then shuffled by RandomState 2020, 10 splits",
        10.75051,
        1e-2,
        f"{_FIDELITY_TESTS}, with a standard deviation of 0.5778723; agreement of faithful ports",
    ),
    KnownAnswer(
        "fid-cifar10-5000",
        "inception-2015-12-05",
        f"FID of 5,000 training images of CIFAR-10 against 5,000 of its test images, both {_CHOSEN}",
        10.3233274,
        1e-2,
        f"{_FIDELITY_TESTS}; agreement of faithful ports",
    ),
    KnownAnswer(
        "kid-cifar10-5000",
        "inception-2015-12-05",
        "KID of the same images, 100 subsets of 1,000 drawn by one RandomState 2020 from each side in turn",
        -2.907863e-05,
        2e-6,
        f"{_FIDELITY_TESTS}, with a standard deviation of 1.023118e-4 over subsets; it computes the kernel in float32, which "
        "rounds means of numbers near 1 at 1e-7 to 1e-6",
    ),
    KnownAnswer(
        "is-ucf101-real",
        "c3d-ucf101",
        "Inception Score of 10,000 real clips of UCF-101, 16 frames of 64x64 (videos: known-answers/UCF101 in VIDBENCH_HOME)",
        60.2,
        3.0,
        _UCF101_SOURCE,
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
