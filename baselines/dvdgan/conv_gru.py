"""The ConvGRU, the recurrence over frames in the generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.fast import fused
from dvdgan.fast.fused_maps import biased, gru_gates, gru_next_state
from dvdgan.layers import Conv


class ConvGRU(nn.Module):
    """A ConvGRU with 3x3 convolutions and a ReLU candidate (paper v2; equations as in TrIVD-GAN).

    ::

        r = sigmoid(Wr * [h, x])
        u = sigmoid(Wu * [h, x])
        c = ReLU(Wc * [r . h, x])
        h' = u . h + (1 - u) . c

    so u gates the OLD state. A convolution of concatenated maps is the sum of two convolutions: the one of x is computed
    for all time steps at once, and only the one of h runs step by step.
    """

    def __init__(self, inputs: int, state: int, steps: int = 1) -> None:
        """Build.

        Args:
            inputs: channels of the input.
            state: channels of the state.
            steps: steps per frame, all with that frame's input.
        """
        super().__init__()
        self._state, self._steps = state, steps
        self.reset, self.update, self.candidate = (Conv(state + inputs, state, 3) for _ in range(3))

    def forward(self, x_NTCHW: Tensor, num_frames: int, first_NSHW: Tensor | None = None) -> Tensor:
        """Unroll over time.

        Args:
            x_NTCHW: inputs [N, T, C, H, W], or [N, 1, C, H, W] for the same input at every step.
            num_frames: number of frames T.
            first_NSHW: the state before the first step [N, S, H, W]; None for zeros.

        Returns:
            The states of all frames [N * T, S, H, W].
        """
        clips, given = x_NTCHW.shape[:2]
        gates = (self.reset, self.update, self.candidate)
        # The gradient of a split is one concatenation; that of a slice is a tensor of zeros, a copy and a sum.
        parts = [gate.effective.split([self._state, gate.effective.shape[1] - self._state], dim=1) for gate in gates]
        weight_h, weight_x = ([_channels_last(part) for part in side] for side in zip(*parts, strict=True))
        bias = torch.cat([gate.bias for gate in gates if gate.bias is not None])
        from_x = _with_bias(x_NTCHW.flatten(0, 1), _channels_last(torch.cat(weight_x)), bias)
        # Split with channels last, because the gradients of the parts are concatenated in this order of axes.
        from_x = from_x.permute(0, 2, 3, 1).unflatten(0, (clips, given)).expand(-1, num_frames, -1, -1, -1)
        gates_x, candidates_x = (
            [step.permute(0, 3, 1, 2) for step in part.unbind(1)]
            for part in from_x.split([2 * self._state, self._state], dim=-1)
        )
        gates_h, candidate_h = _channels_last(torch.cat(weight_h[:2])), weight_h[2]

        h = torch.zeros_like(candidates_x[0]) if first_NSHW is None else first_NSHW
        states = []
        for gate_x, candidate_x in zip(gates_x, candidates_x, strict=True):
            for _ in range(self._steps):
                h = self.step(gate_x, candidate_x, h, gates_h, candidate_h)
            states.append(h.permute(0, 2, 3, 1))
        return torch.stack(states, dim=1).flatten(0, 1).permute(0, 3, 1, 2)

    def step(self, gate_x: Tensor, candidate_x: Tensor, h: Tensor, gates_h: Tensor, candidate_h: Tensor) -> Tensor:
        """Compute the next state [N, S, H, W].

        Args:
            gate_x: the input's share of both gates before their sigmoid [N, 2S, H, W].
            candidate_x: the input's share of the candidate before its ReLU [N, S, H, W].
            h: the old state [N, S, H, W].
            gates_h: kernels [2S, S, 3, 3] of the state's share of the gates.
            candidate_h: kernels [S, S, 3, 3] of its share of the candidate.
        """
        from_h = functional.conv2d(h, gates_h, padding=1)
        if fused.is_on():
            rh, u = gru_gates(gate_x, from_h, h)
            return gru_next_state(candidate_x, functional.conv2d(rh, candidate_h, padding=1), u, h)
        r, u = torch.sigmoid(gate_x + from_h).chunk(2, dim=1)
        c = torch.relu(candidate_x + functional.conv2d(r * h, candidate_h, padding=1))
        return torch.lerp(c, h, u)


def _with_bias(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if fused.is_on():
        return biased(functional.conv2d(x, weight, padding=1), bias)
    return functional.conv2d(x, weight, bias.to(x.dtype), padding=1)


def _channels_last(weight: Tensor) -> Tensor:
    return weight.contiguous(memory_format=torch.channels_last)
