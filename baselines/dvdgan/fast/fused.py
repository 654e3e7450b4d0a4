"""Chains of elementwise operations and sums as single GPU kernels, compiled by torch.compile from pure functions.

Convolutions are left to cuDNN. The operations between them take most of an update's time if each is a pass over the
maps; here each chain is one pass, with float32 inside and an explicit gradient. On a CPU, where tests compare it with the
plain layers, and if compiling fails, the functions run uncompiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

MOST_SHAPES = 256
"""Shapes for which one function may be compiled; a network needs a dozen for some, and PyTorch's default is 8."""

_ON: ContextVar[bool] = ContextVar("fused", default=False)
_FAILURES: list[str] = []


@contextmanager
def fusing(on: bool) -> Iterator[None]:
    """Select the fused form of layers, or the plain one, inside the block; for this thread alone."""
    token = _ON.set(on)
    try:
        yield
    finally:
        _ON.reset(token)


def is_on() -> bool:
    """Whether layers use their fused form."""
    return _ON.get()


def take_failure() -> str:
    """Return, once, why a kernel could not be compiled; empty if all could. Kept per process: backward has its own threads."""
    found, _FAILURES[:] = (_FAILURES[0] if _FAILURES else ""), []
    return found


class Kernel:
    """A pure function of tensors, compiled on a GPU once per shape, and never again after the first failure."""

    def __init__(self, function: Callable[..., Any], any_rows: bool = False) -> None:
        """Nothing is compiled yet.

        Args:
            function: the function.
            any_rows: whether one compilation serves any number of rows of inputs with two axes.
        """
        self._function, self._any_rows = function, any_rows
        self._compiled: Callable[..., Any] | None = None
        self._failed = False

    def __call__(self, *inputs: Any) -> Any:
        """Call the function; the first input is a tensor."""
        if self._failed or not inputs[0].is_cuda:
            return self._function(*inputs)
        try:
            if self._compiled is None:
                self._compiled = compiled(self._function, self._any_rows)
            if self._any_rows:
                mark_rows(inputs)
            return self._compiled(*inputs)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # compilers fail in many ways; nothing has changed yet
            self._failed = True
            first_line = (str(error).strip().splitlines() or [""])[0][:200]
            _FAILURES.append(f"{type(error).__name__}: {first_line}")
            return self._function(*inputs)


def compiled(function: Callable[..., Any], any_rows: bool) -> Callable[..., Any]:
    """Compile a function for fixed shapes, or for any number of rows of inputs that went through `mark_rows`."""
    import torch._dynamo  # takes a second

    config: Any = torch._dynamo.config
    # torch 2.6 calls a recompilation a cache entry.
    limit = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
    for name in (limit, f"accumulated_{limit}"):
        setattr(config, name, max(getattr(config, name), MOST_SHAPES))
    result: Callable[..., Any] = torch.compile(function, dynamic=None if any_rows else False, fullgraph=True)
    return result


def mark_rows(inputs: Sequence[Any]) -> None:
    """Tell the compiler that of inputs [R, C] only the number of rows R varies."""
    for tensor in inputs:
        if isinstance(tensor, torch.Tensor):
            torch._dynamo.mark_static(tensor, tensor.dim() - 1)
            if tensor.dim() == 2:
                torch._dynamo.mark_dynamic(tensor, 0)
