"""A plain folder of videos, with neither labels nor a list.

::

    root/SPLIT/any/folders/NAME.mp4         one folder per split, or
    root/any/folders/NAME.mp4               everything, as the split "all"
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidbench.data.folders.inventory import entry_name
from vidbench.data.folders.twins import twin_videos
from vidbench.data.layouts.listing import Duplicate, Listing, as_sources, split_folder, videos_below

WHOLE = "all"


def find_folder(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """List the videos in a folder, each named by its path relative to the folder.

    Args:
        root: the data folder.
        split: a sub-folder, or ``"all"`` for the whole folder if no sub-folder has that name.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder or the split does not exist, has no videos, or has an entry that should be read and cannot be.
    """
    whole = split == WHOLE and root.is_dir() and not (root / WHOLE).is_dir()
    folder = root if whole else split_folder(root, split)
    found = videos_below(folder, None, ignore)
    files = {entry_name(path, folder): path for path in found.files}
    twins = twin_videos(found.files, suffixes=False)
    return Listing(
        "folder",
        (),
        dict.fromkeys(files),
        as_sources(files),
        f"files below '{folder}'",
        duplicates=tuple(Duplicate(entry_name(twin.other, folder), twin.kept, twin.other) for twin in twins),
        unused=found.unused,
    )
