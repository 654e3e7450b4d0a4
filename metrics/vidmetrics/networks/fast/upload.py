"""Copies from host memory to a GPU that overlap with computation."""

from __future__ import annotations

import numpy as np
import torch


class Upload:
    """Copy tensors to one GPU on a separate stream, through a ring of pinned buffers.

    Args:
        device: a GPU.
    """

    _SLOTS = 3

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pinned: list[torch.Tensor] = []
        self._copied: list[torch.cuda.Event] = []
        self._next = 0

    def __call__(self, source: torch.Tensor, target: torch.Tensor, after: torch.cuda.Event) -> None:
        """Copy a uint8 tensor to the device. The current stream waits for the copy, the host only for a pinned buffer.

        Args:
            source: in host memory or on the device. Pinned memory is copied from where it is, and must stay as it is meanwhile; torch
                does not give it to others before.
            target: on the device, of the same shape, contiguous.
            after: event recorded after the last read of the target.
        """
        current = torch.cuda.current_stream(self._device)
        if source.is_cuda:
            target.copy_(source)
            return
        if source.is_pinned():
            with torch.cuda.stream(self._stream):
                self._stream.wait_event(after)
                target.copy_(source, non_blocking=True)
                copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
                copied.record(self._stream)
            current.wait_event(copied)
            return
        size = source.numel()
        if not self._pinned or self._pinned[0].numel() < size:
            torch.cuda.synchronize(self._device)
            self._pinned = [torch.empty(size, dtype=torch.uint8, pin_memory=True) for _ in range(self._SLOTS)]
            self._copied = [torch.cuda.Event() for _ in range(self._SLOTS)]  # type: ignore[no-untyped-call]
        self._next = (self._next + 1) % self._SLOTS
        copied = self._copied[self._next]
        copied.synchronize()
        pinned = self._pinned[self._next][:size].view(source.shape)
        # By one thread: torch's would wait for each other where all cores read clips.
        np.copyto(pinned.numpy(), source.numpy())
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(after)
            target.copy_(pinned, non_blocking=True)
            copied.record(self._stream)
        current.wait_event(copied)
