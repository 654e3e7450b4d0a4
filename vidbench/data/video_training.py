"""Training clips from real videos: all videos are decoded into memory once, batches are drawn by step."""

from __future__ import annotations

import numpy as np

from vidbench.data.clips import clip_span, stride_in
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError

MEMORY_LIMIT_BYTES = 16 << 30
# After this many videos the mean length predicts whether the rest will fit.
_PROJECT_AFTER = 64


class VideoTrainingClips:
    """Random clips of the videos of a split; a `vidbench.models.interface.TrainingClips`.

    A training clip may start at any frame, so whole videos are kept in memory at the task's size, not only the clips of
    the plan. Videos are equally likely, and so are the clips of a video.

    Attributes:
        num_videos: videos on disk.
    """

    def __init__(self, dataset: VideoDataset, seed: int) -> None:
        """Decode every video once.

        Args:
            dataset: the split to train on (the plan's seed and ``clips_per_video`` are not used).
            seed: seed of the training run, 0 to 2**64 - 1.

        Raises:
            InputError: a video cannot be decoded or is shorter than a clip, or the frames need more than 16 GiB.
        """
        clips = dataset.clips
        self._spec = clips
        self._seed = seed
        self.num_videos = len(dataset.videos)
        self._labels = dataset.video_labels
        self._videos: list[np.ndarray] = []
        total = 0
        for video in range(self.num_videos):
            self._videos.append(dataset.whole_video(video))
            total += self._videos[-1].nbytes
            _refuse_too_large(total, video + 1, self.num_videos)
        self._starts = np.array(
            [
                len(frames_FHWC) - clip_span(clips.num_frames, stride_in(clips, len(frames_FHWC))) + 1
                for frames_FHWC in self._videos
            ],
            dtype=np.uint64,
        )

    def draw(self, step: int, batch_size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the clips uint8 ``[N, T, H, W, 3]`` and labels int64 ``[N]`` (None without labels) of a step.

        Draws are Philox's raw 64-bit output under the key (seed, step), scaled in integer arithmetic, so they do not
        depend on the numpy version; sample i of a step is the same for every batch size.
        """
        raw = np.random.Philox(key=np.array([self._seed, step], np.uint64)).random_raw(2 * batch_size).reshape(-1, 2)
        high = raw >> np.uint64(32)
        videos = ((high[:, 0] * np.uint64(self.num_videos)) >> np.uint64(32)).astype(np.int64)
        starts = ((high[:, 1] * self._starts[videos]) >> np.uint64(32)).astype(np.int64)
        spec = self._spec
        clips_NTHWC = np.empty((batch_size, spec.num_frames, spec.height, spec.width, 3), np.uint8)
        for row, (video, start) in enumerate(zip(videos.tolist(), starts.tolist(), strict=True)):
            stride = stride_in(spec, len(self._videos[video]))
            span = clip_span(spec.num_frames, stride)
            clips_NTHWC[row] = self._videos[video][start : start + span : stride]
        return clips_NTHWC, None if self._labels is None else self._labels[videos]


def _refuse_too_large(total_bytes: int, videos_done: int, num_videos: int) -> None:
    """Refuse as soon as it is clear that the videos will not fit; the error states the projected size."""
    settled = videos_done >= min(_PROJECT_AFTER, num_videos)
    projected = total_bytes * num_videos // videos_done
    if total_bytes > MEMORY_LIMIT_BYTES or (settled and projected > MEMORY_LIMIT_BYTES):
        raise InputError(
            f"Training keeps all videos in memory, and these {num_videos} need about {projected / 2**30:.1f} GiB at "
            f"the task's size while the limit is {MEMORY_LIMIT_BYTES / 2**30:.0f} GiB; train on a smaller split or size."
        )
