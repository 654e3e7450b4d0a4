"""Spectral normalisation of all weights at once against a layer-by-layer version."""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from dvdgan.config import MODELS
from dvdgan.discriminators import SpatialDiscriminator, TemporalDiscriminator
from dvdgan.generator import Generator
from dvdgan.layers import Conv, Embedding, Linear, SpectralLayer, initialise, normalise_weights, spectral_layers
from dvdgan.presets import PRESETS
from dvdgan.settings_text import settings_from_text
from dvdgan.spectral_norm import _groups
from dvdgan.studies.cost import preset_task

EPS = 1e-4
FORMATS = {2: torch.contiguous_format, 4: torch.channels_last, 5: torch.channels_last_3d}


def network(dtype: torch.dtype) -> nn.ModuleList:
    """Layers whose batches are padded, too different in height to share, of a single matrix, and of one shape from several kinds."""
    layers = nn.ModuleList([
        Conv(3, 8, 3), Linear(6, 40), Conv(3, 5, 3), Linear(6, 2), Conv(6, 4, 1), Conv(2, 4, 3, axes=3), Linear(6, 1),
        Conv(6, 9, 1, axes=3), Embedding(7, 6), Conv(3, 8, 3), Linear(4, 3), Conv(54, 5, 1), Conv(6, 3, 3), Conv(3, 2, 3),
    ])  # fmt: skip
    initialise(layers, torch.Generator().manual_seed(0))
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in spectral_layers(layers):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=rng) * (0.5 + torch.rand(1, generator=rng)))
        layers[2].weight.mul_(1e-6)  # sigma is at its floor here, and not in the other layers
        layers[8].weight.mul_(1e-6)
        layers[9].weight.zero_()
    return layers.to(dtype)


@pytest.fixture
def nans_in_fresh_memory():
    """Fill allocations with NaN, so that memory never written shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def slow_normalised(layer: SpectralLayer, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised weight and next vector of one layer; its gradient is autograd's."""
    matrix = weight.reshape(weight.shape[0], -1)
    with torch.no_grad():
        v = matrix.T @ layer.u
        v = v / max(v.norm(), EPS)
        u = matrix @ v
        u = u / max(u.norm(), EPS)
    return weight / torch.clamp_min(u @ matrix @ v, EPS), u


def gradients_like(layers: nn.Module) -> list[Tensor]:
    rng = torch.Generator().manual_seed(2)
    effective = [layer.effective for layer in spectral_layers(layers)]
    return [torch.randn(tensor.shape, generator=rng).to(tensor.dtype) for tensor in effective]


def go_back(layers: nn.Module, grads: list[Tensor], keep: bool = False) -> list[Tensor]:
    """Take the gradients of the weights, and clear them."""
    torch.autograd.backward([layer.effective for layer in spectral_layers(layers)], grads, retain_graph=keep)
    found = [layer.weight.grad for layer in spectral_layers(layers)]
    layers.zero_grad()
    return found


@pytest.mark.usefixtures("nans_in_fresh_memory")
@pytest.mark.parametrize("layout", ["as convolutions give them", "as the weights lie"])
def test_values_vectors_and_gradients_are_those_of_one_layer_after_the_other(layout):
    layers = network(torch.float64)
    before = [layer.u.clone() for layer in spectral_layers(layers)]
    for _ in range(3):  # each from the vectors of the one before
        wanted = [slow_normalised(layer, layer.weight) for layer in spectral_layers(layers)]
        normalise_weights(layers, torch.float64, EPS)
        grads = gradients_like(layers)
        expected = torch.autograd.grad(
            [w for w, _ in wanted], [layer.weight for layer in spectral_layers(layers)], grads
        )
        if layout == "as convolutions give them":
            grads = [grad.contiguous(memory_format=FORMATS[grad.dim()]) for grad in grads]
        got = go_back(layers, grads)
        for layer, (weight, u), mine, theirs in zip(spectral_layers(layers), wanted, got, expected, strict=True):
            torch.testing.assert_close(layer.effective, weight, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(layer.u, u, rtol=1e-11, atol=1e-12)
            torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11 * float(theirs.abs().max()))
            assert mine.is_contiguous()
            assert mine.abs().min() > 0
    moved = [not torch.allclose(layer.u, u) for layer, u in zip(spectral_layers(layers), before, strict=True)]
    assert sum(moved) >= len(moved) - 1  # all but the matrix of one row, perhaps


def test_vectors_are_renewed_where_they_lie():
    layers = network(torch.float32)
    places = [layer.u.data_ptr() for layer in spectral_layers(layers)]
    with torch.no_grad():
        normalise_weights(layers, torch.float32, EPS)
    assert places == [layer.u.data_ptr() for layer in spectral_layers(layers)]
    assert not any(layer.effective.requires_grad for layer in spectral_layers(layers))
    assert layers[0].u.norm() == pytest.approx(1)
    assert dict(layers.named_buffers()).keys() == {f"{index}.u" for index in range(len(layers))}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_convolutions_get_their_type_and_channels_last_and_all_else_stays_float32(dtype):
    layers, exact = network(torch.float32), network(torch.float32)
    normalise_weights(layers, dtype, EPS)
    normalise_weights(exact, torch.float32, EPS)
    for layer, other in zip(spectral_layers(layers), spectral_layers(exact), strict=True):
        assert layer.effective.dtype == (dtype if isinstance(layer, Conv) else torch.float32)
        assert layer.effective.is_contiguous(memory_format=FORMATS[layer.weight.dim()])
        # Rounded once, after all arithmetic.
        torch.testing.assert_close(layer.effective, other.effective.to(layer.effective.dtype), rtol=0, atol=0)
    grads = gradients_like(layers)
    pairs = zip(go_back(layers, grads), go_back(exact, [grad.float() for grad in grads]), strict=True)
    for mine, theirs in pairs:
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6 * float(theirs.abs().max()))


