"""The learning rates of both optimisers: constant, with warm-up or decay, and 0 for a generator that starts later."""

from __future__ import annotations

import torch
from torch import Tensor

from dvdgan.config import Settings


def lr_factor(settings: Settings, step: int) -> float:
    """Factor on both learning rates in update `step` (from 0).

    A warm-up rises linearly and reaches 1 in its last update; a decay is 1 up to its start and 0 from its end on; with
    both it is their product. It depends on the step alone, so a resumed run has the rates of an unbroken one.
    """
    factor = min(1.0, (step + 1) / settings.lr_warmup) if settings.lr_warmup else 1.0
    start, end = settings.lr_decay_start, settings.lr_decay_end
    if start is not None and end is not None:
        factor *= min(1.0, max(0.0, (end - step) / (end - start)))
    return factor


def reconstruction_weight(settings: Settings, step: int) -> float:
    """Weight of the reconstruction term in update `step` (from 0): constant, or linear to 0."""
    return settings.reconstruction * remaining(step, settings.reconstruction_end)


def remaining(step: int, end: int | None) -> float:
    """Share of 1 that is left in update `step` of what falls linearly to 0 at `end`; 1 if nothing falls."""
    return 1.0 if end is None else max(0.0, 1.0 - step / end)


def factor_varies(settings: Settings) -> bool:
    """Whether `lr_factor` is ever different from 1."""
    return settings.lr_decay_end is not None or settings.lr_warmup > 0


def first_rates(settings: Settings, device: torch.device, recorded: bool) -> tuple[float | Tensor, float | Tensor]:
    """Learning rates for creating the optimisers of generator and discriminators.

    Args:
        settings: the rates, and how they change.
        device: device of the weights.
        recorded: whether updates become a CUDA graph, which would freeze a number. Rates that change are then 0-d float32
            tensors on the device, which torch's fused Adam reads in every replay.
    """
    rates = settings.g_lr, settings.d_lr
    if not recorded or _constant(settings):
        return rates
    g_rate, d_rate = (torch.tensor(rate, dtype=torch.float32, device=device) for rate in rates)
    return g_rate, d_rate


def set_rates(settings: Settings, step: int, adam_g: torch.optim.Optimizer, adam_d: torch.optim.Optimizer) -> None:
    """Set the rates of both optimisers for update `step`; call it before the update, never within a recording."""
    if _constant(settings):
        return
    factor = lr_factor(settings, step)
    g_rate = factor * settings.g_lr if step >= settings.g_start else 0.0
    for adam, rate in ((adam_g, g_rate), (adam_d, factor * settings.d_lr)):
        for group in adam.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def _constant(settings: Settings) -> bool:
    return not factor_varies(settings) and not settings.g_start
