"""TrIVD-GAN's transformation-based recurrent unit (TSRU): a state that moves before it is updated.

Luc et al., *Transformation-based Adversarial Video Prediction on Large-Scale Data*, arXiv 2003.04035, the variant TSRU_c,
with two choices of our own: the transformation, whose form in the paper is not known here, is a dense flow, sampled
bicubically; and the gate keeps the moved state, where the equations as they are quoted keep the old one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dvdgan.conv_gru import ConvGRU
from dvdgan.fast import fused
from dvdgan.fast.fused_maps import biased, gru_next_state
from dvdgan.fast.fused_move import SPARE, fused_move, motion_and_update
from dvdgan.layers import Conv, sum_of_biases

UNITS_PER_SIDE = 32
"""Flows are in units of this fraction of the side, a pixel of moving shapes, at each resolution."""


class TransformGRU(ConvGRU):
    """A recurrence whose old state h is moved along predicted flows.

    ::

        flow = Wf * ReLU(Wr * [h, x])
        m = h moved along flow
        u = sigmoid(Wu * [h, x])
        c = ReLU(Wc * [m, x])
        h' = u . m + (1 - u) . c

    so where the ConvGRU computes its reset gate (`reset`), this computes what the flow is made from. The channels of the
    state are divided among the flows.
    """

    def __init__(self, inputs: int, state: int, steps: int = 1, flows: int = 1, ring: bool = False) -> None:
        """Build.

        Args:
            inputs: channels of the input.
            state: channels of the state, a multiple of `flows`.
            steps: steps per frame, all with that frame's input.
            flows: number of flows.
            ring: whether what leaves on the left or right comes in on the other side.
        """
        super().__init__(inputs, state, steps)
        self._ring = ring
        self.flow = Conv(state, 2 * flows, 3)

    def step(self, gate_x: Tensor, candidate_x: Tensor, h: Tensor, gates_h: Tensor, candidate_h: Tensor) -> Tensor:
        """Compute the next state [N, S, H, W]; the arguments are those of `ConvGRU.step`."""
        from_h = functional.conv2d(h, gates_h, padding=1)
        if fused.is_on():
            motion, u = motion_and_update(gate_x, from_h)
            flow = biased(self.flow.convolve(motion), sum_of_biases(self.flow))
            moved = fused_move(h, flow, h.shape[3] / UNITS_PER_SIDE, self._ring)
            return gru_next_state(candidate_x, functional.conv2d(moved, candidate_h, padding=1), u, moved)
        motion, u = (gate_x + from_h).chunk(2, dim=1)
        moved, u = move(h, self.flow(torch.relu(motion)), self._ring), torch.sigmoid(u)
        return torch.lerp(torch.relu(candidate_x + functional.conv2d(moved, candidate_h, padding=1)), moved, u)


def move(maps_NSHW: Tensor, flow_NKHW: Tensor, ring: bool) -> Tensor:
    """Move maps: the value at place p of the result is that of the maps at p + flow(p), bicubically (a = -0.75).

    Bilinear sampling would blur: after 11 shifts by half a pixel a wave of 4 pixels keeps 2 % of its amplitude, and 73 %
    with this kernel. Places are computed in float32.

    Args:
        maps_NSHW: maps of any floating type, which is also that of the result.
        flow_NKHW: of F flows, first all x, to the right, then all y, down, in units of a 32nd of the side; K = 2F. The first
            S / F channels follow the first flow, and so on.
        ring: whether columns continue on the other side of the frame; otherwise, as always with rows, the border is repeated.
    """
    (clips, state, height, width), flows = maps_NSHW.shape, flow_NKHW.shape[1] // 2
    x_NFHW, y_NFHW = (flow_NKHW.float() * (width / UNITS_PER_SIDE)).chunk(2, dim=1)
    x_NFHW = x_NFHW + torch.arange(width, device=x_NFHW.device)
    y_NFHW = y_NFHW + torch.arange(height, device=x_NFHW.device)[:, None]
    maps = maps_NSHW.float()
    if ring:
        x_NFHW = torch.remainder(x_NFHW, width) + SPARE
        maps = torch.cat([maps[..., -SPARE:], maps, maps[..., :SPARE]], dim=3)
    # grid_sample counts from -1 in the first place to 1 in the last.
    places = torch.stack([x_NFHW * (2 / (maps.shape[3] - 1)) - 1, y_NFHW * (2 / (height - 1)) - 1], dim=-1)
    moved = functional.grid_sample(
        maps.reshape(clips * flows, state // flows, height, -1), places.flatten(0, 1),
        mode="bicubic", padding_mode="border", align_corners=True,
    )  # fmt: skip
    return moved.view(maps_NSHW.shape).to(maps_NSHW.dtype)
