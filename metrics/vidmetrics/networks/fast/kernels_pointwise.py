"""Triton kernels other than convolutions: storing pixels, max-pools, average pool and classifier."""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["count", "T", "H", "W", "clip_frames", "before_t", "rows", "columns", "before_y", "before_x", "plane_pixels"])  # fmt: skip
def place_pixels(
    clips_ptr, out_ptr, count, T, H, W, clip_frames, before_t, rows, columns, before_y, before_x, plane_pixels,
    SHIFTED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Store uint8 pixels as fp16 ``2p - 255``, four values per pixel, inside a buffer with zeros around them.

    If `SHIFTED`, store them again in the second plane, one pixel further left.
    """
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ok = i < count
    x, y, t, clip = i % W, (i // W) % H, (i // (W * H)) % T, i // (W * H * T)
    out = ((clip * clip_frames + t + before_t) * rows + y + before_y) * columns + x + before_x
    c = tl.arange(0, 4)
    mask = ok[:, None] & (c < 3)[None, :]
    values = tl.load(clips_ptr + i[:, None] * 3 + c[None, :], mask=mask, other=0)
    values = tl.where(mask, values.to(tl.float32) * 2.0 - 255.0, 0.0)
    tl.store(out_ptr + out[:, None] * 4 + c[None, :], values.to(tl.float16), mask=ok[:, None])
    if SHIFTED:
        left = out_ptr + (out + plane_pixels - 1)[:, None] * 4 + c[None, :]
        tl.store(left, values.to(tl.float16), mask=(ok & (x + before_x > 0))[:, None])


@triton.jit(do_not_specialize=["count", "T", "H", "W", "SIDE", "clip_frames", "before_t", "rows", "columns", "before_y", "before_x", "plane_pixels"])  # fmt: skip
def place_resized(
    clips_ptr, lower_y_ptr, weight_y_ptr, lower_x_ptr, weight_x_ptr, mean_ptr, out_ptr,
    count, T, H, W, SIDE, clip_frames, before_t, rows, columns, before_y, before_x, plane_pixels,
    MEAN: tl.constexpr, BLOCK: tl.constexpr, PLANES: tl.constexpr,
):  # fmt: skip
    """Like `place_pixels`, for frames that are resized bilinearly to ``SIDE`` in float32 and then split into planes.

    Each axis has a table of lower source indices and weights of the upper ones. With `MEAN`, a mean per frame, row, column and colour
    is subtracted, and the difference is stored as it is.
    """
    plane = plane_pixels * 4
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ok = i < count
    x, y, frame = i % SIDE, (i // SIDE) % SIDE, i // (SIDE * SIDE)
    t, clip = frame % T, frame // T
    x0, y0 = tl.load(lower_x_ptr + x), tl.load(lower_y_ptr + y)
    x1, y1 = tl.minimum(x0 + 1, W - 1), tl.minimum(y0 + 1, H - 1)
    weight_x, weight_y = tl.load(weight_x_ptr + x)[:, None], tl.load(weight_y_ptr + y)[:, None]
    c = tl.arange(0, 4)[None, :]
    mask = ok[:, None] & (c < 3)
    source = clips_ptr + (frame * H * W * 3)[:, None] + c
    a = tl.load(source + ((y0 * W + x0) * 3)[:, None], mask=mask, other=0).to(tl.float32)
    b = tl.load(source + ((y0 * W + x1) * 3)[:, None], mask=mask, other=0).to(tl.float32)
    top = a + (b - a) * weight_x
    a = tl.load(source + ((y1 * W + x0) * 3)[:, None], mask=mask, other=0).to(tl.float32)
    b = tl.load(source + ((y1 * W + x1) * 3)[:, None], mask=mask, other=0).to(tl.float32)
    bottom = a + (b - a) * weight_x
    values = top + (bottom - top) * weight_y
    if MEAN:
        values -= tl.load(mean_ptr + (((t * SIDE + y) * SIDE + x) * 3)[:, None] + c, mask=mask, other=0.0)
    else:
        values = values * 2.0 - 255.0
    values = tl.where(mask, values, 0.0)
    out = ((clip * clip_frames + t + before_t) * rows + y + before_y) * columns + x + before_x
    place = out_ptr + out[:, None] * 4 + c
    high = values.to(tl.float16)
    tl.store(place, high, mask=ok[:, None])
    if PLANES == 2:
        tl.store(place + plane, (values - high.to(tl.float32)).to(tl.float16), mask=ok[:, None])


@triton.jit
def _windows(x_ptr, frame, y0, x0, ok, H, W, C, c, x_plane, BP: tl.constexpr, BC: tl.constexpr, K: tl.constexpr, PLANES: tl.constexpr):  # fmt: skip
    """Return the maximum over K x K pixels of one frame; padding is 0, because inputs are never negative."""
    best = tl.zeros((BP, BC), tl.float32 if PLANES == 2 else tl.float16)
    for dy in tl.static_range(K):
        for dx in tl.static_range(K):
            y, x = y0 + dy, x0 + dx
            inside = (ok & (y >= 0) & (y < H) & (x >= 0) & (x < W))[:, None] & (c < C)[None, :]
            at = x_ptr + (((frame * H + y) * W + x) * C)[:, None] + c[None, :]
            values = tl.load(at, mask=inside, other=0.0)
            if PLANES == 2:
                values = values.to(tl.float32) + tl.load(at + x_plane, mask=inside, other=0.0).to(tl.float32)
            best = tl.maximum(best, values)
    return best


@triton.jit
def _put(out_ptr, values, rows, c, C, ok, out_stride, out_plane, PLANES: tl.constexpr):
    at = out_ptr + (rows * out_stride)[:, None] + c[None, :]
    mask = ok[:, None] & (c < C)[None, :]
    high = values.to(tl.float16)
    tl.store(at, high, mask=mask)
    if PLANES == 2:
        tl.store(at + out_plane, (values - high.to(tl.float32)).to(tl.float16), mask=mask)


@triton.jit(do_not_specialize=["T", "H", "W", "OUT_T", "OUT_H", "OUT_W", "before_t", "before_y", "before_x"])
def max_pool(
    x_ptr, out_ptr, T, H, W, C, OUT_T, OUT_H, OUT_W, before_t, before_y, before_x, x_plane, out_stride, out_plane,
    KT: tl.constexpr, K: tl.constexpr, ST: tl.constexpr, S: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr, PLANES: tl.constexpr,
):  # fmt: skip
    """Max-pool ``KT x K x K`` of stride ``ST x S x S``. Programs: clips, pixels, channels.

    If windows overlap by two frames in time, the maximum of a frame is reused for the next outputs.
    """
    clip = tl.program_id(0)
    p = tl.program_id(1) * BP + tl.arange(0, BP)
    c = tl.program_id(2) * BC + tl.arange(0, BC)
    ok = p < OUT_H * OUT_W
    y0, x0 = (p // OUT_W) * S - before_y, (p % OUT_W) * S - before_x
    if KT == 3 and ST == 1:
        before = tl.zeros((BP, BC), tl.float32 if PLANES == 2 else tl.float16)
        here = _windows(x_ptr, clip * T, y0, x0, ok, H, W, C, c, x_plane, BP, BC, K, PLANES)
        for t in range(T):
            after = tl.zeros((BP, BC), tl.float32 if PLANES == 2 else tl.float16)
            if t + 1 < T:
                after = _windows(x_ptr, clip * T + t + 1, y0, x0, ok, H, W, C, c, x_plane, BP, BC, K, PLANES)
            best = tl.maximum(tl.maximum(before, here), after)
            _put(out_ptr, best, (clip * OUT_T + t) * OUT_H * OUT_W + p, c, C, ok, out_stride, out_plane, PLANES)
            before = here
            here = after
    else:
        for t in range(OUT_T):
            best = tl.zeros((BP, BC), tl.float32 if PLANES == 2 else tl.float16)
            for dt in tl.static_range(KT):
                frame = t * ST - before_t + dt
                valid = ok & (frame >= 0) & (frame < T)
                one = _windows(x_ptr, clip * T + frame, y0, x0, valid, H, W, C, c, x_plane, BP, BC, K, PLANES)
                best = tl.maximum(best, one)
            _put(out_ptr, best, (clip * OUT_T + t) * OUT_H * OUT_W + p, c, C, ok, out_stride, out_plane, PLANES)


@triton.jit(do_not_specialize=["pixels", "H", "W"])
def average_pool(
    x_ptr, bias_ptr, out_ptr, overflow_ptr, pixels, H, W, C, x_stride, x_plane, out_stride, out_plane,
    BP: tl.constexpr, BC: tl.constexpr, PLANES: tl.constexpr,
):  # fmt: skip
    """Mean over 3x3 pixels, excluding those outside the frame, then bias and ReLU. Programs: pixels, channels."""
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    ok = p < pixels
    x, y = p % W, (p // W) % H
    total = tl.zeros((BP, BC), tl.float32)
    for dy in tl.static_range(3):
        for dx in tl.static_range(3):
            inside = ok & (y + dy > 0) & (y + dy <= H) & (x + dx > 0) & (x + dx <= W)
            mask = inside[:, None] & (c < C)[None, :]
            at = x_ptr + ((p + (dy - 1) * W + dx - 1) * x_stride)[:, None] + c[None, :]
            total += tl.load(at, mask=mask, other=0.0).to(tl.float32)
            if PLANES == 2:
                total += tl.load(at + x_plane, mask=mask, other=0.0).to(tl.float32)
    across = 3 - tl.where(x == 0, 1, 0) - tl.where(x == W - 1, 1, 0)
    down = 3 - tl.where(y == 0, 1, 0) - tl.where(y == H - 1, 1, 0)
    bias = tl.load(bias_ptr + c, mask=c < C, other=0.0)[None, :]
    values = tl.maximum(total / (across * down).to(tl.float32)[:, None] + bias, 0.0)
    tl.store(overflow_ptr + p * 0, p * 0 + 1, mask=ok & (tl.max(values, axis=1) > 65504.0))
    _put(out_ptr, values, p, c, C, ok, out_stride, out_plane, PLANES)


@triton.jit(do_not_specialize=["T", "P"])
def average(x_ptr, out_ptr, T, P, C, x_plane, BP: tl.constexpr, BC: tl.constexpr, PLANES: tl.constexpr):
    """Mean over windows of two frames of ``P`` pixels, then over windows: float32 ``[N, C]``. Programs: clips, channels.

    Of a clip of one frame, the mean of its pixels.
    """
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    total = tl.zeros((BC,), tl.float32)
    for t in range(T):
        part = tl.zeros((BP, BC), tl.float32)
        for first in range(0, P, BP):
            p = first + tl.arange(0, BP)
            mask = (p < P)[:, None] & (c < C)[None, :]
            at = x_ptr + (((tl.program_id(0) * T + t) * P + p) * C)[:, None] + c[None, :]
            part += tl.load(at, mask=mask, other=0.0).to(tl.float32)
            if PLANES == 2:
                part += tl.load(at + x_plane, mask=mask, other=0.0).to(tl.float32)
        windows = tl.where((t == 0) | (t == T - 1), 1.0, 2.0)
        total += tl.sum(part, axis=0) * windows
    count = tl.where(T == 1, P, 2 * (T - 1) * P).to(tl.float32)
    tl.store(out_ptr + tl.program_id(0) * C + c, total / count, mask=c < C)


@triton.jit(do_not_specialize=["N", "C", "classes"])
def classify(x_ptr, w_ptr, bias_ptr, out_ptr, N, C, classes, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Float32 ``x @ w + bias`` with ``w`` as ``[C, classes]``."""
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for first in range(0, C, BK):
        a = tl.load(x_ptr + m[:, None] * C + (first + k)[None, :], mask=(m < N)[:, None] & (first + k < C)[None, :], other=0.0)  # fmt: skip
        b = tl.load(w_ptr + (first + k)[:, None] * classes + n[None, :], mask=(first + k < C)[:, None] & (n < classes)[None, :], other=0.0)  # fmt: skip
        acc = tl.dot(a, b, acc, input_precision="ieee")
    acc += tl.load(bias_ptr + n, mask=n < classes, other=0.0)[None, :]
    tl.store(out_ptr + m[:, None] * classes + n[None, :], acc, mask=(m < N)[:, None] & (n < classes)[None, :])
