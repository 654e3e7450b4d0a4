"""A plain folder of videos, with neither labels nor a list.

::

    root/SPLIT/any/folders/NAME.mp4         one folder per split, or
    root/any/folders/NAME.mp4               everything, as the split "all"
"""

from __future__ import annotations

from pathlib import Path

from vidbench.data.layouts.listing import Listing, as_sources, split_folder, videos_below
from vidbench.errors import InputError

WHOLE = "all"
# Deeper than any real nesting; without a limit, a link to a parent folder would never end.
_DEPTH = 16


def find_folder(root: Path, split: str) -> Listing:
    """List the videos in a folder, each named by its path relative to the folder.

    Args:
        root: the data folder.
        split: a sub-folder, or ``"all"`` for the whole folder if no sub-folder has that name.

    Raises:
        InputError: the folder or the split does not exist or has no videos.
    """
    whole = split == WHOLE and root.is_dir() and not (root / WHOLE).is_dir()
    folder = root if whole else split_folder(root, split)
    # Names keep their suffix: files that differ only in suffix are two videos.
    files = {path.relative_to(folder).as_posix(): path for path in videos_below(folder, _DEPTH)}
    for name in files:
        if not name.isprintable():
            raise InputError(f"The file name {name!r} in '{folder}' cannot be printed; rename the file.")
    return Listing("folder", (), dict.fromkeys(files), as_sources(files), f"files below '{folder}'")
