"""BAIR robot pushing (softmotion30_44k) as published: TFRecords of raw frames.

::

    root/[softmotion30_44k/]train/traj_A_to_B.tfrecords      trajectories A to B, both included
    root/[softmotion30_44k/]test/traj_A_to_B.tfrecords

A record is a ``tf.Example`` with 30 frames from each of two cameras, ``i/image_main/encoded`` and ``i/image_aux1/encoded``
for i from 0 to 29. Despite the name nothing is encoded: the value is 64 * 64 * 3 bytes of RGB. ``i/action`` has the 4 numbers
that the robot was told at frame i, which lead to frame i + 1. There are no labels and no
list: file names say which trajectories are present, and the published counts how many are missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np

from vidbench.data.folders.inventory import take_inventory
from vidbench.data.layouts.actions import checked_actions
from vidbench.data.layouts.listing import FrameSource, Listing, split_folder
from vidbench.data.layouts.tfrecord import bytes_features, float_features, read_record, record_index
from vidbench.errors import InputError
from vidmetrics.weights.wire import DamagedError

NUM_FRAMES = 30
SIZE = 64
ACTION_SIZE = 4
# Trajectories in the published dataset.
OFFICIAL_COUNTS = {"train": 43264, "test": 256}
_SUFFIXES = (".tfrecord", ".tfrecords")
_Found = TypeVar("_Found")
_NAME = re.compile(r"traj_(?P<first>\d{1,9})_to_(?P<last>\d{1,9})\.tfrecords?")


@dataclass(frozen=True)
class Trajectory:
    """One camera's view of one trajectory; a `vidbench.data.layouts.listing.FrameSource`."""

    path: Path
    record: int
    camera: str

    def count(self) -> int:
        """Return the number of frames, the same for all; reading them checks that they are there."""
        return NUM_FRAMES

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield some or all frames uint8 RGB ``[64, 64, 3]``.

        Raises:
            InputError: the record is damaged or lacks a frame; names the file and the record.
        """
        frames_THWC = _frames(self.path, self.record, self.camera)
        yield from frames_THWC if frame_indices is None else frames_THWC[frame_indices]

    def sha256(self) -> str:
        """Digest of the 30 frames."""
        return sha256(_frames(self.path, self.record, self.camera).tobytes()).hexdigest()


@dataclass(frozen=True)
class TrajectoryActions:
    """The actions of one trajectory; a `vidbench.data.layouts.actions.ActionSource`."""

    path: Path
    record: int

    def read(self) -> np.ndarray:
        """Return the actions, float32 ``[29, 4]``: row t leads from frame t to frame t + 1; that of the last frame is not used.

        Raises:
            InputError: the record is damaged or lacks an action; names the file and the record.
        """
        place = f"record {self.record} of '{self.path}'"
        features = _features(float_features, self.path, self.record)
        actions = []
        for number in range(NUM_FRAMES - 1):
            name = f"{number}/action"
            action = features.get(name, np.empty(0, np.float32))
            if len(action) != ACTION_SIZE:
                raise InputError(
                    f"In {place}, '{name}' has {len(action)} numbers, and an action has {ACTION_SIZE}; fetch the original file."
                )
            actions.append(action)
        return checked_actions(np.stack(actions), ACTION_SIZE, f"'i/action' in {place}")


def find_bair(root: Path, split: str, camera: str, ignore: Sequence[str] = ()) -> Listing:
    """Find the trajectories of a split.

    Args:
        root: the folder that contains ``softmotion30_44k``, or that folder itself.
        split: ``"train"`` or ``"test"``.
        camera: ``"image_aux1"`` or ``"image_main"``.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is missing or has no such files, a file is cut off or has another number of records
            than its name says, a TFRecord file has another name, or two files contain the same trajectory.
    """
    inner = root / "softmotion30_44k"
    folder = split_folder(inner if inner.is_dir() else root, split)
    sources: dict[str, FrameSource] = {}
    actions: dict[str, TrajectoryActions] = {}
    found_files = take_inventory(folder, _SUFFIXES, depth=0, ignore=ignore)
    for path in found_files.files:
        named = _NAME.fullmatch(path.name)
        if named is None:
            raise InputError(
                f"The file '{path}' is not named like 'traj_0_to_255.tfrecords', so its trajectories are unknown; fetch it "
                f"under its published name, or leave it out with --ignore '{path.name}'."
            )
        first, last = int(named["first"]), int(named["last"])
        found = len(record_index(path))
        if found != last - first + 1:
            raise InputError(
                f"The file '{path}' contains {found} trajectories but its name says {last - first + 1}; fetch it again."
            )
        for record in range(found):
            name = f"traj_{first + record:05d}"
            if name in sources:
                raise InputError(
                    f"The trajectory {first + record} is in both '{sources[name].path}' and '{path}'; remove one."
                )
            sources[name] = Trajectory(path, record, camera)
            actions[name] = TrajectoryActions(path, record)
    if not sources:
        raise InputError(
            f"There are no files like 'traj_0_to_255.tfrecords' in '{folder}': name the folder above with --data DIR."
        )
    official = OFFICIAL_COUNTS.get(split)
    return Listing(
        f"bair-{camera.replace('_', '-')}",
        (),
        dict.fromkeys(sources),
        sources,
        f"file names in '{folder}' (published: {official or 'unknown'} trajectories)",
        num_official=official,
        unused=found_files.unused,
        actions=actions,
    )


def _frames(path: Path, record: int, camera: str) -> np.ndarray:
    """Return all frames of a trajectory, uint8 ``[30, 64, 64, 3]``."""
    place = f"record {record} of '{path}'"
    features = _features(bytes_features, path, record)
    frames_THWC = np.empty((NUM_FRAMES, SIZE, SIZE, 3), np.uint8)
    for number in range(NUM_FRAMES):
        name = f"{number}/{camera}/encoded"
        values = features.get(name, ())
        if len(values) != 1 or len(values[0]) != SIZE * SIZE * 3:
            sizes = ", ".join(f"{len(value)} bytes" for value in values) or "nothing"
            raise InputError(
                f"In {place}, '{name}' is {sizes}, but one frame is {SIZE}x{SIZE}x3 = {SIZE * SIZE * 3} raw bytes; fetch "
                "the original file."
            )
        frames_THWC[number] = np.frombuffer(values[0], np.uint8).reshape(SIZE, SIZE, 3)
    frames_THWC.setflags(write=False)
    return frames_THWC


def _features(parse: Callable[[bytes], _Found], path: Path, record: int) -> _Found:
    try:
        return parse(read_record(path, record))
    except DamagedError as error:
        raise InputError(
            f"In record {record} of '{path}', {error}: it is not a tf.Example, so fetch the file again."
        ) from None
