"""Every Triton kernel against the same operator in plain torch; on a GPU, or on a CPU by Triton's interpreter."""

from __future__ import annotations

import os

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.networks.fast import first_layer
from vidmetrics.networks.fast.bilinear_tables import bilinear_tables
from vidmetrics.networks.fast.first_layer import FirstKernel
from vidmetrics.networks.fast.operators import Pixels, Window
from vidmetrics.networks.fast.packing import pack_pointwise, pack_taps, split
from vidmetrics.networks.fast.tiles import Tile
from vidmetrics.networks.fast.torch_operators import TorchOperators
from vidmetrics.networks.resize import resize_tf1_bilinear

GPU = torch.cuda.is_available()
if not GPU:
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when Triton is imported
pytest.importorskip("triton", reason="Triton comes with torch's CUDA builds")
DEVICE = torch.device("cuda" if GPU else "cpu")
CPU = torch.device("cpu")
BOUND = {1: 1e-4, 2: 1e-6}
"""One plane: a sum in another order may round to the neighbouring fp16 number here and there."""


@pytest.fixture(scope="module")
def kernels():
    from vidmetrics.networks.fast.triton_operators import TritonOperators

    try:
        TritonOperators().classify(torch.ones(1, 16), torch.ones(16, 1), torch.ones(1)) if not GPU else None
    except Exception as error:  # Triton 3.6's interpreter fails with numpy 2.4
        pytest.skip(f"Triton's interpreter does not run here: {error}")
    return TritonOperators()


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def activations(random, planes, *shape):
    """Half of them zero, as after ReLU."""
    return split(torch.rand(*shape, generator=random) * torch.randint(0, 2, shape, generator=random), planes)


def unit(random, channels_out, channels_in, *kernel):
    kernel = kernel if len(kernel) == 3 else kernel * 3
    weight = torch.randn(channels_out, channels_in, *kernel, generator=random).double()
    return weight * (2 / weight[0].numel()) ** 0.5, torch.randn(channels_out, generator=random).double() * 0.1


def distance(ours, theirs):
    ours, theirs = (t.cpu().double().sum(0) if t.dtype == torch.float16 else t.cpu().double() for t in (ours, theirs))
    return float((ours - theirs).norm() / theirs.norm())


def flag(device=DEVICE):
    return torch.zeros(1, dtype=torch.int32, device=device)


CUBES = [
    (32, 40, Tile(32, 32, warps=4)),
    (64, 208, Tile(32, 128, 32, depth=32, warps=4)),
    (96, 48, Tile(32, 32, 16, depth=32, warps=4, vector=4)),
] + [
    (64, 192, Tile(128, 64, warps=4, stages=2)),
    (96, 192, Tile(128, 64, 32, depth=32, warps=4)),
    (128, 256, Tile(128, 128, warps=8, stages=2)),
] * GPU


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize(("channels", "columns", "tile"), CUBES, ids=str)
def test_cubes_of_a_slice_into_a_slice(kernels, random, planes, channels, columns, tile):
    x = activations(random, planes, 2, 3, 5, 6, channels + 32)
    packed = pack_taps(unit(random, columns, channels - 8, 3), channels, planes)
    results = []
    for operators, device in ((TorchOperators(), CPU), (kernels, DEVICE)):
        kernels.tiles[27, columns, channels, planes] = tile
        out = torch.full((planes, 2, 3, 5, 6, columns + 32), 7.0, dtype=torch.float16, device=device)
        part = x.to(device)[..., 16 : 16 + channels]
        operators.convolve(part, packed.to(device), out[..., 16:-16], None, flag(device))
        results.append(out.cpu())
    assert (results[1][..., :16] == 7).all()
    assert (results[1][..., -16:] == 7).all()
    assert distance(*(out[..., 16:-16] for out in results[::-1])) < BOUND[planes]


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "stride", "padded"),
    [((1, 3, 3), 1, False), ((1, 3, 3), 2, False), ((1, 1, 7), 1, True), ((1, 7, 1), 1, True), ((1, 5, 5), 1, True)],
    ids=str,
)
def test_convolutions_of_frames(kernels, random, planes, kernel, stride, padded):
    x = activations(random, planes, 3, 1, 9, 7, 32)
    packed = pack_taps(unit(random, 32, 32, *kernel), 32, planes, stride, padded)
    rows, columns = packed.sizes(9, 7)
    assert (rows, columns) == ((9, 7) if padded else (7, 5) if stride == 1 else (4, 3))
    kernels.tiles[packed.taps, 32, 32, planes] = Tile(32, 32, depth=32, warps=4)
    results = []
    for operators, device in ((TorchOperators(), CPU), (kernels, DEVICE)):
        out = torch.full((planes, 3, 1, rows, columns, 48), 7.0, dtype=torch.float16, device=device)
        operators.convolve(x.to(device), packed.to(device), out[..., :32], None, flag(device))
        results.append(out.cpu())
    assert (results[1][..., 32:] == 7).all()
    assert distance(results[1][..., :32], results[0][..., :32]) < BOUND[planes]


