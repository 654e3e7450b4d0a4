"""The kinds of questions, with their inputs, parameters and answers.

An implementation is one callable ``(kind, inputs, parameters) -> answer``. Inputs are numpy arrays by name. It returns a
number or an array, or a dict of them for a kind with several parts, or `NotImplemented` for a kind that it does not
offer.
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
        inputs: the inputs, in words.
        parameters: the parameters, in words.
        parts: names of the parts of the answer; the first is required, and a single number or array stands for it.
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
        "batch_size: rows per batch; the last batch is shorter",
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
    "jedi-from-features": Kind(
        "features_a [N, D], features_b [M, D], float64",
        "degree, gamma, coef0 of (gamma x.y + coef0)^degree; biased estimate over all pairs, squared MMD; scale, by which it is multiplied",
        ("distance",),
    ),
    "resize": Kind("frames [N, H, W, C], float32", "kernel ('tf1-bilinear'), height, width", ("frames",)),
    "i3d-logits": Kind(
        "clips uint8 [N, T, H, W, 3]; weights/NAME: float32 variables of I3D by their TensorFlow names",
        "none",
        ("logits",),
    ),
    "videomae-features": Kind(
        "clips uint8 [N, 16, H, W, 3]; weights/NAME: float32 tensors of a VideoMAE of 2 layers, width 44, 4 heads, hidden 192, frames of "
        "28x28 and patches of 14, by their names in vit_g_hybrid_pt_1200e_ssv2_ft.pth",
        "none; the feature is the normed mean of the tokens, of frames stretched to 28x28",
        ("features",),
    ),
    "vjepa-features": Kind(
        "clips uint8 [N, 16, H, W, 3]; weights/NAME: float32 tensors of a V-JEPA of 2 layers, width 48, 4 heads, frames of 32x32 and patches "
        "of 16: encoder.NAME of the target encoder, and those of the probe",
        "none; the feature is the pooler's output, of frames stretched to 32x32",
        ("features",),
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
        "real_clips, generated_clips uint8 [N, T, H, W, 3], all frames are used; weights/NAME: float32 tensors of "
        "Inception by their names in pt_inception-2015-12-05-6726825d.pth",
        "none",
        ("distance",),
    ),
    "kid-from-clips": Kind(
        "as fid-from-clips, equally many frames on both sides",
        "subsets; subset_size, equal to the number of frames, so the answer is not random; degree, gamma, coef0 of the kernel",
        ("mean",),
    ),
    "is-from-clips": Kind(
        "clips uint8 [N, T, H, W, 3], all frames are used; weights/NAME as fid-from-clips",
        "splits: contiguous parts of the frames; without the bias of the last layer",
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
"""All kinds by name."""


def as_answer(kind: str, given: Any) -> Answer:
    """Return the value returned by an implementation as parts by name.

    Raises:
        TypeError: it is not a real number, an array or a dict of them, or lacks the first part.
    """
    main = KINDS[kind].parts[0]
    parts = dict(given) if isinstance(given, Mapping) else {main: given}
    if main not in parts:
        raise TypeError(f"the answer has the parts {sorted(parts)}, but '{main}' is required")
    answer = {}
    for name in KINDS[kind].parts:
        if name not in parts:
            continue
        array = np.asarray(parts[name])
        if array.dtype.kind not in "fiub":
            raise TypeError(f"the part '{name}' is {array.dtype}, and real numbers are required")
        answer[name] = array.astype(np.float64)
    return answer
