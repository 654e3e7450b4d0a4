"""Spectral normalisation of all weights of a network at once, in a number of kernels independent of its depth.

A network has dozens of small matrices. Layer by layer, power iteration and its gradient take about ten kernels each, and
on a GPU a kernel on a small matrix costs its launch, whatever it computes: a third of all kernels of an update. Here
layers with equal inputs form one batch of matrices, padded with rows of zeros, which do not affect power iteration, and
the vectors of all layers are rows of one table.

Axes: L layers, R rows (outputs), I inputs, K places of the kernel, C = I * K columns.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

MOST_PADDING = 3
"""Greatest ratio of the size of a batch to that of its matrices. All batches of a network together are 1.6 times as large
as its weights with the default settings, and at most 1.3 times with any preset. Without a bound, matrices as wide as the
one of 12,288 rows that computes the first maps would be padded to its height."""


@dataclass(frozen=True)
class _WeightBatch:
    """Layers in one batch: same number of inputs, same kernel size, same type of the normalised weights."""

    members: list[int]  # positions among the weights given
    heights: list[int]  # rows of each, ascending
    inputs: int
    places: int
    dtype: torch.dtype

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[L, R, I, K]."""
        return len(self.heights), self.heights[-1], self.inputs, self.places


def _groups(weights: Sequence[Tensor], dtype: torch.dtype) -> list[_WeightBatch]:
    """Group weights in order of their rows, for as long as the padding allows."""
    found: dict[tuple[int, int, torch.dtype], list[_WeightBatch]] = defaultdict(list)
    for position in sorted(range(len(weights)), key=lambda position: weights[position].shape[0]):
        rows, inputs, *kernel = weights[position].shape
        kind = (inputs, math.prod(kernel), dtype if kernel else weights[position].dtype)
        groups = found[kind]
        if not groups or (len(groups[-1].heights) + 1) * rows > MOST_PADDING * (sum(groups[-1].heights) + rows):
            groups.append(_WeightBatch([], [], *kind))
        groups[-1].members.append(position)
        groups[-1].heights.append(rows)
    return list(chain.from_iterable(found.values()))


def _batches(flat: Tensor, groups: list[_WeightBatch]) -> list[Tensor]:
    """Views of the batches [L, R, C] of all groups in one piece of memory."""
    parts = flat.split([math.prod(group.shape) for group in groups])
    return [part.view(*group.shape[:2], -1) for part, group in zip(parts, groups, strict=True)]


def _matrices(batches: Iterable[Tensor], groups: list[_WeightBatch]) -> Iterator[tuple[Tensor, int]]:
    """Each matrix of the batches with its padding, and its number of rows without."""
    for batch, group in zip(batches, groups, strict=True):
        yield from zip(batch, group.heights, strict=True)


def _without_padding(batches: Iterable[Tensor], groups: list[_WeightBatch]) -> list[Tensor]:
    """Each layer's rows without padding, contiguous as multi-tensor kernels require."""
    return [matrix[:height] for matrix, height in _matrices(batches, groups)]


def _zero_padding(batches: Iterable[Tensor], groups: list[_WeightBatch]) -> None:
    if padding := [matrix[height:] for matrix, height in _matrices(batches, groups) if height < len(matrix)]:
        torch._foreach_zero_(padding)


