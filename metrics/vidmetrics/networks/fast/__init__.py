"""Faster implementations of the feature extractors for particular hardware; the plain ones are in `vidmetrics.networks`.

`accelerated` alone decides which implementation runs.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from vidmetrics.formats.faults import reason

if TYPE_CHECKING:
    import torch

    from vidmetrics.networks.fast.cpu_running import CpuBody
    from vidmetrics.networks.fast.operators import Operators
    from vidmetrics.networks.fast.running import FastBody, Plain
    from vidmetrics.networks.precision import Precision

OLDEST_TRITON = (3, 6)
"""Older compilers were not tried."""


def accelerated(body: Any, device: torch.device, precision: Precision) -> Any:
    """Return a faster body with the same outputs, or ``body`` itself.

    The I3D, the Inception and the C3D have one for NVIDIA GPUs of compute capability 9 (Hopper) with Triton 3.6 or newer, which comes
    with torch's CUDA builds for Linux; its kernels were measured there. It is used only if clips of noise give the plain network's features to
    within four fifths of the bound of the precision. They have one for x86-64 processors with torch's oneDNN too, used only if a small patch
    of noise passes all layers as in the plain network, to within its bound. A warning says why a device that one is made for does not use it.

    Args:
        body: the plain network, on the device.
        device: the device of the body.
        precision: as in `vidmetrics.load_network`.
    """
    from vidmetrics.networks.c3d import C3D
    from vidmetrics.networks.i3d import I3D
    from vidmetrics.networks.inception import Inception

    if not isinstance(body, I3D | Inception | C3D):
        return body
    try:
        if device.type == "cuda" and _supported(device):
            from vidmetrics.networks.fast.triton_operators import TritonOperators

            return _checked(body, TritonOperators(), precision, device)
        if device.type == "cpu":
            return _for_cpu(body, precision)
    except Exception as error:  # the compiler raises whatever a driver, a full disk or a C compiler makes of it
        why = reason(error)
    else:
        return body
    warnings.warn(
        f"The fast {type(body).__name__} is not used ({why}); the plain one computes the same, slower.",
        RuntimeWarning,
        stacklevel=3,
    )
    return body


def _checked(body: Plain, operators: Operators, precision: Precision, device: torch.device) -> FastBody:
    """Return the fast body for a GPU.

    Raises:
        Exception: it cannot be built, or its features are not the plain network's.
    """
    from vidmetrics.networks.fast.running import FastBody

    fast = FastBody(body, operators, precision, device)
    if not fast.agrees():
        raise ArithmeticError(
            "with these weights its features differ from the plain one's by more than four fifths of the bound"
        )
    return fast


def _for_cpu(body: Plain, precision: Precision) -> Plain | CpuBody:
    """Return the body for this CPU, the plain one if torch has no oneDNN here.

    Raises:
        Exception: it cannot be built, or its activations are not the plain network's.
    """
    from vidmetrics.networks.fast.cpu_running import CpuBody, has_onednn

    if not has_onednn():
        return body
    fast = CpuBody(body, precision)
    if not fast.agrees():
        raise ArithmeticError("with these weights its activations differ from the plain one's by more than the bound")
    return fast


def _supported(device: torch.device) -> bool:
    import torch

    if torch.cuda.get_device_capability(device)[0] != 9:
        return False
    try:
        import triton
    except ImportError:
        return False
    return tuple(int(part) for part in triton.__version__.split(".")[:2]) >= OLDEST_TRITON
