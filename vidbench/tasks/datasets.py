"""The datasets that a task can name in ``data.dataset``; their readers are in `vidbench.data.layouts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class KnownDataset(NamedTuple):
    """A dataset, and how its folder is read.

    Attributes:
        title: what ``vidbench tasks show`` calls it.
        captions: whether it says in words what its videos show, so that tasks can ask for samples of them.
        embedded: True for clips that vidbench generates, which need no folder.
    """

    title: str
    embedded: bool = False
    captions: bool = False


DATASETS: Mapping[str, KnownDataset] = {
    "shapes": KnownDataset("embedded moving shapes", embedded=True, captions=True),
    "shapes-crossing": KnownDataset("embedded crossing shapes, before a moving camera", embedded=True, captions=True),
    "kinetics": KnownDataset("a folder in the layout of Kinetics"),
    "kinetics-600": KnownDataset("Kinetics-600, classes in the order of the 600 official names"),
    "msrvtt": KnownDataset("MSR-VTT with its captions", captions=True),
    "ucf101": KnownDataset("UCF-101 with its official lists"),
    "bair-image-aux1": KnownDataset("BAIR robot pushing, camera image_aux1"),
    "bair-image-main": KnownDataset("BAIR robot pushing, camera image_main"),
    "sky-timelapse": KnownDataset("SkyTimelapse, folders of frames"),
    "faceforensics": KnownDataset("FaceForensics, cropped to the face"),
    "taichi-hd": KnownDataset("TaiChi-HD"),
    "kth": KnownDataset("KTH actions with their list of sequences"),
    "cityscapes": KnownDataset("Cityscapes, sequences of the left camera"),
    "folder": KnownDataset("a folder of videos without labels"),
}
