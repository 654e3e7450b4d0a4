"""Real videos in a folder laid out as Kinetics.

::

    root/annotations/SPLIT.csv                      the official list: label,youtube_id,time_start,time_end,split,...
    root/SPLIT/LABEL/ID_SSSSSS_EEEEEE.mp4           one folder per class, or
    root/SPLIT/ID_SSSSSS_EEEEEE.mp4                 all in one folder (the CVDF mirror)

``SSSSSS`` and ``EEEEEE`` are the first and last second in six digits. With a list, the list alone decides the label and
which videos count as official; files beside it are not used, and videos missing on disk lower the coverage and are not
replaced. Without a list the class folders are the list, and the coverage is 1 by definition.
"""

from __future__ import annotations

from pathlib import Path

from vidbench.data.kinetics_layout import find_kinetics
from vidbench.data.videos import VideoDataset
from vidbench.tasks.schema import ClipSpec


class KineticsDataset(VideoDataset):
    """One split of a Kinetics-like folder, cut into the clips of a task."""

    def __init__(self, root: Path, split: str, clips: ClipSpec, limit: int | None = None) -> None:
        """Find the files and lay the plan; no video is opened yet.

        Args:
            root: the folder that holds the splits.
            split: name of the split's folder and list.
            clips: see `VideoDataset`.
            limit: see `VideoDataset`.

        Raises:
            InputError: the folder, the split, its list or a needed column is missing, a video is listed twice or
                found twice, or no listed video is on disk.
        """
        super().__init__(find_kinetics(root, split), clips, limit)