@pytest.mark.parametrize("planes", [1, 2])
def test_sums_without_relu_are_averaged_over_the_frame(kernels, random, planes):
    """A convolution before its average pool is the one after it."""
    x, (weight, bias) = activations(random, planes, 2, 2, 6, 5, 64), unit(random, 32, 64, 1)
    packed = pack_pointwise([unit(random, 16, 64, 1), (weight, bias)], [16, 32], planes, raw=1)
    kernels.tiles[1, 48, 64, planes] = Tile(32, 32, 16, depth=32, warps=4)
    frames = x.double().sum(0).flatten(0, 1).permute(0, 3, 1, 2)
    means = F.avg_pool2d(frames, 3, stride=1, padding=1, count_include_pad=False)
    expected = F.conv2d(means, weight[:, :, 0], bias).relu().permute(0, 2, 3, 1).reshape(2, 2, 6, 5, 32)
    for operators, device in ((TorchOperators(), CPU), (kernels, DEVICE)):
        out, rest = (torch.full((planes, 2, 2, 6, 5, 48), 7.0, dtype=torch.float16, device=device) for _ in range(2))
        operators.convolve(x.to(device), packed.to(device), out[..., :16], rest[..., :32], flag(device))
        assert float(rest.float().sum(0).min()) < -0.1
        operators.average_pool(rest[..., :32], bias.float().to(device), out[..., 16:], flag(device))
        assert distance(out[..., 16:], expected) < {1: 1e-3, 2: 1e-6}[planes]
        assert (rest[..., 32:] == 7).all()


def test_an_average_beyond_fp16_is_told(kernels):
    x, told = torch.full((1, 1, 1, 2, 2, 16), 60000.0, dtype=torch.float16), [flag(), flag(CPU)]
    for bias in (5504.0, 5600.0):
        for operators, overflow in zip((kernels, TorchOperators()), told, strict=True):
            here = x.to(overflow.device)
            operators.average_pool(here, torch.full((16,), bias, device=here.device), torch.empty_like(here), overflow)
            assert int(overflow) == (bias > 5504)


