"""Arithmetic precision of the networks: torch's global switches, set for one call and restored afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch

Precision: TypeAlias = Literal["exact", "fast"]
"""``exact``: within 1e-5 of float64, deterministic. ``fast``: within 1e-3, or 1e-2 in bfloat16 on CPUs.

Plain networks: float32 for ``exact``, TF32 for ``fast`` on GPUs that have it.
"""


@contextmanager
def computing(precision: Precision) -> Iterator[None]:
    """Set torch's global precision switches inside a ``with`` block and restore the caller's afterwards.

    Torch has an older and (since 2.9) a newer set of switches, and refuses to read the older ones if a caller set only the
    newer ones. Both agree inside the block and are restored after it.
    """
    exact = precision == "exact"
    backends: Any = torch.backends  # torch's stubs lag behind its switches
    cudnn = backends.cudnn
    deterministic, benchmark = cudnn.deterministic, cudnn.benchmark
    newer = [(holder, holder.fp32_precision) for holder in _newer_switches(backends)]
    products, convolutions = _older_switches(newer)
    try:
        cudnn.deterministic, cudnn.benchmark = exact, False
        torch.set_float32_matmul_precision("highest" if exact else "high")
        cudnn.allow_tf32 = not exact
        for holder, _ in newer:
            # Explicit, because an unset switch follows torch's global precision. On CPUs, neither precision uses
            # bfloat16 products.
            on_cpu = holder in (backends.mkldnn.matmul, backends.mkldnn.conv)
            holder.fp32_precision = "ieee" if exact or on_cpu else "tf32"
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        cudnn.allow_tf32 = convolutions
        for holder, value in newer:
            holder.fp32_precision = value
        cudnn.deterministic, cudnn.benchmark = deterministic, benchmark


def _newer_switches(backends: Any) -> list[Any]:
    if not hasattr(backends.cuda.matmul, "fp32_precision"):
        return []
    return [backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.matmul, backends.mkldnn.conv]


def _older_switches(newer: list[tuple[Any, str]]) -> tuple[str, bool]:
    """Return the older switches: precision of matrix products, and whether convolutions may use TF32."""
    try:
        products = torch.get_float32_matmul_precision()
    except RuntimeError:  # it disagrees with the newer switch, so it has the other value
        products = "highest" if newer[0][1] == "tf32" else "high"
    try:
        convolutions = bool(torch.backends.cudnn.allow_tf32)
    except RuntimeError:  # a caller set the newer ones; the older one still has torch's default
        convolutions = True
    return products, convolutions
