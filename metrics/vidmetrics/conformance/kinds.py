"""What an implementation may be asked: the kinds of questions, with their inputs, parameters and answers.

An implementation is one callable ``(kind, inputs, parameters) -> answer``. Inputs are numpy arrays by name. It answers
with a number or an array, or with a dict of them where a kind has several parts, or with `NotImplemented` for a kind
that it does not offer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Implementation = Callable[[str, dict[str, npt.NDArray[Any]], dict[str, Any]], Any]
Answer = dict[str, npt.NDArray[np.float64]]
"""Parts of an answer by name; numbers are arrays of shape ``[]``."""


@dataclass(frozen=True)
class Kind:
    """One kind of question.

    Attributes:
        inputs: what comes in, in words.
        parameters: parameters in words.
        parts: names of the parts of the answer; the first must be there, and is what a bare number or array means.
    """

    inputs: str
    parameters: str
    parts: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "frechet-from-moments": Kind("mean_a [D], cov_a [D, D], mean_b [D], cov_b [D, D], float64", "none", ("distance",)),
    "frechet-from-features": Kind(
        "features_a [N, D], features_b [M, D], float64; covariances with N - 1", "none", ("distance",)
    ),
    "moments": Kind(
        "features [N, D], float64",
        "batch_size: add so many rows at a time, the last batch is shorter",
        ("mean", "covariance"),
    ),
    "inception-score": Kind(
        "logits [N, C], float64; -inf is a probability of 0",
        "splits: contiguous parts i*N//S to (i+1)*N//S",
        ("mean", "std"),
    ),
    "kernel-mmd": Kind(
        "features_a [N, D], features_b [M, D], float64",
        "degree, gamma, coef0 of (gamma x.y + coef0)^degree; unbiased estimate over all pairs, squared MMD",
        ("mmd",),
    ),
    "resize": Kind("frames [N, H, W, C], float32", "kernel ('tf1-bilinear'), height, width", ("frames",)),
    "i3d-logits": Kind(
        "clips uint8 [N, T, H, W, 3]; weights/NAME: float32 variables of I3D by their TensorFlow names",
        "none",
        ("logits",),
    ),
    "fvd-from-clips": Kind(
        "real_clips, generated_clips uint8 [N, T, H, W, 3]; weights/NAME: float32 variables of I3D by their "
        "TensorFlow names",
        "none",
        ("distance",),
    ),
    "fvd-convention-from-clips": Kind(
        "as fvd-from-clips",
        "convention: the metric id, 'fvd' or 'fvd-…', see docs/conventions.md",
        ("distance",),
    ),
    "fid-from-clips": Kind(
        "real_clips, generated_clips uint8 [N, T, H, W, 3], all frames of which count; weights/NAME: float32 tensors of "
        "Inception by their names in pt_inception-2015-12-05-6726825d.pth",
        "none",
        ("distance",),
    ),
    "kid-from-clips": Kind(
        "as fid-from-clips, as many frames on both sides",
        "subsets; subset_size, which is the number of frames, so that chance has no part; degree, gamma, coef0 of the kernel",
        ("mean",),
    ),
    "is-from-clips": Kind(
        "clips uint8 [N, T, H, W, 3], all frames of which count; weights/NAME as fid-from-clips",
        "splits: contiguous parts of the frames; the bias of the last layer is left out",
        ("mean", "std"),
    ),
    "c3d-fid-from-clips": Kind(
        "real_clips, generated_clips uint8 [N, 16, H, W, 3]; weights/NAME: float32 arrays of a C3D with fewer channels than "
        "the published one, by their names in conv3d_deepnetA_ucf.npz, and mean [3, 16, 128, 171]",
        "none; the feature is fc7 after its ReLU",
        ("distance",),
    ),
    "c3d-is-from-clips": Kind(
        "clips uint8 [N, 16, H, W, 3]; weights/NAME as c3d-fid-from-clips", "splits: contiguous parts", ("mean", "std")
    ),
}
"""Every kind by its name."""


def as_answer(kind: str, given: Any) -> Answer:
    """Return what an implementation gave as parts by name.

    Raises:
        TypeError: it is no real number, array or dict of them, or lacks the main part.
    """
    main = KINDS[kind].parts[0]
    parts = dict(given) if isinstance(given, Mapping) else {main: given}
    if main not in parts:
        raise TypeError(f"the answer has the parts {sorted(parts)}, but '{main}' is needed")
    answer = {}
    for name in KINDS[kind].parts:
        if name not in parts:
            continue
        array = np.asarray(parts[name])
        if array.dtype.kind not in "fiub":
            raise TypeError(f"the part '{name}' is {array.dtype}, and real numbers are needed")
        answer[name] = array.astype(np.float64)
    return answer
