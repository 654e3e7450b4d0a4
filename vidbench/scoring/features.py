"""Feature shards on disk: the unit of resume, and all that the ranks of a run exchange.

A shard holds the outputs of one network for a fixed range of indices. Its name depends on the identity of the clips
and of the network, never on the batch size or on the number of ranks; it is written whole or not at all. A run that
was killed therefore goes on where it stopped, and any number of ranks makes the same files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidbench.distributed.ranks import VISIBLE_SECONDS, Ranks
from vidbench.errors import InputError
from vidbench.files import digest, written_whole
from vidbench.progress import Advance
from vidbench.scoring.clip_sources import ClipSource
from vidbench.scoring.frame_comparison import FrameComparison
from vidmetrics.networks.base import Network
from vidmetrics.networks.finite import check_finite

FORMAT = "vidbench-features-1"
SHARD_SIZE = 64


@dataclass(frozen=True)
class FeatureStore:
    """The shards of the first ``num_clips`` clips of one source under one network."""

    folder: Path
    num_clips: int

    @property
    def num_shards(self) -> int:
        """Number of shards, the last one possibly shorter."""
        return -(-self.num_clips // SHARD_SIZE)

    def indices(self, shard: int) -> np.ndarray:
        """Indices int64 that a shard covers."""
        return np.arange(shard * SHARD_SIZE, min((shard + 1) * SHARD_SIZE, self.num_clips))

    def path(self, shard: int) -> Path:
        """File of a shard; the length is in the name, so that runs of different N never share a short last shard."""
        first, count = shard * SHARD_SIZE, len(self.indices(shard))
        return self.folder / f"features-{first:08d}+{count:03d}.safetensors"

    def missing(self, shards: Sequence[int]) -> list[int]:
        """Those of the shards that are not there yet."""
        return [shard for shard in shards if not self.path(shard).is_file()]

    def write(self, shard: int, outputs: Mapping[str, np.ndarray]) -> None:
        """Write the network's outputs float32 ``[n, D]`` of one shard, whole."""
        from safetensors.numpy import save_file

        with written_whole(self.path(shard)) as temporary:
            save_file({name: np.ascontiguousarray(value) for name, value in outputs.items()}, temporary)

    def read(self, output: str, clips: range | None = None) -> Iterator[np.ndarray]:
        """Yield one output, ``[n, D]`` per shard, in the order of the indices; of all clips, or of those in a range."""
        from safetensors import safe_open

        wanted = range(self.num_clips) if clips is None else clips
        for shard in range(wanted.start // SHARD_SIZE, -(-wanted.stop // SHARD_SIZE)):
            with safe_open(self.path(shard), framework="numpy") as tensors:
                rows = tensors.get_tensor(output)
            indices = self.indices(shard)
            per_clip = len(rows) // len(indices)
            first, last = max(wanted.start, indices[0]) - indices[0], min(wanted.stop, indices[-1] + 1) - indices[0]
            yield rows[first * per_clip : last * per_clip]


def network_identity(network: Network | FrameComparison) -> dict[str, object]:
    """Everything of a network, or of a comparison of frames, that decides its features."""
    return {
        "name": network.name,
        "weights_sha256": network.weights_sha256,
        "preprocessing": network.preprocessing,
        "precision": network.precision,
    }


def feature_key(source: ClipSource, network: Network | FrameComparison) -> str:
    """Content key of the features of a source under a network, 64 hex digits."""
    return digest(
        {"format": FORMAT, "shard": SHARD_SIZE, "source": source.identity, "network": network_identity(network)}
    )


def feature_store(root: Path, source: ClipSource, network: Network | FrameComparison, num_clips: int) -> FeatureStore:
    """The shards of a source under a network, in a folder named by their content key."""
    return FeatureStore(root / "features" / feature_key(source, network)[:24], num_clips)


def missing_shards(stores: Sequence[FeatureStore]) -> list[int]:
    """Shards that at least one of the stores lacks; all stores cover the same indices."""
    return sorted({shard for store in stores for shard in store.missing(range(store.num_shards))})


def wait_for_shards(stores: Sequence[FeatureStore]) -> None:
    """Wait until the shards that other ranks have written show here; a network file system may take its time.

    Raises:
        InputError: some never show.
    """
    deadline = time.monotonic() + VISIBLE_SECONDS
    while missing := missing_shards(stores):
        if time.monotonic() > deadline:
            raise InputError(
                f"{len(missing)} finished shards of features do not show in {stores[0].folder}: put the folder on a file "
                "system that all ranks share, and give the same command again."
            )
        time.sleep(0.2)


def extract(
    source: ClipSource,
    networks: Sequence[Network | FrameComparison],
    stores: Sequence[FeatureStore],
    shards: Sequence[int],
    batch_size: int,
    ranks: Ranks,
    advance: Advance,
    title: str,
) -> None:
    """Make this rank's part of the missing shards, reading each clip once for all networks.

    Args:
        source: the clips.
        networks: the measuring networks, and the comparison with true frames where there is one.
        stores: one store per network, over the same indices.
        shards: the shards to make, over all ranks; decided before any rank starts, so that all divide them alike.
        batch_size: clips per call of the source and of the networks, at most; a batch never crosses a shard.
        ranks: this process among the others.
        advance: called with the number of clips done.
        title: what the clips are, for messages, e.g. "Samples".

    Raises:
        InputError: a feature is NaN or infinite; names the first clip of the shard that has one.
    """
    for position in ranks.mine(len(shards)):
        shard = shards[position]
        indices = stores[0].indices(shard)
        parts: list[list[dict[str, np.ndarray]]] = [[] for _ in networks]
        for start in range(0, len(indices), batch_size):
            batch = indices[start : start + batch_size]
            clips = source.read(batch)
            for network, collected in zip(networks, parts, strict=True):
                if isinstance(network, FrameComparison):
                    collected.append(network.compare(clips, batch))
                else:
                    collected.append(network(clips))
            advance(len(batch))
        for network, store, collected in zip(networks, stores, parts, strict=True):
            outputs = {name: np.concatenate([part[name] for part in collected]) for name in collected[0]}
            if not isinstance(network, FrameComparison):
                check_finite(outputs, network.name, indices, title.lower())
            store.write(shard, outputs)
