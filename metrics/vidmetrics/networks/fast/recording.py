"""A fast network for one batch shape: the batch is computed in parts by recorded CUDA graphs."""

from __future__ import annotations

from itertools import accumulate

import torch

from vidmetrics.networks.fast.fast_network import FastNetwork
from vidmetrics.networks.fast.upload import Upload

PART_FRAMES = 256
"""Frames per part: enough to fill the GPU, few enough to limit memory."""


def parts(num_clips: int, size: int) -> list[slice]:
    """Cut a batch into parts of at most ``size`` clips. The first two are small, because the GPU waits for them."""
    sizes: list[int] = []
    for step in (size // 4, size // 2):
        if step and sum(sizes) + step < num_clips:
            sizes.append(step)
    rest = num_clips - sum(sizes)
    count = -(-rest // size)
    sizes += [rest * (i + 1) // count - rest * i // count for i in range(count)]
    ends = list(accumulate(sizes))
    return [slice(end - step, end) for step, end in zip(sizes, ends, strict=True)]


class Recorded:
    """Compute batches of one shape. On a GPU, the kernels are recorded at the second call and replayed from then on.

    Parts whose frames are resized before the first layer are not recorded: the resizers copy tables from host memory, which a
    recording does not allow.

    Args:
        network: the network.
        upload: copies clips to the GPU; None on a CPU.
        shape: ``(N, T, H, W)`` of the clips.

    Attributes:
        overflow: int32 ``[1]``, not 0 if a number left fp16's range in the last call.
    """

    def __init__(self, network: FastNetwork, upload: Upload | None, shape: tuple[int, int, int, int]) -> None:
        num_clips, num_frames, height, width = shape
        device, frame = network.device, height * width * 3
        size = max(1, min(PART_FRAMES // num_frames, (2**31 - 1) // (num_frames * frame)))
        self._network, self._upload = network, upload
        self._parts = parts(num_clips, size)
        self._clips = torch.empty(*shape, 3, dtype=torch.uint8, device=device)
        self._middle = network.middle(num_clips, num_frames)
        largest = max(part.stop - part.start for part in self._parts)
        entrance = network.entrance(num_frames, height, width)
        self._memory = entrance.pixels.zeros(largest, device)
        self._recorded_parts = [] if entrance.resized_before else self._parts
        self.overflow = torch.zeros(1, dtype=torch.int32, device=device)
        self._calls = 0
        self._graphs: list[torch.cuda.CUDAGraph] = []
        self._outputs: dict[str, torch.Tensor] = {}
        # Recorded once a part of `_clips` has been read and may be overwritten.
        self._read = [torch.cuda.Event() for _ in self._parts] if upload else []  # type: ignore[no-untyped-call]

    def __call__(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs for uint8 clips of the given shape, in host memory or on the device."""
        self._calls += 1
        if self._calls == 2 and self._upload:
            self._record()
        self.overflow.zero_()
        for i, part in enumerate(self._parts):
            if self._upload:
                self._upload(clips_NTHWC[part], self._clips[part], self._read[i])
            else:
                self._clips[part] = clips_NTHWC[part]
            if self._graphs and self._recorded_parts:
                self._graphs[i].replay()
            else:
                self._start(part)
            if self._upload:
                self._read[i].record()
        if self._graphs:
            self._graphs[-1].replay()
            return {name: output.clone() for name, output in self._outputs.items()}
        return self._network.finish(self._middle, self.overflow)

    def _start(self, part: slice) -> None:
        self._network.start(self._clips[part], self._memory, self._middle[:, part], self.overflow)

    def _record(self) -> None:
        """Record the parts and the later layers. The graphs run in sequence and share their memory."""
        pool = torch.cuda.graph_pool_handle()
        for part in [*self._recorded_parts, None]:
            graph = torch.cuda.CUDAGraph()
            # Other threads may allocate GPU memory during the recording.
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                if part is None:
                    self._outputs = self._network.finish(self._middle, self.overflow)
                else:
                    self._start(part)
            self._graphs.append(graph)
