"""The embedded datasets of shapes: class-conditional clips of any length and resolution, with no download.

``shapes``: one textured shape moves over a textured, slowly moving background. The class is the shape and its motion;
position, size, speed, phase, colours and textures are random. `vidbench.data.shapes.script` describes the classes and the
cues that distinguish them; `vidbench.data.shapes.render` explains why the bytes are the same on every machine.

``shapes-crossing``: one shape passes over another before a moving camera (`vidbench.data.shapes.crossing_script`).
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vidbench.data.folders.inventory import NOTHING
from vidbench.data.shapes.crossing_render import draw_crossing
from vidbench.data.shapes.crossing_script import CROSSING_CLASS_NAMES, CROSSING_VERSION, write_crossing_script
from vidbench.data.shapes.render import draw_batch
from vidbench.data.shapes.script import (
    CLASS_NAMES,
    GENERATOR_VERSION,
    MOTIONS,
    SHAPES,
    splitmix,
    stream_key,
    write_script,
)
from vidmetrics.errors import InputError

__all__ = [
    "CLASS_NAMES", "GENERATOR_VERSION", "MOTIONS", "SCENES", "SHAPES", "SceneGenerator", "ShapesDataset",
    "ShapesTrainingClips", "render",
]  # fmt: skip

MAX_TRAINING_BYTES = 4 << 30
MOST_TRAINING_CLIPS = 80_000
"""Default number of training clips: 2.7 GiB at 12 frames of 32x32, of which a short run renders only what it draws."""


@dataclass(frozen=True)
class SceneGenerator:
    """How the clips of an embedded dataset are made.

    Attributes:
        version: changes whenever the bytes of any clip change.
        class_names: clip ``i`` is of class ``i`` modulo their number.
        draw: from split, int64 indices ``[N]``, frames, height and width to clips uint8 ``[N, T, H, W, 3]``.
    """

    version: str
    class_names: tuple[str, ...]
    draw: Callable[[str, np.ndarray, int, int, int], np.ndarray]


def _moving(split: str, indices: np.ndarray, *shape: int) -> np.ndarray:
    return draw_batch(write_script(split, indices), *shape)


def _crossing(split: str, indices: np.ndarray, *shape: int) -> np.ndarray:
    return draw_crossing(write_crossing_script(split, indices), *shape)


SCENES: Mapping[str, SceneGenerator] = {
    "shapes": SceneGenerator(GENERATOR_VERSION, CLASS_NAMES, _moving),
    "shapes-crossing": SceneGenerator(CROSSING_VERSION, CROSSING_CLASS_NAMES, _crossing),
}
"""The embedded datasets by the name that a task gives."""


def render(
    split: str, indices: np.ndarray, num_frames: int, height: int, width: int, dataset: str = "shapes"
) -> tuple[np.ndarray, np.ndarray]:
    """Render clips of a split.

    Clip ``i`` depends only on the split's name and ``i``, not on the other indices; its first frames do not depend on
    ``num_frames``. Other resolutions show the same scene.

    Args:
        split: name of the stream of clips; tasks use ``"train"`` and ``"test"``.
        indices: non-negative integers ``[N]``, in any order.
        num_frames: length in frames, at least 1.
        height: in pixels, at least 1.
        width: in pixels, at least 1.
        dataset: key of `SCENES`.

    Returns:
        Clips uint8 ``[N, T, H, W, 3]`` and labels int64 ``[N]``, ``i mod 24``.

    Raises:
        InputError: an index is negative or not an integer, or the shape of the clips is empty.
    """
    if min(num_frames, height, width) < 1:
        raise InputError(
            f"Moving-shapes clips of {num_frames} frames at {width}x{height} are empty; use at least 1 of each."
        )
    indices = np.asarray(indices)
    if indices.ndim != 1 or (indices.size and (indices.dtype.kind not in "iu" or indices.min() < 0)):
        raise InputError("Indices of moving-shapes clips must be a list of non-negative integers.")
    indices = indices.astype(np.int64)
    scenes = SCENES[dataset]
    return scenes.draw(split, indices, num_frames, height, width), indices % len(scenes.class_names)


def captions_of(class_name: str) -> tuple[str, str]:
    """Return a class of shapes in words, in two ways.

    >>> captions_of("disc-drifting-left")
    ('a disc drifting left', 'the video shows a disc drifting left')
    """
    words = f"a {class_name.replace('-', ' ').replace(' over ', ' over a ')}"
    return words, f"the video shows {words}"


class ShapesDataset:
    """The first ``num_clips`` clips of a split of shapes; implements `vidbench.data.clip_dataset.ClipDataset`."""

    def __init__(
        self, split: str, num_clips: int, num_frames: int, height: int, width: int, dataset: str = "shapes"
    ) -> None:
        """Describe the clips; nothing is rendered yet.

        Args:
            split: name of the split.
            num_clips: number of clips, at least 1.
            num_frames: length in frames.
            height: in pixels.
            width: in pixels.
            dataset: key of `SCENES`.

        Raises:
            InputError: there is nothing to render.
        """
        if min(num_clips, num_frames, height, width) < 1:
            raise InputError(
                f"A moving-shapes split of {num_clips} clips of {num_frames} frames at {width}x{height} is empty; "
                "use at least 1 of each."
            )
        self.split = split
        self.num_clips = num_clips
        self.num_frames, self.height, self.width = num_frames, height, width
        self.dataset, scenes = dataset, SCENES[dataset]
        self.labels: np.ndarray | None = np.arange(num_clips, dtype=np.int64) % len(scenes.class_names)
        self.class_names = scenes.class_names
        self.coverage = 1.0
        self.scan_sha256: str | None = None
        self.unused: Mapping[str, int] = NOTHING
        identity = f"{scenes.version}/{split}/{num_clips}/{num_frames}x{height}x{width}"
        self.identity_sha256 = hashlib.sha256(identity.encode()).hexdigest()

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """Return split and number of each clip, for integer indices ``[N]``."""
        return tuple(f"{self.split}#{index}" for index in np.asarray(indices))

    def captions(self, indices: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """Return two captions of each clip, for integer indices ``[N]``: its class in words."""
        return tuple(captions_of(self.class_names[index % len(self.class_names)]) for index in np.asarray(indices))

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]`` of integer indices ``[N]`` in ``0 .. num_clips - 1``.

        Raises:
            InputError: an index is outside the split.
        """
        indices = np.asarray(indices)
        if indices.size and indices.max() >= self.num_clips:
            raise InputError(
                f"Clip {indices.max()} was requested from the moving-shapes split '{self.split}' of {self.num_clips} "
                f"clips; use 0 to {self.num_clips - 1}."
            )
        return render(self.split, indices, self.num_frames, self.height, self.width, self.dataset)[0]

    def actions(self, indices: np.ndarray) -> np.ndarray:
        """Return what moves the shape of each clip, float32 ``[N, num_frames - 1, 3]``; see `ActionClips.actions`.

        How far it moves to the right, in half heights of the frame (half widths, if it is narrower), how far it turns clockwise,
        in turns, and by how much of its range of sizes it grows. A shape keeps its motion, so all rows of a clip are equal, and
        two of the three numbers are 0. One frame shows none of them.

        Raises:
            InputError: the shapes of this dataset have no actions.
        """
        if self.dataset != "shapes":
            raise InputError(
                f"The clips of '{self.dataset}' have no actions: use the dataset 'shapes', or a task without."
            )
        script = write_script(self.split, np.asarray(indices, dtype=np.int64))
        action_NA = np.stack([script.x_speed, script.angle_speed, script.size_speed], axis=1).astype(np.float32)
        return np.repeat(action_NA[:, np.newaxis], self.num_frames - 1, axis=1)

    @property
    def actions_sha256(self) -> str:
        """See `ActionClips.actions_sha256`: the generator makes the actions too."""
        return hashlib.sha256(f"actions/{self.identity_sha256}".encode()).hexdigest()

    def origins(self, count: int) -> frozenset[str]:
        """See `vidbench.data.clip_dataset.ClipDataset.origins`; each clip is a scene of its own."""
        return frozenset(f"{self.split}/{index}" for index in range(min(count, self.num_clips)))


