"""Chains of elementwise operations and sums as single kernels: pure functions that torch.compile compiles for a GPU.

Convolutions are left to cuDNN. What is between them takes most of an update's time when each operation is a pass over
the maps; here each chain is one, in float32 inside, and its gradient is written out beside it. Everything runs without a
compiler too: on a CPU, where tests hold it against the plain layers, and where compiling fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

MOST_SHAPES = 256
"""Shapes for which one function may be compiled; a network calls some with a dozen, and PyTorch gives up after 8."""

_ON: ContextVar[bool] = ContextVar("fused", default=False)
_FAILURES: list[str] = []


@contextmanager
def fusing(on: bool) -> Iterator[None]:
    """Whether layers take their fused form in here; for this thread alone."""
    token = _ON.set(on)
    try:
        yield
    finally:
        _ON.reset(token)


def is_on() -> bool:
    """Whether layers take their fused form."""
    return _ON.get()


def take_failure() -> str:
    """Why a kernel was not compiled, once; empty where all were. Kept for the whole process: backward has its own threads."""
    found, _FAILURES[:] = (_FAILURES[0] if _FAILURES else ""), []
    return found


class Kernel:
    """A pure function of tensors: compiled where they are on a GPU, once for each shape, and from the first failure on
    no more.
    """

    def __init__(self, function: Callable[..., Any], any_rows: bool = False) -> None:
        """Nothing is compiled yet.

        Args:
            function: what to compute.
            any_rows: whether inputs of two axes are rows, of which one compilation takes any number.
        """
        self._function, self._any_rows = function, any_rows
        self._compiled: Callable[..., Any] | None = None
        self._failed = False

    def __call__(self, *inputs: Any) -> Any:
        """The function of the inputs, of which the first is a tensor."""
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
        except Exception as error:  # compilers fail in many ways; nothing has changed, so it is computed without
            self._failed = True
            first_line = (str(error).strip().splitlines() or [""])[0][:200]
            _FAILURES.append(f"{type(error).__name__}: {first_line}")
            return self._function(*inputs)


def compiled(function: Callable[..., Any], any_rows: bool) -> Callable[..., Any]:
    """The function by torch.compile, for fixed shapes, or for any number of rows where `mark_rows` has been at the inputs."""
    import torch._dynamo  # takes a second

    config: Any = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, MOST_SHAPES)
    config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, MOST_SHAPES)
    result: Callable[..., Any] = torch.compile(function, dynamic=None if any_rows else False, fullgraph=True)
    return result


def mark_rows(inputs: Sequence[Any]) -> None:
    """Tell the compiler that the number of rows [R, C] varies and nothing else does."""
    for tensor in inputs:
        if isinstance(tensor, torch.Tensor):
            torch._dynamo.mark_static(tensor, tensor.dim() - 1)
            if tensor.dim() == 2:
                torch._dynamo.mark_dynamic(tensor, 0)
