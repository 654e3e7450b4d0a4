"""Miniatures of published datasets: lists, folders and files named as published, with one video missing and one broken."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidbench.data.clips import clip_span
from vidbench.data.layouts.bair import NUM_FRAMES, SIZE
from vidbench.data.layouts.kinetics600 import class_names
from vidbench.data.layouts.msrvtt import ALL_SPLITS
from vidbench.data.layouts.ucf101 import NUM_CLASSES
from vidbench.data.miniature.made_records import spoil_record, write_made_trajectories
from vidbench.data.miniature.made_sets import SET_FORMS, write_made_set
from vidbench.data.miniature.made_trajectories import write_made_archive, write_made_recording
from vidbench.data.miniature.made_videos import VideoForm, cut_short, write_made_video
from vidbench.errors import InputError
from vidbench.tasks.schema import Task

FORMS = {
    "kinetics-600": VideoForm(340, 256, 250),
    "ucf101": VideoForm(320, 240, 180, codec="mpeg4", suffix=".avi"),
    "msrvtt": VideoForm(320, 240, 250),
    "bair-image-aux1": VideoForm(SIZE, SIZE, NUM_FRAMES, codec="none", suffix=".tfrecords"),
    "bair-image-main": VideoForm(SIZE, SIZE, NUM_FRAMES, codec="none", suffix=".tfrecords"),
    **SET_FORMS,
    "teco-dmlab": VideoForm(64, 64, 300, codec="none", suffix=".npz"),
    "teco-minecraft": VideoForm(128, 128, 300),
}
"""Usual size and length of the published videos."""

_UCF101_LISTS = ("01", "03")


@dataclass(frozen=True)
class MadeFolder:
    """A miniature.

    Attributes:
        root: the data folder.
        broken: the video that cannot be read to its end: its file, its folder, or its first frame.
        missing: name of a listed video that is not there.
        frames: the frames of the broken video, where each is a file.
    """

    root: Path
    broken: Path
    missing: str
    frames: tuple[Path, ...] = ()

    def remove_broken(self) -> None:
        """Remove the broken video, as a person does whom the scan told of it."""
        for path in self.frames or (self.broken,):
            path.unlink()


def check_made(task: Task) -> None:
    """Refuse a task whose folder has no miniature.

    Raises:
        InputError: no layout is published for the dataset of the task, or its miniature lacks a split.
    """
    dataset = task.data.dataset
    if dataset not in _MAKERS:
        raise InputError(
            f"The dataset '{dataset}' has no published layout to make a miniature of: rehearse a shipped task."
        )
    made = ("all", *(f"{part}{number}" for part in ("train", "test") for number in _UCF101_LISTS))
    unknown = [split for split in _splits(task) if dataset == "ucf101" and split not in made]
    if unknown:
        raise InputError(f"A miniature of UCF-101 has no split '{unknown[0]}': rehearse a task on split 01 or 03.")


def _splits(task: Task) -> tuple[str, ...]:
    data = task.data
    return tuple(dict.fromkeys((data.reference_split, data.evaluation_split, data.train_split)))


def make_folder(task: Task, root: Path, num_videos: int, form: VideoForm | None = None) -> MadeFolder:
    """Write a miniature of the folder that a task reads.

    Every split that the task uses has ``num_videos`` sound videos; the split of the reference set also has a broken one,
    and lists one that is missing.

    Args:
        task: decides dataset and splits.
        root: the folder to write; it must not exist.
        num_videos: sound videos per split.
        form: size and length of videos; None for those of the dataset.

    Raises:
        InputError: as `check_made`.
    """
    check_made(task)
    dataset = task.data.dataset
    root.mkdir(parents=True)
    return _MAKERS[dataset](task, root, _splits(task), num_videos, form or FORMS[dataset])


def _kinetics600(task: Task, root: Path, splits: Sequence[str], num_videos: int, form: VideoForm) -> MadeFolder:
    """The mirror's layout: flat folders, ``.txt`` lists with labels for train and val, a list without labels for test."""
    pool = _pool(root, num_videos, form)
    annotations = root / "annotations"
    annotations.mkdir()
    broken, missing = root, root
    for split in splits:
        labelled = split != "test"
        # A list must name all 600 classes; the test list has no labels.
        names = [f"-{split}{number:06d}" for number in range(len(class_names()) if labelled else num_videos + 2)]
        here = range(num_videos)
        if labelled and split == task.data.reference_split and task.reference_clips.draw == "replacement":
            here = range(len(names) - 2)  # such a plan draws over the whole list
        header = "label,youtube_id,time_start,time_end,split" if labelled else "youtube_id,time_start,time_end,split"
        rows = [
            (f"{class_names()[number]}," if labelled else "") + f"{name},0,10,{split}"
            for number, name in enumerate(names)
        ]
        path = annotations / ("test.csv" if not labelled else f"{split}.txt")
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        files = [root / split / f"{name}_000000_000010{form.suffix}" for name in names]
        for number in here:
            _copy(pool[number % num_videos], files[number])
        if split == task.data.reference_split:
            broken, missing = files[-2:]
            _break(pool[0], broken)
    shutil.rmtree(pool[0].parent)
    return MadeFolder(root, broken, missing.stem)


