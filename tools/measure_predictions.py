"""How far are predictions of moving shapes from the true futures, frame by frame, where something moves and where nothing does?

    python tools/measure_predictions.py --model dvdgan-fp --output predictions.json --sheet predictions.png

For held-out clips of ``shapes-pred``: the mean absolute difference of each predicted frame, in units of [-1, 1]; the same over the pixels
that move (that differ by more than 0.1 from the last context frame in the true future) and over those that do not, and their
ratio; and all of these for a repeated last context frame. The sheet has true clips on the left and predictions on the right.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from vidbench.data.shapes.dataset import CLASS_NAMES, ShapesDataset
from vidbench.models.choice import choose_model
from vidbench.models.interface import SampleRequest
from vidbench.scoring.clip_sources import model_task
from vidbench.tasks import load_task

MOVES = 0.1
"""Difference from the last context frame, in units of [-1, 1], beyond which a pixel moves."""


def errors(predicted: np.ndarray, real: np.ndarray, last: np.ndarray) -> dict[str, object]:
    """Mean absolute differences of clips uint8 [N, T, H, W, 3] from the real futures, in units of [-1, 1].

    Args:
        predicted: the predicted frames.
        real: the true ones.
        last: the last context frame of each clip, [N, 1, H, W, 3].
    """
    apart = np.abs(predicted.astype(np.float64) - real) / 127.5
    moves = np.abs(real.astype(np.float64) - last).max(-1) / 127.5 > MOVES  # [N, T, H, W]
    per_pixel = apart.mean(-1)
    moving, still = float(per_pixel[moves].mean()), float(per_pixel[~moves].mean())
    return {
        "mean": round(float(apart.mean()), 4),
        "frames": [round(float(frame), 4) for frame in apart.mean((0, 2, 3, 4))],
        "moving": round(moving, 4),
        "still": round(still, 4),
        "moving_over_still": round(moving / still, 2),
        "share_of_pixels_that_move": round(float(moves.mean()), 3),
    }


def sheet(real: np.ndarray, fake: np.ndarray, zoom: int = 2) -> np.ndarray:
    """Clips uint8 [N, T, H, W, 3], one per row: true ones on the left, fakes on the right; frames two apart, the last one last."""
    sides = []
    for clips in (real, fake):
        frames = clips[:, (clips.shape[1] - 1) % 2 :: 2].repeat(zoom, 2).repeat(zoom, 3)
        framed = np.pad(frames, ((0, 0), (0, 0), (0, 2), (0, 2), (0, 0)), constant_values=255)
        sides.append(framed.transpose(0, 2, 1, 3, 4).reshape(-1, framed.shape[1] * framed.shape[3], 3))
    gap = np.full((sides[0].shape[0], 12, 3), 255, np.uint8)
    return np.concatenate([sides[0], gap, sides[1]], axis=1)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="dvdgan-fp", help="NAME or NAME:CHECKPOINT")
    parser.add_argument("--clips", type=int, default=240, help="held-out clips, ten of each class by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, required=True, help="JSON file")
    parser.add_argument("--sheet", type=Path, help="PNG file")
    args = parser.parse_args()
    task = load_task("shapes-pred").task
    context, seeds = task.clips.context_frames, np.arange(args.clips)
    data = ShapesDataset("test", args.clips, task.clips.num_frames, task.clips.height, task.clips.width)
    clips = data.read(seeds)
    model = choose_model(args.model).load(model_task(task, tuple(CLASS_NAMES)), args.device)
    request = SampleRequest(seeds, seeds.astype(np.uint64), None, clips[:, :context], task.predicted_frames)
    predicted = np.asarray(model.sample(request))
    real, last = clips[:, context:], clips[:, context - 1 : context]
    report = {"model": args.model, "clips": args.clips, "prediction": errors(predicted, real, last),
              "copy": errors(np.broadcast_to(last, real.shape), real, last)}  # fmt: skip
    args.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    if args.sheet:
        from PIL import Image

        rows = np.arange(0, len(CLASS_NAMES), 2)  # every other class
        fake = np.concatenate([clips[:, :context], predicted], axis=1)
        Image.fromarray(sheet(clips[rows], fake[rows])).save(args.sheet, optimize=True)


if __name__ == "__main__":
    main()
