"""One update as one CUDA graph: thousands of small kernels are launched as one, without a compiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dvdgan.fast.process_state import PROCESS_STATE

WARM_UP = 3
"""Calls made kernel by kernel first, on a stream of their own, as capturing asks: libraries choose and allocate then."""


class RecordingError(RuntimeError):
    """An update could not be recorded. Nothing was computed, so nothing has changed."""


class Replayed:
    """A function of tensors that is recorded once and then replayed on new values in the same memory.

    What the function changes beside its result (weights, moments) it must change in place. The recording does not
    compute: each call computes once, whether it warms up, records or replays.

    Attributes:
        recorded: whether calls are replays by now.
    """

    def __init__(self, function: Callable[[Sequence[Tensor]], Tensor]) -> None:
        """Nothing is called yet.

        Args:
            function: from tensors on the GPU, always of the same shapes, to one tensor; no host memory in between.
        """
        self._function, self._calls = function, 0
        self._recording: tuple[torch.cuda.CUDAGraph, Tensor] | None = None
        self._inputs: list[Tensor] = []
        # One stream for warm-up and recording: autograd adds up a weight's gradient on the stream where it first met the
        # weight, which must not be one outside of the recording.
        self._stream = torch.cuda.Stream()

    @property
    def recorded(self) -> bool:
        """See the class."""
        return self._recording is not None

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """The function of the inputs.

        Raises:
            RecordingError: this call was to record, and could not.
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
        # The next replay writes there again.
        return output.clone()

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
            # Other threads pin batches meanwhile, which capturing would otherwise refuse for the whole process.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                output = self._function(self._inputs)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise RecordingError(str(error)) from error
        return graph, output
