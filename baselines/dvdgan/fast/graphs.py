"""An update as a CUDA graph: thousands of small kernels are launched as one, without a compiler."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dvdgan.fast.process_state import PROCESS_STATE

WARM_UP = 3
"""Calls before the recording, on its stream, as capturing requires: in these, libraries choose algorithms and allocate."""


class RecordingError(RuntimeError):
    """An update could not be recorded. Nothing was computed, so no state has changed."""


class Replayed:
    """A function of tensors that is recorded once and then replayed on new values in the same memory.

    State that the function changes (weights, moments) must be changed in place. Recording computes nothing: each call
    computes once, whether it warms up, records or replays.
    """

    def __init__(self, function: Callable[[Sequence[Tensor]], Tensor]) -> None:
        """Call nothing yet.

        Args:
            function: from tensors on the GPU, always of the same shapes, to one tensor, without touching host memory.
        """
        self._function, self._calls = function, 0
        self._recording: tuple[torch.cuda.CUDAGraph, Tensor] | None = None
        self._inputs: list[Tensor] = []
        # One stream for warm-up and recording: autograd accumulates the gradient of a weight on the stream of its first
        # use, which must not lie outside the recording.
        self._stream = torch.cuda.Stream()

    @property
    def recorded(self) -> bool:
        """Whether calls are replays by now."""
        return self._recording is not None

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Call the function.

        Raises:
            RecordingError: this call should have recorded, and could not.
        """
        if self._recording is None:
            with PROCESS_STATE:
                if self._calls < WARM_UP:
                    self._calls += 1
                    return self._aside(inputs)
                self._recording = self._record(inputs)
        graph, output = self._recording
        torch._foreach_copy_(self._inputs, list(inputs))
        graph.replay()
        return output.clone()  # the next replay overwrites it

    def _aside(self, inputs: Sequence[Tensor]) -> Tensor:
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            output = self._function(inputs)
        here.wait_stream(self._stream)
        return output

    def _record(self, inputs: Sequence[Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        self._inputs = [tensor.clone() for tensor in inputs]
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            # Other threads pin batches meanwhile, which a capture in the default mode (global) forbids to the whole process.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                output = self._function(self._inputs)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise RecordingError(str(error)) from error
        # NCCL waits at exit for the graphs that have recorded its kernels.
        atexit.register(_reset, weakref.ref(graph))
        return graph, output


def _reset(found: weakref.ref[torch.cuda.CUDAGraph]) -> None:
    if graph := found():
        graph.reset()