def test_parts_of_a_batch_go_back_through_one_normalisation():
    layers = network(torch.float32)
    normalise_weights(layers, torch.float32, EPS)
    grads = gradients_like(layers)
    first = go_back(layers, grads, keep=True)
    kept = [grad.clone() for grad in first]
    go_back(layers, [-3 * grad for grad in grads], keep=True)
    again = go_back(layers, grads)
    for one, copy, other in zip(first, kept, again, strict=True):
        assert torch.equal(copy, other)
        assert torch.equal(copy, one)  # nor does a later part write into earlier gradients


@pytest.mark.usefixtures("nans_in_fresh_memory")
def test_a_layer_that_was_not_used_has_no_gradient_and_changes_no_other():
    layers = network(torch.float32)
    normalise_weights(layers, torch.float32, EPS)
    grads = gradients_like(layers)
    wanted = go_back(layers, grads, keep=True)
    used = [index for index in range(len(layers)) if index not in (0, 7)]
    torch.autograd.backward([layers[index].effective for index in used], [grads[index] for index in used])
    for index, layer in enumerate(layers):
        if index in used:
            assert torch.equal(layer.weight.grad, wanted[index])
        else:
            assert layer.weight.grad is None


class Kernels(TorchDispatchMode):
    """Counts operations other than views and allocations."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if not function.is_view and "empty" not in function.name():
            self.counts[function.name()] += 1
        return function(*args, **(kwargs or {}))


def kernels(layers: nn.Module) -> tuple[int, int]:
    """Count the operations of one normalisation in bfloat16, and of its gradient."""
    with Kernels() as forward:
        normalise_weights(layers, torch.bfloat16, EPS)
    effective = [layer.effective for layer in spectral_layers(layers)]
    grads = [torch.ones_like(tensor) for tensor in effective]
    with Kernels() as backward:
        torch.autograd.backward(effective, grads)
    # No tensor of one layer is copied, neither on its way in nor as the gradient of a parameter.
    assert not {"aten::clone", "aten::copy_", "aten::_to_copy", "aten::add_"} & {*forward.counts, *backward.counts}
    return sum(forward.counts.values()), sum(backward.counts.values())


def networks(preset: str | None, model: str = "dvdgan") -> tuple[nn.Module, nn.Module]:
    """Generator and discriminators of a preset or, small, with the widths of the defaults."""
    with torch.device("cpu" if preset is None else "meta"):
        task = preset_task(preset or "k600-12x64")
        settings = settings_from_text({"preset": preset} if preset else {}, MODELS[model])
        pair = nn.ModuleList([SpatialDiscriminator(task, settings), TemporalDiscriminator(task, settings)])
        return Generator(task, settings), pair


def test_the_number_of_kernels_is_small_and_does_not_grow_with_layers():
    for side in networks(None):
        initialise(side, torch.Generator().manual_seed(0))
        forward, backward = kernels(side)
        assert forward < 60
        assert backward < 60
    one, two = (nn.ModuleList([network(torch.float32) for _ in range(count)]) for count in (1, 2))
    assert kernels(one) == kernels(two)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name.startswith(("k600-12", "k600-pred"))])
def test_batches_are_hardly_larger_than_the_weights(preset):
    for model in ("dvdgan-fp",) if PRESETS[preset].context_frames else ("dvdgan", "dvdgan-v1"):
        for side in networks(preset, model):
            weights = [layer.weight for layer in spectral_layers(side)]
            groups = _groups(weights, torch.bfloat16)
            assert sorted(position for group in groups for position in group.members) == list(range(len(weights)))
            padded = [torch.Size(group.shape).numel() for group in groups]
            own = [sum(weights[position].numel() for position in group.members) for group in groups]
            assert all(size <= 3 * needed for size, needed in zip(padded, own, strict=True))
            assert sum(padded) <= 1.31 * sum(own)


def test_the_gradient_is_that_of_finite_differences():
    layer = Conv(2, 3, 3).double()
    rng = torch.Generator().manual_seed(1)
    initialise(layer, rng)
    weight, towards, direction = (torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=rng) for _ in range(3))
    with torch.no_grad():
        layer.weight.copy_(weight)
    # At the fixed point of the iteration sigma is stationary in the vectors, so their change does not matter.
    for _ in range(300):
        normalise_weights(layer, torch.float64, EPS)
    (layer.effective * towards).sum().backward()

    def value(moved: Tensor) -> Tensor:
        return (moved / torch.linalg.matrix_norm(moved.flatten(1), 2) * towards).sum()

    slope = (value(weight + 1e-6 * direction) - value(weight - 1e-6 * direction)) / 2e-6
    torch.testing.assert_close((layer.weight.grad * direction).sum(), slope, rtol=1e-6, atol=1e-7)
