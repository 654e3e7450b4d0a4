"""The held-out clips behind the samples of a task that draws several samples from each, or runs several times."""

from __future__ import annotations

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.files import digest


class SampleContexts:
    """The held-out clip of each sample; a `vidbench.data.clip_dataset.ClipDataset` with one entry for each sample.

    Run r of a task holds the samples ``r * num_samples`` to ``(r + 1) * num_samples - 1``, and within a run the samples
    from one clip lie side by side: sample i belongs to clip ``(i mod num_samples) // samples_per_context``.
    """

    def __init__(self, clips: ClipDataset, num_samples: int, samples_per_context: int, repeats: int) -> None:
        """Wrap the clips, of which the plan holds one for each context.

        Args:
            clips: the held-out clips; fewer than wanted where videos are missing.
            num_samples: samples of a run.
            samples_per_context: samples from each clip.
            repeats: number of runs.
        """
        self._clips = clips
        self._num_samples = num_samples
        self._per_context = samples_per_context
        wanted = -(-num_samples // samples_per_context)
        complete = clips.num_clips >= wanted
        self.num_clips = num_samples * repeats if complete else clips.num_clips * samples_per_context
        self.class_names = clips.class_names
        self.coverage = clips.coverage
        self.scan_sha256 = clips.scan_sha256

    @property
    def labels(self) -> np.ndarray | None:
        """Label of each sample's clip int64 ``[num_clips]``, or None where the data has none."""
        labels = self._clips.labels
        return None if labels is None else labels[self._clip_of(np.arange(self.num_clips))]

    @property
    def identity_sha256(self) -> str:
        """Digest of the clips and of how samples are divided among them."""
        return digest(
            {
                "clips": self._clips.identity_sha256,
                "num_samples": self._num_samples,
                "samples_per_context": self._per_context,
            }
        )

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """Name of each sample's clip, with the sample's number in all runs, for int64 indices ``[N]``."""
        indices = np.asarray(indices, dtype=np.int64)
        names = self._clips.clip_ids(self._clip_of(indices))
        return tuple(f"{name}/{index}" for name, index in zip(names, indices.tolist(), strict=True))

    def origins(self, count: int) -> frozenset[str]:
        """See `vidbench.data.clip_dataset.ClipDataset.origins`."""
        return self._clips.origins(-(-min(count, self._num_samples) // self._per_context))

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return the held-out clips uint8 ``[N, T, H, W, 3]`` of the samples ``indices`` int64 ``[N]``."""
        return self._clips.read(self._clip_of(np.asarray(indices, dtype=np.int64)))

    def _clip_of(self, indices: np.ndarray) -> np.ndarray:
        clips: np.ndarray = indices % self._num_samples // self._per_context
        return clips
