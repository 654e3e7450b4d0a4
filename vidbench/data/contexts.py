"""Held-out clips by sample, for tasks with several samples per clip or several runs."""

from __future__ import annotations

import numpy as np

from vidbench.data.clip_dataset import ClipDataset, clips_with_actions
from vidbench.files import digest


class SampleContexts:
    """The held-out clip of each sample; a `vidbench.data.clip_dataset.ClipDataset` with one entry per sample.

    Run r of a task holds the samples ``r * num_samples`` to ``(r + 1) * num_samples - 1``. Within a run the samples from
    one clip are consecutive: sample i belongs to clip ``(i mod num_samples) // samples_per_context``.
    """

    def __init__(self, clips: ClipDataset, num_samples: int, samples_per_context: int, repeats: int) -> None:
        """Wrap a plan with one clip per context.

        Args:
            clips: the held-out clips; fewer than requested if videos are missing.
            num_samples: samples in one run.
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
        self.unused = clips.unused

    @property
    def labels(self) -> np.ndarray | None:
        """Label of each sample's clip, int64 ``[num_clips]``, or None if the data has no labels."""
        labels = self._clips.labels
        return None if labels is None else labels[self._clip_of(np.arange(self.num_clips))]

    @property
    def identity_sha256(self) -> str:
        """Digest of the clips and of how samples are assigned to them."""
        return digest(
            {
                "clips": self._clips.identity_sha256,
                "num_samples": self._num_samples,
                "samples_per_context": self._per_context,
            }
        )

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """Return the name of each sample's clip and the sample's number over all runs, for int64 indices ``[N]``."""
        indices = np.asarray(indices, dtype=np.int64)
        names = self._clips.clip_ids(self._clip_of(indices))
        return tuple(f"{name}/{index}" for name, index in zip(names, indices.tolist(), strict=True))

    def captions(self, indices: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """Return the captions of each sample's clip, for int64 indices ``[N]``."""
        return self._clips.captions(self._clip_of(np.asarray(indices, dtype=np.int64)))

    def origins(self, count: int) -> frozenset[str]:
        """See `vidbench.data.clip_dataset.ClipDataset.origins`."""
        return self._clips.origins(-(-min(count, self._num_samples) // self._per_context))

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return the held-out clips uint8 ``[N, T, H, W, 3]`` of the samples ``indices`` int64 ``[N]``."""
        return self._clips.read(self._clip_of(np.asarray(indices, dtype=np.int64)))

    def actions(self, indices: np.ndarray) -> np.ndarray:
        """See `vidbench.data.clip_dataset.ActionClips.actions`: those of the held-out clip of each sample."""
        return clips_with_actions(self._clips).actions(self._clip_of(np.asarray(indices, dtype=np.int64)))

    @property
    def actions_sha256(self) -> str:
        """See `vidbench.data.clip_dataset.ActionClips.actions_sha256`: those of the clips, each once."""
        return clips_with_actions(self._clips).actions_sha256

    def _clip_of(self, indices: np.ndarray) -> np.ndarray:
        clips: np.ndarray = indices % self._num_samples // self._per_context
        return clips
