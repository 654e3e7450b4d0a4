"""Do networks of moving shapes rank alike? Rank corrupted clips and damaged checkpoints under each of six networks.

    python tools/measure_shapes_agreement.py --work runs/shapes-agreement --output docs/shapes-agreement.json

The networks are two architectures with three seeds each. Those of seed 0 ship with `vidmetrics`; the others are trained into the
folder of the work unless they are there (`EPOCHS` and `TRAINING`, some minutes of a core each). Every set of clips of `tools/shapes_material.py` is
scored by the Fréchet distance of its logits to those of the first clips of the train split, and the agreement of two networks on a kind
of material is Spearman's rank correlation of their scores. The interval of the median resamples families of material, since the levels
of one corruption are no independent cases. A seeded, untrained I3D on clips at 64x64 is ranked with them, once.

Scores in the output file are kept for networks and material that have them, so that a study can be continued.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import scipy
import torch
from rank_agreement import DRAWS, agreement
from scipy.stats import spearmanr
from shapes_material import DAMAGES, FRAMES, SIDE, corrupted_clips, damaged_samples, stored
from torch.nn import functional
from train_shapes_network import train

from vidbench.data.shapes.dataset import GENERATOR_VERSION, render
from vidmetrics import Moments, frechet_distance, load_network
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.files import write_text
from vidmetrics.networks import build_body, default_weights

CORRUPTED, DAMAGED, REFERENCE = 480, 96, 1920
I3D_CLIPS = 96
SEEDS, ARCHITECTURES = (0, 1, 2), ("shapes", "shapes-second")
EPOCHS = {"shapes": 14, "shapes-second": 20}
TRAINING = {"batch": 64, "device": "cpu", "autocast": True}

Extract = Callable[[np.ndarray], np.ndarray]


def weights_of(architecture: str, seed: int, work: Path) -> Path:
    """Return the weights of a network, the shipped ones for seed 0."""
    return (
        default_weights(architecture)
        if seed == 0
        else work / "networks" / f"seed-{seed}" / f"{architecture}.safetensors"
    )


def train_missing(work: Path) -> None:
    """Train the networks that do not ship and are not in the folder."""
    for architecture, seed in itertools.product(ARCHITECTURES, SEEDS):
        path = weights_of(architecture, seed, work)
        if not path.is_file():
            train(
                architecture,
                path.parent,
                seed,
                EPOCHS[architecture],
                *TRAINING.values(),
                "python tools/measure_shapes_agreement.py",
            )


def logits_of_network(architecture: str, weights: Path) -> Extract:
    """Return the function from clips uint8 ``[N, 12, 32, 32, 3]`` to the network's logits float32 ``[N, 24]``."""
    network = load_network(architecture, weights=weights)
    return lambda clips: np.concatenate(
        [network(part)["logits"] for part in np.split(clips, range(96, len(clips), 96))]
    )


def logits_of_seeded_i3d(seed: int = 0) -> Extract:
    """Return the function from clips to the logits of an untrained I3D on frames of 64x64, float32 ``[N, 400]``."""
    body = build_body("i3d-kinetics-400", dict(seeded_i3d_weights(seed))).eval()

    @torch.inference_mode()
    def extract(clips_NTHWC: np.ndarray) -> np.ndarray:
        rows = []
        for clip in torch.from_numpy(clips_NTHWC):
            frames_TCHW = functional.interpolate(
                clip.permute(0, 3, 1, 2).float() / 127.5 - 1, size=(64, 64), mode="bilinear"
            )
            pool = body.trunk(frames_TCHW.transpose(0, 1)[None]).mean(dim=(2, 3, 4))
            rows.append(functional.linear(pool, body.logits_weight[:, :, 0, 0, 0], body.logits_bias)[0])
        return torch.stack(rows).numpy()

    return extract


