"""Feature shards on disk: the unit of resume, and all that the ranks of a run exchange.

A shard holds the outputs of one network for a fixed range of indices, and the keys of the clips. Its path depends on the identity of the clips and
of the network, never on the batch size or the number of ranks, and it is written atomically. A killed run therefore
resumes where it stopped, and any number of ranks produces the same files. A shard carries a digest of all that it holds: one
that is damaged is computed again, with a warning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidbench.distributed.ranks import Ranks
from vidbench.distributed.shared_folder import wait_until_visible
from vidbench.errors import InputError
from vidbench.files import digest, write_bytes, write_text
from vidbench.progress import Advance, Progress, warn
from vidbench.scoring.clip_probe import ClipProbe
from vidbench.scoring.clip_sources import ClipSource, ModelSource
from vidbench.scoring.coded_clips import CodedSource
from vidbench.scoring.frame_comparison import FrameComparison
from vidbench.scoring.overlap import Comparison, Outputs, Overlap, Storing, computed, overlap
from vidmetrics.networks.finite import check_finite
from vidmetrics.regular_files import is_there, read_regular
from vidmetrics.sealed import DamagedFileError, read_content, sealed_fields, sealed_tensors, unsealed_tensors
from vidmetrics.statistics.clip_keys import Keys

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network

FORMAT = "vidbench-features-3"
SHARD_SIZE = 64
_KEYS = "keys"
"""Field of a shard: 16 hex digits for each clip. In the header, so that it can be read without the features."""


@dataclass(frozen=True)
class FeatureStore:
    """Feature shards of the first ``num_clips`` clips of one source under one network."""

    folder: Path
    num_clips: int

    @property
    def num_shards(self) -> int:
        """Number of shards; the last one may be shorter."""
        return -(-self.num_clips // SHARD_SIZE)

    def indices(self, shard: int) -> np.ndarray:
        """Clip indices of a shard, int64."""
        return np.arange(shard * SHARD_SIZE, min((shard + 1) * SHARD_SIZE, self.num_clips))

    def path(self, shard: int) -> Path:
        """File of a shard; its length is in the name, so that runs of different N never share a short last shard."""
        first, count = shard * SHARD_SIZE, len(self.indices(shard))
        return self.folder / f"features-{first:08d}+{count:03d}.safetensors"

    def missing(self, shards: Sequence[int]) -> list[int]:
        """Shards that have no file yet, or a damaged one."""
        return [shard for shard in shards if not is_there(self.path(shard)) or self.damage(shard) is not None]

    def damage(self, shard: int) -> str | None:
        """Return what is wrong with the file of a shard, or None."""
        try:
            self._tensors(shard)
        except DamagedFileError as error:
            return str(error)
        return None

    def write(self, shard: int, outputs: Mapping[str, np.ndarray], keys: Keys) -> None:
        """Write the network outputs of one shard, float32 ``[n, D]``, and the keys of its clips, uint64 ``[n]``, atomically."""
        if len(keys) != len(self.indices(shard)):
            raise ValueError(f"{len(keys)} keys for {len(self.indices(shard))} clips")
        fields = {**self._fields(shard), _KEYS: keys.astype(">u8").tobytes().hex()}
        write_bytes(self.path(shard), sealed_tensors(outputs, fields))

    def keys(self, clips: range | None = None) -> Keys:
        """Return the keys of all clips, or of a range of them, uint64 ``[n]``; the features are not read.

        Raises:
            InputError: a shard was damaged after the run had found or written it.
        """
        wanted = range(self.num_clips) if clips is None else clips
        shards = range(wanted.start // SHARD_SIZE, -(-wanted.stop // SHARD_SIZE))
        parts = []
        for shard in shards:
            try:
                parts.append(_keys(sealed_fields(self.path(shard)), len(self.indices(shard))))
            except DamagedFileError as error:
                raise self._damaged(shard, str(error)) from None
        first = shards.start * SHARD_SIZE
        return np.concatenate([np.empty(0, np.uint64), *parts])[
            wanted.start - first : wanted.stop - first : wanted.step
        ]

    def read(self, output: str, clips: range | None = None) -> Iterator[np.ndarray]:
        """Yield one output shard by shard, ``[n, D]`` in index order, for all clips or for a range of them.

        Raises:
            InputError: a shard was damaged after the run had found or written it.
        """
        wanted = range(self.num_clips) if clips is None else clips
        for shard in range(wanted.start // SHARD_SIZE, -(-wanted.stop // SHARD_SIZE)):
            try:
                rows = self._tensors(shard)[output]
            except (DamagedFileError, KeyError) as error:
                reason = "an output is missing" if isinstance(error, KeyError) else str(error)
                raise self._damaged(shard, reason) from None
            indices = self.indices(shard)
            per_clip = len(rows) // len(indices)
            first, last = max(wanted.start, indices[0]) - indices[0], min(wanted.stop, indices[-1] + 1) - indices[0]
            if wanted.step == 1:
                yield rows[first * per_clip : last * per_clip]
                continue
            first += (wanted.start - indices[0] - first) % wanted.step
            yield rows.reshape(len(indices), per_clip, -1)[first : last : wanted.step].reshape(-1, rows.shape[1])

    def shards(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield all outputs of each shard, whatever their number of rows.

        Raises:
            InputError: a shard was damaged after the run had found or written it.
        """
        for shard in range(self.num_shards):
            try:
                yield self._tensors(shard)
            except DamagedFileError as error:
                raise self._damaged(shard, str(error)) from None

    def _damaged(self, shard: int, reason: str) -> InputError:
        return InputError(
            f"The feature shard {self.path(shard)} was damaged during this run: {reason}; run the same command again."
        )

    @property
    def _doubt_path(self) -> Path:
        return self.folder / "not-reused.txt"

    def doubt(self) -> str | None:
        """Return why the features cannot be reused by later runs, or None."""
        path = self._doubt_path
        if not is_there(path):
            return None
        try:
            return read_regular(path).decode("utf-8", "replace")
        except OSError as error:
            return f"the reason in {path} cannot be read ({error.strerror})"

    def mark(self, doubt: str) -> None:
        """Record that the features cannot be reused, and why; call before the shard that is in doubt is written."""
        write_text(self._doubt_path, doubt)

    def clear(self) -> None:
        """Remove all shards."""
        for path in self.folder.glob("features-*.safetensors"):
            path.unlink(missing_ok=True)
        self._doubt_path.unlink(missing_ok=True)

    def _fields(self, shard: int) -> dict[str, object]:
        return {
            "format": FORMAT,
            "store": self.folder.name,
            "first": shard * SHARD_SIZE,
            "count": len(self.indices(shard)),
        }

    def _tensors(self, shard: int) -> dict[str, np.ndarray]:
        tensors, fields = unsealed_tensors(read_content(self.path(shard)))
        if {name: field for name, field in fields.items() if name != _KEYS} != self._fields(shard):
            raise DamagedFileError("it is a shard of other clips or of another network")
        _keys(fields, len(self.indices(shard)))
        return tensors


