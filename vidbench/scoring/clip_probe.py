"""What the validity panel computes from clips while they are measured, so that no clip is made twice; used like a network.

Its outputs are feature shards, so they are independent of batches and ranks, and can be resumed and reused. Noise and the second
network are computed for few clips, chosen by the key of their bytes, of however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.files import digest
from vidbench.validity.under_noise import LEVELS, noisy_clips
from vidmetrics.statistics.clip_keys import clip_keys
from vidmetrics.statistics.frames import FRAME_SCORES

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network

PROBE = "validity"
PROBED = 512
"""Clips of each side that noise and the second network are computed for, those with the smallest keys."""
PREDICTED, COPIED = "psnr", "copy_psnr"
"""Outputs for samples that continue real clips: PSNR of each predicted frame, and of the last context frame in its place."""
_MARGIN = 1.15


@dataclass(frozen=True)
class ClipProbe:
    """Computes what the panel needs of each clip.

    Attributes:
        num_clips: number of clips of the source, of which about `PROBED` are chosen.
        noisy: network whose features of noisy clips are wanted, and the output; None for none.
        second: a second network, and its output; None for none.
        truth: for samples that continue real clips, these; None for others.
        context_frames: frames that models are given.
    """

    num_clips: int
    noisy: tuple[Network, str] | None
    second: tuple[Network, str] | None
    truth: ClipDataset | None = None
    context_frames: int = 0
    name: str = PROBE
    precision: str = "exact"
    preprocessing: str = "probe-1"

    @property
    def share(self) -> float:
        """Share of all clips that are chosen, a few more than needed."""
        return min(1.0, _MARGIN * PROBED / self.num_clips)

    @property
    def weights_sha256(self) -> str:
        """Digest of everything that decides the outputs; takes the place of a network's weights in the content key."""
        networks = [
            None
            if each is None
            else [
                each[0].name,
                each[0].weights_sha256,
                each[0].preprocessing,
                each[0].precision,
                each[0].implementation,
                each[1],
            ]
            for each in (self.noisy, self.second)
        ]
        truth = None if self.truth is None else self.truth.identity_sha256
        return digest([networks, LEVELS, round(self.share, 9), truth, self.context_frames])

    def compare(self, clips_NTHWC: np.ndarray, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs of a batch: keys of all its clips, and rows of the chosen ones.

        Args:
            clips_NTHWC: complete clips, uint8.
            indices: their indices, int64 ``[N]``.
        """
        keys = clip_keys(clips_NTHWC)
        outputs: dict[str, np.ndarray] = {"keys": keys.view(np.int64)}
        chosen = keys <= np.uint64(min(self.share * 2.0**64, 2.0**64 - 2048))
        outputs["chosen"] = np.asarray(indices, np.int64)[chosen]
        clips = clips_NTHWC[chosen]
        if self.noisy is not None:
            network, output = self.noisy
            for level, noised in noisy_clips(clips, keys[chosen], self.context_frames).items():
                outputs[f"noise-{level}"] = network(noised)[output]
        if self.second is not None:
            network, output = self.second
            outputs["second"] = network(clips)[output]
        if self.context_frames:
            outputs["prediction_keys"] = clip_keys(clips_NTHWC[:, self.context_frames :]).view(np.int64)
        if self.truth is not None:
            true = self.truth.read(indices)
            last = np.repeat(
                true[:, self.context_frames - 1 : self.context_frames], true.shape[1] - self.context_frames, axis=1
            )
            true = true[:, self.context_frames :]
            outputs["still"] = (last == true).all(axis=(1, 2, 3, 4)).astype(np.int64)
            psnr = FRAME_SCORES["psnr"]
            outputs[PREDICTED] = psnr(true[chosen], clips[:, self.context_frames :])
            outputs[COPIED] = psnr(true[chosen], last[chosen])
        return outputs
