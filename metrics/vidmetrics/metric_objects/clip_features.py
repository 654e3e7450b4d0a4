"""The features of one side, in the order of its clips, with the same bits however the clips arrive.

The last bits of a feature can depend on how many clips a network takes at once. So clips wait until there are ``batch_size`` of them, and
those that wait at the end are computed in batches of the sizes that one process would have had (`SideFeatures.complete`): full ones,
and one of what is left over all ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.networks.finite import check_finite
from vidmetrics.networks.sharing import shared_passes
from vidmetrics.statistics.clip_keys import Keys, clip_keys

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network

Output: TypeAlias = tuple[str, str]
"""Name of a network, and of one of its outputs."""
Rows: TypeAlias = npt.NDArray[np.float32]
ClipSize: TypeAlias = tuple[int, int, int]
"""Frames, height and width of a clip."""
NO_LABEL = -1


def size_text(size: ClipSize) -> str:
    """Return the size of clips in words."""
    return f"{size[0]} frames of {size[2]}x{size[1]}"


class SideFeatures:
    """Features of the real or of the generated clips, per output ``[N, rows per clip, D]``.

    Args:
        networks: loaded networks by name.
        outputs: what to keep; nothing else is computed.
        batch_size: clips per call of a network.
        whose: the clips in messages, ``"real clips"`` or ``"generated clips"``.
    """

    def __init__(self, networks: Mapping[str, Network], outputs: Iterable[Output], batch_size: int, whose: str) -> None:
        self.outputs = tuple(dict.fromkeys(outputs))
        self.size: ClipSize | None = None
        self.count = 0
        self.whose = whose
        self._networks, self._batch_size = networks, batch_size
        self._rows: dict[Output, list[Rows | None]] = {output: [] for output in self.outputs}
        self._keys: list[np.uint64] = []
        self._labels: list[int] = []
        self._waiting: dict[int, npt.NDArray[np.uint8]] = {}

    def add(self, clips_NTHWC: npt.NDArray[np.uint8], labels_N: Sequence[int] | None = None) -> None:
        """Add clips of the size that the others have.

        Args:
            clips_NTHWC: uint8 clips.
            labels_N: the label of each, at least 0; None for clips without.

        Raises:
            InputError: another size, or a length that a network does not take; then none of them is added.
        """
        if not len(clips_NTHWC):
            return
        self.check((clips_NTHWC.shape[1], clips_NTHWC.shape[2], clips_NTHWC.shape[3]))
        self.size = (clips_NTHWC.shape[1], clips_NTHWC.shape[2], clips_NTHWC.shape[3])
        labels = [NO_LABEL] * len(clips_NTHWC) if labels_N is None else labels_N
        for clip, key, label in zip(clips_NTHWC, clip_keys(clips_NTHWC), labels, strict=True):
            self._keys.append(key)
            self._labels.append(label)
            self._waiting[self.count] = clip.copy()  # the caller may reuse its buffer
            self.count += 1
            for rows in self._rows.values():
                rows.append(None)
            if len(self._waiting) == self._batch_size:
                self._compute(list(self._waiting))

    def merge(self, other: SideFeatures) -> None:
        """Append the clips of another object.

        Raises:
            InputError: they have another size.
        """
        if other.size is None:
            return
        self.check(other.size)
        self.size = other.size
        for output in self.outputs:
            self._rows[output].extend(other._rows[output])
        self._keys.extend(other._keys)
        self._labels.extend(other._labels)
        self._waiting |= {self.count + index: clip for index, clip in other._waiting.items()}
        self.count += other.count
        self._compute_full_batches()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Remove what was added in the block if the block fails."""
        size, count, waiting = self.size, self.count, dict(self._waiting)
        try:
            yield
        except BaseException:
            self.size, self.count, self._waiting = size, count, waiting
            del self._keys[count:], self._labels[count:]
            for rows in self._rows.values():
                del rows[count:]
                for index in waiting:
                    rows[index] = None  # its batch may have had clips that are gone
            raise

    def complete(self, positions: npt.NDArray[np.int64] | None = None, total: int | None = None) -> dict[Output, Rows]:
        """Return the features of all clips; those that wait are computed as they would be in one process.

        Args:
            positions: index of each clip among those of all ranks, int64 ``[count]``; None without other ranks.
            total: number of clips of all ranks.
        """
        total = self.count if total is None else total
        full = total // self._batch_size * self._batch_size
        waiting = list(self._waiting)
        early = [index for index in waiting if (index if positions is None else positions[index]) < full]
        late = [index for index in waiting if index not in set(early)]
        done = {output: list(rows) for output, rows in self._rows.items()}
        for indices, length in ((early, self._batch_size), (late, total - full)):
            if indices:
                for output, rows in self._pass(indices, length).items():
                    for index, of_clip in zip(indices, rows, strict=False):
                        done[output][index] = of_clip
        return {output: np.stack([row for row in rows if row is not None]) for output, rows in done.items() if rows}

    @property
    def keys(self) -> Keys:
        """Keys of the clips in their order, uint64 ``[count]``."""
        return np.array(self._keys, np.uint64)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Labels of the clips in their order, int64 ``[count]``; `NO_LABEL` for a clip without."""
        return np.array(self._labels, np.int64)

    def check(self, size: ClipSize) -> None:
        """Refuse clips of a size that the others do not have, or of a length that a network does not take.

        Raises:
            InputError: see above.
        """
        if self.size is None:
            for network in self._networks.values():
                if problem := network.length_problem(size[0]):
                    raise InputError(f"{problem}; give clips of another length, or choose other metrics.")
        elif size != self.size:
            raise InputError(
                f"Some {self.whose} have {size_text(size)} and others {size_text(self.size)}; give all of them the same number of "
                "frames and the same size."
            )

    def _compute_full_batches(self) -> None:
        while len(self._waiting) >= self._batch_size:
            self._compute(list(self._waiting)[: self._batch_size])

    def _compute(self, indices: Sequence[int]) -> None:
        for output, rows in self._pass(indices, len(indices)).items():
            for index, of_clip in zip(indices, rows, strict=True):
                self._rows[output][index] = of_clip
        for index in indices:
            del self._waiting[index]

    def _pass(self, indices: Sequence[int], length: int) -> dict[Output, Rows]:
        """Compute clips in a batch of a length that is filled with repeats, whose rows come last."""
        clips = np.stack([self._waiting[index] for index in indices])
        padded = np.concatenate([clips, np.repeat(clips[:1], length - len(clips), axis=0)])
        share = shared_passes(self._networks, *clips.shape[2:4])
        found: dict[str, dict[str, Rows]] = {}
        rows: dict[Output, Rows] = {}
        for name, output in self.outputs:
            computing = share[name]
            if computing not in found:
                found[computing] = self._networks[computing](padded)
                kept = {which: found[computing][which] for (other, which) in self.outputs if share[other] == computing}
                check_finite(kept, computing, [*indices, *[indices[0]] * (length - len(clips))], self.whose)
            of_batch = found[computing][output]
            rows[name, output] = of_batch.reshape(length, -1, of_batch.shape[1])
        return rows

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that was added as arrays, by name."""
        computed = [index for index in range(self.count) if index not in self._waiting]
        arrays: dict[str, npt.NDArray[Any]] = {
            "size": np.array(self.size or (0, 0, 0), np.int64),
            "count": np.array(self.count, np.int64),
            "waiting": np.array(list(self._waiting), np.int64),
            "labels": self.labels,
            "keys": self.keys.view(np.int64),  # not every torch has uint64
        }
        if self._waiting:
            arrays["clips"] = np.stack(list(self._waiting.values()))
        if computed:
            for (name, output), rows in self._rows.items():
                arrays[f"{name}/{output}"] = np.stack([row for row in rows if row is not None])
        return arrays

    def from_arrays(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the state of `to_arrays` in place of what was added.

        Raises:
            InputError: it is of other metrics, or not a state.
        """
        try:
            count, waiting = int(arrays["count"]), [int(index) for index in arrays["waiting"]]
            size = tuple(int(length) for length in arrays["size"])
            computed = sorted(set(range(count)) - set(waiting))
            rows: dict[Output, list[Rows | None]] = {}
            for name, output in self.outputs:
                rows[name, output] = [None] * count
                for index, row in zip(computed, arrays[f"{name}/{output}"] if computed else (), strict=True):
                    rows[name, output][index] = row
            clips = dict(zip(waiting, arrays["clips"] if waiting else (), strict=True))
            keys = arrays["keys"].view(np.uint64)
            labels = [int(label) for label in arrays["labels"]]
            if (len(keys), len(labels)) != (count, count):
                raise ValueError(f"{len(keys)} keys and {len(labels)} labels of {count} clips")
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"The state of the {self.whose} is not one of these metrics ({error}); make the object with the ids that it had."
            ) from None
        self.size = None if not any(size) else (size[0], size[1], size[2])
        self.count, self._rows, self._waiting = count, rows, clips
        self._keys, self._labels = list(keys), labels
        self._compute_full_batches()  # the object that was saved may have had larger batches