def _keys(fields: Mapping[str, object], count: int) -> Keys:
    digits = fields.get(_KEYS)
    try:
        keys = np.frombuffer(bytes.fromhex(digits if isinstance(digits, str) else ""), ">u8").astype(np.uint64)
    except ValueError:
        keys = np.empty(0, np.uint64)
    if len(keys) != count:
        raise DamagedFileError("it has no keys of its clips")
    return keys


Stores = dict[str, FeatureStore]
"""Complete feature stores of one set of clips, by network name."""


def network_identity(network: Network | Comparison) -> dict[str, object]:
    """Return everything that determines the features of a network or a frame comparison."""
    identity: dict[str, object] = {
        "name": network.name,
        "weights_sha256": network.weights_sha256,
        "preprocessing": network.preprocessing,
        "precision": network.precision,
    }
    implementation = getattr(network, "implementation", "plain")
    # Features of the plain networks keep the keys that they had before there were others.
    return identity if implementation == "plain" else {**identity, "implementation": implementation}


def feature_key(source: ClipSource, network: Network | Comparison) -> str:
    """Return the content key of a source's features under a network, 64 hex digits."""
    return digest(
        {"format": FORMAT, "shard": SHARD_SIZE, "source": source.identity, "network": network_identity(network)}
    )


def feature_store(root: Path, source: ClipSource, network: Network | Comparison, num_clips: int) -> FeatureStore:
    """Return the store of a source under a network; its folder is named by the content key."""
    return FeatureStore(root / "features" / feature_key(source, network)[:24], num_clips)


