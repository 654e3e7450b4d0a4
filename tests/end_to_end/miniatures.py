"""Miniature copies of the datasets of the shipped tasks, and of the tasks themselves.

Videos are lossless and coded: red tells the video, green the frame, blue the column, so that a clip says where it was
taken from. A miniature task is the shipped file with smaller counts and frames and the embedded network.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from pathlib import Path
from typing import Any

import av
import numpy as np

from vidbench.data.layouts.kinetics600 import class_names
from vidbench.tasks import load_task

GOLDEN = Path(__file__).parents[1] / "golden"
WIDTH, HEIGHT = 40, 30
NUM_FRAMES = 100
STEP = 9  # difference in red between consecutive videos
SPLITS = ("train", "val", "test")
PRESENT = tuple(range(0, 600, 25))
SAMPLES = 6


def write_video(path: Path, number: int, count: int = NUM_FRAMES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "rgb24"
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        image[..., 0], image[..., 2] = STEP * number, 6 * np.arange(WIDTH)
        for frame in range(count):
            image[..., 1] = frame
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def write_kinetics600(root: Path, whole: str = "") -> Path:
    """Write the mirror's layout: flat folders, complete .txt lists for train and val, test without labels.

    Every 25th listed video of train and val is on disk, and all but two of test; of the split ``whole`` all are, many of
    them links to one file.
    """
    (root / "annotations").mkdir(parents=True)
    for split in SPLITS:
        labelled = split != "test"
        rows = ["label,youtube_id,time_start,time_end,split" if labelled else "youtube_id,time_start,time_end,split"]
        for number in listed(split):
            label = f"{class_names()[number]}," if labelled else ""
            rows.append(f"{label}{video_id(split, number)},0,4,{split}")
        name = f"{split}.txt" if labelled else "test.csv"
        (root / "annotations" / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
        for red, number in enumerate(PRESENT):
            write_video(root / split / f"{video_name(split, number)}.mp4", red)
        if split == whole:
            for number in set(range(600)) - set(PRESENT):
                kept = root / split / f"{video_name(split, number // 25 * 25)}.mp4"
                (root / split / f"{video_name(split, number)}.mp4").hardlink_to(kept)
    return root


def listed(split: str) -> tuple[int, ...]:
    """Return the numbers of the videos listed for a split; for train and val, those of their classes."""
    return (*PRESENT, 1, 2) if split == "test" else tuple(range(600))


def video_name(split: str, number: int) -> str:
    return f"{video_id(split, number)}_000000_000004"


def video_id(split: str, number: int) -> str:
    return f"-{split[0]}{number:09d}"


def write_ucf101(root: Path) -> Path:
    """Write the three lists of split 1, and 14 + 8 videos of 4 of the 101 classes."""
    root.mkdir(parents=True)
    classes = [f"Class{number:03d}" for number in range(1, 102)]
    (root / "classInd.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(classes, start=1)))
    red = 0
    for part, groups in (("train", range(8, 12)), ("test", range(1, 3))):
        lines = []
        for group in groups:
            for number in (1, 2, 50, 101):
                name = f"{classes[number - 1]}/v_{classes[number - 1]}_g{group:02d}_c01.avi"
                lines.append(name + (f" {number}" if part == "train" else ""))
                write_video((root / name).with_suffix(".mp4"), red, 30)
                red += 1
        (root / f"{part}list01.txt").write_text("\n".join(lines) + "\n")
    return root


def write_msrvtt(root: Path) -> Path:
    """Write the two published files of annotations, with two or three sentences per video, and 12 + 12 + 2 videos."""
    red = 0
    for name, splits in (("train_val", (("train", 12), ("validate", 2))), ("test", (("test", 12),))):
        videos, sentences = [], []
        for split, count in splits:
            for _ in range(count):
                videos.append({"video_id": f"video{red}", "split": split, "id": red, "category": 9})
                texts = [f"scene {red}, sentence {number}" for number in range(2 + red % 2)]
                sentences += [{"video_id": f"video{red}", "caption": text, "sen_id": red} for text in texts]
                write_video(root / name / f"video{red}.mp4", red, 30)
                red += 1
        # Sentences of one video are not next to each other in the published files.
        document = {
            "info": {"year": "2016"},
            "videos": videos,
            "sentences": sorted(sentences, key=lambda row: row["caption"][-1]),
        }
        (root / f"{name}_videodatainfo.json").write_text(json.dumps(document))
    return root


LENGTHS = (29, 47, 48, 130)
LONG_CLASSES = ("Basketball", "BasketballDunk", "Archery")


def write_ucf101_lengths(root: Path) -> Path:
    """Write 24 videos of three classes, of four lengths, on the lists of splits 1 and 3; the test lists name every third group.

    By name BasketballDunk comes before Basketball, by path after it.
    """
    root.mkdir(parents=True)
    classes = [*LONG_CLASSES, *(f"Class{number:03d}" for number in range(4, 102))]
    (root / "classInd.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(classes, start=1)))
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for red, (label, group) in enumerate(long_videos()):
        name = f"{label}/v_{label}_g{group:02d}_c01.avi"
        write_video((root / name).with_suffix(".mp4"), red, long_length(red))
        part = "test" if group % 3 == 0 else "train"
        lines[part].append(name + (f" {classes.index(label) + 1}" if part == "train" else ""))
    for number in (1, 3):
        for part, names in lines.items():
            (root / f"{part}list{number:02d}.txt").write_text("\n".join(names) + "\n")
    return root


def long_videos() -> list[tuple[str, int]]:
    """Return class and group of each video, by its red number."""
    return [(label, group) for label in LONG_CLASSES for group in range(1, 9)]


def long_length(red: int) -> int:
    return LENGTHS[(red * 3 + red // 8) % 4]


def write_bair(root: Path) -> Path:
    """Write three trajectories per split, encoded by TensorFlow (tests/oracles/bair_tensorflow.py)."""
    content = gzip.decompress((GOLDEN / "bair_records.tfrecords.gz").read_bytes())
    for split in ("train", "test"):
        folder = root / "softmotion30_44k" / split
        folder.mkdir(parents=True)
        (folder / "traj_0_to_2.tfrecords").write_bytes(content)
    return root


def miniature(name: str, folder: Path) -> Path:
    """Write the miniature of a shipped task; only counts, sizes and networks change."""
    fields = tomllib.loads(Path(load_task(name).origin).read_text(encoding="utf-8"))
    evaluation, clips = fields["evaluation"], fields["clips"]
    size = {"resize": "pil-box"} if clips["resize"] == "none" else {}
    clips.update(height=32, width=32, **size)
    if "via" in clips:
        clips["via"] = [48, 48]
    if "samples_per_context" in evaluation:
        evaluation["samples_per_context"] = SAMPLES // 3
    evaluation["num_samples"] = SAMPLES
    evaluation["repeats"] = min(evaluation.get("repeats", 1), 3)
    if "every" in clips:
        clips["every"] = 2
    if fields["reference"].get("paired"):
        fields["reference"]["num_clips"] = SAMPLES // evaluation.get("samples_per_context", 1)
    elif fields["reference"]["num_clips"] != "all":
        # All windows of the three trajectories, or the requested number.
        fields["reference"]["num_clips"] = {256: 3, 3840: 45, 2048: 5}.get(fields["reference"]["num_clips"], 10)
    networks = {
        "fvd": "fvd-shapes",
        "fvd-styleganv": "fvd-shapes",
        "fvd-videogpt": "fvd-shapes",
        "fid-i3d-k600": "fid-shapes",
    }
    networks |= {"is-i3d-k600": "is-shapes", "is-c3d-ucf101": "is-shapes"}
    evaluation["metrics"] = [networks.get(metric, metric) for metric in evaluation["metrics"]]
    path = folder / f"{name}.toml"
    path.write_text(_toml(fields), encoding="utf-8")
    return path


def _toml(fields: dict[str, Any], head: str = "") -> str:
    plain = {key: value for key, value in fields.items() if not isinstance(value, dict) and key != "notes"}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    for key, value in fields.items():
        if isinstance(value, dict):
            lines += ["", f"[{head}{key}]", _toml(value, f"{head}{key}.")]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)
