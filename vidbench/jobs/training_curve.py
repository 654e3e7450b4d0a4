"""Metrics during training: a task's metrics on few samples, as points of a curve; never a result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.scoring.clip_sources import ModelSource
from vidbench.scoring.features import Stores
from vidbench.scoring.reference import RealSide
from vidbench.scoring.run import Run, open_planned
from vidbench.scoring.run_features import reference_features
from vidbench.scoring.run_options import RunOptions
from vidbench.scoring.run_plan import plan_run
from vidbench.tasks import LoadedTask
from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.estimators.base import Estimator
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.home import home
from vidmetrics.networks.finite import check_finite

CURVE_SEED = 1 << 63
"""Seed of the samples of a curve, larger than any seed that the command line accepts: choosing a step by its curve must not
choose it by the samples that will be scored."""


@dataclass(frozen=True, kw_only=True)
class CurveOptions:
    """What to measure during training.

    Attributes:
        every: steps between measurements, 1 or more.
        metrics: metric ids; empty for the task's own.
        num_samples: samples per measurement; a few hundred make a curve, not a result.
    """

    every: int
    metrics: tuple[str, ...] = ()
    num_samples: int = 256


class TrainingCurve:
    """Measures a model during training, against the same reference statistics as `evaluate`.

    Labels and context frames are those of the task's first samples. Latents are the curve's own (`CURVE_SEED`) and the same
    at every point. Few samples bias a Fréchet distance upwards, so points are comparable with each other, not with results.
    """

    def __init__(
        self,
        loaded: LoadedTask,
        options: CurveOptions,
        *,
        data: Path | None,
        ignore: tuple[str, ...] = (),
        device: str,
        progress: Progress,
    ) -> None:
        """Open networks; data is opened by `open`. The reference set is measured at the first point, unless its features are cached.

        Args:
            loaded: the task.
            options: what to measure.
            data: data folder, for tasks that read one.
            ignore: patterns of entries of the folder to leave out.
            device: torch device of the networks.
            progress: where progress on the reference set is shown.

        Raises:
            InputError: a metric that cannot be measured here, or task and networks that do not fit.
        """
        task, metrics = loaded.task, options.metrics
        chosen = [get_metric(id) for id in metrics or task.evaluation.metrics]
        usable = [metric.id for metric in chosen if metric.needs_reference != "frames"]
        if (metrics and len(usable) < len(chosen)) or not usable:
            raise InputError(
                f"The metric '{next(m.id for m in chosen if m.id not in usable)}' compares predicted with true frames, "
                "which `vidbench evaluate` does: name other metrics for the curve with --metric."
            )
        task = task.model_copy(update={"evaluation": task.evaluation.model_copy(update={"metrics": tuple(usable)})})
        run_options = RunOptions(data=data, ignore=ignore, num_samples=options.num_samples, device=device)
        self._plan = plan_run(
            replace(loaded, task=task),
            run_options,
            ranks=Ranks(),
            progress=progress,
            default_name="curve",
            writes=(home(),),
        )
        self._run: Run | None = None
        self._real: Stores = {}
        for metric in self._plan.metrics:
            self._estimator(metric)  # refuses too few samples before training starts

    def open(self) -> Run:
        """Open the data, once.

        Raises:
            InputError: it cannot be opened or does not fit.
        """
        if self._run is None:
            self._run = open_planned(self._plan)
        return self._run

    @property
    def num_samples(self) -> int:
        """Samples per measurement."""
        return self._plan.num_samples

    def __call__(self, model: Any) -> dict[str, float]:
        """Return the metrics of the model in its current state, by id.

        Args:
            model: any object with ``sample(request)``, see `vidbench.models.interface.VideoModel`.
        """
        run = self.open()
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
        return {m.id: float(estimators[m.id].value(self._side(m).for_metric(m))) for m in run.metrics}

    def _side(self, metric: MetricDefinition) -> RealSide:
        network = self._plan.networks[metric.network]
        return RealSide(home(), self._real[metric.network], network, self._plan.task.clips.num_frames)

    def _estimator(self, metric: MetricDefinition) -> Estimator:
        network = self._plan.networks[metric.network]
        rows = network.rows_per_clip(self._plan.task.clips.num_frames)
        return make_estimator(metric, network.outputs[metric.output], self.num_samples, rows)
