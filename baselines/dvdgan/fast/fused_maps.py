"""Fused elementwise operations between convolutions: biases, ReLU, sums, upsampling, the gates of a ConvGRU.

Axes: B rows, N clips, T frames, H, W pixels, C channels, S channels of a state, R rows of one pixel each. Maps are
[B, C, (T,) H, W] in channels-last memory outside the kernels and [..., C] inside. Biases are float32 parameters.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dvdgan.fast.fused import Kernel


def _channels_last(x: Tensor) -> Tensor:
    """Move channels last, contiguous: [B, C, ...] to [B, ..., C]; no copy if channels are last in memory already."""
    return x.movedim(1, -1).contiguous()


def _channels_second(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def _rows(x: Tensor) -> Tensor:
    """Flatten [B, C, ...] to [R, C], one row per pixel."""
    return _channels_last(x).flatten(0, -2)


def _like(rows_RC: Tensor, x: Tensor) -> Tensor:
    """Reshape rows to maps of the shape of x."""
    return _channels_second(rows_RC.view(x.movedim(1, -1).shape))


# Bias and ReLU


def _biased(x_RC: Tensor, bias_C: Tensor) -> Tensor:
    return (x_RC.float() + bias_C).to(x_RC.dtype)


def _biased_relu(x_RC: Tensor, bias_C: Tensor) -> Tensor:
    return (x_RC.float() + bias_C).relu().to(x_RC.dtype)


def _biased_relu_backward(grad_RC: Tensor, out_RC: Tensor) -> tuple[Tensor, Tensor]:
    grad_x_RC = torch.where(out_RC > 0, grad_RC, 0)
    return grad_x_RC, grad_x_RC.sum(0, dtype=torch.float32)


def _sum_rows(x_RC: Tensor) -> Tensor:
    return x_RC.sum(0, dtype=torch.float32)


_BIASED, _SUM_ROWS = Kernel(_biased, any_rows=True), Kernel(_sum_rows, any_rows=True)
_BIASED_RELU = Kernel(_biased_relu, any_rows=True)
_BIASED_RELU_BACKWARD = Kernel(_biased_relu_backward, any_rows=True)


class _Biased(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias_C: Tensor) -> Tensor:
        return _like(_BIASED(_rows(x), bias_C), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        return grads[0], _SUM_ROWS(_rows(grads[0]))


class _BiasedRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias_C: Tensor) -> Tensor:
        out_RC = _BIASED_RELU(_rows(x), bias_C)
        ctx.save_for_backward(out_RC)
        return _like(out_RC, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        grad_x_RC, grad_bias_C = _BIASED_RELU_BACKWARD(_rows(grads[0]), *ctx.saved_tensors)
        return _like(grad_x_RC, grads[0]), grad_bias_C


def biased(x: Tensor, bias_C: Tensor) -> Tensor:
    """Compute x + bias of maps [B, C, ...]."""
    out: Tensor = _Biased.apply(x, bias_C)
    return out


def biased_relu(x: Tensor, bias_C: Tensor) -> Tensor:
    """Compute ReLU(x + bias) of maps [B, C, ...]."""
    out: Tensor = _BiasedRelu.apply(x, bias_C)
    return out


# Bilinear upsampling by 2: along either axis, each output is 3/4 of its nearest input plus 1/4 of the next one; at an
# edge, where there is no next one, it is the nearest.

_NEAR, _FAR = 0.75, 0.25


def _sources(side: int, device: torch.device) -> list[tuple[float, Tensor]]:
    """Weight and index, for 2 * side outputs, of each of the two inputs."""
    output = torch.arange(2 * side, device=device)
    near = output // 2
    return [(_NEAR, near), (_FAR, (near + output % 2 * 2 - 1).clamp(0, side - 1))]


def _targets(side: int, device: torch.device) -> list[tuple[float, Tensor]]:
    """Weight and index, for `side` inputs, of each of the four outputs that use it; an edge is used twice by one output."""
    first = 2 * torch.arange(side, device=device)
    last = 2 * side - 1
    return [
        (_FAR, (first - 1).clamp(0, last)), (_NEAR, first), (_NEAR, first + 1), (_FAR, (first + 2).clamp(0, last)),
    ]  # fmt: skip


def _gathered(x_BHWC: Tensor, rows: list[tuple[float, Tensor]], columns: list[tuple[float, Tensor]]) -> Tensor:
    total = torch.zeros((), device=x_BHWC.device)
    for row_weight, row in rows:
        for column_weight, column in columns:
            total = total + row_weight * column_weight * x_BHWC[:, row[:, None], column].float()
    return total


def _doubled32(x_BHWC: Tensor) -> Tensor:
    height, width = x_BHWC.shape[1:3]
    return _gathered(x_BHWC, _sources(height, x_BHWC.device), _sources(width, x_BHWC.device))


def _doubled(x_BHWC: Tensor) -> Tensor:
    return _doubled32(x_BHWC).to(x_BHWC.dtype)


def _doubled_backward(grad_BHWC: Tensor) -> Tensor:
    height, width = grad_BHWC.shape[1] // 2, grad_BHWC.shape[2] // 2
    targets = _targets(height, grad_BHWC.device), _targets(width, grad_BHWC.device)
    return _gathered(grad_BHWC, *targets).to(grad_BHWC.dtype)


_DOUBLED, _DOUBLED_BACKWARD = Kernel(_doubled), Kernel(_doubled_backward)


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _channels_second(_DOUBLED(_channels_last(x)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _channels_second(_DOUBLED_BACKWARD(_channels_last(grads[0])))


def doubled(x_BCHW: Tensor) -> Tensor:
    """Upsample maps [B, C, H, W] bilinearly by 2, like `torch.nn.functional.interpolate`."""
    out: Tensor = _Doubled.apply(x_BCHW)
    return out


# The sum at the end of a residual block


def _sum(a_RC: Tensor, b_RC: Tensor, bias_C: Tensor) -> Tensor:
    return (a_RC.float() + b_RC.float() + bias_C).to(a_RC.dtype)


def _sum_doubled(a_BHWC: Tensor, b_BHWC: Tensor, bias_C: Tensor) -> Tensor:
    return (a_BHWC.float() + _doubled32(b_BHWC) + bias_C).to(a_BHWC.dtype)


_SUM, _SUM_DOUBLED = Kernel(_sum, any_rows=True), Kernel(_sum_doubled)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bias_C: Tensor, doubles: bool) -> Tensor:
        ctx.doubles = doubles
        if doubles:
            return _channels_second(_SUM_DOUBLED(_channels_last(a), _channels_last(b), bias_C))
        return _like(_SUM(_rows(a), _rows(b), bias_C), a)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        grad = grads[0]
        grad_b = _channels_second(_DOUBLED_BACKWARD(_channels_last(grad))) if ctx.doubles else grad
        return grad, grad_b, _SUM_ROWS(_rows(grad)) if ctx.needs_input_grad[2] else None, None


def residual_sum(a: Tensor, b: Tensor, bias_C: Tensor, doubles: bool = False) -> Tensor:
    """Compute a + b + bias of maps [B, C, ...]; with `doubles`, b is [B, C, H / 2, W / 2] and upsampled by `doubled` first."""
    out: Tensor = _Sum.apply(a, b, bias_C, doubles)
    return out


# One step of a ConvGRU without its convolutions; see `dvdgan.conv_gru`.


def _gates(x: Tensor, from_h: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r, u = torch.sigmoid(x.float() + from_h.float()).chunk(2, dim=-1)
    return (r * h.float()).to(h.dtype), u.to(h.dtype).contiguous(), r.to(h.dtype).contiguous()


def _gates_backward(grad_rh: Tensor, grad_u: Tensor, r: Tensor, u: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    grad_r = grad_rh.float() * h.float() * r.float() * (1 - r.float())
    grad_gates = torch.cat([grad_r, grad_u.float() * u.float() * (1 - u.float())], dim=-1)
    return grad_gates.to(h.dtype), (grad_rh.float() * r.float()).to(h.dtype)


def _next_state(x: Tensor, from_rh: Tensor, u: Tensor, h: Tensor) -> Tensor:
    c = (x.float() + from_rh.float()).relu()
    return (c + u.float() * (h.float() - c)).to(h.dtype)


def _next_state_backward(
    grad: Tensor, x: Tensor, from_rh: Tensor, u: Tensor, h: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    grad32, c = grad.float(), (x.float() + from_rh.float()).relu()
    grad_c = torch.where(c > 0, grad32 * (1 - u.float()), 0)
    grad_u, grad_h = grad32 * (h.float() - c), grad32 * u.float()
    return grad_c.to(grad.dtype), grad_u.to(grad.dtype), grad_h.to(grad.dtype)


_GATES, _GATES_BACKWARD = Kernel(_gates), Kernel(_gates_backward)
_NEXT_STATE, _NEXT_STATE_BACKWARD = Kernel(_next_state), Kernel(_next_state_backward)


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, from_h: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = _channels_last(h)
        rh, u, r = _GATES(x.movedim(1, -1), _channels_last(from_h), h)
        ctx.save_for_backward(r, u, h)
        return _channels_second(rh), _channels_second(u)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad_gates, grad_h = _GATES_BACKWARD(*(_channels_last(grad) for grad in grads), *ctx.saved_tensors)
        grad_gates = _channels_second(grad_gates)
        return grad_gates, grad_gates, _channels_second(grad_h)


class _NextState(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, from_rh: Tensor, u: Tensor, h: Tensor) -> Tensor:
        given = x.movedim(1, -1), _channels_last(from_rh), _channels_last(u), _channels_last(h)
        ctx.save_for_backward(*given)
        return _channels_second(_NEXT_STATE(*given))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        found = _NEXT_STATE_BACKWARD(_channels_last(grads[0]), *ctx.saved_tensors)
        grad_c, grad_u, grad_h = (_channels_second(grad) for grad in found)
        return grad_c, grad_c, grad_u, grad_h


def gru_gates(x_N2SHW: Tensor, from_h_N2SHW: Tensor, h_NSHW: Tensor) -> tuple[Tensor, Tensor]:
    """Compute r . h and u, each [N, S, H, W], where [r, u] = sigmoid(x + from_h)."""
    rh, u = _Gates.apply(x_N2SHW, from_h_N2SHW, h_NSHW)
    return rh, u


def gru_next_state(x_NSHW: Tensor, from_rh_NSHW: Tensor, u_NSHW: Tensor, h_NSHW: Tensor) -> Tensor:
    """Compute the next state u . h + (1 - u) . ReLU(x + from_rh), [N, S, H, W]."""
    out: Tensor = _NextState.apply(x_NSHW, from_rh_NSHW, u_NSHW, h_NSHW)
    return out
