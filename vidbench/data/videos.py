"""Real videos of any layout, cut into the clips of a task.

Labels and clip plan depend on the official list only; videos missing on disk lower the coverage and are not replaced.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidbench.data.clip_dataset import actions_digest
from vidbench.data.clips import (
    clip_frames,
    clip_start,
    crop_of_clip,
    fill_places,
    planned_clips,
    stride_in,
    window_start,
)
from vidbench.data.folders.inventory import TOO_SHORT, merged
from vidbench.data.images import fit_frames
from vidbench.data.layouts.frame_files import source_state
from vidbench.data.layouts.listing import FrameSource, Listing
from vidbench.data.plan_orders import windows_of_video
from vidbench.data.seek.source import AskAgainError
from vidbench.errors import InputError
from vidbench.files import digest, file_changed
from vidbench.tasks.schema import ClipSpec

# Decoded clips cached per split, so that a small dataset is decoded once, however many clips each video has.
# Every rank has such a cache per split, and a node may have one rank per core.
_CACHE_BYTES = 1 << 28


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
    """One split of a data folder, cut into the clips of a task; a `vidbench.data.clip_dataset.ClipDataset`.

    Attributes:
        num_clips: clips of the plan whose video is on disk.
        labels: int64 ``[num_clips]``, or None if the list has no labels.
        class_names: names in label order, the same for every split; empty if the list has no labels.
        coverage: share of the listed videos that are on disk, 0 to 1.
        plan_positions: int64 ``[num_clips]``, place of each clip in the plan over the whole official list.
        missing: listed names without a file, sorted.
        videos: the videos on disk that the plan covers, in the order of the list.
        scan_sha256: manifest hash of the scan that covers these files, or None.
        unused: number of entries of the split's folder that are not in use, by reason; with them, videos that a plan which says so
            drops because they are too short.
    """

    scan_sha256: str | None = None

    def __init__(self, listing: Listing, clips: ClipSpec, limit: int | None = None) -> None:
        """Make the clip plan; no video is opened yet, except where the plan depends on lengths that no scan knows.

        Args:
            listing: the official list of the split, and which of its videos are on disk.
            clips: which frames make a clip, at what size, and the seed of the plan.
            limit: keep this many clips from the start of the official plan; later clips replace missing ones only if
                ``clips.spares`` says so. None keeps the whole plan.

        Raises:
            InputError: a video was found twice, a plan with replacement has no limit, or a length cannot be counted.
        """
        for duplicate in listing.duplicates:
            raise InputError(
                f"The video '{duplicate.video_id}' is there twice: '{duplicate.kept}' and '{duplicate.other}'; keep one."
            )
        self.clips = clips
        self._dataset, self._captions = listing.dataset, listing.captions
        self.class_names = listing.class_names
        self.coverage = listing.coverage
        self.missing = listing.missing
        self._frame_counts: dict[int, int] = {}
        self._actions = listing.actions
        official = list(listing.labels)
        on_disk = [
            Video(name, listing.labels[name], listing.sources[name]) for name in official if name in listing.sources
        ]
        if clips.depends_on_lengths:
            counts = [video.source.count() for video in on_disk]
            kept = [place for place, count in enumerate(counts) if windows_of_video(clips, count)]
            self.videos = tuple(on_disk[place] for place in kept)
            self._frame_counts = {video: counts[place] for video, place in enumerate(kept)}
        else:
            self.videos = tuple(on_disk)
        if clips.covers_what_is_there:
            official = [video.video_id for video in self.videos]
        dropped = len(on_disk) - len(self.videos)
        self.unused = merged(listing.unused, {TOO_SHORT: dropped}) if dropped else listing.unused
        labels_of = [listing.labels[name] for name in official]
        classes = [None if label is None else listing.class_names[label] for label in labels_of]
        position_of = {video.video_id: position for position, video in enumerate(self.videos)}
        plan = planned_clips(official, clips, limit, classes=classes, frames=list(self._frame_counts.values()))
        here = np.array([position_of.get(name, -1) for name in official], dtype=np.int64)[plan[:, 0]]
        present = np.flatnonzero(here >= 0)
        self._limit = limit if clips.spares == "next" else None
        # Which clips such a plan has depends on how many were requested.
        by_count = clips.draw == "python-sample" or clips.order == "balanced" or clips.spread
        self._wanted = limit if by_count else self._limit
        self._cut = limit is not None and (clips.spares == "none" or clips.draw == "replacement")
        if self._limit is not None:
            present = np.array([place for _, place in fill_places(iter(present.tolist()), self._limit)], dtype=np.int64)
        self.plan_positions, self._video_of, self._number_of = present, here[present], plan[present, 1]
        self.num_clips = len(present)
        labels = self.video_labels
        self.labels = None if labels is None else labels[self._video_of]
        self._advice = ""
        self._file_sha256: dict[str, str] = {}
        self._frames_on_list: dict[str, str] = {}
        self._states: dict[Path, tuple[int, int, int]] = {}
        self._cache: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def vouch(self, scan_sha256: str, file_sha256: Mapping[str, str]) -> None:
        """Use the file digests of a scan whose files have not changed since.

        Args:
            scan_sha256: hash of the scan's manifest.
            file_sha256: official name to digest, for some or all videos.
        """
        self.scan_sha256 = scan_sha256
        self._file_sha256 = dict(file_sha256)
        for video in self.videos:
            self._check_unchanged(video.source)

    def hold_to(self, frames: Mapping[str, str]) -> None:
        """Identify the clips by their frames, as a frozen list records them, instead of the files that contain them.

        Args:
            frames: official name to the digest of the frames, for every video; they have been compared with a scan.
        """
        self._frames_on_list = dict(frames)

    def advise(self, advice: str) -> None:
        """Append ``advice`` to the message whenever a video is refused."""
        self._advice = advice

    @property
    def video_labels(self) -> np.ndarray | None:
        """Labels int64 ``[len(videos)]``, or None if the list has none."""
        labels = [video.label for video in self.videos]
        return None if None in labels else np.array(labels, dtype=np.int64)

    @cached_property
    def identity_sha256(self) -> str:
        """Digest of the plan and of the bytes of every file in use; folders, dates and file order do not enter.

        On a frozen list it is of the frames instead, and so the same for everyone who has all of them.
        """
        return self._identity(self._sha256_of)

    @property
    def state_sha256(self) -> str:
        """Digest of the plan and of path, size, date and inode of every file.

        Where it is equal in two processes of one node, so is `identity_sha256`, and no file has to be read for it.
        """
        return self._identity(lambda video: [os.path.realpath(video.path), *self._check_unchanged(video.source)])

    @property
    def num_unhashed(self) -> int:
        """Number of videos that `identity_sha256` has to read, since no scan knows their digest."""
        if self._frames_on_list:
            return 0
        return sum(not self._file_sha256.get(video.video_id) for video in self.videos)

    def _identity(self, content: Callable[[Video], object]) -> str:
        identity: dict[str, object] = {
            "format": f"vidbench-{self._dataset}-clips-1",
            "clips": self.clips.identity(frozenset({"context_frames"})),
            "classes": self.class_names,
            "videos": sorted(
                ((video.video_id, video.label, content(video)) for video in self.videos),
                key=lambda video: video[0],
            ),
        }
        if self._captions:
            identity["captions"] = {video.video_id: self._captions.get(video.video_id, ()) for video in self.videos}
        if self._wanted is not None:
            # Which clip replaces a missing one depends on how many were requested.
            identity["wanted"] = self._wanted
        if self.missing and (self._cut or self.clips.covers_what_is_there):
            # Where the plan ends early, missing videos decide which others it reaches.
            identity["missing"] = self.missing
        return digest(identity)

    def _sha256_of(self, video: Video) -> str:
        if self._frames_on_list:
            return f"frames {self._frames_on_list[video.video_id]}"
        known = self._file_sha256.get(video.video_id)
        if known:
            return known
        self._check_unchanged(video.source)
        sha256 = video.source.sha256()
        self._check_unchanged(video.source)
        return sha256

    def _check_unchanged(self, source: FrameSource) -> tuple[int, int, int]:
        """Return size, date and inode of what holds a video; refuse it if they are not those of the first look: it was hashed as another."""
        state = source_state(source)
        if self._states.setdefault(source.path, state) != state:
            raise file_changed(source.path)
        return state

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """Return the official name of the video and the clip's number in it, for int64 indices ``[N]`` into the plan."""
        return tuple(
            f"{self.videos[self._video_of[index]].video_id}#{self._number_of[index]}" for index in np.asarray(indices)
        )

    def captions(self, indices: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """See `vidbench.data.clip_dataset.ClipDataset.captions`."""
        return tuple(
            self._captions.get(self.videos[self._video_of[index]].video_id, ()) for index in np.asarray(indices)
        )

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]`` into the plan.

        Raises:
            InputError: a video cannot be decoded, is shorter than a clip, or has a size that the task refuses.
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
            source = self.videos[video].source
            self._check_unchanged(source)
            try:
                clips_of_video = self._clips_of(video, set(numbers))
            except InputError as error:
                if not self._advice:
                    raise
                raise InputError(f"{str(error).removesuffix('.')}, {self._advice}.") from error
            self._check_unchanged(source)
            for row, number in zip(rows, numbers, strict=True):
                clips_NTHWC[row] = clips_of_video[number]
        return clips_NTHWC

    def actions(self, indices: np.ndarray) -> np.ndarray:
        """See `vidbench.data.clip_dataset.ActionClips.actions`.

        Raises:
            InputError: the dataset has no actions, or those of a clip are missing, damaged or fewer than its frames.
        """
        actions = []
        for index in np.asarray(indices, dtype=np.int64).tolist():
            video = int(self._video_of[index])
            name = self.videos[video].video_id
            if (source := self._actions.get(name)) is None:
                raise InputError(f"The video '{name}' has no actions: the dataset '{self._dataset}' records none.")
            stride = stride_in(self.clips, self._count(video))
            frames = clip_frames(self._start(video, int(self._number_of[index])), self.clips.num_frames, stride)
            of_video = source.read()
            if len(of_video) < frames[-1]:
                raise InputError(
                    f"The actions in '{source.path}' end after frame {len(of_video)}, and a clip of this task ends with frame "
                    f"{frames[-1]}; fetch the file again."
                )
            actions.append(of_video[frames[0] : frames[-1]])
        return np.stack(actions)

    @cached_property
    def actions_sha256(self) -> str:
        """See `vidbench.data.clip_dataset.ActionClips.actions_sha256`."""
        return actions_digest(self)

    def origins(self, count: int) -> frozenset[str]:
        """See `vidbench.data.clip_dataset.ClipDataset.origins`."""
        videos = (self.videos[video] for video in np.unique(self._video_of[:count]).tolist())
        # Names of a plain folder say nothing beyond their split, and one file may be in two splits by a link.
        return frozenset(os.path.realpath(each.path) if self._dataset == "folder" else each.video_id for each in videos)

    def starts(self, video: int) -> np.ndarray:
        """Return the first frame, int64, of each clip of the video at a position in `videos`, by clip number.

        Raises:
            InputError: the video cannot be decoded or is shorter than a clip.
        """
        return np.array([self._start(video, number) for number in self._numbers_of(video)], dtype=np.int64)

    def _numbers_of(self, video: int) -> list[int]:
        """Return the numbers of the clips that the plan takes from a video."""
        if self.clips.draw == "once" and not self.clips.spread:
            return list(range(windows_of_video(self.clips, self._frame_counts.get(video))))
        return sorted(self._number_of[self._video_of == video].tolist())

    def _start(self, video: int, number: int) -> int:
        video_id, _, source = self.videos[video]
        return window_start(self.clips, number, video_id, self._count(video), str(source.path))

    def _count(self, video: int) -> int:
        if video not in self._frame_counts:
            self._frame_counts[video] = self.videos[video].source.count()
        return self._frame_counts[video]

    def whole_video(self, video: int) -> np.ndarray:
        """Return all frames of the video at a position in `videos`, at the task's size, uint8 ``[F, H, W, 3]``.

        Raises:
            InputError: the video cannot be decoded, is shorter than a clip, has a size that the task refuses, or has
                changed.
        """
        crop, source = "center" if self.clips.crop == "three" else self.clips.crop, self.videos[video].source
        self._check_unchanged(source)
        frames_FHWC = self._fitted_frames(video, None, {crop})[crop]
        self._check_unchanged(source)
        clip_start(0, len(frames_FHWC), self.clips.least_frames, str(source.path))
        return frames_FHWC

    def _clips_of(self, video: int, numbers: set[int]) -> dict[int, np.ndarray]:
        """Return clips of one video by number, decoding it at most once."""
        found = {number: self._cache[video, number] for number in numbers if (video, number) in self._cache}
        for number in found:
            self._cache.move_to_end((video, number))
        missing = numbers - set(found)
        if not missing:
            return found
        spec = self.clips
        clip_bytes = spec.num_frames * spec.height * spec.width * 3
        if clip_bytes * self.num_clips <= _CACHE_BYTES:
            # Everything fits, so decode the video's other clips in the same pass.
            missing = set(self._numbers_of(video)) - set(found)
        for number, clip_THWC in self._decode(video, sorted(missing)):
            found[number] = self._cache[video, number] = clip_THWC
        while len(self._cache) * clip_bytes > _CACHE_BYTES:
            self._cache.popitem(last=False)
        return found

    def _decode(self, video: int, numbers: list[int]) -> Iterator[tuple[int, np.ndarray]]:
        spec = self.clips
        frames_of_clip = {
            number: clip_frames(self._start(video, number), spec.num_frames, stride_in(spec, self._count(video)))
            for number in numbers
        }
        needed = np.unique(np.concatenate(list(frames_of_clip.values())))
        crop_of = {number: crop_of_clip(spec, number) for number in numbers}
        fitted = self._fitted_frames(video, needed, set(crop_of.values()))
        for number, frames in frames_of_clip.items():
            yield number, fitted[crop_of[number]][np.searchsorted(needed, frames)]

    def _fitted_frames(self, video: int, frame_indices: np.ndarray | None, crops: set[str]) -> dict[str, np.ndarray]:
        """Decode and resize frame by frame, once per crop: a long video at its own size could fill the memory."""
        source = self.videos[video].source
        try:
            return self._fitted(source, frame_indices, crops)
        except AskAgainError:
            return self._fitted(source, frame_indices, crops)

    def _fitted(self, source: FrameSource, frame_indices: np.ndarray | None, crops: set[str]) -> dict[str, np.ndarray]:
        fitted: dict[str, list[np.ndarray]] = {crop: [] for crop in crops}
        for frame_HWC in source.frames(frame_indices):
            for crop, frames in fitted.items():
                frames.append(self._fit(frame_HWC[np.newaxis], crop, f"'{source.path}'"))
        return {crop: np.concatenate(frames) for crop, frames in fitted.items()}

    def _fit(self, frames_THWC: np.ndarray, crop: str, name: str) -> np.ndarray:
        spec = self.clips
        if spec.via is not None:
            frames_THWC = fit_frames(
                frames_THWC, *spec.via, spec.via_resize or spec.resize, crop, name, resize_first=spec.crop_after_resize
            )
            # The first step has cropped; the second only resizes.
            return fit_frames(frames_THWC, spec.height, spec.width, spec.resize, "none", name)
        return fit_frames(
            frames_THWC, spec.height, spec.width, spec.resize, crop, name, resize_first=spec.crop_after_resize
        )
