"""A second classifier of moving shapes, of another kind than `vidmetrics.networks.shapes`, with its weights in the package.

A metric on learned features measures what its network sees. A model that gains under one network and not under another has moved
towards that network and not towards the data, so a score is worth a look under both. Both recognise 99 % of held-out clips of
12 and of 16 frames; this one saw 435,200 clips in training, the other 307,200.

Architecture. The other network convolves over time and space at once. This one sees single frames: each frame, stacked on its
difference from the frame before, passes four convolutions over space and an average over all positions (64 values). A gated
recurrent unit (Cho et al., arXiv 1406.1078, equations 5 to 8 with the reset after the product, as cuDNN computes it) reads the
frames in order. ``pool`` is the average of its 64 states over time, and one linear layer makes ``logits`` of it.

Training, evidence and classes are those of the other network: ``tools/train_shapes_network.py --network shapes-second``, with
more steps. It too was trained on 12 and 16 frames of 32x32 and can say nothing about real video.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from vidmetrics.catalog.network_cards import classes_of
from vidmetrics.networks.moving_shapes import ShapesClassifier

# Channels out and stride in space; every kernel is 3 x 3 with zero padding.
FRAME_CONVOLUTIONS = ((12, 2), (24, 2), (48, 2), (64, 1))
STATE = 64
"""Size of the recurrent state."""


class SecondShapesNetwork(ShapesClassifier):
    """Classifier of moving shapes by frames, their differences, and a recurrent unit.

    Outputs: ``logits`` float32 ``[N, 24]`` and ``pool`` float32 ``[N, 64]`` between -1 and 1.
    """

    outputs: ClassVar[dict[str, int]] = {"logits": classes_of("shapes-second"), "pool": STATE}
    title: ClassVar[str] = "second shapes network"

    def __init__(self) -> None:
        super().__init__()
        widths = [6, *(width for width, _ in FRAME_CONVOLUTIONS)]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=3, stride=stride, padding=1)
            for before, (after, stride) in zip(widths, FRAME_CONVOLUTIONS, strict=False)
        )
        # Reset gate, update gate and candidate, in this order.
        self.of_frame = nn.Linear(widths[-1], 3 * STATE)
        self.of_state = nn.Linear(STATE, 3 * STATE)
        self.classifier = nn.Linear(STATE, self.outputs["logits"])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def pooled(self, x_NCTHW: Tensor) -> Tensor:
        """Return the average over time of the recurrent state."""
        frames_NTHWC = x_NCTHW.permute(0, 2, 3, 4, 1)
        before_NTHWC = torch.cat([frames_NTHWC[:, :1], frames_NTHWC[:, :-1]], dim=1)
        x_NTHWC = torch.cat([frames_NTHWC, frames_NTHWC - before_NTHWC], dim=4)
        x = x_NTHWC.flatten(0, 1).permute(0, 3, 1, 2)  # channels last in memory
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
        gates_NTG = self.of_frame(x.mean(dim=(2, 3))).unflatten(0, x_NTHWC.shape[:2])
        state_NS: Tensor = gates_NTG.new_zeros(len(gates_NTG), STATE)
        total_NS, num_frames = torch.zeros_like(state_NS), x_NTHWC.shape[1]
        for t in range(num_frames):
            reset, update, candidate = gates_NTG[:, t].chunk(3, dim=1)
            past_reset, past_update, past_candidate = self.of_state(state_NS).chunk(3, dim=1)
            candidate = torch.tanh(candidate + torch.sigmoid(reset + past_reset) * past_candidate)
            kept = torch.sigmoid(update + past_update)
            state_NS = (1 - kept) * candidate + kept * state_NS
            total_NS = total_NS + state_NS
        return total_NS / num_frames
