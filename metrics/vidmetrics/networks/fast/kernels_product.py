"""Triton kernels for convolutions as matrix products: fp16 products, float32 sums, one order of summation for any batch.

A row of the product is an output pixel, a column an output channel, and the sum runs over taps and channels. Inputs are gathered
directly from the activations (an implicit product: no matrix of patches is stored). Activations are channels last,
``[planes, N, T, H, W, C]``; see `vidmetrics.networks.fast.packing` for planes and the order of rows of the weights.

In ``exact``, each step of the sum consists of three products of planes: (low, high), (high, low) and (high, high).

A result above the range of fp16 is stored as infinity and sets `overflow_ptr` to 1.
"""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _product(a, a_low, b, b_low):
    """Return the product of matrices of two planes for one step of the sum.

    Small products come first. The caller adds the steps with ordinary additions, which round to nearest; see
    `vidmetrics.networks.fast.accumulation`.
    """
    acc = tl.dot(a_low, b)
    acc = tl.dot(a, b_low, acc)
    return tl.dot(a, b, acc)


@triton.jit
def _store(acc, scale_ptr, bias_ptr, lowest_ptr, out_ptr, rest_ptr, overflow_ptr, rows, inside, n, columns, split, out_stride, out_plane, rest_stride, rest_plane, PLANES: tl.constexpr, REGAIN: tl.constexpr):  # fmt: skip
    """Scale, add the bias, apply ReLU, and store columns below `split` at `out_ptr` and the others at `rest_ptr`.

    ReLU is a maximum with `lowest_ptr`, which is 0, or minus infinity for columns without it.

    `REGAIN` is the mean fraction of the sum lost to truncation; see `vidmetrics.networks.fast.accumulation`.
    """
    scaled = acc * tl.load(scale_ptr + n)[None, :]
    lowest = tl.load(lowest_ptr + n)[None, :]
    values = tl.maximum(scaled + tl.load(bias_ptr + n)[None, :], lowest)
    tl.store(overflow_ptr + rows * 0, rows * 0 + 1, mask=(tl.max(tl.abs(values), axis=1) > 65504.0) & inside)
    high = values.to(tl.float16)
    to_out = inside[:, None] & (n < split)[None, :]
    to_rest = inside[:, None] & ((n >= split) & (n < columns))[None, :]
    out = out_ptr + rows[:, None] * out_stride + n[None, :]
    rest = rest_ptr + rows[:, None] * rest_stride + (n - split)[None, :]
    tl.store(out, high, mask=to_out)
    tl.store(rest, high, mask=to_rest)
    if PLANES == 2:
        low = (values - high.to(tl.float32) + tl.where(values > lowest, scaled * REGAIN, 0.0)).to(tl.float16)
        tl.store(out + out_plane, low, mask=to_out)
        tl.store(rest + rest_plane, low, mask=to_rest)


@triton.jit
def _inside(first, size, TAPS: tl.constexpr):
    """Return one bit per tap: whether it is inside an axis of `size`, if the first tap is at `first`."""
    bits = first * 0
    for tap in tl.static_range(TAPS):
        bits += tl.where((first + tap >= 0) & (first + tap < size), 1 << tap, 0)
    return bits


