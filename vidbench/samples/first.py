"""The first samples of a source that has more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vidbench.samples.exchange import SampleSource
from vidbench.samples.manifest import Answers, SamplesManifest


class FirstSamples:
    """A source that shows the first samples of another; see `vidbench.samples.SampleSource` for the other attributes.

    Attributes:
        num_written: number of samples of the other.
    """

    unused: Mapping[str, int]

    def __init__(self, source: SampleSource, count: int) -> None:
        """Show the first ``count`` samples."""
        self._source = source
        self.num_samples, self.num_written = count, source.num_samples
        self.num_frames, self.height, self.width = source.num_frames, source.height, source.width
        self.labels = None if source.labels is None else source.labels[:count]
        self.lossy, self.identity_sha256, self.unused = source.lossy, source.identity_sha256, source.unused
        self.manifest = None if source.manifest is None else _cut(source.manifest, count)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return samples uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``."""
        return self._source.read(indices)


def _cut(manifest: SamplesManifest, count: int) -> SamplesManifest:
    """Return what a manifest says of the first samples.

    The digest of the data is left out: that of fewer clips may be another. Each sample still names its clip and context.
    """
    answers = manifest.answers
    if answers is not None:
        answers = Answers(
            split=answers.split,
            ids=None if answers.ids is None else answers.ids[:count],
            context_sha256=None if answers.context_sha256 is None else answers.context_sha256[:count],
            prompts=None if answers.prompts is None else answers.prompts[:count],
            class_names=answers.class_names,
            seed=answers.seed,
        )
    return manifest.model_copy(update={"answers": answers})
