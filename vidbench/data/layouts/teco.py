"""DMLab and Minecraft as TECO publishes them: trajectories of an agent, each frame with an action.

::

    root/[dmlab/]SPLIT/FOLDER/NAME.npz            video uint8 [F, 64, 64, 3], actions int [F]
    root/[minecraft/]SPLIT/FOLDER/NAME.mp4        128x128, with its actions in NAME.npz next to it

The splits are ``train`` and ``test``. There is no list: file names say which trajectories are present, and the publisher
counts both splits together. An action is a whole number, a code. TECO's model joins frame t with ``actions[t + 1]`` to
predict frame t + 1 (wilson1yan/teco at 1e92c08, teco/models/teco.py, line 119), so row t here is ``actions[t + 1]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidbench.data.folders.inventory import OTHER_FILE, entry_name, merged, take_inventory
from vidbench.data.layouts.actions import checked_actions
from vidbench.data.layouts.listing import Listing, as_sources, by_name, split_folder
from vidbench.errors import InputError
from vidbench.files import file_sha256
from vidmetrics.formats.npy_files import NpyHeader, npz_headers, read_npz

_VIDEO, _ACTIONS = "video", "actions"
_REMARK = "The publisher lists no trajectories: the coverage is that of the files that are there."


@dataclass(frozen=True)
class TrajectoryFile:
    """The frames of one ``.npz`` file; a `vidbench.data.layouts.listing.FrameSource`."""

    path: Path

    def count(self) -> int:
        """Return the number of frames that the file states; reading them checks that they are there.

        Raises:
            InputError: the file is damaged or has no video; names it.
        """
        return self._header().shape[0]

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield some or all frames uint8 RGB ``[H, W, 3]``.

        Raises:
            InputError: the file is damaged or has no video; names it.
        """
        self._header()
        frames_THWC = read_npz(self.path, [_VIDEO], f"The file '{self.path}'")[_VIDEO]
        yield from frames_THWC if frame_indices is None else frames_THWC[frame_indices]

    def sha256(self) -> str:
        """Return the digest of the file."""
        return file_sha256(self.path)

    def _header(self) -> NpyHeader:
        where = f"The file '{self.path}'"
        headers = npz_headers(self.path, where)
        if _VIDEO not in headers:
            raise InputError(
                f"{where} has no array '{_VIDEO}' (found: {', '.join(map(repr, sorted(headers))) or 'nothing'}): it is not a "
                "trajectory of TECO's DMLab, so fetch it again."
            )
        header = headers[_VIDEO]
        shape = header.shape
        if header.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
            raise InputError(
                f"{where} has a video {header.dtype} {list(shape)}, and frames are uint8 [F, H, W, 3]; fetch it again."
            )
        return header


@dataclass(frozen=True)
class ArchivedActions:
    """The actions in a ``.npz`` file; a `vidbench.data.layouts.actions.ActionSource`."""

    path: Path

    def read(self) -> np.ndarray:
        """Return the codes of the actions, float32 ``[F - 1, 1]``: row t leads from frame t to frame t + 1.

        Raises:
            InputError: the file is missing, damaged or has no actions; names it.
        """
        if not self.path.is_file():
            raise InputError(
                f"The trajectory '{self.path.with_suffix('.mp4')}' has no actions: there is no '{self.path.name}' next to it, so "
                "fetch it again."
            )
        codes = read_npz(self.path, [_ACTIONS], f"The file '{self.path}'")[_ACTIONS]
        return checked_actions(codes, 1, f"The array '{_ACTIONS}' of '{self.path}'")[1:]


def find_dmlab(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Find the trajectories of a split of DMLab.

    Args:
        root: the folder that contains ``dmlab``, or that folder itself.
        split: ``"train"`` or ``"test"``.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder or the split is missing, has no trajectories, or has an entry that should be read and cannot be.
    """
    folder = _split_folder(root, "dmlab", split)
    found = take_inventory(folder, (".npz",), depth=1, ignore=ignore)
    files, duplicates = by_name((_name(path, folder), path) for path in found.files)
    if not files:
        raise InputError(f"There are no files like '0/NAME.npz' in '{folder}': name the folder above with --data DIR.")
    return Listing(
        "teco-dmlab",
        (),
        dict.fromkeys(files),
        {name: TrajectoryFile(path) for name, path in files.items()},
        f"files below '{folder}'",
        duplicates=duplicates,
        remarks=(_REMARK,),
        unused=found.unused,
        actions={name: ArchivedActions(path) for name, path in files.items()},
    )


def find_minecraft(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Find the trajectories of a split of Minecraft.

    Args:
        root: the folder that contains ``minecraft``, or that folder itself.
        split: ``"train"`` or ``"test"``.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder or the split is missing, has no trajectories, or has an entry that should be read and cannot be.
    """
    folder = _split_folder(root, "minecraft", split)
    found = take_inventory(folder, (".mp4", ".npz"), depth=1, ignore=ignore)
    videos = [path for path in found.files if path.suffix.lower() == ".mp4"]
    if not videos:
        raise InputError(f"There are no files like '0/NAME.mp4' in '{folder}': name the folder above with --data DIR.")
    beside = {path.with_suffix(".npz") for path in videos}
    alone = sum(path not in beside for path in found.files if path.suffix.lower() != ".mp4")
    files, duplicates = by_name((_name(path, folder), path) for path in videos)
    return Listing(
        "teco-minecraft",
        (),
        dict.fromkeys(files),
        as_sources(files),
        f"files below '{folder}'",
        duplicates=duplicates,
        remarks=(_REMARK,),
        unused=merged(found.unused, {OTHER_FILE: alone} if alone else {}),
        actions={name: ArchivedActions(path.with_suffix(".npz")) for name, path in files.items()},
    )


def _split_folder(root: Path, inner: str, split: str) -> Path:
    return split_folder(root / inner if (root / inner).is_dir() else root, split)


def _name(path: Path, folder: Path) -> str:
    """Return the name of a trajectory, unique over folders: the path below the split, without its suffix."""
    return entry_name(path, folder).removesuffix(path.suffix)