@triton.jit(do_not_specialize=["rows", "T", "H", "W", "OUT_H", "OUT_W", "x_vectors", "x_plane_vectors"])
def convolve(
    x_ptr, w_ptr, scale_ptr, bias_ptr, lowest_ptr, out_ptr, rest_ptr, overflow_ptr,
    rows, T, H, W, OUT_H, OUT_W, x_vectors, x_plane_vectors, channels, w_columns, w_plane, columns, split, out_stride, out_plane, rest_stride, rest_plane,
    KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, STRIDE: tl.constexpr, PADDED: tl.constexpr,
    BLOCK: tl.constexpr, BM: tl.constexpr, BN0: tl.constexpr, BN1: tl.constexpr, BK: tl.constexpr,
    VEC: tl.constexpr, PLANES: tl.constexpr, REGAIN: tl.constexpr,
):  # fmt: skip
    """Convolution of ``KT x KH x KW`` taps with bias and ReLU, of stride 1 in time.

    If `PADDED`, half a kernel of zeros surrounds the clip; otherwise frames have none, and KT is 1.

    A program computes `BM` rows by `BN0 + BN1` columns in steps of `BK` products; `BK` divides `BLOCK`, the channels per block in
    the order of the weights' rows. Strides of the input are given in units of `VEC` values, the size of a copy, so that
    the compiler can prove its alignment; the other strides are multiples of 16, which Triton detects at launch.
    """
    x_stride, x_plane = x_vectors * VEC, x_plane_vectors * VEC
    tiles_n = tl.cdiv(columns, BN0 + BN1)
    tile_m, tile_n = tl.program_id(0) // tiles_n, tl.program_id(0) % tiles_n
    r = tile_m * BM + tl.arange(0, BM)
    inside = r < rows
    ks = tl.arange(0, BK)
    TAPS: tl.constexpr = KT * KH * KW
    at_x, at_y, frame = r % OUT_W, (r // OUT_W) % OUT_H, r // (OUT_W * OUT_H)
    pixel = r
    if STRIDE > 1 or not PADDED:
        pixel = (frame * H + at_y * STRIDE) * W + at_x * STRIDE
    x = x_ptr + pixel[:, None] * x_stride + ks[None, :]
    n0 = tile_n * (BN0 + BN1) + tl.arange(0, BN0)
    w0 = w_ptr + ks[:, None] * w_columns + n0[None, :]
    acc0 = tl.zeros((BM, BN0), tl.float32)
    if BN1 > 0:
        n1 = tile_n * (BN0 + BN1) + BN0 + tl.arange(0, BN1)
        w1 = w_ptr + ks[:, None] * w_columns + n1[None, :]
        acc1 = tl.zeros((BM, BN1), tl.float32)
    blocks = tl.cdiv(channels, BLOCK)
    PT: tl.constexpr = KT // 2 if PADDED else 0
    PH: tl.constexpr = KH // 2 if PADDED else 0
    PW: tl.constexpr = KW // 2 if PADDED else 0
    if TAPS > 1:
        bits_w = _inside(at_x * STRIDE - PW, W, KW)
        bits_h = _inside(at_y * STRIDE - PH, H, KH)
        bits_t = tl.where(inside, _inside(frame % T - PT, T, KT), 0)
    PARTS: tl.constexpr = BLOCK // BK
    for step in range(TAPS * blocks * PARTS):
        w_offset = step * BK * w_columns
        if TAPS > 1:
            whole, part = step // PARTS, step % PARTS
            tap_t, in_frame = whole // (KH * KW * blocks), whole % (KH * KW * blocks)
            block, tap = in_frame // (KH * KW), in_frame % (KH * KW)
            tap_h, tap_w = tap // KW, tap % KW
            x_offset = (((tap_t - PT) * H + tap_h - PH) * W + tap_w - PW) * x_stride + block * BLOCK + part * BK
            ok = ((((bits_t >> tap_t) & (bits_h >> tap_h) & (bits_w >> tap_w)) & 1) != 0)[:, None]
        else:
            x_offset = step * BK
            ok = inside[:, None] & (ks < channels - step * BK)[None, :]
        a = tl.load(x + x_offset, mask=ok, other=0.0)
        b0 = tl.load(w0 + w_offset)
        if PLANES == 2:
            a_low = tl.load(x + x_offset + x_plane, mask=ok, other=0.0)
            acc0 += _product(a, a_low, b0, tl.load(w0 + w_offset + w_plane))
        else:
            acc0 = tl.dot(a, b0, acc0)
        if BN1 > 0:
            b1 = tl.load(w1 + w_offset)
            if PLANES == 2:
                acc1 += _product(a, a_low, b1, tl.load(w1 + w_offset + w_plane))
            else:
                acc1 = tl.dot(a, b1, acc1)
    _store(acc0, scale_ptr, bias_ptr, lowest_ptr, out_ptr, rest_ptr, overflow_ptr, r, inside, n0, columns, split, out_stride, out_plane, rest_stride, rest_plane, PLANES, REGAIN)  # fmt: skip
    if BN1 > 0:
        _store(acc1, scale_ptr, bias_ptr, lowest_ptr, out_ptr, rest_ptr, overflow_ptr, r, inside, n1, columns, split, out_stride, out_plane, rest_stride, rest_plane, PLANES, REGAIN)  # fmt: skip


@triton.jit(do_not_specialize=["frame_vectors", "row_vectors", "plane_vectors", "frames", "OUT"])
def first_layer(
    p_ptr, w_ptr, scale_ptr, bias_ptr, lowest_ptr, runs_ptr, tiles_ptr, starts_ptr, out_ptr, overflow_ptr,
    frame_vectors, row_vectors, plane_vectors, frames, OUT, w_columns, w_class, w_plane, out_plane,
    STEPS: tl.constexpr, SPAN_Y: tl.constexpr, KX: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, VEC: tl.constexpr,
    P_PLANES: tl.constexpr, W_PLANES: tl.constexpr, REGAIN: tl.constexpr,
):  # fmt: skip
    """The first convolution, on stored pixels, with bias and ReLU.

    `runs_ptr` has 13 numbers per pair of `vidmetrics.networks.fast.first_layer.OutputRun`: first, step, count, start, start_step
    and number of bits of the count for rows and for columns, then the class of the weights. Rows of the product are numbered
    by these bits, which avoids divisions. `tiles_ptr` has the pair and the tile within it for each program, and `starts_ptr`
    the first stored frame of each output frame. Pixels are ``[planes, N * clip_frames + 1, rows, columns, 4]``. With `VEC` 8
    a copy covers two pixels and starts at an even one; windows that start at odd pixels are read from the shifted plane.
    """
    frame_stride, row_stride, p_plane = frame_vectors * VEC, row_vectors * VEC, plane_vectors * VEC
    pair = tl.load(tiles_ptr + tl.program_id(0) * 2)
    tile = tl.load(tiles_ptr + tl.program_id(0) * 2 + 1)
    run = runs_ptr + pair * 13
    first_y, step_y, count_y = tl.load(run), tl.load(run + 1), tl.load(run + 2)
    start_y, move_y, bits_y = tl.load(run + 3), tl.load(run + 4), tl.load(run + 5)
    first_x, step_x, count_x = tl.load(run + 6), tl.load(run + 7), tl.load(run + 8)
    start_x, move_x, bits_x = tl.load(run + 9), tl.load(run + 10), tl.load(run + 11)
    weights = tl.load(run + 12)
    r = tile * BM + tl.arange(0, BM)
    ix, iy, frame = r & ((1 << bits_x) - 1), (r >> bits_x) & ((1 << bits_y) - 1), r >> (bits_x + bits_y)
    inside = (ix < count_x) & (iy < count_y) & (frame < frames)
    out_rows = (frame * OUT + first_y + iy * step_y) * OUT + first_x + ix * step_x
    start = tl.load(starts_ptr + frame, mask=frame < frames, other=0)
    if VEC == 8:
        across = (start_x // 2 + ix * (move_x // 2)) * 8 + (start_x % 2) * p_plane
    else:
        across = (start_x + ix * move_x) * 4
    base = start * frame_stride + (start_y + iy * move_y) * row_stride + across
    ks = tl.arange(0, BK)
    x = p_ptr + base[:, None] + (ks % KX)[None, :]
    n = tl.arange(0, BN)
    w = w_ptr + weights * w_class + ks[:, None] * w_columns + n[None, :]
    acc = tl.zeros((BM, BN), tl.float32)
    for step in range(STEPS):
        w_offset = step * (BK * w_columns)
        tap = step * (BK // KX) + ks // KX
        x_offset = ((tap // SPAN_Y) * frame_stride + (tap % SPAN_Y) * row_stride)[None, :]
        a = tl.load(x + x_offset, mask=inside[:, None], other=0.0)
        b = tl.load(w + w_offset)
        if P_PLANES == 2:
            a_low = tl.load(x + x_offset + p_plane, mask=inside[:, None], other=0.0)
            acc += _product(a, a_low, b, tl.load(w + w_offset + w_plane))
        elif W_PLANES == 2:
            part = tl.dot(a, tl.load(w + w_offset + w_plane))
            acc += tl.dot(a, b, part)
        else:
            acc = tl.dot(a, b, acc)
    _store(acc, scale_ptr, bias_ptr, lowest_ptr, out_ptr, out_ptr, overflow_ptr, out_rows, inside, n, BN, BN, BN, out_plane, BN, 0, W_PLANES, REGAIN)  # fmt: skip


@triton.jit(do_not_specialize=["rows", "H", "W", "OUT_H", "OUT_W"])
def pooled_product(
    x_ptr, w_ptr, scale_ptr, bias_ptr, lowest_ptr, out_ptr, overflow_ptr,
    rows, H, W, OUT_H, OUT_W, x_plane, w_columns, w_plane, out_plane,
    BM: tl.constexpr, PLANES: tl.constexpr, REGAIN: tl.constexpr,
):  # fmt: skip
    """1x3x3 max-pool of stride 2 followed by the 1x1x1 convolution from 64 to 64 channels.

    Sizes are even, so that with "SAME" padding only the last window crosses the edge.
    """
    r = tl.program_id(0) * BM + tl.arange(0, BM)
    inside = r < rows
    x_out, y_out, frame = r % OUT_W, (r // OUT_W) % OUT_H, r // (OUT_W * OUT_H)
    c = tl.arange(0, 64)
    base = x_ptr + (((frame * H + 2 * y_out) * W + 2 * x_out) * 64)[:, None] + c[None, :]
    best = tl.zeros((BM, 64), tl.float32 if PLANES == 2 else tl.float16)  # inputs are never negative
    for tap in tl.static_range(9):
        dy, dx = tap // 3, tap % 3
        ok = (inside & (2 * y_out + dy < H) & (2 * x_out + dx < W))[:, None]
        values = tl.load(base + (dy * W + dx) * 64, mask=ok, other=0.0)
        if PLANES == 2:
            low = tl.load(base + (dy * W + dx) * 64 + x_plane, mask=ok, other=0.0)
            values = values.to(tl.float32) + low.to(tl.float32)
        best = tl.maximum(best, values)
    w = w_ptr + c[:, None] * w_columns + c[None, :]
    high = best.to(tl.float16)
    w_high = tl.load(w)
    if PLANES == 2:
        acc = _product(high, (best - high.to(tl.float32)).to(tl.float16), w_high, tl.load(w + w_plane))
    else:
        acc = tl.dot(high, w_high)
    _store(acc, scale_ptr, bias_ptr, lowest_ptr, out_ptr, out_ptr, overflow_ptr, r, inside, c, 64, 64, 64, out_plane, 64, 0, PLANES, REGAIN)  # fmt: skip
