"""Statistics of the reference set: computed once, cached by content, reused by later runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidbench.errors import InputError
from vidbench.files import digest, write_bytes
from vidbench.progress import warn
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.given_reference import GivenRealSide
from vidbench.scoring.imported_reference import ImportedRealSide
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Estimate, Estimator, Reference
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.regular_files import is_there
from vidmetrics.sealed import DamagedFileError, read_content, sealed_tensors, unsealed_tensors
from vidmetrics.statistics.moments import Moments
from vidmetrics.statistics.tensor_moments import to_sum

if TYPE_CHECKING:
    import torch

    from vidmetrics.networks.network import Network

FORMAT = "vidbench-moments-2"


def reference_moments(root: Path, store: FeatureStore, network: Network, output: str, num_frames: int) -> Moments:
    """Return the float64 moments of one output over a complete store, cached if possible.

    Args:
        root: cache folder; moments are stored in ``root/reference``.
        store: features of the reference set.
        network: the network that computed them.
        output: name of a network output, e.g. ``"logits"``.
        num_frames: frames per clip.
    """
    # The folder name of the store is the content key of clips and network.
    origin = {"format": FORMAT, "features": store.folder.name, "num_clips": store.num_clips, "output": output}
    path = root / "reference" / f"{digest(origin)[:24]}.safetensors"
    if is_there(path):
        try:
            return _stored_moments(path, origin)
        except InputError as error:
            reason = str(error).removesuffix(".")
            warn(f"The reference statistics in {path} are damaged ({reason}) and will be computed again.")
    moments = Moments(network.outputs[output])
    features_per_clip = network.rows_per_clip(num_frames)
    for features in to_sum(store.read(output), _gpu_of(network)):
        moments.update(features, "reference features", features_per_clip)
    write_bytes(path, sealed_tensors(moments.to_tensors(), origin))
    return moments


def _stored_moments(path: Path, origin: Mapping[str, object]) -> Moments:
    tensors, fields = unsealed_tensors(read_content(path))
    if fields != origin:
        raise DamagedFileError("they are of other features")
    return Moments.from_tensors(tensors)


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
    _moments: dict[str, Moments] = field(default_factory=dict, init=False, repr=False, compare=False)

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
            # The same object for all that is compared with it, so that its covariance is factored once.
            if definition.output not in self._moments:
                self._moments[definition.output] = reference_moments(
                    self.root, self.store, self.network, definition.output, self.num_frames
                )
            return self._moments[definition.output]
        return self.store.read(definition.output) if definition.needs_reference == "features" else None


def _gpu_of(network: Network) -> torch.device | None:
    """Return the GPU of a network, where sums of features are much faster, or None."""
    return network.device if getattr(network, "overlaps", False) else None


def estimate(
    definition: MetricDefinition,
    store: FeatureStore,
    real: RealSide | ImportedRealSide | GivenRealSide,
    clips: range | None = None,
    keys: ClipKeys | None = None,
) -> Estimate:
    """Compute one metric from complete shards, in index order.

    Args:
        definition: the metric.
        store: features of the samples.
        real: reference side under the same network.
        clips: range of samples; None for all.
        keys: keys of the samples, see `vidbench.scoring.run_keys.run_keys`; None for those of the store alone.
    """
    return _filled(definition, store, real, clips, keys).result(real.for_metric(definition))


def estimate_value(
    definition: MetricDefinition,
    store: FeatureStore,
    real: RealSide | ImportedRealSide,
    keys: ClipKeys | None = None,
    clips: range | None = None,
) -> float:
    """Compute the value of `estimate`, with the same bits, without the time of the interval."""
    return _filled(definition, store, real, clips, keys).value(real.for_metric(definition))


def _filled(
    definition: MetricDefinition,
    store: FeatureStore,
    real: RealSide | ImportedRealSide | GivenRealSide,
    clips: range | None,
    keys: ClipKeys | None,
) -> Estimator:
    keys = ClipKeys(store.keys(clips)) if keys is None else keys
    dim = real.network.outputs[definition.output]
    count = store.num_clips if clips is None else len(clips)
    estimator = make_estimator(definition, dim, count, real.rows_per_clip, keys)
    device = _gpu_of(real.network) if isinstance(estimator, FrechetEstimator) else None
    for features in to_sum(store.read(definition.output, clips), device):
        estimator.update(features)
    return estimator
