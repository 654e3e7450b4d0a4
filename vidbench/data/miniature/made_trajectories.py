"""Trajectories of an agent in the form of TECO's DMLab and Minecraft: moving shapes, with made-up codes of actions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidbench.data.miniature.made_videos import VideoForm, write_made_video
from vidbench.data.shapes.dataset import render

NUM_CODES = 6


def write_made_archive(path: Path, number: int, form: VideoForm) -> None:
    """Write the ``.npz`` of a trajectory of DMLab: ``video`` and ``actions``.

    Args:
        path: the file to write.
        number: index of the scene.
        form: size and length.
    """
    (frames_THWC,), _ = render("rehearsal", np.array([number]), form.num_frames, form.height, form.width)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, video=frames_THWC, actions=made_codes(number, form.num_frames))


def write_made_recording(path: Path, number: int, form: VideoForm) -> None:
    """Write the video of a trajectory of Minecraft, and the ``.npz`` with its actions next to it; arguments as above."""
    write_made_video(path, number, form)
    np.savez_compressed(path.with_suffix(".npz"), actions=made_codes(number, form.num_frames))


def made_codes(number: int, num_frames: int) -> np.ndarray:
    """Return a code for each frame of trajectory ``number``, int64 ``[num_frames]``: they have nothing to do with the frames."""
    return np.random.default_rng(number).integers(0, NUM_CODES, num_frames)