@pytest.mark.parametrize("planes", [1, 2])
def test_a_negative_sum_beyond_fp16_is_told(kernels, planes):
    x = split(torch.full((1, 1, 4, 4, 64), 1030.0), planes)
    weight = -torch.ones(64, 64, 1, 1, 1).double()
    for raw in (None, 0):
        packed, told = pack_pointwise([(weight, torch.zeros(64).double())], [64], planes, raw), flag()
        out = torch.empty(planes, 1, 1, 4, 4, 64, dtype=torch.float16, device=DEVICE)
        kernels.tiles[1, 64, 64, planes] = Tile(32, 64, warps=4)
        kernels.convolve(x.to(DEVICE), packed.to(DEVICE), out, None, told)
        assert int(told) == (raw == 0)


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize(
    "tile", [Tile(32, 64, warps=4), Tile(32, 32, 16, depth=32, warps=4)] + [Tile(128, 128, warps=4)] * GPU, ids=str
)
def test_a_product_with_two_destinations(kernels, random, planes, tile):
    x = activations(random, planes, 2, 3, 5, 6, 80)
    packed = pack_pointwise([unit(random, n, 80, 1) for n in (48, 20, 16)], [48, 32, 32], planes)
    results = []
    for operators, device in ((TorchOperators(), CPU), (kernels, DEVICE)):
        kernels.tiles[1, 112, 80, planes] = tile
        out = torch.full((planes, 2, 3, 5, 6, 64), 7.0, dtype=torch.float16, device=device)
        rest = torch.full((planes, 2, 3, 5, 6, 64), 7.0, dtype=torch.float16, device=device)
        operators.convolve(x.to(device), packed.to(device), out[..., :48], rest, flag(device))
        results.append((out.cpu(), rest.cpu()))
    (out, rest), (our_out, our_rest) = results
    assert (our_out[..., 48:] == 7).all()
    assert (our_rest[..., 20:32] == 0).all()  # padding between branches
    assert distance(our_out[..., :48], out[..., :48]) < BOUND[planes]
    assert distance(our_rest, rest) < BOUND[planes]


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize(
    "window",
    [Window(1, 3, 1, 2), Window(3, 3, 1, 1), Window(3, 3, 2, 2), Window(2, 2, 2, 2), Window(1, 3, 1, 2, padded=False)],
    ids=str,
)
@pytest.mark.parametrize("size", [(4, 8, 6), (3, 7, 5), (5, 6, 9)], ids=str)
def test_max_pools_are_exact(kernels, random, planes, window, size):
    kernels.tiles["pool"] = Tile(16, 64, warps=4)
    x = activations(random, planes, 2, *size, 80)
    theirs, ours = TorchOperators().max_pool(x, window), kernels.max_pool(x.to(DEVICE), window)
    assert torch.equal(ours.cpu(), theirs)
    part = torch.zeros(planes, 4, *theirs.shape[2:], dtype=torch.float16, device=DEVICE)
    kernels.max_pool(x.to(DEVICE), window, part[:, 1:3])
    assert torch.equal(part[:, 1:3].cpu(), theirs)
    assert not part[:, ::3].any()
    wide = torch.zeros(*theirs.shape[:-1], 112, dtype=torch.float16, device=DEVICE)
    kernels.max_pool(x.to(DEVICE), window, wide[..., 16:96])
    assert torch.equal(wide[..., 16:96].cpu(), theirs)
    assert not wide[..., :16].any()


@pytest.mark.parametrize("planes", [1, 2])
def test_the_pool_inside_the_second_convolution(kernels, random, planes):
    x, packed = activations(random, planes, 2, 2, 8, 12, 64), pack_pointwise([unit(random, 64, 64, 1)], [64], planes)
    ours = kernels.pooled_product(x.to(DEVICE), packed.to(DEVICE), flag())
    assert distance(ours, TorchOperators().pooled_product(x, packed, flag(CPU))) < BOUND[planes]


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize(
    ("height", "width", "side", "how"), [(32, 32, 32, "as it is"), (8, 8, 28, "inside"), (9, 11, 32, "tables")]
)
def test_pixels_and_the_first_layer(kernels, random, planes, height, width, side, how):
    clips = torch.randint(0, 256, (2, 5, height, width, 3), dtype=torch.uint8, generator=random)
    tables = bilinear_tables(height, width, lambda frames: resize_tf1_bilinear(frames, side, side))
    resize = None
    if how == "inside":
        shape, pixel_planes = first_layer.geometry(tables, side), 1
        assert shape is not None
    else:
        shape, pixel_planes = first_layer.identity(side), planes if how == "tables" else 1
        resize = tables if how == "tables" else None
    pixels = Pixels(shape, 5, pixel_planes, resize)
    packed = first_layer.pack_first_layer(*unit(random, 64, 3, 7), shape, planes)
    theirs = pixels.zeros(2, CPU)
    TorchOperators().place(clips, pixels, theirs)
    on_device = Pixels(shape, 5, pixel_planes, resize and tuple(t.to(DEVICE) for t in resize))
    ours = on_device.zeros(2, DEVICE)
    kernels.place(clips.to(DEVICE), on_device, ours)
    assert distance(ours, theirs) < (1e-3 if resize and planes == 1 else 1e-7)
    kernels.tiles["first"] = Tile(64, 64, warps=4, stages=2)
    answer = TorchOperators().first_layer(theirs, pixels, 2, packed, flag(CPU))
    assert (
        distance(kernels.first_layer(theirs.to(DEVICE), pixels, 2, packed.to(DEVICE), flag()), answer) < BOUND[planes]
    )


