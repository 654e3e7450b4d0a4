"""The class-conditional BatchNorm and its ReLU as one operation that stays in channels-last memory.

Its cost is the number of passes over the maps: 5 forward (mean, centring, variance, affine map, ReLU) and 6 backward,
none of which changes the layout. Axes: N clips, T frames, L pixels, C channels; in memory in this order.
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
        # Everything after this sees x less a pivot, its mean rounded to the type of x. So nothing cancels where means
        # are far from 0: neither in the second moment, whose mean is nearly 0, nor in bfloat16 factors times x. And
        # the difference is all but exact, since values near each other have one exponent.
        pivot_TC = mean_TC.to(x_NTLC.dtype)
        centred_NTLC = x_NTLC - pivot_TC.unsqueeze(1)
        rest_TC = mean_TC - pivot_TC  # the mean of the centred values, float32
        # Clip by clip first: the sum of one length is taken value by value on a CPU, and a long one rounds too often.
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
        product_NTC = torch.addcmul(product_NTC, rest_TC, sum_NTC, value=-1)  # of the gradient and x less its mean
        # The derivative of BatchNorm: the gradient less its mean, less the normalised value times the mean of its
        # product with the gradient. That is factor * gradient + slope * centred + level, with these means in the two.
        means = (factor_NTC * torch.stack([sum_NTC, product_NTC])).sum(1) / -ctx.count
        if ctx.world is not None:
            ctx.world.average([means])
        slope_TC = means[1] * rstd_TC.square()
        level_TC = torch.addcmul(means[0], rest_TC, slope_TC, value=-1)
        factor, slope, level = (p.unsqueeze(-2).to(grad_NTLC.dtype) for p in (factor_NTC, slope_TC, level_TC))
        grad_x_NTLC = torch.addcmul(level, centred_NTLC, slope).addcmul_(grad_NTLC, factor)
        return grad_x_NTLC, (product_NTC * rstd_TC).sum(1), sum_NTC.sum(1), None, None


def _apply(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    results: tuple[Tensor, Tensor, Tensor] = _NormRelu.apply(*arguments)
    return results


# A compiler cannot follow the exchange with other processes.
_apply_across = torch.compiler.disable(_apply)


def norm_relu(
    x_NTCHW: Tensor,
    scale_NC: Tensor,
    shift_NC: Tensor,
    eps: float,
    world: World | None,
    bias_C: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """ReLU of normalised maps times a scale plus a shift, by the clip; statistics in float32, by the time step.

    Args:
        x_NTCHW: maps [N, T, C, H, W], of any float type; copied where they are not in channels-last memory.
        scale_NC: scales float32.
        shift_NC: shifts float32.
        eps: added to the variance.
        world: the processes whose clips are one batch, equally many in each; None for this one alone.
        bias_C: where layers are fused, a bias of the maps that was not added to them. It moves their mean alone, which is
            taken off again, so it changes nothing but the mean that is returned, and its gradient is 0.

    Returns:
        Maps [N, T, C, H, W] in channels-last memory, and the means and variances [T, C] that they were normalised by,
        float32 and without gradients.
    """
    x_NTLC = x_NTCHW.permute(0, 1, 3, 4, 2).flatten(2, 3).contiguous()
    if fused.is_on():
        out_NTLC, mean_TC, var_TC = fused_norm_relu(x_NTLC, scale_NC, shift_NC, eps, bias_C)
    else:
        normalise = _apply if world is None or world.size == 1 else _apply_across
        out_NTLC, mean_TC, var_TC = normalise(x_NTLC, scale_NC, shift_NC, eps, world)
    return out_NTLC.unflatten(2, x_NTCHW.shape[3:]).permute(0, 1, 4, 2, 3), mean_TC, var_TC
