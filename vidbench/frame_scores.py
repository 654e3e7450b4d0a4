"""PSNR and SSIM in a task: each predicted frame against the true one, kept as shards like features.

The shards hold one score for each predicted frame, so they too are independent of batches and ranks and are what a run
resumes from. Where a task asks for several samples from each context, `psnr` and `ssim` are the mean over them and
`psnr-best` and `ssim-best` the best of them, for each context by itself (docs/metrics.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidbench.data.base import ClipDataset
from vidbench.errors import InputError
from vidbench.tasks.schema import Task
from vidmetrics.definitions import MetricDefinition
from vidmetrics.estimation import Estimate
from vidmetrics.frames import best_of_k, mean_of_k, psnr_frames, ssim_frames
from vidmetrics.intervals import cut, mean_interval

if TYPE_CHECKING:
    from vidbench.features import FeatureStore

FRAMES = "frames"
_SCORES = {"psnr": psnr_frames, "ssim": ssim_frames}


@dataclass(frozen=True)
class FrameComparison:
    """Scores of predicted frames; stands beside the measuring networks where features are made.

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
        return {score: _SCORES[score](true, predicted) for score in self.scores}


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
    return FrameComparison(truth, task.clips.context_frames, tuple(dict.fromkeys(map(_score_of, wanted))))


def estimate_frames(definition: MetricDefinition, store: FeatureStore, clips: range, per_context: int) -> Estimate:
    """Compute a metric of frames from complete shards; its interval is over contexts.

    Args:
        definition: the metric.
        store: complete shards of `FrameComparison.compare`.
        clips: the samples to take; whole contexts.
        per_context: samples from each context, side by side.
    """
    score = _score_of(definition)
    scores = np.concatenate([frames.mean(axis=1) for frames in store.read(score, clips)])
    scores_KN = scores.reshape(-1, per_context).T
    scores_N = mean_of_k(scores_KN) if definition.statistic == score else best_of_k(scores_KN)
    interval = mean_interval(scores_N) if np.isfinite(scores_N).all() else None
    highest = math.inf if score == "psnr" else 1.0
    return Estimate(float(scores_N.mean()), cut(interval, highest=highest), len(clips), len(scores_N))


def _score_of(definition: MetricDefinition) -> str:
    return definition.statistic.removesuffix("-best")


def refuse_infinite(definition: MetricDefinition, store: FeatureStore, values: Iterable[float]) -> None:
    """Refuse a mean PSNR that one frame without any error has made infinite.

    Raises:
        InputError: a value is infinite; names the first sample that has such a frame.
    """
    if any(map(math.isinf, values)):
        infinite_NT = np.isinf(np.concatenate(list(store.read(_score_of(definition)))))
        sample, frame = (int(place) for place in np.argwhere(infinite_NT)[0])
        raise InputError(
            f"The value of '{definition.id}' is infinite, because predicted frame {frame} of sample {sample} equals the "
            f"true one in every pixel; leave '{definition.id}' out of the task and use 'ssim'."
        )
