"""Metrics during a training: a task's numbers on few samples, to draw a curve of; never a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.scoring.clip_sources import ModelSource
from vidbench.scoring.features import Stores
from vidbench.scoring.reference import RealSide
from vidbench.scoring.run import Options, open_run
from vidbench.scoring.run_features import reference_features
from vidbench.tasks import LoadedTask
from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.estimators.base import Estimator
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.home import home
from vidmetrics.networks.finite import check_finite

DEFAULT_SAMPLES = 256
CURVE_SEED = 1 << 63
"""Seed of the samples of a curve, larger than any that the command line takes: whoever picks a step by the curve does not
pick by the samples that will be scored."""


class TrainingCurve:
    """Measures a model as it trains: samples of the task against the reference statistics that `evaluate` keeps.

    Labels are those of the task's first samples; latents are the curve's own (`CURVE_SEED`), the same at every point. Few
    samples bias a Fréchet distance upwards, so its points compare with each other and not with results. For prediction
    the given frames are those of the first held-out clips, as in an evaluation.
    """

    def __init__(
        self,
        loaded: LoadedTask,
        data: Path | None,
        metrics: Sequence[str],
        num_samples: int,
        device: str,
        progress: Progress,
    ) -> None:
        """Open data and networks; the reference clips are measured at the first point, where they are not kept yet.

        Args:
            loaded: the task.
            data: data folder, for tasks that read one.
            metrics: metric ids; none for the task's own.
            num_samples: samples per measurement.
            device: torch device of the networks.
            progress: where the statistics of the reference clips show progress.

        Raises:
            InputError: a metric that cannot be measured here, or data and networks that do not fit.
        """
        task, chosen = loaded.task, [get_metric(id) for id in metrics or loaded.task.evaluation.metrics]
        usable = [metric.id for metric in chosen if metric.needs_reference != "frames"]
        if (metrics and len(usable) < len(chosen)) or not usable:
            raise InputError(
                f"The metric '{next(m.id for m in chosen if m.id not in usable)}' compares predicted with true frames, "
                "which `vidbench evaluate` does: name other metrics for the curve with --metric."
            )
        task = task.model_copy(update={"evaluation": task.evaluation.model_copy(update={"metrics": tuple(usable)})})
        options = Options(data=data, num_samples=num_samples, device=device)
        self._run = open_run(replace(loaded, task=task), options, Ranks(), progress, default_name="curve")
        self._real: Stores = {}
        for metric in self._run.metrics:
            self._estimator(metric)  # refuses too few samples before the training, not in it

    @property
    def num_samples(self) -> int:
        """Samples per measurement."""
        return self._run.num_samples

    def __call__(self, model: Any) -> dict[str, float]:
        """Metrics by id of a model as it is now.

        Args:
            model: anything with ``sample(request)``, see `vidbench.models.interface.VideoModel`.
        """
        run = self._run
        self._real = self._real or reference_features(run, home())
        source = ModelSource(model, {"name": type(model).__name__}, run.task, run.evaluation, CURVE_SEED)
        estimators = {m.id: self._estimator(m) for m in run.metrics}
        for start in range(0, run.num_samples, run.options.batch_size):
            indices = np.arange(start, min(start + run.options.batch_size, run.num_samples))
            clips = source.read(indices)
            outputs = {name: network(clips) for name, network in run.networks.items()}
            for metric in run.metrics:
                features = outputs[metric.network][metric.output]
                check_finite({metric.output: features}, metric.network, indices, "samples")
                estimators[metric.id].update(features)
        return {m.id: float(estimators[m.id].result(self._side(m).for_metric(m)).value) for m in run.metrics}

    def _side(self, metric: MetricDefinition) -> RealSide:
        network = self._run.networks[metric.network]
        return RealSide(home(), self._real[metric.network], network, self._run.task.clips.num_frames)

    def _estimator(self, metric: MetricDefinition) -> Estimator:
        network = self._run.networks[metric.network]
        rows = network.rows_per_clip(self._run.task.clips.num_frames)
        return make_estimator(metric, network.outputs[metric.output], self._run.num_samples, rows)
