"""Generated clips on disk: what `vidbench score` reads and `vidbench sample` writes."""

from __future__ import annotations

from vidbench.samples.exchange import SampleSource, SampleWriter, open_samples, write_shard
from vidbench.samples.manifest import Answers, SamplesManifest, TaskStamp

__all__ = ["Answers", "SampleSource", "SampleWriter", "SamplesManifest", "TaskStamp", "open_samples", "write_shard"]
