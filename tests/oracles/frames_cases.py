"""Pairs of clips on which PSNR and SSIM are compared with other implementations."""

from __future__ import annotations

import numpy as np

# Shape of a clip set and the amplitude of what is added to it; the frames are not square on purpose.
CASES = {
    "noise": ((2, 3, 20, 33, 3), 90),
    "faint": ((1, 2, 40, 24, 3), 3),
    "smallest": ((1, 1, 11, 11, 3), 40),
    "unrelated": ((1, 2, 16, 16, 3), 255),
}


def make(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted clips, uint8 ``[N, T, H, W, 3]``, from a linear congruential generator."""
    shape, amplitude = CASES[name]
    t, h, w, c = np.ogrid[: shape[1], : shape[2], : shape[3], : shape[4]]
    smooth = (7 * h + 5 * w + 3 * h * w // 8 + 60 * c + 11 * t) % 256
    true = np.broadcast_to(smooth, shape)
    state, words = sum(map(ord, name)), []
    for _ in range(int(np.prod(shape))):
        state = (1103515245 * state + 12345) % (1 << 31)
        words.append(state >> 16)
    noise = np.array(words).reshape(shape) % (2 * amplitude + 1) - amplitude
    return true.astype(np.uint8), np.clip(true + noise, 0, 255).astype(np.uint8)
