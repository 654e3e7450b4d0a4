"""The sampler: the averaged generator with baked weights and standing BatchNorm statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.fast.process_state import PROCESS_STATE
from dvdgan.generator import Generator, from_uint8
from dvdgan.layers import bake_weights, batch_norms, use_plain_weights
from vidbench.models import ModelTask

_STANDING_STREAM = 4


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Disable TF32 and fix the choice of algorithms, so that samples of a GPU are as close to the CPU's as possible.

    These switches belong to the process, so one thread at a time is inside.
    """
    cudnn: Any = torch.backends.cudnn
    # Since 2.9 torch has a switch per operation, and refuses to read the older one once that was set.
    newer = hasattr(cudnn, "conv")
    owner, switch, exact = (cudnn.conv, "fp32_precision", "ieee") if newer else (cudnn, "allow_tf32", False)
    with PROCESS_STATE:
        before = cudnn.deterministic, cudnn.benchmark, getattr(owner, switch)
        try:
            cudnn.deterministic, cudnn.benchmark = True, False
            setattr(owner, switch, exact)
            yield
        finally:
            cudnn.deterministic, cudnn.benchmark = before[:2]
            setattr(owner, switch, before[2])


@torch.no_grad()
def make_sampler(
    averaged: dict[str, Tensor], task: ModelTask, settings: Settings, seed: int, device: torch.device,
    real_batch: Callable[[int], tuple[Tensor, Tensor]] | None = None, tick: Callable[[], None] = lambda: None,
) -> Generator:  # fmt: skip
    """Make a generator for sampling.

    The standing statistics are means over seeded batches of the mean and the variance of each layer, time step and
    channel, under the batch's own normalisation (BigGAN's "standing statistics"). Labels are uniform; for prediction,
    labels and context frames are those of real training clips.

    Args:
        averaged: parameters of the averaged generator by name.
        task: shape of the clips.
        settings: `standing_batches` batches of `batch_size` clips are used.
        seed: seed of these batches.
        device: where to compute; also the device of the result.
        real_batch: for prediction, from 0, 1, … to a batch of real training clips uint8 [N, T, H, W, 3] and their labels
            int64 [N], on the device. Not called for generation.
        tick: called after each batch.
    """
    sampler = Generator(task, settings)
    for name, parameter in sampler.named_parameters():
        parameter.copy_(averaged[name])
    bake_weights(sampler)
    sampler.to(device)
    use_plain_weights(sampler)
    norms = list(batch_norms(sampler))
    for norm in norms:
        norm.mode = "collect"
        norm.standing_mean.zero_()
        norm.standing_var.zero_()
    for batch in range(settings.standing_batches):
        stream = noise.derive_seed(seed, _STANDING_STREAM, batch)
        context = None
        if task.context_frames and real_batch is not None:
            clips, labels = real_batch(batch)
            context = from_uint8(clips[:, : task.context_frames], torch.float32)
        else:
            drawn = noise.label_draws(noise.derive_seed(stream, 1), settings.batch_size, sampler.num_classes)
            labels = torch.from_numpy(drawn).to(device)
        z = noise.normal_variates(stream, labels.shape[0], settings.latent_dim)
        with exact_convolutions():
            sampler(torch.from_numpy(z).to(device), labels, context)
        tick()
    for norm in norms:
        norm.mode = "standing"
        norm.standing_mean /= settings.standing_batches
        norm.standing_var /= settings.standing_batches
    return sampler.eval()
