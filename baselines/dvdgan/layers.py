"""The layers of both networks: spectrally normalised weights, and class-conditional BatchNorm per time step.

Axes: N clips, T frames, C channels, H, W pixels, D the code [z; e(y)]; B is any folded batch. Frames are folded into the
batch as rows n * T + t.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.fast.batch_norm import norm_relu
from dvdgan.fast.gradient_exchange import averaged_in_backward
from dvdgan.parallel import World
from dvdgan.spectral_norm import normalised

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


class SpectralLayer(nn.Module):
    """A weight, divided by its top singular value before use; `normalise_weights` does this for a whole network.

    The weight is taken as a matrix [first axis, all others]; `u` estimates its top left singular vector.
    """

    u: Tensor

    def __init__(self, shape: tuple[int, ...], bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None
        self.register_buffer("u", torch.zeros(shape[0]))
        self._effective: Tensor | None = None

    @property
    def effective(self) -> Tensor:
        """The normalised weight, in the type of the computation."""
        if self._effective is None:
            raise RuntimeError("normalise_weights or use_plain_weights must run before the network does")
        return self._effective

    def set_effective(self, weight: Tensor, dtype: torch.dtype) -> None:
        """Set the weight in use; for convolutions in `dtype` with channels last, for everything else in float32."""
        layout = _FORMATS.get(weight.dim())
        self._effective = weight if layout is None else weight.to(dtype, memory_format=layout)

    def bias_as(self, dtype: torch.dtype) -> Tensor | None:
        """The bias in the type of the computation."""
        return None if self.bias is None else self.bias.to(dtype)


class Conv(SpectralLayer):
    """Convolution over 2 (height, width) or 3 (time, height, width) axes that preserves their sizes."""

    def __init__(self, inputs: int, outputs: int, kernel: int, axes: int = 2) -> None:
        super().__init__((outputs, inputs, *(kernel,) * axes))
        self._conv = functional.conv2d if axes == 2 else functional.conv3d
        self._padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, ...] to [B, outputs, ...]."""
        return self.convolve(x, self.bias_as(x.dtype))

    def convolve(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolve with another bias, or without one if a later operation adds it."""
        return self._conv(x, self.effective, bias, padding=self._padding)


def bare(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a layer, a convolution without its bias."""
    out: Tensor = layer.convolve(x) if isinstance(layer, Conv) else layer(x)
    return out


def sum_of_biases(*layers: nn.Module) -> Tensor:
    """Sum the biases of the convolutions among some layers, in order; float32."""
    biases: list[Tensor] = [layer.bias for layer in layers if isinstance(layer, Conv) and layer.bias is not None]
    return reduce(torch.add, biases)


class Linear(SpectralLayer):
    """Affine map, in float32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__((outputs, inputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, inputs] to [B, outputs]."""
        return functional.linear(x, self.effective, self.bias)


class Embedding(SpectralLayer):
    """One row per class, in float32."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__((classes, width), bias=False)

    def forward(self, labels_N: Tensor) -> Tensor:
        """Map labels int64 [N] to rows [N, width]."""
        return functional.embedding(labels_N, self.effective)


def spectral_layers(network: nn.Module) -> Iterator[SpectralLayer]:
    """Iterate over the spectrally normalised layers of a network, in the order of their definition."""
    return (module for module in network.modules() if isinstance(module, SpectralLayer))


def initialise(network: nn.Module, rng: torch.Generator) -> None:
    """Initialise on the CPU: orthogonal weights (paper), zero biases, random power-iteration vectors."""
    for layer in spectral_layers(network):
        nn.init.orthogonal_(layer.weight, generator=rng)
        layer.u.copy_(functional.normalize(torch.randn(layer.u.shape, generator=rng), dim=0))


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Compute no gradients for the parameters of a network inside the block; afterwards for all of them again."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


@torch.no_grad()
def point_at_top_vectors(network: nn.Module) -> None:
    """Set every `u` to the top left singular vector of its weight, to which power iteration converges; in float64."""
    for layer in spectral_layers(network):
        matrix = layer.weight.detach().cpu().double().flatten(1)
        layer.u.copy_(torch.linalg.svd(matrix, full_matrices=False).U[:, 0])


def normalise_weights(network: nn.Module, dtype: torch.dtype, eps: float, world: World | None = None) -> None:
    """Do one power iteration for every weight, then set weight / sigma as the effective weight, differentiably.

    This runs once per update, not once per use: a ConvGRU uses its weights at every time step.

    Args:
        network: network with the layers.
        dtype: type of the convolutions.
        eps: floor of the norms.
        world: the processes that share a batch in training; None for this one alone.
    """
    layers = list(spectral_layers(network))
    weights = normalised([layer.weight for layer in layers], [layer.u for layer in layers], dtype, eps)
    for layer, weight in zip(layers, averaged_in_backward(weights, world), strict=True):
        layer.set_effective(weight, dtype)


@torch.no_grad()
def bake_weights(network: nn.Module) -> None:
    """Replace every weight by weight / sigma with the exact sigma (float64 eigenvalue), rounded to float16, in place.

    float16 halves the shipped file; the standing statistics are computed afterwards, with the rounded weights.
    """
    for layer in spectral_layers(network):
        matrix = layer.weight.detach().cpu().double().flatten(1)
        gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        sigma = torch.linalg.eigvalsh(gram)[-1].clamp_min(0).sqrt().clamp_min(1e-12)
        layer.weight.copy_((matrix / sigma).half().float().view(layer.weight.shape))


def use_plain_weights(network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
    """Use the weights as they are, without normalisation: for baked networks."""
    for layer in spectral_layers(network):
        layer.set_effective(layer.weight.detach(), dtype)


class ConditionalBatchNorm(nn.Module):
    """BatchNorm without affine, then scale 1 + Wg [z; e(y)] and shift Wb [z; e(y)], then ReLU.

    Statistics [T, C] are taken per time step over clips and space, never over time, so that BatchNorm cannot carry
    information from one frame to another (paper, v1 text).

    Attributes:
        mode: ``batch`` normalises by the batch; ``collect`` does too, and adds the batch's statistics to the standing
            ones; ``standing`` normalises by the standing statistics.
        world: the processes that share a batch in training; None for this one alone.
    """

    standing_mean: Tensor
    standing_var: Tensor

    def __init__(self, channels: int, code_dim: int, num_frames: int, eps: float) -> None:
        super().__init__()
        self.scale, self.shift = Linear(code_dim, channels), Linear(code_dim, channels)
        self.mode, self._eps = "batch", eps
        self.world: World | None = None
        self.register_buffer("standing_mean", torch.zeros(num_frames, channels))
        self.register_buffer("standing_var", torch.ones(num_frames, channels))

    def forward(self, x: Tensor, code_ND: Tensor, bias_C: Tensor | None = None) -> Tensor:
        """Normalise [N * T, C, H, W] with codes float32 [N, D]; all frames of a clip get that clip's code.

        The fused form accepts a bias float32 [C] of the maps that has not been added to them.
        """
        clips, (frames, channels) = code_ND.shape[0], self.standing_mean.shape
        scale_NC, shift_NC = 1 + self.scale(code_ND), self.shift(code_ND)
        if self.mode == "standing":
            scale_NTC = scale_NC.unsqueeze(1) * torch.rsqrt(self.standing_var + self._eps)
            shift_NTC = shift_NC.unsqueeze(1) - self.standing_mean * scale_NTC
            scale, shift = (p.reshape(clips * frames, channels, 1, 1).to(x.dtype) for p in (scale_NTC, shift_NTC))
            return torch.addcmul(shift, x, scale).relu_()
        by_clip = x.unflatten(0, (clips, frames))
        out, mean_TC, var_TC = norm_relu(by_clip, scale_NC, shift_NC, self._eps, self.world, bias_C)
        if self.mode == "collect":
            self.standing_mean += mean_TC
            self.standing_var += var_TC
        return out.flatten(0, 1)


def batch_norms(network: nn.Module) -> Iterator[ConditionalBatchNorm]:
    """Iterate over the conditional BatchNorms of a network."""
    return (module for module in network.modules() if isinstance(module, ConditionalBatchNorm))
