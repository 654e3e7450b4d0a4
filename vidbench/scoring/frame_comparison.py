"""Predicted frames against the true ones: stands beside the measuring networks where features are made.

The scores of each frame are kept as shards like features, so they too are independent of batches and ranks, and are what
a run resumes from; `vidbench.scoring.frame_scores` makes a task's numbers of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.errors import InputError
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.statistics.frames import FRAME_SCORES

FRAMES = "frames"


@dataclass(frozen=True)
class FrameComparison:
    """Scores of predicted frames.

    Attributes:
        truth: the held-out clip of each sample.
        context_frames: given frames at the start of a clip, which are not compared.
        scores: what to compute, ``"psnr"`` or ``"ssim"`` or both.
    """

    truth: ClipDataset
    context_frames: int
    scores: tuple[str, ...]
    name: str = FRAMES
    precision: str = "exact"

    @property
    def preprocessing(self) -> str:
        """What is computed, for the content key of the shards."""
        return "+".join(f"{score}-1" for score in self.scores) + f" from frame {self.context_frames}"

    @property
    def weights_sha256(self) -> str:
        """Digest of the true clips: in their place in the content key, what weights are to a network."""
        return self.truth.identity_sha256

    def compare(self, clips_NTHWC: np.ndarray, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return the scores of the predicted frames, float64 ``[N, predicted frames]`` each; PSNR may be infinite.

        Args:
            clips_NTHWC: whole clips uint8 of the samples, given frames included.
            indices: which samples they are, int64 ``[N]``.
        """
        true = self.truth.read(indices)[:, self.context_frames :]
        predicted = clips_NTHWC[:, self.context_frames :]
        return {score: FRAME_SCORES[score](true, predicted) for score in self.scores}


def compare_frames(task: Task, metrics: Sequence[MetricDefinition], truth: ClipDataset) -> FrameComparison | None:
    """Return the comparison that the metrics of a task need, or None where they need none.

    Raises:
        InputError: the task predicts nothing, so that there are no true frames.
    """
    wanted = [metric for metric in metrics if metric.needs_reference == "frames"]
    if not wanted:
        return None
    if not task.clips.context_frames:
        raise InputError(
            f"The metric '{wanted[0].id}' compares each predicted frame with the true one, and the task '{task.name}' "
            "gives no frames to predict from: leave it out."
        )
    return FrameComparison(
        truth, task.clips.context_frames, tuple(dict.fromkeys(metric.facts.frame_score for metric in wanted))
    )
