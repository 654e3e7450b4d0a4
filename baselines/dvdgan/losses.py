"""The hinge losses (paper), applied to the score of a whole clip: after the sum over frames or slices, not before.

Beside them what the generator may be held to in prediction, which is not in the paper: the real future itself.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def discriminator_loss(real_N: Tensor, fake_N: Tensor) -> Tensor:
    """Mean of relu(1 - D(real)) plus mean of relu(1 + D(fake)), of summed scores [N]."""
    return functional.relu(1 - real_N).mean() + functional.relu(1 + fake_N).mean()


def generator_loss(fake_N: Tensor) -> Tensor:
    """Minus the mean of the summed scores [N]: the generator raises D(fake) without a hinge."""
    return -fake_N.mean()


def reconstruction_loss(predicted_NTCHW: Tensor, real_NTCHW: Tensor) -> Tensor:
    """Mean absolute difference of predicted frames from the real ones that followed, in float32.

    Args:
        predicted_NTCHW: frames in [-1, 1] of any floating type, without the given ones, which would only dilute it.
        real_NTCHW: the same frames of the real clips, in [-1, 1].

    Returns:
        A scalar from 0 to 2.
    """
    return (predicted_NTCHW.float() - real_NTCHW.float()).abs().mean()


def generator_objective(adversarial: Tensor, reconstruction: Tensor, weight: float) -> Tensor:
    """What the generator minimises in prediction: adversarial + weight * reconstruction.

    DGMR's generator has a like sum, with weight 20 on the difference of the mean of several samples, which leaves
    each sample free to differ; here it is that of the one sample that the discriminators see.

    Args:
        adversarial: the sum of `generator_loss` over the discriminators.
        reconstruction: `reconstruction_loss` of the same clips.
        weight: setting `reconstruction`, above 0.
    """
    return adversarial + weight * reconstruction
