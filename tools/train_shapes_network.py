"""Train the embedded moving-shapes network and write its weights and training log.

The network learns logits that measure evidence. A clip's target logits are the sum of three zero-centred parts: one
for the shape, one for the axis of motion given the shape, one for the direction given the axis. If a cue has been
removed from a clip, its part is zero (see `make_batch`). The loss is the cross-entropy against the softmax of the
target plus the squared difference of the logits. The second term fixes the scale of the evidence and hence of the
metrics; without it, confidence would grow with training time.

    python tools/train_shapes_network.py --output metrics/vidmetrics/networks

Training takes about ten minutes on two idle CPU cores; on a busy machine ``--threads 1`` is fastest. The seed fixes
the initial weights and every batch, but floating-point sums differ between machines, devices and thread counts, so a
rerun yields a network of the same quality, not the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from vidbench.data.shapes.dataset import GENERATOR_VERSION, MOTIONS, render
from vidmetrics.files import write_text, written_whole
from vidmetrics.networks.shapes import NUM_CLASSES, ShapesNetwork, preprocess

BATCH_SIZE = 128
STEPS_PER_EPOCH = 100
LENGTHS = (12, 16)
PEAK_LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-2
SCALE_WEIGHT = 0.02

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


def make_batch(seed: int, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render the batch of a step, as a pure function of seed and step.

    Shuffled frames keep the evidence for shape and axis, a repeated frame keeps the shape, noise keeps nothing, and a
    clip mixed with noise keeps evidence in proportion to its weight in the mixture.

    Returns:
        Clips uint8 ``[N, T, 32, 32, 3]``, labels int64 ``[N]``, and the remaining evidence per cue float32 ``[N, 3]``.
    """
    rng = np.random.default_rng([seed, step])
    num_frames = LENGTHS[step % len(LENGTHS)]
    indices = step * BATCH_SIZE + np.arange(BATCH_SIZE)
    clips_NTHWC, labels = render("train", rng.permutation(indices), num_frames, 32, 32)
    left = np.empty((BATCH_SIZE, 3), dtype=np.float32)
    bounds = np.cumsum([0.0, *(share for share, _ in KINDS.values())]) * BATCH_SIZE
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
    """The network with batch normalisation after each convolution, merged into the convolution by `fold`."""

    def __init__(self) -> None:
        super().__init__()
        self.network = ShapesNetwork()
        self.norms = nn.ModuleList(nn.BatchNorm3d(layer.out_channels) for layer in self.network.convolutions)

    def forward(self, clips_NTHWC: Tensor) -> Tensor:
        """Return the logits float32 ``[N, 24]`` of uint8 clips ``[N, T, H, W, 3]``."""
        x_NCTHW = preprocess(clips_NTHWC)
        for convolution, norm in zip(self.network.convolutions, self.norms, strict=True):
            x_NCTHW = torch.relu(norm(convolution(x_NCTHW)))
        return self.network.classifier(x_NCTHW.mean(dim=(2, 3, 4)))

    def fold(self) -> dict[str, Tensor]:
        """Return the weights of a `ShapesNetwork` equivalent to this network in evaluation mode."""
        tensors = {name: tensor.detach().cpu().double() for name, tensor in self.network.state_dict().items()}
        for k, norm in enumerate(self.norms):
            gain = norm.weight.detach().cpu().double() / (norm.running_var.cpu().double() + norm.eps).sqrt()
            weight, bias = f"convolutions.{k}.weight", f"convolutions.{k}.bias"
            tensors[weight] = tensors[weight] * gain[:, None, None, None, None]
            tensors[bias] = (
                tensors[bias] - norm.running_mean.cpu().double()
            ) * gain + norm.bias.detach().cpu().double()
        return {name: tensor.float().contiguous() for name, tensor in tensors.items()}


def accuracy(network: ShapesNetwork, num_frames: int, num_clips: int) -> float:
    """Return the accuracy on the first clips of the test split."""
    right = 0
    for first in range(0, num_clips, BATCH_SIZE):
        clips_NTHWC, labels = render("test", np.arange(first, min(first + BATCH_SIZE, num_clips)), num_frames, 32, 32)
        with torch.inference_mode():
            answers = network(torch.from_numpy(clips_NTHWC))["logits"].argmax(dim=1)
        right += int((answers.numpy() == labels).sum())
    return right / num_clips


def train(output: Path, seed: int, epochs: int, device: str, command: str) -> None:
    """Train and write ``shapes.safetensors`` and ``shapes.training.jsonl`` to a folder."""
    output.mkdir(parents=True, exist_ok=True)
    log_path, weights_path = output / "shapes.training.jsonl", output / "shapes.safetensors"
    lines: list[str] = []

    def log(**entry: object) -> None:
        lines.append(json.dumps(entry))
        print(lines[-1], file=sys.stderr, flush=True)

    torch.manual_seed(seed)
    model = TrainingNetwork().to(device)
    steps = epochs * STEPS_PER_EPOCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, total_steps=steps, pct_start=0.15)
    parts = torch.from_numpy(evidence()).to(device)
    log(
        command=command,
        seed=seed,
        steps=steps,
        batch_size=BATCH_SIZE,
        device=torch.cuda.get_device_name() if device.startswith("cuda") else f"cpu, {torch.get_num_threads()} threads",
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        generator=GENERATOR_VERSION,
        kinds=KINDS,
        evidence=EVIDENCE,
        parameters=sum(p.numel() for p in model.network.parameters()),
    )
    start, totals = time.monotonic(), np.zeros(3)
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2)) as pool:
        ahead = [pool.submit(make_batch, seed, step) for step in range(min(16, steps))]
        for step in range(steps):
            clips_NTHWC, labels, left = (torch.from_numpy(array).to(device) for array in ahead.pop(0).result())
            if step + 16 < steps:
                ahead.append(pool.submit(make_batch, seed, step + 16))
            target = torch.einsum("nc,cnk->nk", left, parts[:, labels])
            logits = model(clips_NTHWC)
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
    network = ShapesNetwork.from_tensors({name: tensor.numpy() for name, tensor in tensors.items()})
    log(
        test_accuracy={f"{t} frames": round(accuracy(network, t, 4096), 4) for t in LENGTHS},
        test_clips=4096,
        seconds=round(time.monotonic() - start, 1),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    with written_whole(weights_path) as temporary:
        temporary.write_bytes(content)
    write_text(log_path, "".join(f"{line}\n" for line in lines))


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description="Train the embedded moving-shapes network.")
    parser.add_argument("--output", type=Path, required=True, help="Folder for the weights and the log.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the initial weights and of every batch.")
    parser.add_argument("--epochs", type=int, default=24, help=f"Number of epochs of {STEPS_PER_EPOCH} steps.")
    parser.add_argument("--device", default="cpu", help="torch device.")
    parser.add_argument("--threads", type=int, help="CPU threads for torch; default: torch's choice.")
    arguments = parser.parse_args()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    command = " ".join(["python tools/train_shapes_network.py", *sys.argv[1:]])
    train(arguments.output, arguments.seed, arguments.epochs, arguments.device, command)


if __name__ == "__main__":
    main()
