"""Features that a network has started to compute, perhaps on a GPU that has not finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch


class PendingFeatures:
    """Features of one batch, float32 ``[rows, D]`` by name of the output.

    On a GPU, copies to pinned host memory are queued at once behind the computation, so that waiting for them does not wait for
    batches that were started later.

    Args:
        outputs: the outputs on their device, perhaps before they are computed.
        doubt: number on the device that is not 0 if the outputs are void; None if they cannot be.
        repeat: computes void outputs in another way.
    """

    def __init__(
        self,
        outputs: Mapping[str, torch.Tensor],
        doubt: torch.Tensor | None,
        repeat: Callable[[], Mapping[str, torch.Tensor]],
    ) -> None:
        self._outputs, self._repeat = outputs, repeat
        queued = {**outputs, **({} if doubt is None else {_DOUBT: doubt})}
        self._copies = {name: _copy_queued(tensor) for name, tensor in queued.items()}
        self._copied: torch.cuda.Event | None = None
        on_gpu = [tensor for tensor in queued.values() if tensor.is_cuda]
        if on_gpu:
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record(torch.cuda.current_stream(on_gpu[0].device))

    def on_host(self) -> dict[str, npt.NDArray[np.float32]]:
        """Wait for the features and return them as arrays."""
        self._settle()
        return {name: self._copies[name].numpy() for name in self._outputs}

    def on_device(self) -> Mapping[str, torch.Tensor]:
        """Wait until it is known whether the features are valid, and return them where they were computed."""
        self._settle()
        return self._outputs

    def _settle(self) -> None:
        if self._copied is not None:
            self._copied.synchronize()
            self._copied = None
        doubt = self._copies.pop(_DOUBT, None)
        if doubt is not None and int(doubt):
            self._outputs = self._repeat()
            self._copies = {name: tensor.cpu() for name, tensor in self._outputs.items()}


_DOUBT = "doubt "
"""Key of the doubt among the copies; no output has a space in its name."""


def _copy_queued(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_cuda:
        return tensor
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return copy.copy_(tensor, non_blocking=True)
