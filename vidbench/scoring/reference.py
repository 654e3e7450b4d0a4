"""Statistics of the real side: computed once, kept by content, reused by every later run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidbench.files import digest, written_whole
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.imported_reference import ImportedRealSide
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Estimate, Reference
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.networks.base import Network
from vidmetrics.statistics.moments import Moments


def reference_moments(root: Path, store: FeatureStore, network: Network, output: str, num_frames: int) -> Moments:
    """Return the moments of one output over a complete store; float64, from the cache where they are there.

    Args:
        root: cache folder; the moments lie in ``root/reference``.
        store: complete feature shards of the reference clips.
        network: the network that made them.
        output: name of the network's output, e.g. ``"logits"``.
        num_frames: frames of a clip.
    """
    from safetensors.numpy import load_file, save_file

    # The store's folder name is the content key of clips and network, so it stands for both here.
    key = digest({"features": store.folder.name, "num_clips": store.num_clips, "output": output})
    path = root / "reference" / f"{key[:24]}.safetensors"
    if path.is_file():
        return Moments.from_tensors(load_file(path))
    moments = Moments(network.outputs[output])
    features_per_clip = network.rows_per_clip(num_frames)
    for features in store.read(output):
        moments.update(features, "reference features", features_per_clip)
    with written_whole(path) as temporary:
        save_file(moments.to_tensors(), temporary, metadata={"features": store.folder.name, "output": output})
    return moments


@dataclass(frozen=True)
class RealSide:
    """The real clips under one network, handed to each metric in the form it asks for.

    Attributes:
        root: cache folder of the moments.
        store: complete feature shards of the reference clips.
        network: the network that made them.
        num_frames: frames of a clip.
    """

    root: Path
    store: FeatureStore
    network: Network
    num_frames: int

    @property
    def identity(self) -> list[str | int]:
        """JSON-able; everything that decides the features, and how many they are."""
        return [self.store.folder.name, self.store.num_clips]

    @property
    def rows_per_clip(self) -> int:
        """Rows of features of one clip."""
        return self.network.rows_per_clip(self.num_frames)

    def for_metric(self, definition: MetricDefinition) -> Reference:
        """Return moments, an iterator over feature shards that can be read once, or None."""
        if definition.needs_reference == "moments":
            return reference_moments(self.root, self.store, self.network, definition.output, self.num_frames)
        return self.store.read(definition.output) if definition.needs_reference == "features" else None


def estimate(
    definition: MetricDefinition, store: FeatureStore, real: RealSide | ImportedRealSide, clips: range | None = None
) -> Estimate:
    """Compute one metric from complete shards, in the order of the indices.

    Args:
        definition: the metric.
        store: complete feature shards of the samples.
        real: the real clips under the same network.
        clips: the samples to take, None for all.
    """
    dim = real.network.outputs[definition.output]
    count = store.num_clips if clips is None else len(clips)
    estimator = make_estimator(definition, dim, count, real.rows_per_clip)
    for features in store.read(definition.output, clips):
        estimator.update(features)
    return estimator.result(real.for_metric(definition))
