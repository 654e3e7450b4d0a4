"""Sample sheets: one row per sample, one column per frame, as a PNG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dvdgan import noise
from dvdgan.checkpoint import write_atomically
from dvdgan.generator import Generator, from_uint8, to_uint8
from vidbench.models import TrainingClips

_STREAM, _ROWS, _MOST_ROWS, _GAP = 5, 8, 32, 2


def tile(clips_NTHWC: np.ndarray) -> np.ndarray:
    """Lay out uint8 clips [N, T, H, W, 3] as one image: row n, column t, with white gaps of 2 pixels."""
    gap = ((0, 0), (0, 0), (0, _GAP), (0, _GAP), (0, 0))
    padded = np.pad(clips_NTHWC, gap, constant_values=255)
    n, t, h, w, _ = padded.shape
    return padded.transpose(0, 2, 1, 3, 4).reshape(n * h, t * w, 3)


@torch.inference_mode()
def write_sheet(
    path: Path, sampler: Generator, latent_dim: int, seed: int, device: torch.device, clips: TrainingClips
) -> None:
    """Write a sheet: row i shows class i mod C, in 8 to 32 rows, with the same latents in every sheet.

    For prediction the rows are 8 training clips, the same in every sheet: context frames, then predicted frames.
    """
    classes, given = sampler.num_classes, sampler.context_frames
    rows = _ROWS if given else min(_MOST_ROWS, classes * -(-_ROWS // classes))
    z = torch.from_numpy(noise.normal_variates(noise.derive_seed(seed, _STREAM), rows, latent_dim)).to(device)
    if given:
        real_NTHWC, drawn = clips.draw(0, rows)
        labels = torch.zeros(rows, dtype=torch.int64) if drawn is None or classes == 1 else torch.from_numpy(drawn)
        context = from_uint8(torch.from_numpy(real_NTHWC[:, :given]).to(device), torch.float32)
        made = torch.cat([context, sampler(z, labels.to(device), context)], dim=1)
    else:
        made = sampler(z, (torch.arange(rows) % classes).to(device))
    png = io.BytesIO()
    Image.fromarray(tile(to_uint8(made).cpu().numpy())).save(png, format="PNG")
    write_atomically(path, png.getvalue())
