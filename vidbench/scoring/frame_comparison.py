"""Comparison of predicted with true frames, used like a network when features are computed.

The scores of single frames are stored as feature shards, so they too are independent of batches and ranks and can be
resumed; `vidbench.scoring.frame_scores` computes the task's metrics from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.data.codec_pass import encoder_version, through_codec
from vidbench.errors import InputError
from vidbench.tasks.schema import Codec, Task
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.statistics.frames import FRAME_SCORES

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network

FRAMES = "frames"


@dataclass(frozen=True)
class FrameComparison:
    """Computes scores of predicted frames.

    Attributes:
        truth: the held-out clip of each sample.
        context_frames: context frames at the start of a clip, which are not compared.
        scores: scores to compute: ``"psnr"``, ``"ssim"``, names of networks that compare frames.
        networks: those networks by name.
        codec: codec that the true clips pass through first, as the samples have.
    """

    truth: ClipDataset
    context_frames: int
    scores: tuple[str, ...]
    networks: Mapping[str, Network] = field(default_factory=dict)
    name: str = FRAMES
    precision: str = "exact"
    codec: Codec = "none"

    @property
    def preprocessing(self) -> str:
        """Description of the computation, for the content key of the shards."""
        passed = "" if self.codec == "none" else f" through {self.codec} of {encoder_version()}"
        return "+".join(map(self._described, self.scores)) + f" from frame {self.context_frames}{passed}"

    def _described(self, score: str) -> str:
        if score not in self.networks:
            return f"{score}-1"
        network = self.networks[score]
        return f"{score}-1 ({network.preprocessing}, {network.precision}, {network.weights_sha256})"

    @property
    def weights_sha256(self) -> str:
        """Digest of the true clips; takes the place of a network's weights in the content key."""
        return self.truth.identity_sha256

    def compare(self, clips_NTHWC: np.ndarray, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return the scores of the predicted frames, float64 ``[N, predicted frames]`` each; PSNR alone may be infinite.

        Args:
            clips_NTHWC: complete clips of the samples, uint8, including context frames.
            indices: indices of the samples, int64 ``[N]``.
        """
        true = through_codec(self.truth.read(indices), self.codec)[:, self.context_frames :]
        predicted = clips_NTHWC[:, self.context_frames :]
        return {
            score: self.networks[score].compare(true, predicted)
            if score in self.networks
            else FRAME_SCORES[score](true, predicted)
            for score in self.scores
        }


def compare_frames(
    task: Task,
    metrics: Sequence[MetricDefinition],
    truth: ClipDataset,
    networks: Mapping[str, Network] | None = None,
) -> FrameComparison | None:
    """Return the comparison that the metrics of a task need, or None if they need none.

    Args:
        task: the protocol.
        metrics: its metrics.
        truth: the held-out clip of each sample.
        networks: the networks that compare frames, by name.

    Raises:
        InputError: models are given nothing of the clips, so there are no true frames.
    """
    wanted = [metric for metric in metrics if metric.needs_reference == "frames"]
    if not wanted:
        return None
    if task.does.given == "nothing":
        raise InputError(
            f"The metric '{wanted[0].id}' compares each predicted frame with the true one, and the task '{task.name}' "
            "has no context frames to predict from: remove the metric."
        )
    return FrameComparison(
        truth,
        task.clips.context_frames,
        tuple(dict.fromkeys(metric.frame_score for metric in wanted)),
        networks or {},
        codec=task.evaluation.codec,
    )
