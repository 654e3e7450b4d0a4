"""Features of clips by I3D with weights drawn from a seed, at 64x64 without the resize to 224, stored by name.

The published I3D averages over 7x7 places of a frame of 224x224. At 64x64 the last block has 2x2 places, so here the average is
over all of them, in float32; then the linear map to 400 logits, as in the published graph.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vidbench.files import write_array, written_whole
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.i3d import I3D

BATCHES = {"cpu": 16, "cuda": 128}
CLASSES = 400
Extract = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class NetworkChoice:
    """One feature extractor: the seed of its weights, the eps of its batch norms, and the type of its convolutions."""

    seed: int
    eps: float = 1e-3
    precision: str = "float32"

    @property
    def name(self) -> str:
        """Part of the names of stored features."""
        return f"seed-{self.seed}-eps-{self.eps:g}-{self.precision}"


def seeded_extractor(choice: NetworkChoice, device: str) -> Extract:
    """Return a function from uint8 ``[N, T, H, W, 3]`` to float32 logits ``[N, 400]``."""
    network = I3D.from_tensors(seeded_i3d_weights(choice.seed), num_classes=CLASSES, batch_norm_eps=choice.eps).eval()
    head_KC = network.logits_weight.detach().float().flatten(1).to(device)
    bias_K = network.logits_bias.detach().float().to(device)
    kind = getattr(torch, choice.precision)
    network = network.to(device, kind).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    batch = BATCHES[torch.device(device).type]

    @torch.inference_mode()
    def extract(clips_NTHWC: np.ndarray) -> np.ndarray:
        rows = []
        for start in range(0, len(clips_NTHWC), batch):
            part = torch.from_numpy(np.ascontiguousarray(clips_NTHWC[start : start + batch])).to(device)
            maps = network.trunk((part.float() / 127.5 - 1).permute(0, 4, 1, 2, 3).to(kind))
            rows.append(maps.float().mean((2, 3, 4)) @ head_KC.T + bias_K)
        return torch.cat(rows).cpu().numpy()

    return extract


class FeatureStore:
    """Features of sets of clips in a folder, computed where they are missing; an interrupted study resumes.

    Threads may share it: clips are made side by side, and one network computes at a time. ``passes.csv`` there has a line for
    each set: network, set, clips, seconds of the network.
    """

    def __init__(self, folder: Path, make: Callable[[NetworkChoice], Extract], say: Callable[[str], None]) -> None:
        self._folder, self._make, self.say = folder, make, say
        self._extractors: dict[str, Extract] = {}
        self._computing = threading.Lock()

    def __call__(self, choice: NetworkChoice, name: str, clips: Callable[[], np.ndarray]) -> np.ndarray:
        """Return features ``[N, D]`` of the set ``name``; ``clips`` is called only if they are not stored."""
        self.fill((choice,), name, clips)
        stored: np.ndarray = np.load(self._file(choice, name), allow_pickle=False)
        return stored

    def fill(self, choices: Sequence[NetworkChoice], name: str, clips: Callable[[], np.ndarray]) -> None:
        """Compute what is missing of the set ``name``; its clips are made once for all networks."""
        missing = [choice for choice in choices if not self._file(choice, name).is_file()]
        if not missing:
            return
        clips_NTHWC = clips()
        for choice in missing:
            with self._computing:
                began = time.monotonic()
                if choice.name not in self._extractors:
                    self._extractors[choice.name] = self._make(choice)
                features_ND = self._extractors[choice.name](clips_NTHWC)
                file = self._file(choice, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                with written_whole(file) as temporary:
                    write_array(temporary, features_ND)
                with (self._folder / "passes.csv").open("a", encoding="utf-8") as log:
                    log.write(f"{choice.name},{name},{len(clips_NTHWC)},{time.monotonic() - began:.3f}\n")
        self.say(f"{name}: {len(clips_NTHWC)} clips, {len(missing)} networks")

    def _file(self, choice: NetworkChoice, name: str) -> Path:
        return self._folder / choice.name / f"{name}.npy"

    def passes(self) -> tuple[int, float]:
        """Return how many clips went through a network, and the mean seconds of one, interrupted runs included."""
        stored = self._folder.glob("*/*.npy")
        count = sum(len(np.load(file, mmap_mode="r", allow_pickle=False)) for file in stored)
        log = self._folder / "passes.csv"
        lines = [line.split(",") for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
        timed = sum(int(line[2]) for line in lines)
        return count, sum(float(line[3]) for line in lines) / timed if timed else 0.0
