"""Train an embedded network of moving shapes and write its weights and training log.

The network learns logits that measure evidence. A clip's target logits are the sum of three zero-centred parts: one
for the shape, one for the axis of motion given the shape, one for the direction given the axis. If a cue has been
removed from a clip, its part is zero (see `make_batch`). The loss is the cross-entropy against the softmax of the
target plus the squared difference of the logits. The second term fixes the scale of the evidence and hence of the
metrics; without it, confidence would grow with training time.

    python tools/train_shapes_network.py --output metrics/vidmetrics/networks
    python tools/train_shapes_network.py --network shapes-second --device cuda --output metrics/vidmetrics/networks

`RECIPES` has the number of epochs of each network. Training `shapes` takes about ten minutes on two idle CPU cores; on a busy
machine ``--threads 1`` is fastest. Other processes draw the batches (``--workers``). The seed fixes the initial weights and
every batch, but floating-point sums differ between machines, devices and thread counts, so a rerun yields a network of
the same quality, not the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from vidbench.data.shapes.dataset import GENERATOR_VERSION, MOTIONS, render
from vidmetrics.files import write_text, written_whole
from vidmetrics.networks.moving_shapes import ShapesClassifier
from vidmetrics.networks.shapes import NUM_CLASSES, ShapesNetwork
from vidmetrics.networks.shapes_second import SecondShapesNetwork

ARCHITECTURES: dict[str, type[ShapesClassifier]] = {"shapes": ShapesNetwork, "shapes-second": SecondShapesNetwork}
RECIPES = {"shapes": 24, "shapes-second": 34}
"""Epochs of each network."""
BATCH_SIZE = 128
STEPS_PER_EPOCH = 100
LENGTHS = (12, 16)
PEAK_LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-2
SCALE_WEIGHT = 0.02
EPS = 1e-5
"""Of batch normalisation."""

# Fraction of the batch, and the evidence that remains for shape, axis and direction.
KINDS = {
    "real": (0.56, (1.0, 1.0, 1.0)),
    "shuffled": (0.13, (1.0, 1.0, 0.0)),
    "static": (0.12, (1.0, 0.0, 0.0)),
    "noise": (0.07, (0.0, 0.0, 0.0)),
    "mixed": (0.12, (1.0, 1.0, 1.0)),  # times the clip's weight in the mixture
}
# Logit margin of the right answer over each wrong one, per cue.
EVIDENCE = {"shape": 8.0, "axis": 6.5, "direction": 6.0}


def evidence() -> np.ndarray:
    """Return the evidence for each class given the true class, per cue: float32 ``[3 cues, 24 true, 24 predicted]``."""
    label = np.arange(NUM_CLASSES)
    shape, axis = label // len(MOTIONS), label // 2
    same_shape, same_axis, same = (np.equal.outer(x, x).astype(np.float64) for x in (shape, axis, label))
    parts = (
        EVIDENCE["shape"] * (same_shape - same_shape.mean()),
        EVIDENCE["axis"] * (same_axis - same_shape / 3),
        EVIDENCE["direction"] * (same - same_axis / 2),
    )
    return np.stack(parts).astype(np.float32)


def make_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return clips without shapes, float32 in [0, 255]: white or blocky noise, moving, static or single-coloured."""
    n, t, h, w, c = shape
    block, still, flat = rng.choice([1, 1, 2, 4]), rng.random() < 0.25, rng.random() < 0.15
    size = (n, 1 if still or flat else t, 1 if flat else h // block, 1 if flat else w // block, c)
    noise = rng.uniform(0, 255, size) if rng.random() < 0.6 else rng.normal(rng.uniform(60, 195), 50, size)
    noise = noise.clip(0, 255).astype(np.float32)
    if not flat:
        noise = noise.repeat(block, axis=2).repeat(block, axis=3)
    return np.broadcast_to(noise, shape)


def make_batch(seed: int, step: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render the batch of a step, as a pure function of seed, step and size.

    Shuffled frames keep the evidence for shape and axis, a repeated frame keeps the shape, noise keeps nothing, and a
    clip mixed with noise keeps evidence in proportion to its weight in the mixture.

    Returns:
        Clips uint8 ``[N, T, 32, 32, 3]``, labels int64 ``[N]``, and the remaining evidence per cue float32 ``[N, 3]``.
    """
    rng = np.random.default_rng([seed, step])
    num_frames = LENGTHS[step % len(LENGTHS)]
    indices = step * size + np.arange(size)
    clips_NTHWC, labels = render("train", rng.permutation(indices), num_frames, 32, 32)
    left = np.empty((size, 3), dtype=np.float32)
    bounds = np.cumsum([0.0, *(share for share, _ in KINDS.values())]) * size
    for k, (kind, (_, kept)) in enumerate(KINDS.items()):
        rows = np.arange(round(bounds[k]), round(bounds[k + 1]))
        left[rows] = kept
        clips = clips_NTHWC[rows]
        if kind == "shuffled":
            clips = np.stack([clip[rng.permutation(num_frames)] for clip in clips])
        elif kind == "static":
            clips = np.stack([clip[[rng.integers(num_frames)] * num_frames] for clip in clips])
        elif kind == "noise":
            clips = np.concatenate([make_noise(rng, clips[:1].shape) for _ in rows]).round().astype(np.uint8)
        elif kind == "mixed":
            share = rng.random((len(rows), 1, 1, 1, 1), dtype=np.float32)
            noise = np.concatenate([make_noise(rng, clips[:1].shape) for _ in rows])
            clips = (share * clips + (1 - share) * noise).round().astype(np.uint8)
            left[rows] *= share[:, :, 0, 0, 0]
        clips_NTHWC[rows] = clips
    return clips_NTHWC, labels, left


class TrainingNetwork(nn.Module):
    """A network with batch normalisation after each convolution, merged into the convolution by `fold`."""

    def __init__(self, network: ShapesClassifier) -> None:
        super().__init__()
        self.network = network
        for k, layer in enumerate(network.convolutions):
            norm = nn.BatchNorm3d if isinstance(layer, nn.Conv3d) else nn.BatchNorm2d
            network.convolutions[k] = nn.Sequential(layer, norm(cast(int, layer.out_channels), eps=EPS))

    def forward(self, clips_NTHWC: Tensor) -> Tensor:
        """Return the logits float32 ``[N, 24]`` of uint8 clips ``[N, T, H, W, 3]``."""
        return self.network(clips_NTHWC)["logits"]

    def fold(self) -> dict[str, Tensor]:
        """Return the weights of a network without batch normalisation equivalent to this one in evaluation mode."""
        tensors = {name: tensor.detach().cpu() for name, tensor in self.network.state_dict().items()}
        folded = {name: tensor for name, tensor in tensors.items() if not name.startswith("convolutions.")}
        for k in range(len(self.network.convolutions)):
            weight, bias, scale, shift, mean, variance = (
                tensors[f"convolutions.{k}.{name}"].double()
                for name in ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var")
            )
            gain = scale / (variance + EPS).sqrt()
            folded[f"convolutions.{k}.weight"] = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
            folded[f"convolutions.{k}.bias"] = (bias - mean) * gain + shift
        return {name: tensor.float().contiguous() for name, tensor in folded.items()}


def accuracy(network: ShapesClassifier, num_frames: int, num_clips: int) -> float:
    """Return the accuracy on the first clips of the test split."""
    right = 0
    for first in range(0, num_clips, BATCH_SIZE):
        clips_NTHWC, labels = render("test", np.arange(first, min(first + BATCH_SIZE, num_clips)), num_frames, 32, 32)
        with torch.inference_mode():
            answers = network(torch.from_numpy(clips_NTHWC))["logits"].argmax(dim=1)
        right += int((answers.numpy() == labels).sum())
    return right / num_clips


def train(
    name: str,
    output: Path,
    seed: int,
    command: str,
    *,
    epochs: int | None = None,
    batch: int = BATCH_SIZE,
    device: str = "cpu",
    autocast: bool = False,
    workers: int = 1,
) -> None:
    """Train and write ``NAME.safetensors`` and ``NAME.training.jsonl`` to a folder.

    Args:
        name: architecture.
        output: folder.
        seed: of the initial weights and of every batch.
        command: what the log says it was trained by.
        epochs: number of epochs; None for that of `RECIPES`.
        batch: clips per step.
        device: torch device.
        autocast: whether to multiply in bfloat16.
        workers: processes that draw the batches.
    """
    output.mkdir(parents=True, exist_ok=True)
    log_path, weights_path = output / f"{name}.training.jsonl", output / f"{name}.safetensors"
    lines: list[str] = []

    def log(**entry: object) -> None:
        lines.append(json.dumps(entry))
        print(lines[-1], file=sys.stderr, flush=True)

    torch.manual_seed(seed)
    network = ARCHITECTURES[name]()
    parameters = sum(p.numel() for p in network.parameters())
    model = TrainingNetwork(network).to(device)
    steps = (RECIPES[name] if epochs is None else epochs) * STEPS_PER_EPOCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, total_steps=steps, pct_start=0.15)
    parts = torch.from_numpy(evidence()).to(device)
    log(
        command=command,
        seed=seed,
        steps=steps,
        batch_size=batch,
        device=torch.cuda.get_device_name() if device.startswith("cuda") else f"cpu, {torch.get_num_threads()} threads",
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        generator=GENERATOR_VERSION,
        kinds=KINDS,
        evidence=EVIDENCE,
        parameters=parameters,
    )
    start, totals = time.monotonic(), np.zeros(3)
    # Processes, because drawing holds the interpreter's lock; spawned, because CUDA does not survive a fork.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        ahead = [pool.submit(make_batch, seed, step, batch) for step in range(min(16, steps))]
        for step in range(steps):
            clips_NTHWC, labels, left = (torch.from_numpy(array).to(device) for array in ahead.pop(0).result())
            if step + 16 < steps:
                ahead.append(pool.submit(make_batch, seed, step + 16, batch))
            target = torch.einsum("nc,cnk->nk", left, parts[:, labels])
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=autocast):
                logits = model(clips_NTHWC).float()
            cross_entropy = nn.functional.cross_entropy(logits, target.softmax(dim=1))
            distance = (logits - target).square().mean()
            loss = cross_entropy + SCALE_WEIGHT * distance
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            clean = left.min(dim=1).values == 1
            right = (logits.argmax(dim=1) == labels)[clean].float().mean()
            totals += [float(cross_entropy.detach()), float(distance.detach()), float(right)]
            if (step + 1) % STEPS_PER_EPOCH == 0:
                mean = totals / STEPS_PER_EPOCH
                log(
                    epoch=(step + 1) // STEPS_PER_EPOCH,
                    cross_entropy=round(mean[0], 4),
                    squared_distance=round(mean[1], 3),
                    train_accuracy=round(mean[2], 4),
                    seconds=round(time.monotonic() - start, 1),
                )
                totals[:] = 0

    tensors = model.eval().fold()
    content = save(tensors)
    trained = ARCHITECTURES[name].from_tensors({key: tensor.numpy() for key, tensor in tensors.items()})
    log(
        test_accuracy={f"{t} frames": round(accuracy(trained, t, 4096), 4) for t in LENGTHS},
        test_clips=4096,
        seconds=round(time.monotonic() - start, 1),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    with written_whole(weights_path) as temporary:
        temporary.write_bytes(content)
    write_text(log_path, "".join(f"{line}\n" for line in lines))


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description="Train an embedded network of moving shapes.")
    parser.add_argument("--network", choices=ARCHITECTURES, default="shapes", help="Architecture; default: shapes.")
    parser.add_argument("--output", type=Path, required=True, help="Folder for the weights and the log.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the initial weights and of every batch.")
    parser.add_argument("--epochs", type=int, help=f"Number of epochs of {STEPS_PER_EPOCH} steps; default: {RECIPES}.")
    parser.add_argument("--batch", type=int, default=BATCH_SIZE, help=f"Clips per step; default: {BATCH_SIZE}.")
    parser.add_argument("--device", default="cpu", help="torch device.")
    parser.add_argument("--autocast", action="store_true", help="Multiply in bfloat16: 1.7 times as fast on some CPUs.")
    parser.add_argument(
        "--workers", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="Processes that draw the batches."
    )
    parser.add_argument("--threads", type=int, help="CPU threads for torch; default: torch's choice.")
    arguments = parser.parse_args()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    command = " ".join(["python tools/train_shapes_network.py", *sys.argv[1:]])
    chosen = {key: getattr(arguments, key) for key in ("epochs", "batch", "device", "autocast", "workers")}
    train(arguments.network, arguments.output, arguments.seed, command, **chosen)


if __name__ == "__main__":
    main()
