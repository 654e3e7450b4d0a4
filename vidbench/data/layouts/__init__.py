"""The reader of each dataset: from a data folder to the list of a split. One file per layout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from vidbench.data.layouts.bair import find_bair
from vidbench.data.layouts.cityscapes import find_cityscapes
from vidbench.data.layouts.faceforensics import find_faceforensics
from vidbench.data.layouts.folder import find_folder
from vidbench.data.layouts.kinetics import find_kinetics
from vidbench.data.layouts.kinetics600 import find_kinetics600
from vidbench.data.layouts.kth import find_kth
from vidbench.data.layouts.listing import Listing
from vidbench.data.layouts.msrvtt import find_msrvtt
from vidbench.data.layouts.sky_timelapse import find_sky_timelapse
from vidbench.data.layouts.taichi_hd import find_taichi_hd
from vidbench.data.layouts.teco import find_dmlab, find_minecraft
from vidbench.data.layouts.ucf101 import find_ucf101
from vidbench.data.layouts.withdrawn import without_withdrawn


class Reader(Protocol):
    """Lists one split of a data folder."""

    def __call__(self, root: Path, split: str, *, ignore: Sequence[str] = ()) -> Listing:
        """List a split, without the entries that match a pattern of ``ignore``; see `find_listing`."""
        ...


READERS: dict[str, Reader] = {
    "bair-image-aux1": partial(find_bair, camera="image_aux1"),
    "bair-image-main": partial(find_bair, camera="image_main"),
    "cityscapes": find_cityscapes,
    "faceforensics": find_faceforensics,
    "folder": find_folder,
    "kinetics": find_kinetics,
    "kinetics-600": find_kinetics600,
    "kth": find_kth,
    "sky-timelapse": find_sky_timelapse,
    "taichi-hd": find_taichi_hd,
    "msrvtt": find_msrvtt,
    "teco-dmlab": find_dmlab,
    "teco-minecraft": find_minecraft,
    "ucf101": find_ucf101,
}
"""The readers, by the names of `vidbench.tasks.datasets.DATASETS`."""


def find_listing(dataset: str, root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """List one split of a data folder; withdrawn videos are on the list and never read.

    Args:
        dataset: ``data.dataset`` of a task, one that reads a folder.
        root: the data folder.
        split: name of the split.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is not in the layout of the dataset, holds none of its videos, or has an entry that should be
            read and cannot be.
    """
    return without_withdrawn(dataset, READERS[dataset](root, split, ignore=ignore))
