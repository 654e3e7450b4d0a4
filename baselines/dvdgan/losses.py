"""The hinge losses (paper), on the score of a whole clip: after the sum over frames or slices, not before.

For prediction there is also a reconstruction loss against the real future, which is not in the paper.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def discriminator_loss(real_N: Tensor, fake_N: Tensor) -> Tensor:
    """Hinge loss of a discriminator: mean relu(1 - D(real)) + mean relu(1 + D(fake)), of clip scores [N]."""
    return functional.relu(1 - real_N).mean() + functional.relu(1 + fake_N).mean()


def generator_loss(fake_N: Tensor) -> Tensor:
    """Adversarial loss of the generator: -mean D(fake), without a hinge, of clip scores [N]."""
    return -fake_N.mean()


def reconstruction_loss(predicted_NTCHW: Tensor, real_NTCHW: Tensor) -> Tensor:
    """Mean absolute difference between predicted and real frames, in float32.

    Args:
        predicted_NTCHW: predicted frames in [-1, 1] of any floating type, without the context frames.
        real_NTCHW: the same frames of the real clips, in [-1, 1].

    Returns:
        A scalar from 0 to 2.
    """
    return (predicted_NTCHW.float() - real_NTCHW.float()).abs().mean()


def generator_objective(adversarial: Tensor, reconstruction: Tensor, weight: float | Tensor) -> Tensor:
    """Total loss of a predicting generator: adversarial + weight * reconstruction.

    DGMR has a similar sum with weight 20, but compares the mean of several samples with the real future, which leaves
    each sample free to differ; here it is the one sample that the discriminators see.

    Args:
        adversarial: the sum of `generator_loss` over the discriminators.
        reconstruction: `reconstruction_loss` of the same clips.
        weight: the setting `reconstruction`, above 0, or its value in this update as a 0-d tensor.
    """
    return adversarial + weight * reconstruction
