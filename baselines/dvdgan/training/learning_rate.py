"""The learning rates of both optimisers over a training: constant, rising from 0, falling to 0, or the generator's 0 at first."""

from __future__ import annotations

import torch
from torch import Tensor

from dvdgan.config import Settings


def lr_factor(settings: Settings, step: int) -> float:
    """What both learning rates are multiplied by in update `step` (from 0). With a warm-up it rises linearly and is 1 in
    the last update of it; with a decay it is 1 up to the start of that and 0 from its end on; where both hold, their
    product. It depends on nothing else, so a training that is gone on with has the rates of an unbroken one.
    """
    factor = min(1.0, (step + 1) / settings.lr_warmup) if settings.lr_warmup else 1.0
    start, end = settings.lr_decay_start, settings.lr_decay_end
    if start is not None and end is not None:
        factor *= min(1.0, max(0.0, (end - step) / (end - start)))
    return factor


def factor_varies(settings: Settings) -> bool:
    """Whether `lr_factor` is ever another number than 1."""
    return settings.lr_decay_end is not None or settings.lr_warmup > 0


def first_rates(settings: Settings, device: torch.device, recorded: bool) -> tuple[float | Tensor, float | Tensor]:
    """The learning rates that the optimisers of generator and discriminators are made with.

    Args:
        settings: the rates, and how they change.
        device: where the weights are.
        recorded: whether updates become a CUDA graph. It would keep a number for good, so rates that change are then
            float32 tensors of no dimension on the device, which torch's fused Adam reads anew in every replay.
    """
    rates = settings.g_lr, settings.d_lr
    if not recorded or _constant(settings):
        return rates
    g_rate, d_rate = (torch.tensor(rate, dtype=torch.float32, device=device) for rate in rates)
    return g_rate, d_rate


def set_rates(settings: Settings, step: int, adam_g: torch.optim.Optimizer, adam_d: torch.optim.Optimizer) -> None:
    """Give both optimisers their rates for update `step`; call it before the update, never within a recording."""
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
