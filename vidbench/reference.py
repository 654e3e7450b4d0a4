"""Statistics of the real side: computed once, kept by content, reused by every later run."""

from __future__ import annotations

from pathlib import Path

from vidbench.features import FeatureStore
from vidbench.files import digest, written_whole
from vidmetrics.definitions import MetricDefinition
from vidmetrics.estimators import Estimate, make_estimator
from vidmetrics.moments import Moments
from vidmetrics.networks.base import Network


def reference_moments(root: Path, store: FeatureStore, network: Network, output: str) -> Moments:
    """Return the moments of one output over a complete store; float64, from the cache where they are there.

    Args:
        root: cache folder; the moments lie in ``root/reference``.
        store: complete feature shards of the reference clips.
        network: the network that made them.
        output: name of the network's output, e.g. ``"logits"``.
    """
    from safetensors.numpy import load_file, save_file

    # The store's folder name is the content key of clips and network, so it stands for both here.
    key = digest({"features": store.folder.name, "num_clips": store.num_clips, "output": output})
    path = root / "reference" / f"{key[:24]}.safetensors"
    if path.is_file():
        return Moments.from_tensors(load_file(path))
    moments = Moments(network.outputs[output])
    for features in store.read(output):
        moments.update(features)
    with written_whole(path) as temporary:
        save_file(moments.to_tensors(), temporary, metadata={"features": store.folder.name, "output": output})
    return moments


def estimate(
    definition: MetricDefinition, store: FeatureStore, network: Network, reference: Moments | None
) -> Estimate:
    """Compute one metric from complete shards, in the order of the indices."""
    estimator = make_estimator(definition, network.outputs[definition.output], store.num_clips)
    for features in store.read(definition.output):
        estimator.update(features)
    return estimator.result(reference)
