"""Adapter for TF-GAN's metrics: ``vidbench conformance --implementation tf_gan_adapter:answer``.

Needs a separate environment: ``pip install tensorflow-cpu==2.21.0 tensorflow-probability && pip install --no-deps
tensorflow-gan==2.1.0``. TF-GAN's training modules import Estimators, which TensorFlow has since removed. The evaluation
module does not need them, so it is imported without running the `__init__` of its packages.
"""

import importlib.util
import sys
import types
from pathlib import Path

import tensorflow as tf

ROOT = Path(importlib.util.find_spec("tensorflow_gan").submodule_search_locations[0])
for package in ("tensorflow_gan", "tensorflow_gan.python", "tensorflow_gan.python.eval"):
    sys.modules[package] = types.ModuleType(package)
    sys.modules[package].__path__ = [str(ROOT.joinpath(*package.split(".")[1:]))]

from tensorflow_gan.python.eval import classifier_metrics  # noqa: E402


def answer(kind, inputs, parameters):
    """Compute Fréchet and kernel distances of features, and Inception Scores with one split."""
    if kind == "frechet-from-features":
        distance = classifier_metrics.frechet_classifier_distance_from_activations
        return distance(inputs["features_a"], inputs["features_b"]).numpy()
    if kind == "kernel-mmd":
        # One block with all features; TF-GAN's kernel is the requested one.
        size = max(len(inputs["features_a"]), len(inputs["features_b"]))
        distance = classifier_metrics.kernel_classifier_distance_from_activations
        rows = [tf.constant(inputs[f"features_{side}"]) for side in "ab"]
        return distance(*rows, max_block_size=size, dtype=tf.float64).numpy()
    if kind == "inception-score" and parameters["splits"] == 1:
        return classifier_metrics.classifier_score_from_logits(inputs["logits"]).numpy()
    return NotImplemented
