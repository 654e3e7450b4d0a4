"""Which reader lists the videos of which data set."""

from __future__ import annotations

from pathlib import Path

from vidbench.data.layouts.bair import find_bair
from vidbench.data.layouts.folder import find_folder
from vidbench.data.layouts.kinetics import find_kinetics
from vidbench.data.layouts.kinetics600 import find_kinetics600
from vidbench.data.layouts.listing import Listing
from vidbench.data.layouts.ucf101 import find_ucf101

_READERS = {
    "bair-image-aux1": lambda root, split: find_bair(root, split, "image_aux1"),
    "bair-image-main": lambda root, split: find_bair(root, split, "image_main"),
    "folder": find_folder,
    "kinetics": find_kinetics,
    "kinetics-600": find_kinetics600,
    "ucf101": find_ucf101,
}


def find_listing(dataset: str, root: Path, split: str) -> Listing:
    """List one split of a data folder.

    Args:
        dataset: ``data.dataset`` of a task, one that reads a folder.
        root: the data folder.
        split: name of the split.

    Raises:
        InputError: the folder is not laid out as the data set's reader needs, or holds none of its videos.
    """
    return _READERS[dataset](root, split)
