"""Adapters for the usual ``fvd(real, generated)``, so that a test of it is three lines; docs/ci.md shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.recipes import WEIGHTS
from vidmetrics.errors import InputError, unknown_name

if TYPE_CHECKING:
    import torch

    from vidmetrics.conformance.kinds import Implementation

Arrays = Literal["numpy", "torch"]
Distance = Callable[[Any, Any], Any]
"""Called with the real and the generated side; returns a number or an array or tensor of one element."""

_LAYOUTS = {"NTHWC": (0, 1, 2, 3, 4), "NTCHW": (0, 1, 4, 2, 3), "NCTHW": (0, 4, 1, 2, 3)}
_SCOPE = "RGB/inception_i3d/"


def of_features(distance: Distance, arrays: Arrays = "numpy") -> Implementation:
    """Return an implementation of the suite from a Fréchet distance of features.

    Args:
        distance: takes two sets of features, float64 ``[N, D]`` and ``[M, D]``.
        arrays: whether it takes numpy arrays or torch tensors.

    Raises:
        InputError: ``arrays`` is another word.
    """
    _one_of("kind of arrays", arrays, ("numpy", "torch"))

    def answer(kind: str, inputs: dict[str, npt.NDArray[Any]], parameters: dict[str, Any]) -> Any:
        if kind != "frechet-from-features":
            return NotImplemented
        return _number(distance(*(_as(arrays, inputs[f"features_{side}"]) for side in "ab")))

    return answer


def of_videos(
    distance: Distance,
    network: torch.nn.Module | Callable[[Mapping[str, npt.NDArray[np.float32]]], object],
    *,
    layout: str = "NTHWC",
    value_range: tuple[float, float] | None = None,
    arrays: Arrays = "torch",
    convention: str = "fvd",
) -> Implementation:
    """Return an implementation of the suite from a Fréchet video distance of videos.

    The known answers belong to an I3D with seeded weights, which are put into ``network`` for each answer; a module gets
    its own weights back afterwards.

    Args:
        distance: takes the real and the generated videos.
        network: the I3D that ``distance`` runs. Either a torch module whose tensors have the names of VideoGPT's I3D
            (``Conv3d_1a_7x7.conv3d.weight``), or a function that loads variables, float32 arrays by the names of
            DeepMind's TensorFlow graph (``RGB/inception_i3d/Conv3d_1a_7x7/conv_3d/w``), into it.
        layout: axes of the videos: "NTHWC", "NTCHW" or "NCTHW".
        value_range: values of black and white, such as ``(-1, 1)``, for float32 videos; None for uint8.
        arrays: whether ``distance`` takes numpy arrays or torch tensors.
        convention: the metric id, "fvd" or "fvd-…", that it is meant to compute, see docs/conventions.md.

    Raises:
        InputError: another layout or word, or a module whose tensors have other names.
    """
    _one_of("layout", layout, _LAYOUTS)
    _one_of("kind of arrays", arrays, ("numpy", "torch"))
    is_module = hasattr(network, "state_dict")
    if is_module:
        _tensorflow_names(network)

    def answer(kind: str, inputs: dict[str, npt.NDArray[Any]], parameters: dict[str, Any]) -> Any:
        asked = parameters["convention"] if kind == "fvd-convention-from-clips" else "fvd"
        if kind not in ("fvd-from-clips", "fvd-convention-from-clips") or asked != convention:
            return NotImplemented
        weights = {name.removeprefix(WEIGHTS): value for name, value in inputs.items() if name.startswith(WEIGHTS)}
        sides = [_videos(inputs[f"{side}_clips"], layout, value_range) for side in ("real", "generated")]
        if not is_module:
            network(weights)
            return _number(distance(*(_as(arrays, side) for side in sides)))
        with _loaded(network, weights) as device:
            return _number(distance(*(_as(arrays, side, device) for side in sides)))

    return answer


def _one_of(what: str, name: str, known: Any) -> None:
    if name not in known:
        raise InputError(unknown_name(what, str(name), known))


def _videos(
    clips_NTHWC: npt.NDArray[np.uint8], layout: str, value_range: tuple[float, float] | None
) -> npt.NDArray[Any]:
    videos = np.ascontiguousarray(clips_NTHWC.transpose(_LAYOUTS[layout]))
    if value_range is None:
        return videos
    black, white = value_range
    return (videos * ((white - black) / 255) + black).astype(np.float32)


def _as(arrays: Arrays, array: npt.NDArray[Any], device: Any = None) -> Any:
    if arrays == "numpy":
        return array
    import torch

    return torch.from_numpy(array).to(device)


def _number(value: Any) -> Any:
    """Return the answer as a number, whatever device a tensor is on; `kinds.as_answer` judges anything else."""
    return value.detach().cpu().numpy().reshape(-1)[0] if getattr(value, "numel", int)() == 1 else value


def _tensorflow_names(module: Any) -> dict[str, str]:
    """Return the name in TensorFlow's graph for each tensor of a module that has one there."""
    from vidmetrics.weights.i3d_names import tensorflow_names

    try:
        names = tensorflow_names(module.state_dict())
    except InputError as error:
        raise InputError(
            f"The known answers cannot be loaded into this network ({error}); in place of the module, give a function "
            "that loads variables by their TensorFlow names into it."
        ) from error
    return {name: _SCOPE + variable for name, variable in names.items()}


@contextmanager
def _loaded(module: Any, weights: Mapping[str, npt.NDArray[np.float32]]) -> Iterator[Any]:
    """Put weights into a module; its own are put back at the end. Yields its device."""
    import torch

    own = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    names = _tensorflow_names(module)
    seeded = {}
    for name, tensor in own.items():
        # The published graph has no scale of batch norm.
        value = torch.from_numpy(weights[names[name]]) if name in names else torch.ones_like(tensor)
        value = value.permute(4, 3, 0, 1, 2) if value.ndim == 5 and name in names else value.reshape(tensor.shape)
        seeded[name] = value
    module.load_state_dict(seeded)
    try:
        yield next(iter(own.values())).device
    finally:
        module.load_state_dict(own)
