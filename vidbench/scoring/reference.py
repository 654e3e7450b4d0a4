"""Statistics of the reference set: computed once, cached by content, reused by later runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidbench.files import digest, written_whole
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.imported_reference import ImportedRealSide
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Estimate, Reference
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.networks.network import Network
from vidmetrics.statistics.moments import Moments


def reference_moments(root: Path, store: FeatureStore, network: Network, output: str, num_frames: int) -> Moments:
    """Return the float64 moments of one output over a complete store, cached if possible.

    Args:
        root: cache folder; moments are stored in ``root/reference``.
        store: features of the reference set.
        network: the network that computed them.
        output: name of a network output, e.g. ``"logits"``.
        num_frames: frames per clip.
    """
    from safetensors.numpy import load_file, save_file

    # The folder name of the store is the content key of clips and network.
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
    """The reference set under one network, in the form that each metric needs.

    Attributes:
        root: cache folder of the moments.
        store: features of the reference set.
        network: the network that computed them.
        num_frames: frames per clip.
    """

    root: Path
    store: FeatureStore
    network: Network
    num_frames: int

    @property
    def identity(self) -> list[str | int]:
        """Everything that determines the features and their number, JSON-able."""
        return [self.store.folder.name, self.store.num_clips]

    @property
    def rows_per_clip(self) -> int:
        """Feature rows per clip."""
        return self.network.rows_per_clip(self.num_frames)

    def for_metric(self, definition: MetricDefinition) -> Reference:
        """Return moments, a single-pass iterator over feature shards, or None, as the metric needs."""
        if definition.needs_reference == "moments":
            return reference_moments(self.root, self.store, self.network, definition.output, self.num_frames)
        return self.store.read(definition.output) if definition.needs_reference == "features" else None


def estimate(
    definition: MetricDefinition, store: FeatureStore, real: RealSide | ImportedRealSide, clips: range | None = None
) -> Estimate:
    """Compute one metric from complete shards, in index order.

    Args:
        definition: the metric.
        store: features of the samples.
        real: reference side under the same network.
        clips: range of samples; None for all.
    """
    dim = real.network.outputs[definition.output]
    count = store.num_clips if clips is None else len(clips)
    estimator = make_estimator(definition, dim, count, real.rows_per_clip)
    for features in store.read(definition.output, clips):
        estimator.update(features)
    return estimator.result(real.for_metric(definition))