def distances(
    extract: Extract, material: Mapping[str, Callable[[], np.ndarray]], reference: np.ndarray
) -> dict[str, float]:
    """Return the Fréchet distance of each set of clips to the reference clips."""

    def moments(clips: np.ndarray) -> Moments:
        rows = extract(clips)
        made = Moments(rows.shape[1])
        made.update(rows)
        return made

    real, found = moments(reference), {}
    for name, make in material.items():
        made = moments(make())
        found[name] = frechet_distance(real.mean, real.covariance, made.mean, made.covariance)
    return found


def main() -> None:
    """Train what is missing, score, rank, and write the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="Folder of trained networks and made samples.")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of the study.")
    parser.add_argument("--present", action="store_true", help="Train nothing: rank under the networks that are there.")
    parser.add_argument("--without-i3d", action="store_true", help="Leave the seeded I3D out.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.present:
        train_missing(arguments.work)
    reference = render("train", np.arange(REFERENCE), FRAMES, SIDE, SIDE)[0]
    corrupted = corrupted_clips(CORRUPTED)
    samples = arguments.work / "samples"
    damaged = {
        name: (damage.family, lambda name=name, damage=damage: stored(
            samples / f"{name.replace(' ', '-').replace(',', '')}.npy", lambda: damaged_samples(damage, DAMAGED)))
        for name, damage in DAMAGES.items()
    }  # fmt: skip
    kinds = {"corrupted held-out clips": corrupted, "damaged checkpoints": damaged}
    old = json.loads(arguments.output.read_text(encoding="utf-8")) if arguments.output.is_file() else {}
    study: dict[str, object] = {
        "command": " ".join(["python tools/measure_shapes_agreement.py", *sys.argv[1:]]),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
                     "scipy": scipy.__version__, "generator": GENERATOR_VERSION},
        "clips": {"corrupted": CORRUPTED, "damaged": DAMAGED, "reference": REFERENCE, "i3d": I3D_CLIPS},
        "bootstrap": {"draws": DRAWS, "seed": 0, "unit": "family"},
    }  # fmt: skip
    networks: dict[str, dict[str, object]] = {}
    missing = []
    for architecture, seed in itertools.product(ARCHITECTURES, SEEDS):
        path, name = weights_of(architecture, seed, arguments.work), f"{architecture} seed {seed}"
        if not path.is_file():
            missing.append(name)
            continue
        log = path.with_name(f"{architecture}.training.jsonl").read_text(encoding="utf-8").splitlines()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        networks[name] = {"sha256": digest, "training": json.loads(log[0])["command"],
                          "test_accuracy": json.loads(log[-1])["test_accuracy"]}  # fmt: skip
        known = old.get("networks", {}).get(name, {})
        extract = logits_of_network(architecture, path)
        for kind, material in kinds.items():
            if known.get("sha256") == digest and set(known.get(kind, ())) == set(material):
                networks[name][kind] = known[kind]
            else:
                networks[name][kind] = distances(
                    extract, {case: make for case, (_, make) in material.items()}, reference
                )
                print(name, kind, file=sys.stderr, flush=True)
    study |= {"networks": networks, "missing": missing}
    families = {kind: {case: family for case, (family, _) in material.items()} for kind, material in kinds.items()}
    study["agreement"] = {
        kind: agreement({name: scores[kind] for name, scores in networks.items()}, families[kind])
        for kind in kinds  # type: ignore[misc]
    }
    if not arguments.without_i3d:
        case_scores = old.get("seeded_i3d", {}).get("scores")
        if case_scores is None:
            makers = {
                case: lambda make=make: make()[:: CORRUPTED // I3D_CLIPS] for case, (_, make) in corrupted.items()
            }
            case_scores = distances(logits_of_seeded_i3d(), makers, reference[:: REFERENCE // (2 * I3D_CLIPS)])
        by_case = [case_scores[case] for case in corrupted]
        study["seeded_i3d"] = {
            "scores": case_scores,
            "against": {
                name: round(
                    float(
                        spearmanr(by_case, [scores["corrupted held-out clips"][case] for case in corrupted]).statistic
                    ),
                    4,
                )  # type: ignore[index]
                for name, scores in networks.items()
            },
        }
    write_text(arguments.output, json.dumps(study, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(study["agreement"], indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
