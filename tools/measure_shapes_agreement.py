"""Do networks of moving shapes rank alike? Rank corrupted clips and damaged checkpoints under each of six networks.

    python tools/measure_shapes_agreement.py --work runs/shapes-agreement --output docs/shapes-agreement.json --device cuda --jobs 6

The networks are two architectures with three seeds each. Those of seed 0 ship with `vidmetrics`; the others are trained into the
folder of the work unless they are there (`tools/train_shapes_network.py`). Every set of clips of `tools/shapes_material.py` is
scored by the Fréchet distance of its logits to those of the first clips of the train split, and the agreement of two networks on a kind
of material is Spearman's rank correlation of their scores. The interval of the median resamples families of material, since the levels
of one corruption are no independent cases. A seeded, untrained I3D on clips at 64x64 is ranked with them.

The networks are scored on the CPU, so that scores do not depend on the device; training, samples of the damaged checkpoints and the
seeded I3D use ``--device``, and without a GPU they take about two hours of a core. Scores in the output file are kept for
networks and material that have them, so that a study can be continued.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import scipy
import torch
from rank_agreement import DRAWS, against, agreement
from shapes_material import FRAMES, SIDE, Material, checkpoint_samples, corrupted_clips, damaged_clips
from torch.nn import functional
from train_shapes_network import train

from vidbench.data.shapes.dataset import GENERATOR_VERSION, render
from vidmetrics import Moments, frechet_distance, load_network
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.files import write_text
from vidmetrics.networks import build_body, default_weights

SIZES = {"corrupted": 480, "damaged": 480, "reference": 1920}
"""Clips of a set of each kind, and of the reference."""
SEEDS, ARCHITECTURES = (0, 1, 2), ("shapes", "shapes-second")
CORRUPTED, DAMAGED, TRAINED = "corrupted held-out clips", "damaged checkpoints", "trained checkpoints"
I3D = "i3d seed 0, untrained, 64x64"

Extract = Callable[[np.ndarray], np.ndarray]


def weights_of(architecture: str, seed: int, work: Path) -> Path:
    """Return the weights of a network, the shipped ones for seed 0."""
    if seed == 0:
        return default_weights(architecture)
    return work / "networks" / f"seed-{seed}" / f"{architecture}.safetensors"


def train_missing(work: Path, device: str) -> None:
    """Train the networks that do not ship and are not in the folder."""
    for architecture, seed in itertools.product(ARCHITECTURES, SEEDS):
        path = weights_of(architecture, seed, work)
        if not path.is_file():
            command = " ".join(["python tools/measure_shapes_agreement.py", *sys.argv[1:]])
            train(architecture, path.parent, seed, command, device=device)


def logits_of_network(architecture: str, weights: Path) -> Extract:
    """Return the function from clips uint8 ``[N, 12, 32, 32, 3]`` to the network's logits float32 ``[N, 24]``."""
    network = load_network(architecture, weights=weights)
    return lambda clips: np.concatenate(
        [network(part)["logits"] for part in np.split(clips, range(96, len(clips), 96))]
    )


def logits_of_seeded_i3d(device: str, seed: int = 0) -> Extract:
    """Return the function from clips to the logits of an untrained I3D on frames of 64x64, float32 ``[N, 400]``."""
    body = build_body("i3d-kinetics-400", dict(seeded_i3d_weights(seed))).eval().to(device)

    @torch.inference_mode()
    def extract(clips_NTHWC: np.ndarray) -> np.ndarray:
        rows = []
        for clips in torch.from_numpy(clips_NTHWC).split(8):
            frames_NCHW = clips.to(device).flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1
            frames_NCHW = functional.interpolate(frames_NCHW, size=(64, 64), mode="bilinear")
            clips_NCTHW = frames_NCHW.unflatten(0, clips.shape[:2]).transpose(1, 2)
            pool = body.trunk(clips_NCTHW).mean(dim=(2, 3, 4))
            rows.append(functional.linear(pool, body.logits_weight[:, :, 0, 0, 0], body.logits_bias).cpu())
        return torch.cat(rows).numpy()

    return extract


def distances(extract: Extract, material: Material) -> dict[str, float]:
    """Return the Fréchet distance of each set of clips to the reference clips."""

    def moments(clips: np.ndarray) -> Moments:
        rows = extract(clips)
        made = Moments(rows.shape[1])
        made.update(rows)
        return made

    real, found = moments(render("train", np.arange(SIZES["reference"]), FRAMES, SIDE, SIDE)[0]), {}
    for name, (_, make) in material.items():
        made = moments(make())
        found[name] = frechet_distance(real.mean, real.covariance, made.mean, made.covariance)
    return found


