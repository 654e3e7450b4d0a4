"""The reader of each dataset: from a data folder to the list of a split. One file per layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from vidbench.data.layouts.bair import find_bair
from vidbench.data.layouts.folder import find_folder
from vidbench.data.layouts.kinetics import find_kinetics
from vidbench.data.layouts.kinetics600 import find_kinetics600
from vidbench.data.layouts.listing import Listing
from vidbench.data.layouts.ucf101 import find_ucf101

READERS: dict[str, Callable[[Path, str], Listing]] = {
    "bair-image-aux1": partial(find_bair, camera="image_aux1"),
    "bair-image-main": partial(find_bair, camera="image_main"),
    "folder": find_folder,
    "kinetics": find_kinetics,
    "kinetics-600": find_kinetics600,
    "ucf101": find_ucf101,
}
"""A reader takes a data folder and a split, by the names of `vidbench.tasks.datasets.DATASETS`."""


def find_listing(dataset: str, root: Path, split: str) -> Listing:
    """List one split of a data folder.

    Args:
        dataset: ``data.dataset`` of a task, one that reads a folder.
        root: the data folder.
        split: name of the split.

    Raises:
        InputError: the folder is not in the layout of the dataset, or holds none of its videos.
    """
    return READERS[dataset](root, split)
