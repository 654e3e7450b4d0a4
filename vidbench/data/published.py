"""Published datasets: what a complete copy holds, how large it is, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PublishedSplit(NamedTuple):
    """A split as published.

    Attributes:
        num_videos: videos on its list; 0 if they are counted with another split.
        gigabytes: size of its files, 10^9 bytes; None if it is part of the size of the whole.
        entry: file or folder below the data folder that holds it, or its list.
    """

    num_videos: int
    gigabytes: float | None
    entry: str


class PublishedDataset(NamedTuple):
    """A dataset as published.

    Attributes:
        gigabytes: size of the whole if it is one archive, else None.
        layout: how the data folder looks.
        origin: where it is available.
        splits: its splits.
    """

    gigabytes: float | None
    layout: str
    origin: str
    splits: Mapping[str, PublishedSplit]


_BAIR = PublishedDataset(
    30,
    "DIR/softmotion30_44k/SPLIT/traj_0_to_255.tfrecords …",
    "rail.eecs.berkeley.edu/datasets/bair_robot_pushing_dataset_v0.tar",
    {
        "train": PublishedSplit(43_264, None, "softmotion30_44k/train"),
        "test": PublishedSplit(256, None, "softmotion30_44k/test"),
    },
)

PUBLISHED: Mapping[str, PublishedDataset] = {
    "kinetics-600": PublishedDataset(
        None,
        "DIR/SPLIT/ID_SSSSSS_EEEEEE.mp4 with DIR/annotations/SPLIT.txt",
        "github.com/cvdfoundation/kinetics-dataset (k600_downloader.sh, k600_extractor.sh)",
        {
            # Archives of 604 and 46 GB: ActivityNet, issue 28. That of test is not stated; its list has 72,924 rows.
            "train": PublishedSplit(392_622, 604, "train"),
            "val": PublishedSplit(30_000, 46, "val"),
            "test": PublishedSplit(72_924, None, "test"),
        },
    ),
    "ucf101": PublishedDataset(
        7,
        "DIR/CLASS/v_CLASS_gXX_cYY.avi with classInd.txt, trainlist01.txt … below DIR",
        "crcv.ucf.edu/data/UCF101 (UCF101.rar, UCF101TrainTestSplits-RecognitionTask.zip)",
        {
            "all": PublishedSplit(13_320, None, ""),
            "train01": PublishedSplit(9_537, None, ""),
            "test01": PublishedSplit(3_783, None, ""),
            "train03": PublishedSplit(9_624, None, ""),
            "test03": PublishedSplit(3_696, None, ""),
        },
    ),
    "msrvtt": PublishedDataset(
        None,
        "DIR/…/videoN.mp4 with train_val_videodatainfo.json and test_videodatainfo.json, or MSRVTT_data.json, below DIR",
        "mirrors on the Hugging Face Hub (the publisher's own links are gone)",
        {
            "train": PublishedSplit(6_513, None, ""),
            "validate": PublishedSplit(497, None, ""),
            "test": PublishedSplit(2_990, None, ""),
        },
    ),
    "bair-image-aux1": _BAIR,
    "bair-image-main": _BAIR,
    "sky-timelapse": PublishedDataset(
        None,
        "DIR/sky_SPLIT/ID/ID_K/ID_frames_NNNNNNNN.jpg",
        "github.com/weixiong-ur/mdgan (Google Drive), or huggingface.co/datasets/maxin-cn/SkyTimelapse",
        {
            # Clips, by the readme of the archive. The folders have other names in copies.
            "train": PublishedSplit(2_392, None, ""),
            "test": PublishedSplit(225, None, ""),
        },
    ),
    "faceforensics": PublishedDataset(
        None,
        "DIR/preprocess_ffs/SPLIT/videos/NAME.avi, cropped",
        "github.com/ondyari/FaceForensics (a form), then StyleGAN-V's preprocess_ffs.py",
        {
            # 'More than 1,000' in all (arXiv 1803.09179); how many a split has is not stated where we could read it.
            "train": PublishedSplit(1_000, None, "preprocess_ffs/train"),
            "val": PublishedSplit(1_000, None, "preprocess_ffs/val"),
            "test": PublishedSplit(1_000, None, "preprocess_ffs/test"),
        },
    ),
    "taichi-hd": PublishedDataset(
        None,
        "DIR/SPLIT/ID#SSSSSS#EEEEEE.mp4 with taichi-metadata.csv in DIR",
        "github.com/AliaksandrSiarohin/first-order-model (data/taichi-loading), or huggingface.co/datasets/maxin-cn/Taichi-HD",
        {
            "train": PublishedSplit(3_049, None, "frames/train"),
            "test": PublishedSplit(285, None, "frames/test"),
        },
    ),
    "kth": PublishedDataset(
        1,
        "DIR/ACTION/personPP_ACTION_dD_uncomp.avi with 00sequences.txt in DIR",
        "csc.kth.se/cvap/actions (six archives, 00sequences.txt)",
        {
            "persons01-20": PublishedSplit(479, None, ""),
            "persons21-25": PublishedSplit(120, None, ""),
            "train": PublishedSplit(191, None, ""),
            "validation": PublishedSplit(192, None, ""),
            "test": PublishedSplit(216, None, ""),
            "all": PublishedSplit(599, None, ""),
        },
    ),
    "cityscapes": PublishedDataset(
        324,
        "DIR/leftImg8bit_sequence/SPLIT/CITY/CITY_SSSSSS_FFFFFF_leftImg8bit.png",
        "cityscapes-dataset.com (a login; leftImg8bit_sequence_trainvaltest.zip)",
        {
            "train": PublishedSplit(2_975, None, "leftImg8bit_sequence/train"),
            "val": PublishedSplit(500, None, "leftImg8bit_sequence/val"),
            "test": PublishedSplit(1_525, None, "leftImg8bit_sequence/test"),
        },
    ),
    # Trajectories of both splits together, as the publisher counts them: it does not say how many are in which.
    "teco-dmlab": PublishedDataset(
        54,
        "DIR/dmlab/SPLIT/FOLDER/NAME.npz",
        "archive.org (dmlab_dataset_aa, _ab, _ac; scripts/download/dmlab.sh of github.com/wilson1yan/teco)",
        {"train": PublishedSplit(40_000, None, "dmlab/train"), "test": PublishedSplit(0, None, "dmlab/test")},
    ),
    "teco-minecraft": PublishedDataset(
        210,
        "DIR/minecraft/SPLIT/FOLDER/NAME.mp4 with NAME.npz next to it",
        "archive.org (minecraft_marsh_dataset_aa … _ak; scripts/download/minecraft.sh of github.com/wilson1yan/teco)",
        {"train": PublishedSplit(200_000, None, "minecraft/train"), "test": PublishedSplit(0, None, "minecraft/test")},
    ),
}
"""By the names of `vidbench.tasks.datasets.DATASETS`; the sizes are those that publishers or users state, not measured here."""


def gigabytes_of(dataset: str, splits: tuple[str, ...]) -> float | None:
    """Return the size of some splits as far as it is stated, in GB; None if nothing is."""
    published = PUBLISHED[dataset]
    stated = [published.splits[split].gigabytes for split in splits if split in published.splits]
    known = [size for size in stated if size is not None]
    return published.gigabytes if published.gigabytes is not None else sum(known) if known else None