def clips_without_shard(store: FeatureStore) -> int:
    """Return the number of clips of a store whose shards have no file; damaged files are found when they are read."""
    return sum(len(store.indices(shard)) for shard in range(store.num_shards) if not is_there(store.path(shard)))


def fill_stores(
    source: ClipSource,
    networks: Sequence[Network | Comparison],
    num_clips: int,
    *,
    root: Path,
    batch_size: int,
    ranks: Ranks,
    progress: Progress,
    title: str,
) -> Stores:
    """Compute the features that are not on disk yet and return the complete stores, by network name.

    Args:
        source: the clips.
        networks: the networks, the frame comparison of a prediction task, and the probe of the validity panel.
        num_clips: clips to process, the first of the source.
        root: folder that holds the stores; shared by all ranks.
        batch_size: maximum clips per call of the source and the networks; does not change the features.
        ranks: this process among the others; each computes a share of the missing shards.
        progress: shows a stage with this title.
        title: what the clips are, for progress and messages, e.g. "Samples".

    Raises:
        InputError: the ranks disagree about the clips or do not share ``root``, or a feature is not finite.
    """
    stores = [feature_store(root, source, network, num_clips) for network in networks]
    ranks.agree("the features to compute", [store.folder.name for store in stores])
    # The main rank looks for all: ranks with different views of the folder would split different lists.
    shards = ranks.from_main(lambda: missing_shards(stores, title))
    if shards:
        todo = sum(len(stores[0].indices(shards[i])) for i in ranks.mine(len(shards)))
        with progress.stage(title, todo) as advance:
            try:
                extract(
                    source,
                    networks,
                    stores,
                    shards,
                    batch_size=batch_size,
                    ranks=ranks,
                    advance=advance,
                    title=title,
                    tried=lambda seconds: progress.cost(title, todo, seconds),
                )
            except KeyboardInterrupt as stopped:
                if doubt := next(filter(None, (store.doubt() for store in stores)), None):
                    sentence = f"{doubt}, so what is finished cannot be kept; the same command begins again."
                    raise KeyboardInterrupt(sentence) from stopped
                raise
    else:
        progress.say(f"{title}: {num_clips} clips were measured before")
    ranks.barrier()
    mine = {shards[position] for position in ranks.mine(len(shards))}
    wait_for_shards(stores, [shard for shard in shards if shard not in mine])
    return {network.name: store for network, store in zip(networks, stores, strict=True)}


def missing_shards(stores: Sequence[FeatureStore], title: str) -> list[int]:
    """Return the shards that at least one of the stores lacks, and warn of damaged ones; all stores must cover the same indices.

    Args:
        stores: the stores.
        title: what the clips are, for the warning, e.g. "Samples".
    """
    for store in stores:
        if doubt := store.doubt():
            warn(
                f"{title}: the features in {store.folder} are not reused, because {doubt}; they will be computed again."
            )
            store.clear()
    missing = sorted({shard for store in stores for shard in store.missing(range(store.num_shards))})
    damaged = [
        (store.path(shard), reason)
        for store in stores
        for shard in missing
        if is_there(store.path(shard)) and (reason := store.damage(shard)) is not None
    ]
    if damaged:
        count = f"{len(damaged)} feature shards are damaged" if len(damaged) > 1 else "A feature shard is damaged"
        warn(f"{title}: {count}, first {damaged[0][0]} ({damaged[0][1]}), and will be computed again.")
    return missing


