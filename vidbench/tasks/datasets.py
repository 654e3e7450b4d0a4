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
        action: what an action between two frames is, for datasets that have them; else empty.
        action_size: numbers of one action; 0 without actions.
    """

    title: str
    embedded: bool = False
    captions: bool = False

    action: str = ""
    action_size: int = 0


DATASETS: Mapping[str, KnownDataset] = {
    "shapes": KnownDataset(
        "embedded moving shapes",
        embedded=True,
        captions=True,
        action="how far the shape moves to the right, in half heights, how far it turns clockwise, in turns, and by how much of its range it grows",
        action_size=3,
    ),
    "shapes-crossing": KnownDataset("embedded crossing shapes, before a moving camera", embedded=True, captions=True),
    "kinetics": KnownDataset("a folder in the layout of Kinetics"),
    "kinetics-600": KnownDataset("Kinetics-600, classes in the order of the 600 official names"),
    "msrvtt": KnownDataset("MSR-VTT with its captions", captions=True),
    "ucf101": KnownDataset("UCF-101 with its official lists"),
    "bair-image-aux1": KnownDataset(
        "BAIR robot pushing, camera image_aux1", action="what the robot was told, 4 numbers", action_size=4
    ),
    "bair-image-main": KnownDataset(
        "BAIR robot pushing, camera image_main", action="what the robot was told, 4 numbers", action_size=4
    ),
    "teco-dmlab": KnownDataset(
        "DMLab mazes as TECO publishes them", action="a code of the agent's move", action_size=1
    ),
    "teco-minecraft": KnownDataset(
        "Minecraft marshes as TECO publishes them", action="a code of the player's move", action_size=1
    ),
    "sky-timelapse": KnownDataset("SkyTimelapse, folders of frames"),
    "faceforensics": KnownDataset("FaceForensics, cropped to the face"),
    "taichi-hd": KnownDataset("TaiChi-HD"),
    "kth": KnownDataset("KTH actions with their list of sequences"),
    "cityscapes": KnownDataset("Cityscapes, sequences of the left camera"),
    "folder": KnownDataset("a folder of videos without labels"),
}
