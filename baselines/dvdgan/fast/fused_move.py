"""Fused forms of what surrounds the sampling in `dvdgan.transform_gru`: gates, places, and the change of layout and type.

Step by step these are thirty small kernels, and with these seven. Inside the kernels channels are last, as in
`dvdgan.fast.fused_maps`; the sampling itself, PyTorch's, wants them second. Axes: N clips, F flows, K = 2F their parts, S
channels of a state, C = S / F of one flow, H, W pixels, V columns with the spare ones of a ring.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from dvdgan.fast.fused import Kernel

SPARE = 2
"""Columns that a bicubic kernel reaches beyond its place."""


def _motion(x: Tensor, from_h: Tensor) -> tuple[Tensor, Tensor]:
    motion, u = (x.float() + from_h.float()).chunk(2, dim=-1)
    return motion.relu().to(x.dtype).contiguous(), torch.sigmoid(u).to(x.dtype).contiguous()


def _motion_backward(grad_motion: Tensor, grad_u: Tensor, motion: Tensor, u: Tensor) -> Tensor:
    u32 = u.float()
    grad = torch.cat([torch.where(motion > 0, grad_motion.float(), 0), grad_u.float() * u32 * (1 - u32)], dim=-1)
    return grad.to(u.dtype)


def _places(flow_NHWK: Tensor, unit: float, ring: bool) -> Tensor:
    clips, height, width, parts = flow_NHWK.shape
    x, y = (flow_NHWK.float() * unit).chunk(2, dim=-1)
    x = x + torch.arange(width, device=x.device)[:, None]
    y = y + torch.arange(height, device=x.device)[:, None, None]
    columns = width
    if ring:
        x, columns = torch.remainder(x, width) + SPARE, width + 2 * SPARE
    both_NHWF2 = torch.stack([x * (2 / (columns - 1)) - 1, y * (2 / (height - 1)) - 1], dim=-1)
    return both_NHWF2.permute(0, 3, 1, 2, 4).reshape(clips * parts // 2, height, width, 2).contiguous()


def _places_backward(grad: Tensor, flow_NHWK: Tensor, unit: float, ring: bool) -> Tensor:
    clips, height, width, parts = flow_NHWK.shape
    grad_NHWF2 = grad.view(clips, parts // 2, height, width, 2).permute(0, 2, 3, 1, 4)
    columns = width + 2 * SPARE if ring else width
    x, y = grad_NHWF2[..., 0] * (2 * unit / (columns - 1)), grad_NHWF2[..., 1] * (2 * unit / (height - 1))
    return torch.cat([x, y], dim=-1).to(flow_NHWK.dtype)


def _spread(maps_NHWS: Tensor, flows: int, ring: bool) -> Tensor:
    clips, height, width, state = maps_NHWS.shape
    if ring:
        around = torch.arange(-SPARE, width + SPARE, device=maps_NHWS.device) % width
        maps_NHWS = maps_NHWS[:, :, around]
    second = maps_NHWS.float().permute(0, 3, 1, 2).contiguous()
    return second.view(clips * flows, state // flows, height, -1)


def _spread_backward(grad: Tensor, like_NHWS: Tensor, ring: bool) -> Tensor:
    clips, height, width, state = like_NHWS.shape
    grad_NSHV = grad.view(clips, state, height, -1)
    if ring:
        core = grad_NSHV[..., SPARE:-SPARE]
        left = functional.pad(grad_NSHV[..., :SPARE], (width - SPARE, 0))  # copies of the last columns
        grad_NSHV = core + left + functional.pad(grad_NSHV[..., -SPARE:], (0, width - SPARE))
    return grad_NSHV.permute(0, 2, 3, 1).to(like_NHWS.dtype).contiguous()


def _collect(moved: Tensor, like_NHWS: Tensor) -> Tensor:
    clips, height, width, state = like_NHWS.shape
    return moved.view(clips, state, height, width).permute(0, 2, 3, 1).to(like_NHWS.dtype).contiguous()


_MOTION, _MOTION_BACKWARD = Kernel(_motion), Kernel(_motion_backward)
_PLACES, _PLACES_BACKWARD = Kernel(_places), Kernel(_places_backward)
_SPREAD, _SPREAD_BACKWARD, _COLLECT = Kernel(_spread), Kernel(_spread_backward), Kernel(_collect)


def _channels_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1).contiguous()


class _Motion(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, from_h: Tensor) -> tuple[Tensor, Tensor]:
        motion, u = _MOTION(x.movedim(1, -1), _channels_last(from_h))
        ctx.save_for_backward(motion, u)
        return motion.movedim(-1, 1), u.movedim(-1, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        grad = _MOTION_BACKWARD(*(_channels_last(grad) for grad in grads), *ctx.saved_tensors).movedim(-1, 1)
        return grad, grad


class _Places(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, flow: Tensor, unit: float, ring: bool) -> Tensor:
        flow_NHWK = _channels_last(flow)
        ctx.save_for_backward(flow_NHWK)
        ctx.how = unit, ring
        out: Tensor = _PLACES(flow_NHWK, unit, ring)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        grad = _PLACES_BACKWARD(grads[0].contiguous(), *ctx.saved_tensors, *ctx.how)
        return grad.movedim(-1, 1), None, None


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, flows: int, ring: bool) -> Tensor:
        maps_NHWS = _channels_last(maps)
        ctx.save_for_backward(maps_NHWS)
        ctx.ring = ring
        out: Tensor = _SPREAD(maps_NHWS, flows, ring)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        grad = _SPREAD_BACKWARD(grads[0].contiguous(), *ctx.saved_tensors, ctx.ring)
        return grad.movedim(-1, 1), None, None


class _Collect(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, moved: Tensor, like: Tensor) -> Tensor:
        ctx.flows = moved.shape[0] // like.shape[0]
        return _COLLECT(moved.contiguous(), like.movedim(1, -1)).movedim(-1, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _SPREAD(_channels_last(grads[0]), ctx.flows, False), None


def motion_and_update(x_N2SHW: Tensor, from_h_N2SHW: Tensor) -> tuple[Tensor, Tensor]:
    """Compute ReLU(m) and sigmoid(u), each [N, S, H, W], where [m, u] = x + from_h."""
    motion, u = _Motion.apply(x_N2SHW, from_h_N2SHW)
    return motion, u


def fused_move(maps_NSHW: Tensor, flow_NKHW: Tensor, unit: float, ring: bool) -> Tensor:
    """Move maps as `dvdgan.transform_gru.move` does; `unit` is the number of pixels in a unit of the flows."""
    places = _Places.apply(flow_NKHW, unit, ring)
    spread = _Spread.apply(maps_NSHW, flow_NKHW.shape[1] // 2, ring)
    moved = functional.grid_sample(spread, places, mode="bicubic", padding_mode="border", align_corners=True)
    out: Tensor = _Collect.apply(moved, maps_NSHW.detach())
    return out
