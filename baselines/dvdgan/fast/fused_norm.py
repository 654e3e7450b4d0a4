"""Class-conditional BatchNorm and ReLU, fused: 3 passes over the maps forward and 5 backward.

This is the fused form of `dvdgan.fast.batch_norm.norm_relu`, for one process. Axes, also in memory: N clips, T frames, L
pixels, C channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dvdgan.fast.fused import Kernel


def _forward(
    x_NTLC: Tensor, scale_NC: Tensor, shift_NC: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    # Clip by clip first, over pixels: enough parallel sums to fill a GPU. Equal shares then combine exactly.
    var_NTC, mean_NTC = torch.var_mean(x_NTLC.float(), 2, correction=0)
    mean_TC = mean_NTC.mean(0)
    var_TC = var_NTC.mean(0) + (mean_NTC - mean_TC).square().mean(0)
    rstd_TC = torch.rsqrt(var_TC + eps)
    factor_NTC = scale_NC.unsqueeze(1) * rstd_TC
    # Float32 loses nothing of x, whose type is shorter: the products are exact to 2^-24.
    offset_NTC = shift_NC.unsqueeze(1) - mean_TC * factor_NTC
    out_NTLC = (x_NTLC.float() * factor_NTC.unsqueeze(2) + offset_NTC.unsqueeze(2)).relu().to(x_NTLC.dtype)
    return out_NTLC, mean_TC, var_TC, rstd_TC, factor_NTC, offset_NTC


def _backward(
    grad_NTLC: Tensor, x_NTLC: Tensor, mean_TC: Tensor, rstd_TC: Tensor, factor_NTC: Tensor, offset_NTC: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    x32_NTLC, factor_NT1C = x_NTLC.float(), factor_NTC.unsqueeze(2)
    passes_NTLC = x32_NTLC * factor_NT1C + offset_NTC.unsqueeze(2) > 0  # cheaper than reading the output
    grad32_NTLC = torch.where(passes_NTLC, grad_NTLC.float(), 0)
    centred_NTLC = x32_NTLC - mean_TC.unsqueeze(1)
    sum_NTC = grad32_NTLC.sum(2)
    product_NTC = (grad32_NTLC * centred_NTLC).sum(2)
    # The derivative of BatchNorm, as in `dvdgan.fast.batch_norm`.
    count = x_NTLC.shape[0] * x_NTLC.shape[2]
    level_TC = (factor_NTC * sum_NTC).sum(0) / -count
    slope_TC = (factor_NTC * product_NTC).sum(0) / -count * rstd_TC.square()
    grad_x_NTLC = grad32_NTLC * factor_NT1C + centred_NTLC * slope_TC.unsqueeze(1) + level_TC.unsqueeze(1)
    return grad_x_NTLC.to(x_NTLC.dtype), (product_NTC * rstd_TC).sum(1), sum_NTC.sum(1)


_FORWARD, _BACKWARD = Kernel(_forward), Kernel(_backward)


class _FusedNormRelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_NTLC: Tensor, scale_NC: Tensor, shift_NC: Tensor, bias_C: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        out_NTLC, mean_TC, var_TC, *saved = _FORWARD(x_NTLC, scale_NC, shift_NC, eps)
        ctx.save_for_backward(x_NTLC, mean_TC, *saved)
        ctx.bias_C = bias_C
        mean_TC = mean_TC if bias_C is None else mean_TC + bias_C
        ctx.mark_non_differentiable(mean_TC, var_TC)
        return out_NTLC, mean_TC, var_TC

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None, None]:
        found = _BACKWARD(grads[0].contiguous(), *ctx.saved_tensors)
        return *found, None if ctx.bias_C is None else torch.zeros_like(ctx.bias_C), None


def fused_norm_relu(
    x_NTLC: Tensor, scale_NC: Tensor, shift_NC: Tensor, eps: float, bias_C: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute `dvdgan.fast.batch_norm.norm_relu` of contiguous maps whose pixels are one axis."""
    results: tuple[Tensor, Tensor, Tensor] = _FusedNormRelu.apply(x_NTLC, scale_NC, shift_NC, bias_C, eps)
    return results
