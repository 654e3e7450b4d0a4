"""The hinge losses (paper), applied to the score of a whole clip: after the sum over frames or slices, not before."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def discriminator_loss(real_N: Tensor, fake_N: Tensor) -> Tensor:
    """Mean of relu(1 - D(real)) plus mean of relu(1 + D(fake)), of summed scores [N]."""
    return functional.relu(1 - real_N).mean() + functional.relu(1 + fake_N).mean()


def generator_loss(fake_N: Tensor) -> Tensor:
    """Minus the mean of the summed scores [N]: the generator raises D(fake) without a hinge."""
    return -fake_N.mean()
