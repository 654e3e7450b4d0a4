"""Class-conditional BatchNorm and ReLU, fused: 3 passes over the maps forward and 5 backward.

This is the fused form of `dvdgan.fast.batch_norm.norm_relu`. Between processes, which share a batch, go one gather of the
statistics of all time steps forward, and one sum of two sums backward. Axes, also in memory: N clips, T frames, L pixels,
C channels; R ranks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dvdgan.fast.fused import Kernel
from dvdgan.parallel import World


def _combined(means: Tensor, variances: Tensor) -> Tensor:
    """Mean and variance, stacked, of values in equal shares, from those of the shares, which are on the first axis."""
    mean = means.mean(0)
    return torch.stack([mean, variances.mean(0) + (means - mean).square().mean(0)])


def _statistics(x_NTLC: Tensor) -> Tensor:
    """Mean and variance [2, T, C] of the clips of this process."""
    # Clip by clip first, over pixels: enough parallel sums to fill a GPU. Equal shares then combine exactly.
    var_NTC, mean_NTC = torch.var_mean(x_NTLC.float(), 2, correction=0)
    return _combined(mean_NTC, var_NTC)


def _normalise(
    x_NTLC: Tensor, statistics_R2TC: Tensor, scale_NC: Tensor, shift_NC: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    mean_TC, var_TC = _combined(*statistics_R2TC.unbind(1)).unbind()
    rstd_TC = torch.rsqrt(var_TC + eps)
    factor_NTC = scale_NC.unsqueeze(1) * rstd_TC
    # Float32 loses nothing of x, whose type is shorter: the products are exact to 2^-24.
    offset_NTC = shift_NC.unsqueeze(1) - mean_TC * factor_NTC
    out_NTLC = (x_NTLC.float() * factor_NTC.unsqueeze(2) + offset_NTC.unsqueeze(2)).relu().to(x_NTLC.dtype)
    return out_NTLC, mean_TC, var_TC, rstd_TC, factor_NTC, offset_NTC


def _forward(
    x_NTLC: Tensor, scale_NC: Tensor, shift_NC: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    return _normalise(x_NTLC, _statistics(x_NTLC).unsqueeze(0), scale_NC, shift_NC, eps)


def _before_relu(
    grad_NTLC: Tensor, x_NTLC: Tensor, mean_TC: Tensor, factor_NTC: Tensor, offset_NTC: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradient before the ReLU, and x minus its mean; float32."""
    x32_NTLC = x_NTLC.float()
    # Cheaper than reading the output.
    passes_NTLC = x32_NTLC * factor_NTC.unsqueeze(2) + offset_NTC.unsqueeze(2) > 0
    return torch.where(passes_NTLC, grad_NTLC.float(), 0), x32_NTLC - mean_TC.unsqueeze(1)


def _sums(
    grad_NTLC: Tensor, x_NTLC: Tensor, mean_TC: Tensor, rstd_TC: Tensor, factor_NTC: Tensor, offset_NTC: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums [2, T, C] over this process's clips of the scaled gradient and its product with x minus its mean, and the gradients
    of scales and shifts.
    """
    grad32_NTLC, centred_NTLC = _before_relu(grad_NTLC, x_NTLC, mean_TC, factor_NTC, offset_NTC)
    sum_NTC = grad32_NTLC.sum(2)
    product_NTC = (grad32_NTLC * centred_NTLC).sum(2)
    sums_2TC = torch.stack([(factor_NTC * sum_NTC).sum(0), (factor_NTC * product_NTC).sum(0)])
    return sums_2TC, (product_NTC * rstd_TC).sum(1), sum_NTC.sum(1)


def _gradient(
    sums_2TC: Tensor, grad_NTLC: Tensor, x_NTLC: Tensor, mean_TC: Tensor, rstd_TC: Tensor, factor_NTC: Tensor,
    offset_NTC: Tensor, processes: int,
) -> Tensor:  # fmt: skip
    """The derivative of BatchNorm, as in `dvdgan.fast.batch_norm`, from sums over all processes."""
    grad32_NTLC, centred_NTLC = _before_relu(grad_NTLC, x_NTLC, mean_TC, factor_NTC, offset_NTC)
    count = x_NTLC.shape[0] * x_NTLC.shape[2] * processes
    level_TC, slope_TC = sums_2TC[0] / -count, sums_2TC[1] / -count * rstd_TC.square()
    grad_x_NTLC = grad32_NTLC * factor_NTC.unsqueeze(2) + centred_NTLC * slope_TC.unsqueeze(1) + level_TC.unsqueeze(1)
    return grad_x_NTLC.to(x_NTLC.dtype)


def _backward(
    grad_NTLC: Tensor, x_NTLC: Tensor, mean_TC: Tensor, rstd_TC: Tensor, factor_NTC: Tensor, offset_NTC: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    given = grad_NTLC, x_NTLC, mean_TC, rstd_TC, factor_NTC, offset_NTC
    sums_2TC, grad_scale_NC, grad_shift_NC = _sums(*given)
    return _gradient(sums_2TC, *given, 1), grad_scale_NC, grad_shift_NC


# For one process alone, and in two parts, between which the processes exchange.
_FORWARD, _BACKWARD = Kernel(_forward), Kernel(_backward)
_STATISTICS, _NORMALISE, _SUMS, _GRADIENT = Kernel(_statistics), Kernel(_normalise), Kernel(_sums), Kernel(_gradient)


class _FusedNormRelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_NTLC: Tensor,
        scale_NC: Tensor,
        shift_NC: Tensor,
        bias_C: Tensor | None,
        eps: float,
        world: World | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.world = None if world is None or world.size == 1 else world
        if ctx.world is None:
            out_NTLC, mean_TC, var_TC, *saved = _FORWARD(x_NTLC, scale_NC, shift_NC, eps)
        else:
            statistics_R2TC = ctx.world.gather(_STATISTICS(x_NTLC))
            out_NTLC, mean_TC, var_TC, *saved = _NORMALISE(x_NTLC, statistics_R2TC, scale_NC, shift_NC, eps)
        ctx.save_for_backward(x_NTLC, mean_TC, *saved)
        ctx.bias_C = bias_C
        mean_TC = mean_TC if bias_C is None else mean_TC + bias_C
        ctx.mark_non_differentiable(mean_TC, var_TC)
        return out_NTLC, mean_TC, var_TC

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None, None, None]:
        given = grads[0].contiguous(), *ctx.saved_tensors
        if ctx.world is None:
            grad_x_NTLC, grad_scale_NC, grad_shift_NC = _BACKWARD(*given)
        else:
            sums_2TC, grad_scale_NC, grad_shift_NC = _SUMS(*given)
            ctx.world.add_up(sums_2TC)
            grad_x_NTLC = _GRADIENT(sums_2TC, *given, ctx.world.size)
        grad_bias_C = None if ctx.bias_C is None else torch.zeros_like(ctx.bias_C)
        return grad_x_NTLC, grad_scale_NC, grad_shift_NC, grad_bias_C, None, None


def fused_norm_relu(
    x_NTLC: Tensor, scale_NC: Tensor, shift_NC: Tensor, eps: float, world: World | None, bias_C: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute `dvdgan.fast.batch_norm.norm_relu` of contiguous maps whose pixels are one axis."""
    results: tuple[Tensor, Tensor, Tensor] = _FusedNormRelu.apply(x_NTLC, scale_NC, shift_NC, bias_C, eps, world)
    return results