class _Normalise(torch.autograd.Function):
    """See `normalised`; weights and vectors come in the order of the groups."""

    @staticmethod
    def forward(
        ctx: Any, groups: list[_WeightBatch], us: list[Tensor], eps: float, *weights: Tensor
    ) -> tuple[Tensor, ...]:
        ends = list(accumulate(len(group.heights) for group in groups))
        layers = [slice(end - len(group.heights), end) for end, group in zip(ends, groups, strict=True)]
        flat = weights[0].new_empty(sum(math.prod(group.shape) for group in groups))
        batches = _batches(flat, groups)
        _zero_padding(batches, groups)
        torch._foreach_copy_(_without_padding(batches, groups), [weight.flatten(1) for weight in weights])

        # Rows of the tables are as long as the longest vector, padded with zeros: 15 MB with the largest preset.
        most_rows, most_columns = (max(batch.shape[axis] for batch in batches) for axis in (1, 2))
        lengths = (most_rows, most_columns, most_rows)
        u_LR, v_LC, wv_LR = flat.new_zeros(ends[-1], sum(lengths)).split(lengths, dim=1)
        torch._foreach_copy_([row[: len(u)] for row, u in zip(u_LR, us, strict=True)], us)
        for batch, at in zip(batches, layers, strict=True):
            u, v = (table[at, :length, None] for table, length in zip((u_LR, v_LC), batch.shape[1:], strict=True))
            torch.bmm(batch.transpose(1, 2), u, out=v)
        v_LC = functional.normalize(v_LC, dim=1, eps=eps)
        for batch, at in zip(batches, layers, strict=True):
            wv, v = (table[at, :length, None] for table, length in zip((wv_LR, v_LC), batch.shape[1:], strict=True))
            torch.bmm(batch, v, out=wv)
        u_LR = functional.normalize(wv_LR, dim=1, eps=eps)
        sigma_L = (u_LR * wv_LR).sum(1)
        floored_L = sigma_L.clamp_min(eps)
        # In place: a recorded update reads its vectors from the same memory every time.
        torch._foreach_copy_(us, [row[: len(u)] for row, u in zip(u_LR, us, strict=True)])

        results_LRKI = []
        for batch, group, at in zip(batches, groups, layers, strict=True):
            # One kernel divides, casts and changes the layout.
            result = batch.new_empty([group.shape[axis] for axis in (0, 1, 3, 2)], dtype=group.dtype)
            torch.div(batch.view(group.shape), floored_L[at, None, None, None], out=result.transpose(2, 3))
            results_LRKI.append(result)
        ctx.save_for_backward(flat, u_LR, v_LC, sigma_L, floored_L)
        ctx.set_materialize_grads(False)
        ctx.groups, ctx.layers, ctx.shapes, ctx.eps = groups, layers, [weight.shape for weight in weights], eps
        own = zip(_without_padding(results_LRKI, groups), weights, strict=True)
        return tuple(rows.view(len(rows), *weight.shape[2:], -1).movedim(-1, 1) for rows, weight in own)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """With W' = W / sigma and u, v constant, dW = (G - <G, W'> u v^T) / sigma, without the second term if sigma is at
        its floor. Saved tensors must not change, since every micro-batch calls this.
        """
        flat, u_LR, v_LC, sigma_L, floored_L = ctx.saved_tensors
        groups, layers = ctx.groups, ctx.layers
        # Gradients of convolutions have channels last, so they are copied in that layout, by one kernel per type.
        given = torch.empty_like(flat)
        given_LRC = _batches(given, groups)
        _zero_padding(given_LRC, groups)
        by_type: dict[torch.dtype, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for rows, grad in zip(_without_padding(given_LRC, groups), grads, strict=True):
            if grad is not None:
                by_type[grad.dtype].append((rows.view(-1), grad.movedim(1, -1).reshape(-1)))
        for pairs in by_type.values():
            torch._foreach_copy_([rows for rows, _ in pairs], [grad for _, grad in pairs])

        scaled = torch.empty_like(flat)  # G / sigma, in the layout of the weights
        scaled_LRC = _batches(scaled, groups)
        for grad, result, group, at in zip(given_LRC, scaled_LRC, groups, layers, strict=True):
            count, height, inputs, places = group.shape
            grad_LRIK = grad.view(count, height, places, inputs).transpose(2, 3)
            torch.div(grad_LRIK, floored_L[at, None, None, None], out=result.view(group.shape))
        products, along_L = torch.mul(scaled, flat, out=given), torch.empty_like(sigma_L)
        for product, at in zip(_batches(products, groups), layers, strict=True):
            torch.sum(product.flatten(1), dim=1, out=along_L[at])  # <G / sigma, W>, which is <G, W'>
        along_L = (along_L / floored_L).mul_(sigma_L >= ctx.eps)
        along_LC = along_L.unsqueeze(1) * v_LC
        for result, at in zip(scaled_LRC, layers, strict=True):
            height, columns = result.shape[1:]
            result.addcmul_(u_LR[at, :height, None], along_LC[at, None, :columns], value=-1)
        own = zip(_without_padding(scaled_LRC, groups), ctx.shapes, grads, strict=True)
        return None, None, None, *(None if grad is None else rows.view(shape) for rows, shape, grad in own)


def normalised(weights: Sequence[Tensor], us: Sequence[Tensor], dtype: torch.dtype, eps: float) -> list[Tensor]:
    """Do one step of power iteration for every weight and return weight / sigma, differentiable in the weights.

    A weight [R, I, ...] is taken as a matrix [R, C]. The arithmetic is in the type of the weights, float32 in training.

    Args:
        weights: weights [R, I] of affine maps and [R, I, kernel axes] of convolutions, of one type.
        us: estimates [R] of their top left singular vectors, updated in place.
        dtype: type of the results for convolutions, which have channels last in memory; the others keep their type.
        eps: floor of the norms and of sigma.
    """
    groups = _groups(weights, dtype)
    order = [position for group in groups for position in group.members]
    in_order = _Normalise.apply(groups, [us[i] for i in order], eps, *(weights[i] for i in order))
    return [result for _, result in sorted(zip(order, in_order, strict=True), key=lambda pair: pair[0])]
