"""Conversion of I3D weights from the names and layouts of VideoGPT's torch port to TensorFlow's.

VideoGPT's ``pytorch_i3d.py`` (after piergiaj/pytorch-i3d) calls a unit ``Mixed_3b.b1a`` that TensorFlow calls
``Mixed_3b/Branch_1/Conv3d_0a_1x1``. In it, ``conv3d.weight`` is the kernel ``[out, in, kt, kh, kw]``, ``bn.bias`` the beta,
``bn.running_mean`` and ``bn.running_var`` the moving statistics, and ``bn.weight`` a scale that TensorFlow's network does not
have and the converter filled with ones. ``logits.conv3d`` is the last convolution. The conversion is exact: a faithful port
gives the bytes of the TensorFlow checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

_LOGITS = "Logits/Conv3d_0c_1x1"
_BRANCHES = {
    "b0": "Branch_0/Conv3d_0a_1x1",
    "b1a": "Branch_1/Conv3d_0a_1x1",
    "b1b": "Branch_1/Conv3d_0b_3x3",
    "b2a": "Branch_2/Conv3d_0a_1x1",
    "b2b": "Branch_2/Conv3d_0b_3x3",
    "b3b": "Branch_3/Conv3d_0b_1x1",
}
_VARIABLES = {
    "conv3d.weight": "conv_3d/w",
    "conv3d.bias": "conv_3d/b",
    "bn.bias": "batch_norm/beta",
    "bn.running_mean": "batch_norm/moving_mean",
    "bn.running_var": "batch_norm/moving_variance",
}
_NAME = re.compile(
    r"(?:(?P<stem>Conv3d_\w+)|(?P<mixed>Mixed_\w\w)\.(?P<branch>b\d[ab]?)|(?P<logits>logits))"
    r"\.(?P<variable>(?:conv3d|bn)\.\w+)"
)


def is_torch_i3d(names: Mapping[str, Any]) -> bool:
    """Return whether the names are those of the torch port."""
    return "logits.conv3d.weight" in names and "Conv3d_1a_7x7.conv3d.weight" in names


def tensorflow_names(names: Iterable[str]) -> dict[str, str]:
    """Return TensorFlow's name, without the scope, for each tensor of the torch port that has one in the published graph.

    Those that have none are the scales of batch norm, which are 1, and torch's own counts of training steps.

    Raises:
        InputError: a name does not occur in the port.
    """
    absent = (".bn.weight", ".bn.num_batches_tracked")
    return {name: _tensorflow_name(name) for name in names if not name.endswith(absent)}


def to_tensorflow(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of the torch port under TensorFlow's names and in its layout, without the scope.

    Args:
        tensors: state dict of the torch port; float32 kernels ``[out, in, kt, kh, kw]``, everything else ``[C]``.

    Raises:
        InputError: a name does not occur in the port, or a batch norm scale is not 1, which the network cannot represent.
    """
    renamed = {}
    for name, value in tensors.items():
        if name.endswith(".bn.num_batches_tracked"):  # torch's own count of training steps
            continue
        if name.endswith(".bn.weight"):
            if not bool((np.asarray(value) == 1).all()):
                raise InputError(
                    f"The batch norm scale '{name}' is not 1 everywhere, and the published I3D has none; "
                    "these are the weights of another network."
                )
            continue
        renamed[_tensorflow_name(name)] = (
            np.ascontiguousarray(value.transpose(2, 3, 4, 1, 0)) if value.ndim == 5 else value
        )
    return renamed


def _tensorflow_name(name: str) -> str:
    match = _NAME.fullmatch(name)
    if match is None or match["variable"] not in _VARIABLES or (match["branch"] or "b0") not in _BRANCHES:
        raise InputError(f"'{name}' is not a tensor of VideoGPT's I3D; give i3d_pretrained_400.pt as it was published.")
    if match["logits"]:
        unit = _LOGITS
    elif match["stem"]:
        unit = match["stem"]
    elif (match["mixed"], match["branch"]) == ("Mixed_5b", "b2b"):
        unit = "Mixed_5b/Branch_2/Conv3d_0a_3x3"  # the published graph uses this name, although the unit comes second
    else:
        unit = f"{match['mixed']}/{_BRANCHES[match['branch']]}"
    return f"{unit}/{_VARIABLES[match['variable']]}"
