"""A metric as a `torchmetrics.Metric`, for Lightning and for loops that expect one; needs the extra ``torchmetrics``."""

from __future__ import annotations

from typing import Any

import torch
import torchmetrics

from vidmetrics.metric_objects.metric_object import Metric


class TorchMetric(torchmetrics.Metric):  # type: ignore[misc, unused-ignore]  # an extra
    """One metric id as a `torchmetrics.Metric`; `compute` returns the value as a float64 tensor.

    The metric merges ranks itself and keeps features on the host, so that ``dist_sync_fn`` and ``.to(device)`` have no effect; `estimate`
    has the interval of the last value.

    Args:
        metric: the metric, without clips or with them.
        reset_real_features: whether `reset` also removes the real clips, as in `torchmetrics.image.FrechetInceptionDistance`.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(self, metric: Metric, reset_real_features: bool = True) -> None:
        super().__init__(sync_on_compute=False)
        self.metric = metric
        self.reset_real_features = reset_real_features
        self.estimate: Any = None

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override, unused-ignore]
        """Direction of the metric."""
        return self.metric.definitions[0].higher_is_better

    def update(self, clips: Any, real: bool) -> None:
        """Add clips to one side, see `vidmetrics.Metric.update`."""
        self.metric.update(clips, real=real)

    def compute(self) -> torch.Tensor:
        """Return the value; `estimate` then has its interval and counts."""
        self.estimate = self.metric.compute()
        return torch.tensor(self.estimate.value, dtype=torch.float64)

    def reset(self) -> None:
        """Remove the generated clips, and the real ones if ``reset_real_features``."""
        super().reset()
        self.metric.reset(keep_real=not self.reset_real_features)
