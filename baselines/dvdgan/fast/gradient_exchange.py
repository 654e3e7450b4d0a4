"""Gradients averaged over the processes of a run, those of large weights during the backward pass.

All weights of a network are normalised by one operation (`dvdgan.spectral_norm`), whose gradient comes last: only then have
parameters a gradient. But normalising is linear in the gradient, and the weights are the same in all processes, so that
averaging the gradient of a normalised weight, which is there as soon as its layer has one, gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from dvdgan.parallel import World

LARGE = 2**20
"""Values from which a weight is exchanged on its own: an exchange costs some 30 microseconds whatever its size, as long as
a megabyte between two GPUs of one machine. The others are exchanged together, after the backward pass."""

_Pending = dict[int, tuple[Tensor, Callable[[], object]]]
"""By position of the weight: the sum of its gradients, and what makes later computation wait for it."""


class _Send(torch.autograd.Function):
    """A weight, whose gradient is sent as soon as it is complete."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, position: int, pending: _Pending, world: World) -> Tensor:
        ctx.position, ctx.pending, ctx.world = position, pending, world
        return weight.view_as(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        # In float32, so that the sum of many processes is not rounded on the way; channels last, as convolutions leave it.
        total = grads[0].movedim(1, -1).to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        ctx.pending[ctx.position] = total.movedim(-1, 1), ctx.world.start_adding_up(total)
        return grads[0], None, None, None


class _Receive(torch.autograd.Function):
    """Weights, whose gradients are replaced by the means that `_Send` started to compute."""

    @staticmethod
    def forward(ctx: Any, pending: _Pending, world: World, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.pending, ctx.world = pending, world
        ctx.set_materialize_grads(False)
        return tuple(weight.view_as(weight) for weight in weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        means: list[Tensor | None] = [None] * len(grads)
        for position in sorted(ctx.pending):
            total, wait = ctx.pending.pop(position)
            wait()
            means[position] = total.div_(ctx.world.size)
        return None, None, *means


def averaged_in_backward(weights: Sequence[Tensor], world: World | None) -> list[Tensor]:
    """The same normalised weights; the gradients of large ones become means over the processes during a backward pass.

    Args:
        weights: what all layers use, which gets its gradients from them alone.
        world: the processes; None for this one alone.
    """
    chosen = [position for position, weight in enumerate(weights) if weight.requires_grad and _is_large(weight)]
    if world is None or world.size == 1 or not chosen:
        return list(weights)
    pending: _Pending = {}
    found = list(weights)
    received = _Receive.apply(pending, world, *(weights[position] for position in chosen))
    for place, (position, weight) in enumerate(zip(chosen, received, strict=True)):
        found[position] = _Send.apply(weight, place, pending, world)
    return found


def average_other_gradients(network: nn.Module, world: World) -> None:
    """Average the gradients that `averaged_in_backward` left, over processes whose shares of the batch are equal."""
    world.average([p.grad for p in network.parameters() if p.grad is not None and not _is_large(p)])


def _is_large(weight: Tensor) -> bool:
    return weight.dim() > 1 and weight.numel() >= LARGE  # all but vectors are normalised
