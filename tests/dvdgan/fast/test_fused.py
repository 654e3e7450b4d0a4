"""Fused kernels, as plain functions on a CPU, against the definitions in float64; fused layers against the plain ones."""

import threading

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.blocks import DiscriminatorBlock, GeneratorBlock
from dvdgan.conv_gru import ConvGRU
from dvdgan.fast import fused
from dvdgan.fast.batch_norm import norm_relu
from dvdgan.fast.fused import Kernel, fusing
from dvdgan.fast.fused_maps import biased, biased_relu, doubled, gru_gates, gru_next_state, residual_sum
from dvdgan.fast.modes import choose_mode
from dvdgan.layers import initialise, normalise_weights, spectral_layers
from dvdgan.settings_text import settings_from_text
from dvdgan.training.inputs import refill_inputs
from dvdgan.training.update import Networks
from dvdgan.transform_gru import TransformGRU
from vidbench.models import InputError, ModelTask

STEP = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Largest relative error: some roundings of values near 1."""

SMALL_STEPS = {"g_lr": "1e-5", "d_lr": "1e-5"}
"""At larger ones Adam, whose beta 1 is 0, magnifies the order of sums."""


def channels_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def clear_of_zero(x: Tensor) -> Tensor:
    """Keep away from the kink of the ReLU, where a rounding would switch the whole gradient."""
    return x + x.sign() * 0.1


def assert_same(mine, exact, inputs: list[Tensor], dtype: torch.dtype) -> None:
    """Compare both functions and their gradients in all inputs; maps, with more than two axes, are in `dtype`."""
    given = [x.to(dtype if x.dim() > 2 else torch.float32).clone().requires_grad_() for x in inputs]
    wide = [x.detach().double().requires_grad_() for x in given]
    got, wanted = mine(*given), exact(*wide)
    got, wanted = ([x] if isinstance(x, Tensor) else list(x) for x in (got, wanted))
    towards = [torch.randn_like(x).to(dtype) for x in wanted]
    gradients = torch.autograd.grad(got, given, towards)
    exact_gradients = torch.autograd.grad(wanted, wide, [x.double() for x in towards])
    for a, b in zip([*got, *gradients], [*wanted, *exact_gradients], strict=True):
        assert a.shape == b.shape
        assert (a.double() - b).norm() < STEP[dtype] * b.norm()
        assert b.norm() > 0
    for x in (*got, *(gradient for gradient in gradients if gradient.dim() > 2)):
        assert x.dtype == dtype
        assert x.movedim(1, -1).is_contiguous()


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def dtype(request) -> torch.dtype:
    return request.param


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (2, 5, 3, 4, 2)])
def test_biases_and_their_gradients(shape, dtype):
    x, bias = channels_last(torch.randn(shape)), torch.randn(5)
    across = lambda b: b.view(-1, *(1,) * (len(shape) - 2))  # noqa: E731
    assert_same(biased, lambda x, b: x + across(b), [x, bias], dtype)
    x = channels_last(clear_of_zero(x + across(bias)) - across(bias))
    assert_same(biased_relu, lambda x, b: (x + across(b)).relu(), [x, bias], dtype)
    other = channels_last(torch.randn(shape))
    assert_same(residual_sum, lambda x, y, b: x + y + across(b), [x, other, bias], dtype)


@pytest.mark.parametrize("sides", [(4, 4), (2, 5), (1, 3)])
def test_upsampling_is_that_of_torch_and_so_is_its_gradient(sides, dtype):
    up = lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear")  # noqa: E731
    x, bias = channels_last(torch.randn(3, 5, *sides)), torch.randn(5)
    assert_same(doubled, up, [x], dtype)
    large = channels_last(torch.randn(3, 5, 2 * sides[0], 2 * sides[1]))
    summed = lambda a, b, c: residual_sum(a, b, c, doubles=True)  # noqa: E731
    assert_same(summed, lambda a, b, c: a + up(b) + c[:, None, None], [large, x, bias], dtype)


def test_a_constant_stays_constant_up_to_the_edges():
    assert torch.equal(doubled(torch.full((1, 2, 3, 3), 0.7)), torch.full((1, 2, 6, 6), 0.7))


def test_gates_and_next_state(dtype):
    x, from_h = (channels_last(torch.randn(3, 8, 4, 4)) for _ in range(2))
    h, u = channels_last(torch.randn(3, 4, 4, 4)), channels_last(torch.rand(3, 4, 4, 4))

    def gates(x, from_h, h):
        r, u = torch.sigmoid(x + from_h).chunk(2, dim=1)
        return r * h, u

    assert_same(gru_gates, gates, [x, from_h, h], dtype)
    candidate, from_rh = (channels_last(clear_of_zero(torch.randn(3, 4, 4, 4)) * weight) for weight in (1, 1e-2))
    exact = lambda x, y, u, h: u * h + (1 - u) * (x + y).relu()  # noqa: E731
    assert_same(gru_next_state, exact, [candidate, from_rh, u, h], dtype)


@pytest.mark.parametrize("mean", [0, 100])
def test_the_fused_norm_is_the_norm_that_float64_gives_and_the_plain_one(mean, dtype):
    scale, shift, bias = torch.rand(6, 5) * 2 - 0.5, torch.randn(6, 5), torch.randn(5)
    x = torch.randn(6, 4, 5, 8, 8) * (1 + torch.rand(4, 5, 1, 1)) + mean * (1 + torch.rand(4, 5, 1, 1))
    x = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3).to(dtype)
    given = [tensor.clone().requires_grad_() for tensor in (x, scale, shift, bias)]
    wide = [tensor.double().requires_grad_() for tensor in (x, scale, shift)]
    var, average = torch.var_mean(wide[0], dim=(0, 3, 4), keepdim=True, correction=0)
    before = (wide[0] - average) / (var + 1e-5).sqrt() * wide[1][:, None, :, None, None]
    before = before + wide[2][:, None, :, None, None]
    weight = (torch.randn(x.shape) * (before.abs() > 0.05)).to(dtype)
    before.relu().backward(weight.double())
    with fusing(True):
        got, means, variances = norm_relu(*given[:3], 1e-5, None, given[3])
    got.backward(weight)
    for mine, theirs in [(got, before.relu()), *((a.grad, b.grad) for a, b in zip(given[:3], wide, strict=True))]:
        assert (mine.double() - theirs).norm() < max(STEP[dtype], 1e-6 * (mean + 10)) * theirs.norm()
    plain, plain_means, plain_variances = norm_relu(x, scale, shift, 1e-5, None)
    torch.testing.assert_close(got, plain, rtol=5 * STEP[dtype], atol=5 * STEP[dtype])
    torch.testing.assert_close(means, plain_means + bias)
    torch.testing.assert_close(variances, plain_variances, rtol=max(1e-4, STEP[dtype]), atol=0)
    torch.testing.assert_close(variances.double(), var.view(4, 5), rtol=1e-4, atol=0)
    assert torch.equal(given[3].grad, torch.zeros(5))  # a bias before a norm moves nothing


def normalised(network: nn.Module) -> nn.Module:
    rng = torch.Generator().manual_seed(0)
    initialise(network, rng)
    with torch.no_grad():
        for layer in spectral_layers(network):
            if layer.bias is not None:
                layer.bias.copy_(torch.randn(layer.bias.shape, generator=rng))
    return network


NETWORKS = {
    "block": (lambda: GeneratorBlock(6, 8, 7, 5, 1e-5, None), (15, 6, 4, 4)),
    "block that is its own shortcut": (lambda: GeneratorBlock(6, 6, 7, 5, 1e-5, None), (15, 6, 4, 4)),
    "bilinear block": (lambda: GeneratorBlock(6, 8, 7, 5, 1e-5, "bilinear"), (15, 6, 4, 4)),
    "nearest block": (lambda: GeneratorBlock(6, 8, 7, 5, 1e-5, "nearest"), (15, 6, 4, 4)),
    "ConvGRU": (lambda: ConvGRU(6, 4), (3, 5, 6, 4, 4)),
    "ConvGRU of two steps": (lambda: ConvGRU(6, 4, steps=2), (3, 1, 6, 4, 4)),
    "ConvGRU that moves its state": (lambda: TransformGRU(6, 4, flows=2, ring=True), (3, 5, 6, 4, 4)),
    "ConvGRU that moves it within borders": (lambda: TransformGRU(6, 4), (3, 5, 6, 8, 8)),
    "images": (lambda: DiscriminatorBlock(3, 8, first=True), (4, 3, 8, 8)),
    "pooled": (lambda: DiscriminatorBlock(6, 8), (4, 6, 8, 8)),
    "last": (lambda: DiscriminatorBlock(6, 6, pool=False), (4, 6, 4, 4)),
    "clips": (lambda: DiscriminatorBlock(3, 8, axes=3, first=True), (2, 3, 5, 8, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fused_network_is_the_plain_one(name):
    make, shape = NETWORKS[name]
    given, code = torch.randn(shape), torch.randn(3, 7)
    more = next((what for word, what in {"block": (code,), "ConvGRU": (5,)}.items() if word in name), ())
    results = []
    for on in (False, True):
        network, x = normalised(make()), given.clone().requires_grad_()
        normalise_weights(network, torch.float32, 1e-4)
        with fusing(on):
            out = network(x, *more)
            (out * torch.arange(out.numel()).view(out.shape).cos()).sum().backward()
        assert all(p.grad is not None for p in network.parameters())
        results.append([out, x.grad, *(p.grad for p in network.parameters())])
    for plain, mine in zip(*results, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-3, atol=2e-4)


MOVING = {"recurrence": "tsru", "warp_flows": "2", "full_resolution": "true", "tower_frames": "stacked"}


@pytest.mark.parametrize(
    ("given", "more"), [(0, {}), (2, {"reconstruction": "20"}), (2, {"reconstruction": "20", **MOVING})]
)
def test_a_fused_update_is_the_plain_one(given, more):
    task = ModelTask("t", 6, given, 16, 16, ("a", "b", "c"))
    settings = settings_from_text(
        {"ch": "8", "d_ch": "8", "batch_size": "8", "spatial_frames": "3", **SMALL_STEPS, **more}
    )
    batch = torch.randint(0, 256, (8, 6, 16, 16, 3), dtype=torch.uint8), torch.randint(0, 3, (8,))
    results = []
    for mode in ("none", "fused"):
        networks = Networks(task, settings, 0, torch.device("cpu"))
        networks.launch.mode = mode
        inputs = networks._draws.inputs(0, lambda draw: batch)
        networks.launch._replayed = lambda tensors, made=networks.launch, inputs=inputs: made._run(
            refill_inputs(inputs, tensors)
        )
        losses = torch.stack([networks.update(step, lambda draw: batch) for step in range(3)])
        results.append((losses, {name: p.grad for name, p in networks.generator.named_parameters()}))
        assert fused.is_on() is False
    (plain, plain_gradients), (mine, gradients) = results
    torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-4)
    largest = max(gradient.norm() for gradient in plain_gradients.values())
    for name, gradient in gradients.items():
        assert (gradient - plain_gradients[name]).norm() < 1e-3 * (plain_gradients[name].norm() + 1e-3 * largest), name


class OnGPU:
    """Replaces a tensor on a GPU."""

    is_cuda = True


def test_a_kernel_that_cannot_be_compiled_computes_all_the_same_and_says_so_once(monkeypatch):
    compilations = []

    def broken(function, **how):
        compilations.append(how)
        raise RuntimeError("no compiler here\nand more lines")

    monkeypatch.setattr(torch, "compile", broken)
    kernel = Kernel(lambda x, y: y + 1)
    assert [kernel(OnGPU(), 1), kernel(OnGPU(), 2)] == [2, 3]
    assert compilations == [{"dynamic": False, "fullgraph": True}]
    assert fused.take_failure() == "RuntimeError: no compiler here"
    assert fused.take_failure() == ""


def test_memory_that_runs_out_is_no_failure_to_compile(monkeypatch):
    def full(function, **how):
        raise torch.cuda.OutOfMemoryError("full")

    monkeypatch.setattr(torch, "compile", full)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        Kernel(lambda x: x)(OnGPU())
    assert fused.take_failure() == ""


def test_a_kernel_of_rows_is_compiled_for_any_number_of_them_and_for_one_width(monkeypatch):
    shapes = []

    def compiling(function, **how):
        def backend(graph, inputs):
            shapes.append([tuple(x.shape) for x in inputs if isinstance(x, Tensor)])
            return graph

        return compile_(function, backend=backend, **how)

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", compiling)
    function = fused.compiled(lambda x_RC, bias_C: x_RC + bias_C, any_rows=True)
    for rows, width in ((8, 3), (5, 3), (8, 4), (70, 4)):
        inputs = torch.rand(rows, width), torch.rand(width)
        fused.mark_rows(inputs)
        assert torch.equal(function(*inputs), inputs[0] + inputs[1])
    assert len(shapes) == 2
    assert [[shape[-1] for shape in inputs] for inputs in shapes] == [[3, 3], [4, 4]]


def test_fusing_holds_within_its_block_and_its_thread():
    seen = []
    with fusing(True):
        thread = threading.Thread(target=lambda: seen.append(fused.is_on()))
        thread.start()
        thread.join()
        seen.append(fused.is_on())
        with fusing(False):
            seen.append(fused.is_on())
    assert [*seen, fused.is_on()] == [False, True, False, False]


def test_fused_must_be_set_and_is_recorded():
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert choose_mode("fused", gpu, 1) == "fused"
    for device, accumulate in ((cpu, 1), (gpu, 2)):
        with pytest.raises(InputError, match="compile=fused"):
            choose_mode("fused", device, accumulate)


def test_an_update_notes_that_a_kernel_was_not_compiled(task, tiny_settings, monkeypatch):
    networks = Networks(task, settings_from_text(tiny_settings), 0, torch.device("cpu"))
    networks.launch.mode = "fused"
    networks.launch._replayed = lambda tensors: torch.zeros(1)
    monkeypatch.setattr(fused, "_FAILURES", ["RuntimeError: no compiler here"])
    batch = torch.zeros(3, 5, 8, 8, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)
    notes = []
    for step in range(2):
        networks.update(step, lambda draw: batch)
        notes.append(networks.launch.take_note())
    assert notes == ["compile=fused failed in part (RuntimeError: no compiler here); that part runs uncompiled.", ""]
