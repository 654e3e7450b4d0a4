"""Real videos of any layout, cut into the clips of a task.

The official list alone decides the labels and the plan; videos missing on disk lower the coverage and are not replaced.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidbench.data.clips import clip_draws, clip_frames, clip_span, clip_start, plan_order
from vidbench.data.images import fit_frames
from vidbench.data.listing import FrameSource, Listing
from vidbench.errors import InputError
from vidbench.files import digest
from vidbench.tasks.schema import ClipSpec

# Decoded clips kept in memory, so that a small data set is decoded once however many clips a video gives.
_CACHE_BYTES = 1 << 30


class Video(NamedTuple):
    """A video that is on the list and on disk.

    Attributes:
        video_id: official name.
        label: position of its class in ``class_names``, or None.
        source: its frames.
    """

    video_id: str
    label: int | None
    source: FrameSource

    @property
    def path(self) -> Path:
        """The file that holds it."""
        return self.source.path


class VideoDataset:
    """One split of a data folder, cut into the clips of a task; a `vidbench.data.base.ClipDataset`.

    Attributes:
        num_clips: clips of the plan whose video is on disk.
        labels: int64 ``[num_clips]``, or None where the list has no labels.
        class_names: names in label order, the same for every split; empty where the list has no labels.
        coverage: share of the listed videos that are on disk, 0 to 1.
        plan_positions: int64 ``[num_clips]``, place of each clip in the plan over the whole official list.
        missing: listed names without a file, sorted.
        videos: what is on disk, in the order of the list.
    """

    def __init__(self, listing: Listing, clips: ClipSpec, limit: int | None = None) -> None:
        """Lay the plan; no video is opened yet.

        Args:
            listing: the official list of the split and what is on disk of it.
            clips: which frames make a clip, at what size, and the seed of the plan.
            limit: keep only the first so many clips of the official plan; what is missing of them is not made up for by
                later ones. None keeps the whole plan.

        Raises:
            InputError: a video was found twice.
        """
        for duplicate in listing.duplicates:
            raise InputError(
                f"The video '{duplicate.video_id}' is there twice: '{duplicate.kept}' and '{duplicate.other}'; keep one."
            )
        self.clips = clips
        self._dataset = listing.dataset
        self._span = clip_span(clips.num_frames, clips.stride)
        self.class_names = listing.class_names
        self.coverage = listing.coverage
        self.missing = listing.missing
        official = list(listing.labels)
        self.videos = tuple(
            Video(name, listing.labels[name], listing.sources[name]) for name in official if name in listing.sources
        )
        self._draws = clip_draws([video.video_id for video in self.videos], clips.seed, clips.clips_per_video)
        position_of = {video.video_id: position for position, video in enumerate(self.videos)}
        order = [
            (place, position_of[official[video]], clip)
            for place, (video, clip) in enumerate(plan_order(official, clips.seed, clips.clips_per_video).tolist())
            if official[video] in position_of and (limit is None or place < limit)
        ]
        self.plan_positions, self._video_of, self._number_of = np.array(order, dtype=np.int64).reshape(-1, 3).T
        self.num_clips = len(order)
        labels = self.video_labels
        self.labels = None if labels is None else labels[self._video_of]
        self._frame_counts: dict[int, int] = {}
        self._cache: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    @property
    def video_labels(self) -> np.ndarray | None:
        """Labels int64 ``[len(videos)]``, or None where the list has none."""
        labels = [video.label for video in self.videos]
        return None if None in labels else np.array(labels, dtype=np.int64)

    @cached_property
    def identity_sha256(self) -> str:
        """Digest of the plan and of the bytes of every file in use; folders, dates and file order do not enter it."""
        identity = {
            "format": f"vidbench-{self._dataset}-clips-1",
            "clips": self.clips.model_dump(mode="json", exclude={"context_frames"}),
            "classes": self.class_names,
            "videos": sorted(
                ((video.video_id, video.label, video.source.sha256()) for video in self.videos),
                key=lambda video: video[0],
            ),
        }
        return digest(identity)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]`` into the plan.

        Raises:
            InputError: a video cannot be decoded, is shorter than a clip, or has a size the task refuses.
        """
        indices = np.asarray(indices, dtype=np.int64)
        if indices.size and (indices.min() < 0 or indices.max() >= self.num_clips):
            raise IndexError(f"clip indices must be within 0 and {self.num_clips - 1}")
        spec = self.clips
        clips_NTHWC = np.empty((len(indices), spec.num_frames, spec.height, spec.width, 3), np.uint8)
        rows_of_video: dict[int, list[int]] = {}
        for row, index in enumerate(indices):
            rows_of_video.setdefault(int(self._video_of[index]), []).append(row)
        for video, rows in rows_of_video.items():
            numbers = [int(self._number_of[indices[row]]) for row in rows]
            clips_of_video = self._clips_of(video, set(numbers))
            for row, number in zip(rows, numbers, strict=True):
                clips_NTHWC[row] = clips_of_video[number]
        return clips_NTHWC

    def origins(self, count: int) -> frozenset[str]:
        """See `vidbench.data.base.ClipDataset.origins`."""
        return frozenset(self.videos[video].video_id for video in np.unique(self._video_of[:count]).tolist())

    def starts(self, video: int) -> np.ndarray:
        """First frames int64 ``[clips_per_video]`` of the clips of one of `videos`, by its position there.

        Raises:
            InputError: the video cannot be decoded or is shorter than a clip.
        """
        source = self.videos[video].source
        if video not in self._frame_counts:
            self._frame_counts[video] = source.count()
        count = self._frame_counts[video]
        return np.array([clip_start(draw, count, self._span, str(source.path)) for draw in self._draws[video].tolist()])

    def whole_video(self, video: int) -> np.ndarray:
        """All frames of one of `videos` at the task's size, uint8 ``[F, H, W, 3]``.

        Raises:
            InputError: the video cannot be decoded, is shorter than a clip, or has a size the task refuses.
        """
        frames_FHWC = self._fitted_frames(video, None)
        clip_start(0, len(frames_FHWC), self._span, str(self.videos[video].path))
        return frames_FHWC

    def _clips_of(self, video: int, numbers: set[int]) -> dict[int, np.ndarray]:
        """Clips of one video by their number, decoding it at most once."""
        found = {number: self._cache[video, number] for number in numbers if (video, number) in self._cache}
        for number in found:
            self._cache.move_to_end((video, number))
        missing = numbers - set(found)
        if not missing:
            return found
        spec = self.clips
        clip_bytes = spec.num_frames * spec.height * spec.width * 3
        if clip_bytes * self.num_clips <= _CACHE_BYTES:
            # Everything fits, so the video's other clips are taken along in the same pass.
            missing = set(range(spec.clips_per_video)) - set(found)
        for number, clip_THWC in self._decode(video, sorted(missing)):
            found[number] = self._cache[video, number] = clip_THWC
        while len(self._cache) * clip_bytes > _CACHE_BYTES:
            self._cache.popitem(last=False)
        return found

    def _decode(self, video: int, numbers: list[int]) -> Iterator[tuple[int, np.ndarray]]:
        spec = self.clips
        starts = self.starts(video)
        frames_of_clip = {number: clip_frames(int(starts[number]), spec.num_frames, spec.stride) for number in numbers}
        needed = np.unique(np.concatenate(list(frames_of_clip.values())))
        frames_FHWC = self._fitted_frames(video, needed)
        for number, frames in frames_of_clip.items():
            yield number, frames_FHWC[np.searchsorted(needed, frames)]

    def _fitted_frames(self, video: int, frame_indices: np.ndarray | None) -> np.ndarray:
        """Decode and fit frame by frame: a long video in its own size could fill the memory."""
        spec = self.clips
        source = self.videos[video].source
        name = f"'{source.path}'"
        fitted = [
            fit_frames(frame_HWC[np.newaxis], spec.height, spec.width, spec.resize, spec.crop, name)
            for frame_HWC in source.frames(frame_indices)
        ]
        return np.concatenate(fitted)
