"""Sample sheets: one row per sample, one column per frame, as a PNG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dvdgan import noise
from dvdgan.checkpoint import write_atomically
from dvdgan.generator import Generator, to_uint8

_STREAM, _ROWS, _MOST_ROWS, _GAP = 5, 8, 32, 2


def tile(clips_NTHWC: np.ndarray) -> np.ndarray:
    """Lay out uint8 clips [N, T, H, W, 3] as one image: row n, column t, white gaps of 2 pixels."""
    gap = ((0, 0), (0, 0), (0, _GAP), (0, _GAP), (0, 0))
    padded = np.pad(clips_NTHWC, gap, constant_values=255)
    n, t, h, w, _ = padded.shape
    return padded.transpose(0, 2, 1, 3, 4).reshape(n * h, t * w, 3)


@torch.inference_mode()
def write_sheet(path: Path, sampler: Generator, latent_dim: int, seed: int, device: torch.device) -> None:
    """Write a sheet: row i shows class i mod C, at least 8 and at most 32 rows, the same latents in every sheet."""
    classes = sampler.num_classes
    rows = min(_MOST_ROWS, classes * -(-_ROWS // classes))
    labels = torch.arange(rows) % classes
    z = torch.from_numpy(noise.normal(noise.mix(seed, _STREAM), rows, latent_dim))
    image = tile(to_uint8(sampler(z.to(device), labels.to(device))))
    png = io.BytesIO()
    Image.fromarray(image).save(png, format="PNG")
    write_atomically(path, png.getvalue())