def material_of(kind: str, work: Path, checkpoints: Path | None, device: str) -> Material:
    """Return the sets of clips of a kind."""
    if kind == CORRUPTED:
        return corrupted_clips(SIZES["corrupted"])
    if kind == DAMAGED:
        return damaged_clips(SIZES["damaged"], work / "samples", device)
    if checkpoints is None:
        raise ValueError(f"{kind} needs a folder of checkpoints")
    return checkpoint_samples(checkpoints, SIZES["damaged"], work / "samples", device)


def score(
    name: str, weights: Path | None, kind: str, work: Path, checkpoints: Path | None, device: str
) -> dict[str, float]:
    """Score the material of a kind with one network: an architecture with these weights, or the I3D."""
    torch.set_num_threads(1)
    extract = logits_of_seeded_i3d(device) if weights is None else logits_of_network(name.split(" ")[0], weights)
    return distances(extract, material_of(kind, work, checkpoints, device))


def described(weights: Path) -> dict[str, object]:
    """Return what a study says of a network of moving shapes, from its file and its log."""
    log = weights.with_name(f"{weights.stem}.training.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "training": json.loads(log[0])["command"],
        "test_accuracy": json.loads(log[-1])["test_accuracy"],
    }


def summary(
    networks: Mapping[str, Mapping[str, object]], families: Mapping[str, Mapping[str, str]]
) -> dict[str, object]:
    """Return the agreement of the trained networks per kind, and that of the I3D with each of them."""
    trained = [name for name in networks if name != I3D]
    found: dict[str, object] = {
        kind: agreement({name: networks[name][kind] for name in trained}, cases)  # type: ignore[misc]
        for kind, cases in families.items()
    }
    if I3D in networks:
        found["seeded I3D"] = {
            kind: against(networks[I3D][kind], {name: networks[name][kind] for name in trained})  # type: ignore[arg-type, misc]
            for kind in families
        }
    return found


def main() -> None:
    """Train what is missing, score, rank, and write the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="Folder of trained networks and made samples.")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of the study.")
    parser.add_argument("--checkpoints", type=Path, help="Folder of sampling checkpoints of dvdgan, to be ranked too.")
    parser.add_argument("--device", default="cpu", help="torch device for training, samples and the seeded I3D.")
    parser.add_argument(
        "--jobs", type=int, default=1, help="Networks scored at a time, each by a process of one thread."
    )
    parser.add_argument("--present", action="store_true", help="Train nothing: rank under the networks that are there.")
    parser.add_argument("--without-i3d", action="store_true", help="Leave the seeded I3D out.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    work, output, checkpoints, device = arguments.work, arguments.output, arguments.checkpoints, arguments.device
    if not arguments.present:
        train_missing(work, device)
    networks: dict[str, dict[str, object]] = {}
    files: dict[str, Path | None] = {}
    for architecture, seed in itertools.product(ARCHITECTURES, SEEDS):
        path = weights_of(architecture, seed, work)
        if path.is_file():
            name = f"{architecture} seed {seed}"
            files[name], networks[name] = path, described(path)
    if not arguments.without_i3d:
        files[I3D], networks[I3D] = None, {}

    kinds = [CORRUPTED, DAMAGED, *([TRAINED] if checkpoints else [])]
    material = {kind: material_of(kind, work, checkpoints, device) for kind in kinds}
    families = {kind: {case: family for case, (family, _) in cases.items()} for kind, cases in material.items()}
    study = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    known = study.get("networks", {}) if study.get("clips") == SIZES else {}
    todo = []
    for name, kind in itertools.product(files, kinds):
        old = known.get(name, {})
        if old.get("sha256") == networks[name].get("sha256") and set(old.get(kind, ())) == set(material[kind]):
            networks[name][kind] = old[kind]
        else:
            todo.append((name, files[name], kind, work, checkpoints, device))
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn")) as pool:
        for task, found in zip(todo, pool.map(score, *zip(*todo, strict=True)) if todo else (), strict=True):
            networks[task[0]][task[2]] = found
            print(*task[:1], task[2], file=sys.stderr, flush=True)
    run = {
        "command": " ".join(["python tools/measure_shapes_agreement.py", *sys.argv[1:]]),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
                     "scipy": scipy.__version__, "generator": GENERATOR_VERSION},
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "scored": [f"{task[0]}: {task[2]}" for task in todo],
    }  # fmt: skip
    study = {
        "runs": (study.get("runs", []) if known else []) + ([run] if todo else []),
        "clips": SIZES,
        "bootstrap": {"draws": DRAWS, "seed": 0, "unit": "family"},
        "networks": networks,
        "agreement": summary(networks, families),
    }
    write_text(output, json.dumps(study, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(study["agreement"], indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