FIRST_KERNELS = {"inception": (FirstKernel(1, 3, 1, 2, padded=False), 32), "c3d": (FirstKernel(3, 3, 1, 1), 64)}


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("which", FIRST_KERNELS)
def test_other_first_layers(kernels, random, planes, which):
    """Against torch's convolution of the resized frames less their mean."""
    kernel, width = FIRST_KERNELS[which]
    clips = torch.randint(0, 256, (2, 4, 8, 11, 3), dtype=torch.uint8, generator=random)
    tables = bilinear_tables(8, 11, lambda frames: resize_tf1_bilinear(frames, 19, 19))
    mean = torch.rand(4, 19, 19, 3, generator=random) * 100 if which == "c3d" else None
    weight, bias = unit(random, width, 3, kernel.time, 3, 3)
    shape = first_layer.identity(19, kernel)
    packed = first_layer.pack_first_layer(weight, bias, shape, planes, one=128.0)
    frames = resize_tf1_bilinear(clips.flatten(0, 1).float(), 19, 19).reshape(2, 4, 19, 19, 3)
    values = (frames * 2 - 255 if mean is None else frames - mean).double().permute(0, 4, 1, 2, 3) / 128
    padding = (1, 1, 1) if kernel.padded else 0
    expected = F.conv3d(values, weight, bias, stride=(1, kernel.stride, kernel.stride), padding=padding).relu()
    kernels.tiles["first"] = Tile(64, 64, warps=4, stages=2)
    for operators, device in ((TorchOperators(), CPU), (kernels, DEVICE)):
        there = tuple(table.to(device) for table in tables)
        pixels = Pixels(shape, 4, planes, there, None if mean is None else mean.to(device))
        memory = pixels.zeros(2, device)
        operators.place(clips.to(device), pixels, memory)
        ours = operators.first_layer(memory, pixels, 2, packed.to(device), flag(device))
        assert distance(ours, expected.permute(0, 2, 3, 4, 1)) < {1: 1e-3, 2: 1e-6}[planes]


@pytest.mark.parametrize("planes", [1, 2])
def test_the_mean_of_one_frame(kernels, random, planes):
    x = activations(random, planes, 3, 1, 8, 8, 96)
    expected = x.double().sum(0).mean((1, 2, 3))
    assert distance(kernels.average(x.to(DEVICE)), expected) < 1e-6
    assert distance(TorchOperators().average(x), expected) < 1e-6


@pytest.mark.parametrize("planes", [1, 2])
def test_the_end(kernels, random, planes):
    x = activations(random, planes, 3, 3, 7, 7, 96)
    pool = kernels.average(x.to(DEVICE))
    assert distance(pool, TorchOperators().average(x)) < 1e-6
    weight, bias = torch.randn(96, 50, generator=random), torch.randn(50, generator=random)
    ours = kernels.classify(pool, weight.to(DEVICE), bias.to(DEVICE))
    assert distance(ours, TorchOperators().classify(pool.cpu(), weight, bias)) < 1e-6


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize(("value", "overflows"), [(1000.0, 0), (1030.0, 1)])
def test_a_number_beyond_fp16_is_told(kernels, planes, value, overflows):
    x = split(torch.full((1, 1, 4, 4, 64), value), planes)
    packed = pack_pointwise([(torch.ones(64, 64, 1, 1, 1).double(), torch.zeros(64).double())], [64], planes)
    told = flag()
    out = torch.empty(planes, 1, 1, 4, 4, 64, dtype=torch.float16, device=DEVICE)
    kernels.tiles.clear()
    kernels.tiles[1, 64, 64, planes] = Tile(32, 64, warps=4)
    kernels.convolve(x.to(DEVICE), packed.to(DEVICE), out, None, told)
    assert int(told) == overflows