class _Rendered:
    """The clips of a split rendered so far, shared by all training runs of this process that draw from it.

    Concurrent runs draw the same clips at about the same time: the first thread that requests a clip renders it, and the
    others wait.
    """

    _all: ClassVar[weakref.WeakValueDictionary[str, _Rendered]] = weakref.WeakValueDictionary()
    _lock = threading.Lock()

    def __init__(self, data: ShapesDataset) -> None:
        self._data, self._changed = data, threading.Condition()
        # Untouched pages take no memory: a short run pays only for the clips that it draws.
        shape = (data.num_clips, data.num_frames, data.height, data.width, 3)
        self._clips_NTHWC = np.empty(shape, dtype=np.uint8)
        self._taken_N, self._done_N = np.zeros(data.num_clips, dtype=bool), np.zeros(data.num_clips, dtype=bool)

    @classmethod
    def of(cls, data: ShapesDataset) -> _Rendered:
        """Return the shared clips of a split, kept as long as a training run references them."""
        with cls._lock:
            if (found := cls._all.get(data.identity_sha256)) is None:
                found = cls._all[data.identity_sha256] = cls(data)
            return found

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]`` of int64 indices ``[N]``, rendering those that are not there yet."""
        while not self._done_N[indices].all():
            with self._changed:
                # Clips that another thread took but failed to render are available again.
                self._changed.wait_for(lambda: self._done_N[indices].all() or not self._taken_N[indices].all())
                mine = np.unique(indices[~self._taken_N[indices]])
                self._taken_N[mine] = True
            if mine.size:
                self._render(mine)
        return self._clips_NTHWC[indices]

    def _render(self, taken: np.ndarray) -> None:
        try:
            self._clips_NTHWC[taken] = self._data.read(taken)
            self._done_N[taken] = True
        finally:
            with self._changed:
                self._taken_N[taken] = self._done_N[taken]
                self._changed.notify_all()


class ShapesTrainingClips:
    """Training clips of moving shapes; implements `vidbench.models.interface.TrainingClips`.

    A clip is rendered when first drawn and kept as uint8, once for all training runs of the process. Every epoch has its
    own order, hashed from the seed, so a batch is a pure function of the seed, the step and the batch size.
    """

    def __init__(
        self,
        split: str,
        *,
        num_frames: int,
        height: int,
        width: int,
        seed: int,
        num_videos: int | None = None,
        dataset: str = "shapes",
    ) -> None:
        """Describe the clips; nothing is rendered yet.

        Args:
            split: name of the split.
            num_frames: length in frames.
            height: in pixels.
            width: in pixels.
            seed: seed of the order.
            num_videos: number of different clips, from the start of the split; None for 80,000, or for as many as fit
                into 4 GiB if that is fewer.
            dataset: key of `SCENES`.

        Raises:
            InputError: there is nothing to render, or the clips would need more than 4 GiB of memory.
        """
        clip_bytes = num_frames * height * width * 3
        if num_videos is None:
            num_videos = max(1, min(MOST_TRAINING_CLIPS, MAX_TRAINING_BYTES // max(1, clip_bytes)))
        if num_videos * clip_bytes > MAX_TRAINING_BYTES:
            raise InputError(
                f"{num_videos} moving-shapes clips of {num_frames} frames at {width}x{height} need more than "
                f"{MAX_TRAINING_BYTES >> 30} GiB of memory; use fewer, shorter or smaller clips."
            )
        self._data = ShapesDataset(split, num_videos, num_frames, height, width, dataset)
        self.num_videos = num_videos
        self._key = stream_key(f"order/{seed}")
        self._lock = threading.Lock()
        self._rendered = _Rendered.of(self._data)
        self._orders: dict[int, np.ndarray] = {}

    def draw(self, step: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the batch of a step: clips uint8 ``[N, T, H, W, 3]`` and labels int64 ``[N]``. Thread-safe.

        Args:
            step: step number, from 0.
            batch_size: ``N``, at least 1.

        Raises:
            InputError: the step is negative or the batch empty.
        """
        if step < 0 or batch_size < 1:
            raise InputError(f"Step {step} with batches of {batch_size} clips was requested; use 0 and 1 or more.")
        places = step * batch_size + np.arange(batch_size)
        passes = places // self.num_videos
        with self._lock:
            chosen = np.concatenate(
                [self._order(number)[places[passes == number] % self.num_videos] for number in np.unique(passes)]
            )
        return self._rendered.read(chosen), chosen % len(self._data.class_names)

    def _order(self, number: int) -> np.ndarray:
        """Return the order of the clips in an epoch; the latest two are cached, as a batch rarely spans more."""
        if number not in self._orders:
            words = np.arange(self.num_videos, dtype=np.uint64) + splitmix(self._key + np.uint64(number))
            self._orders[number] = np.argsort(splitmix(words), kind="stable")
            while len(self._orders) > 2:
                del self._orders[next(iter(self._orders))]
        return self._orders[number]
