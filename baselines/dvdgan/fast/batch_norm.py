"""Class-conditional BatchNorm and ReLU as one operation on channels-last memory.

Its cost is the number of passes over the maps: 5 forward (mean, centring, variance, affine map, ReLU) and 6 backward,
none of which changes the layout. Axes, also in memory: N clips, T frames, L pixels, C channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dvdgan.fast import fused
from dvdgan.fast.fused_norm import fused_norm_relu
from dvdgan.parallel import World


class _NormRelu(torch.autograd.Function):
    """See `norm_relu`."""

    @staticmethod
    def forward(
        ctx: Any, x_NTLC: Tensor, scale_NC: Tensor, shift_NC: Tensor, eps: float, world: World | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        count = x_NTLC.shape[0] * x_NTLC.shape[2]
        mean_TC = x_NTLC.mean((0, 2), dtype=torch.float32)
        # Subtract a pivot first, the mean rounded to the type of x, so that means far from 0 cancel neither in the
        # second moment nor in products with bfloat16 factors. The difference is almost exact, since values near each
        # other share an exponent.
        pivot_TC = mean_TC.to(x_NTLC.dtype)
        centred_NTLC = x_NTLC - pivot_TC.unsqueeze(1)
        rest_TC = mean_TC - pivot_TC  # mean of the centred values, float32
        # Clip by clip first: a CPU sums a norm value by value, and a long sum rounds too often.
        length_NTC = torch.linalg.vector_norm(centred_NTLC, dim=2, dtype=torch.float32)
        var_TC = length_NTC.square().sum(0) / count
        var_TC = torch.addcmul(var_TC, rest_TC, rest_TC, value=-1).clamp_min_(0)
        if world is not None and world.size > 1:
            # Means and variances of equal shares combine without the cancellation that sums of squares suffer.
            means_RTC, variances_RTC = world.gather(torch.stack([mean_TC, var_TC])).unbind(1)
            mean_TC = means_RTC.mean(0)
            var_TC = variances_RTC.mean(0) + means_RTC.var(0, correction=0)
            rest_TC = mean_TC - pivot_TC
        rstd_TC = torch.rsqrt(var_TC + eps)
        factor_NTC = scale_NC.unsqueeze(1) * rstd_TC
        offset_NTC = torch.addcmul(shift_NC.unsqueeze(1), rest_TC, factor_NTC, value=-1)
        factor, offset = (p_NTC.unsqueeze(2).to(x_NTLC.dtype) for p_NTC in (factor_NTC, offset_NTC))
        out_NTLC = torch.addcmul(offset, centred_NTLC, factor).relu_()
        ctx.save_for_backward(centred_NTLC, out_NTLC, factor_NTC, rest_TC, rstd_TC)
        ctx.world, ctx.count = world, count
        ctx.mark_non_differentiable(mean_TC, var_TC)
        return out_NTLC, mean_TC, var_TC

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        centred_NTLC, out_NTLC, factor_NTC, rest_TC, rstd_TC = ctx.saved_tensors
        grad_NTLC = torch.ops.aten.threshold_backward(grads[0].contiguous(), out_NTLC, 0)
        sum_NTC = grad_NTLC.sum(2, dtype=torch.float32)
        product_NTC = (grad_NTLC * centred_NTLC).sum(2, dtype=torch.float32)
        product_NTC = torch.addcmul(product_NTC, rest_TC, sum_NTC, value=-1)  # gradient times (x - mean)
        # The derivative of BatchNorm: gradient - mean(gradient) - normalised * mean(gradient * normalised), which is
        # factor * gradient + slope * centred + level.
        means = (factor_NTC * torch.stack([sum_NTC, product_NTC])).sum(1) / -ctx.count
        if ctx.world is not None:
            ctx.world.average([means])
        slope_TC = means[1] * rstd_TC.square()
        level_TC = torch.addcmul(means[0], rest_TC, slope_TC, value=-1)
        factor, slope, level = (p.unsqueeze(-2).to(grad_NTLC.dtype) for p in (factor_NTC, slope_TC, level_TC))
        grad_x_NTLC = torch.addcmul(level, centred_NTLC, slope).addcmul_(grad_NTLC, factor)
        return grad_x_NTLC, (product_NTC * rstd_TC).sum(1), sum_NTC.sum(1), None, None


def norm_relu(
    x_NTCHW: Tensor,
    scale_NC: Tensor,
    shift_NC: Tensor,
    eps: float,
    world: World | None,
    bias_C: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Apply BatchNorm with statistics per time step, in float32, then scale and shift per clip, then ReLU.

    Args:
        x_NTCHW: maps [N, T, C, H, W] of any float type; copied unless they are in channels-last memory.
        scale_NC: scales float32.
        shift_NC: shifts float32.
        eps: added to the variance.
        world: the processes that share the batch, with equally many clips each; None for this one alone.
        bias_C: in the fused form, a bias of the maps that has not been added to them. It only moves their mean, which is
            subtracted again: it changes nothing but the returned mean, and its gradient is 0.

    Returns:
        Maps [N, T, C, H, W] in channels-last memory, and the means and variances [T, C] of the batch, float32 and without
        gradients.
    """
    x_NTLC = x_NTCHW.permute(0, 1, 3, 4, 2).flatten(2, 3).contiguous()
    if fused.is_on():
        out_NTLC, mean_TC, var_TC = fused_norm_relu(x_NTLC, scale_NC, shift_NC, eps, world, bias_C)
    else:
        out_NTLC, mean_TC, var_TC = _NormRelu.apply(x_NTLC, scale_NC, shift_NC, eps, world)
    return out_NTLC.unflatten(2, x_NTCHW.shape[3:]).permute(0, 1, 4, 2, 3), mean_TC, var_TC