def _ucf101(task: Task, root: Path, splits: Sequence[str], num_videos: int, form: VideoForm) -> MadeFolder:
    """``classInd.txt``, train and test lists 01 and 03, which are the same, and class folders; the lists 02 are not made."""
    pool = _pool(root, 2 * num_videos, form)
    classes = [f"Class{number:03d}" for number in range(1, NUM_CLASSES + 1)]
    (root / "classInd.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(classes, start=1)))
    broken, missing = root, root
    for part, group in (("train", 8), ("test", 1)):
        # Two more than there are: the list of the reference set names the broken and the missing one.
        spoilt = part == ("test" if task.data.reference_split.startswith("test") else "train")
        count = num_videos + (2 if spoilt else 0)
        names = [
            f"{classes[n % NUM_CLASSES]}/v_{classes[n % NUM_CLASSES]}_g{group + n // NUM_CLASSES:02d}_c01{form.suffix}"
            for n in range(count)
        ]
        number_of = {name: n % NUM_CLASSES + 1 for n, name in enumerate(names)}
        lines = [name + (f" {number_of[name]}" if part == "train" else "") for name in names]
        for listed in _UCF101_LISTS:
            (root / f"{part}list{listed}.txt").write_text("\n".join(lines) + "\n")
        for number in range(num_videos):
            video = root / names[number]
            video.parent.mkdir(parents=True, exist_ok=True)
            pool[number if part == "train" else num_videos + number].rename(video)
        if spoilt:
            broken, missing = root / names[-2], root / names[-1]
            _break(root / names[0], broken)
    shutil.rmtree(pool[0].parent)
    return MadeFolder(root, broken, missing.stem)


def _msrvtt(task: Task, root: Path, splits: Sequence[str], num_videos: int, form: VideoForm) -> MadeFolder:
    """One file of annotations with two captions per video, as mirrors give it, and one folder of videos."""
    pool = _pool(root, num_videos, form)
    videos: list[tuple[str, str]] = []
    broken, missing = root, root
    for split in splits:
        here = split == task.data.reference_split
        files = [
            root / "videos" / f"video{len(videos) + number}{form.suffix}" for number in range(num_videos + 2 * here)
        ]
        videos += [(file.stem, split) for file in files]
        for number in range(num_videos):
            _copy(pool[number], files[number])
        if here:
            broken, missing = files[-2:]
            _break(pool[0], broken)
    document = {
        "videos": [{"video_id": name, "split": split} for name, split in videos],
        "sentences": [
            {"video_id": name, "caption": f"shapes move in {name}, sentence {n}"}
            for name, _ in videos
            for n in range(2)
        ],
    }
    (root / ALL_SPLITS).write_text(json.dumps(document))
    shutil.rmtree(pool[0].parent)
    return MadeFolder(root, broken, missing.stem)


def _bair(task: Task, root: Path, splits: Sequence[str], num_videos: int, form: VideoForm) -> MadeFolder:
    """One file of sound trajectories per split, and one of a single spoilt one; all the others are missing."""
    broken = root / "softmotion30_44k" / task.data.reference_split / f"traj_{num_videos}_to_{num_videos}.tfrecords"
    for split in splits:
        folder = root / "softmotion30_44k" / split
        # Trajectories of different splits are different scenes.
        first = 1000 * len(split)
        write_made_trajectories(folder / f"traj_0_to_{num_videos - 1}.tfrecords", range(first, first + num_videos))
        if folder == broken.parent:
            write_made_trajectories(broken, [first + num_videos])
            spoil_record(broken)
    return MadeFolder(root, broken, f"traj_{num_videos + 1:05d}")


def _frames_and_avi(task: Task, root: Path, splits: Sequence[str], num_videos: int, form: VideoForm) -> MadeFolder:
    data, short = task.data, task.clips.min_frames is not None
    faults = write_made_set(data.dataset, root, splits, data.reference_split, num_videos, form, short=short)
    return MadeFolder(root, faults.broken, faults.missing, faults.remove)


def _teco(task: Task, root: Path, splits: Sequence[str], num_videos: int, form: VideoForm) -> MadeFolder:
    """Trajectories of the size and at least the length that the task takes, in two folders per split; there is no list."""
    clips, inner = task.clips, task.data.dataset.removeprefix("teco-")
    span = clip_span(clips.num_frames, clips.stride)
    form = form._replace(width=clips.width, height=clips.height, num_frames=max(span, form.num_frames))
    write, suffix = (write_made_archive, ".npz") if inner == "dmlab" else (write_made_recording, ".mp4")
    broken = root
    for split in splits:
        # Trajectories of different splits are different scenes.
        scenes = range(1000 * len(split), 1000 * len(split) + num_videos)
        for number, scene in enumerate(scenes):
            write(root / inner / split / str(number % 2) / f"{number:05d}{suffix}", scene, form)
        if split == task.data.reference_split:
            broken = root / inner / split / "1" / f"{num_videos:05d}{suffix}"
            write(broken, scenes.stop, form)
            cut_short(broken)
    return MadeFolder(root, broken, f"1/{num_videos + 1:05d}")


def _pool(root: Path, num_videos: int, form: VideoForm) -> list[Path]:
    """Render videos into a hidden folder of the data folder."""
    files = [root / ".made" / f"{number}{form.suffix}" for number in range(num_videos)]
    for number, path in enumerate(files):
        write_made_video(path, number, form)
    return files


def _copy(source: Path, path: Path) -> None:
    """Copy an MP4 file and append a box that players skip, since a scan refuses two files with the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name.encode()
    path.write_bytes(source.read_bytes() + struct.pack(">I", 8 + len(name)) + b"free" + name)


def _break(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, path)
    cut_short(path)


_Maker = Callable[[Task, Path, Sequence[str], int, VideoForm], MadeFolder]
_MAKERS: dict[str, _Maker] = {
    "kinetics-600": _kinetics600,
    "msrvtt": _msrvtt,
    "ucf101": _ucf101,
    "bair-image-aux1": _bair,
    "bair-image-main": _bair,
    **dict.fromkeys(SET_FORMS, _frames_and_avi),
    "teco-dmlab": _teco,
    "teco-minecraft": _teco,
}
