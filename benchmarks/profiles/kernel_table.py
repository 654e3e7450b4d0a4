"""Where the time of a GPU goes: its kernels by name and kind, from torch's profiler."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch

KINDS = (
    ("exchange", r"nccl"),
    ("compiled elementwise operations and sums", r"^triton_"),
    ("spectral norm, optimiser", r"multi_tensor|adam|gemv"),
    ("convolution", r"conv|xmma|fprop|dgrad|wgrad|cudnn|implicit|nhwc|nchw"),
    ("matrix product", r"gemm|nvjet|cutlass"),
    ("pooling", r"pool"),
    ("copy, concatenation", r"memcpy|memset|copy|cat"),
)
"""Kinds of kernels with a pattern of their names; the first that matches counts."""
MOST = 40


def kind_of(name: str) -> str:
    """Return the kind of a kernel by its name."""
    return next((kind for kind, pattern in KINDS if re.search(pattern, name, re.IGNORECASE)), "other")


def kernel_table(call: Callable[[], object], calls: int) -> dict[str, Any]:
    """Profile calls that use the GPU.

    Returns:
        Milliseconds of one call: ``busy`` (the union of all kernels), ``from_first_to_last``, ``kinds`` and ``kernels``, longest
        first, each with its number and share of the sum.
    """
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(calls):
            call()
        torch.cuda.synchronize()
    intervals, times, numbers = [], defaultdict(float), defaultdict(int)
    for event in profile.events():
        annotates = getattr(event, "is_user_annotation", False)  # a range around kernels
        if event.device_type == torch.autograd.DeviceType.CUDA and not annotates:
            intervals.append((event.time_range.start, event.time_range.end))
            times[event.name] += event.time_range.elapsed_us()
            numbers[event.name] += 1
    whole = sum(times.values())
    kinds: dict[str, float] = defaultdict(float)
    for name, time in times.items():
        kinds[kind_of(name)] += time

    def row(name: str, time: float) -> dict[str, Any]:
        return {"name": name[:160], "milliseconds": round(time / calls / 1000, 3), "share": round(time / whole, 4)}

    longest = sorted(times, key=lambda name: -times[name])
    return {
        "calls": calls,
        "busy": round(_covered(intervals) / calls / 1000, 3),
        "from_first_to_last": round(
            (max(end for _, end in intervals) - min(start for start, _ in intervals)) / calls / 1000, 3
        ),
        "kinds": [row(kind, time) for kind, time in sorted(kinds.items(), key=lambda pair: -pair[1])],
        "kernels": [{**row(name, times[name]), "number": numbers[name] / calls} for name in longest[:MOST]],
    }


def _covered(intervals: list[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    ordered = sorted(intervals)
    ends = itertools.accumulate((end for _, end in ordered), max, initial=float("-inf"))
    return sum(max(0.0, end - max(start, before)) for (start, end), before in zip(ordered, ends, strict=False))