def wait_for_shards(stores: Sequence[FeatureStore], shards: Sequence[int]) -> None:
    """Wait until the shards written by other ranks are visible on this node.

    Args:
        stores: the stores.
        shards: those of the shards that were missing at the start that others wrote.

    Raises:
        InputError: some are still missing after `vidbench.distributed.shared_folder.VISIBLE_SECONDS`.
    """
    missing = list(shards)

    def complete() -> bool:
        missing[:] = sorted({shard for store in stores for shard in store.missing(missing)})
        return not missing

    if not wait_until_visible(complete, poll_seconds=0.2):
        raise InputError(
            f"{len(missing)} finished feature shards are not visible in {stores[0].folder}: put the folder "
            "on a file system that all ranks share, and run the same command again."
        )


def extract(
    source: ClipSource,
    networks: Sequence[Network | Comparison],
    stores: Sequence[FeatureStore],
    shards: Sequence[int],
    *,
    batch_size: int,
    ranks: Ranks,
    advance: Advance,
    title: str,
    tried: Callable[[float], None] = lambda seconds: None,
    how: Overlap | None = None,
) -> None:
    """Compute this rank's share of the missing shards; each clip is read once for all networks.

    Args:
        source: the clips.
        networks: as for `fill_stores`.
        stores: one store per network, all over the same indices.
        shards: missing shards of all ranks; the list must be the same on every rank.
        batch_size: maximum clips per call; a batch never crosses a shard.
        ranks: this process among the others.
        advance: called with the number of clips just processed.
        title: what the clips are, for messages, e.g. "Samples".
        tried: called after the first batch with the seconds that each of its clips took.
        how: what is done in parallel; None for what `vidbench.scoring.overlap.overlap` says.

    Raises:
        InputError: a feature is NaN or infinite; names the first such clip of the shard. Or a file of the model has changed.
    """
    how = overlap(source, networks, ranks) if how is None else how
    mine = [shards[position] for position in ranks.mine(len(shards))]
    batches = [(shard, batch) for shard in mine for batch in _batches(stores[0].indices(shard), batch_size)]

    def write(shard: int, parts: Sequence[Sequence[Outputs]], keys: Sequence[Keys]) -> None:
        indices = stores[0].indices(shard)
        doubt = source.doubt() if isinstance(source, ModelSource | CodedSource) else None
        for network, store, collected in zip(networks, stores, zip(*parts, strict=True), strict=True):
            if doubt is not None:
                store.mark(doubt)
            outputs = {name: np.concatenate([part[name] for part in collected]) for name in collected[0]}
            if not isinstance(network, FrameComparison | ClipProbe):
                check_finite(outputs, network.name, indices, title.lower())
            store.write(shard, outputs, np.concatenate(keys))

    parts: list[list[Outputs]] = []
    keys: list[Keys] = []
    began: float | None = time.monotonic()
    outputs_of = closing(computed(source, networks, [batch for _, batch in batches], how, advance))
    with Storing(how.writers) as storing, outputs_of as computing:
        for (shard, batch), (of_batch, outputs) in zip(batches, computing, strict=True):
            parts.append(outputs)
            keys.append(of_batch)
            if began is not None:
                tried((time.monotonic() - began) / len(batch))
                began = None
            if batch[-1] == stores[0].indices(shard)[-1]:
                storing(write, shard, parts, keys)
                parts, keys = [], []


def _batches(indices: np.ndarray, size: int) -> list[np.ndarray]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]
