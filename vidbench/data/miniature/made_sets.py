"""Miniatures of the datasets of prediction and unconditional generation: folders of frames, AVI files, and their lists."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vidbench.data.layouts.cityscapes import NUM_FRAMES
from vidbench.data.layouts.kth import ACTIONS, LIST_NAME, PERSONS
from vidbench.data.layouts.taichi_hd import LIST_NAME as TAICHI_LIST
from vidbench.data.miniature.made_videos import VideoForm, cut_short, write_made_frames, write_made_video

SET_FORMS: Mapping[str, VideoForm] = {
    "sky-timelapse": VideoForm(640, 360, 200, codec="jpeg", suffix=".jpg"),
    "faceforensics": VideoForm(256, 256, 200, frames_per_second=30, codec="mpeg4", suffix=".avi"),
    "taichi-hd": VideoForm(256, 256, 200, frames_per_second=30),
    "kth": VideoForm(160, 120, 400, codec="mpeg4", suffix=".avi"),
    "cityscapes": VideoForm(2048, 1024, NUM_FRAMES, frames_per_second=17, codec="png", suffix=".png"),
}
"""Usual size and length of their videos."""


class Faults(NamedTuple):
    """What is wrong in a miniature.

    Attributes:
        broken: what the scan names: a video file, a folder of frames, or the first frame of a snippet.
        missing: name of a video that is not there.
        remove: the files to remove so that nothing is broken.
    """

    broken: Path
    missing: str
    remove: tuple[Path, ...]


class _Folder(NamedTuple):
    """Where a miniature is written, and for which splits; the broken video belongs to the split of the reference set."""

    root: Path
    splits: Sequence[str]
    reference: str
    num_videos: int
    form: VideoForm

    def scenes(self, split: str) -> range:
        """Scenes of a split, those of different splits being different; the last two are the broken and the missing video."""
        first = 1000 * self.splits.index(split)
        return range(first, first + self.num_videos + 2)


def write_made_set(
    dataset: str,
    root: Path,
    splits: Sequence[str],
    reference: str,
    num_videos: int,
    form: VideoForm,
    *,
    short: bool = False,
) -> Faults:
    """Write the splits of a dataset, with a broken video in that of the reference set.

    Args:
        dataset: a key of `SET_FORMS`.
        root: an empty folder.
        splits: names of the splits.
        reference: that of the reference set.
        num_videos: sound videos per split.
        form: size and length of videos.
        short: whether each split has another clip, of two frames, where the published one has such.
    """
    to = _Folder(root, splits, reference, num_videos, form)
    faults = _WRITERS[dataset](to)
    for split in splits if short else ():
        _write_short(dataset, to, split)
    return faults


def _write_short(dataset: str, to: _Folder, split: str) -> None:
    scene, name = to.scenes(split)[-1] + 1, f"short{split}"
    form = to.form._replace(num_frames=2)
    if dataset == "sky-timelapse":
        folder = to.root / "sky_timelapse" / f"sky_{split}" / name / f"{name}_1"
        write_made_frames([folder / f"{name}_frames_{frame:08d}.jpg" for frame in (1, 2)], scene, form)
    elif dataset == "faceforensics":
        write_made_video(to.root / "preprocess_ffs" / split / "videos" / f"{name}{form.suffix}", scene, form)
    elif dataset == "taichi-hd":
        write_made_video(to.root / split / f"{name}#000000#000002{form.suffix}", scene, form)
        with (to.root / TAICHI_LIST).open("a") as file:
            file.write(f"{name},0,2,0-0-256-256,30.0,256,256,{split}\n")


def _sky_timelapse(to: _Folder) -> Faults:
    """Up to three clips of each YouTube video, one folder without any clip, and one frame of the broken clip cut off."""
    broken, missing = to.root, ""
    for split in to.splits:
        folder = to.root / "sky_timelapse" / f"sky_{split}"
        (folder / "z6Yr7KDZhm0").mkdir(parents=True)
        for scene in to.scenes(split)[:-1]:
            source, clip = f"made{scene // 3:07d}", scene % 3 + 1
            path = folder / source / f"{source}_{clip}"
            if scene == to.scenes(split)[-2] and split != to.reference:
                break
            # The clips of a video are cut from it, and number their frames on.
            names = [f"{source}_frames_{1000 * clip + frame:08d}.jpg" for frame in range(to.form.num_frames)]
            write_made_frames([path / name for name in names], scene, to.form)
            if scene == to.scenes(split)[-2]:
                cut_short(path / names[len(names) // 2])
                broken = path
        missing = missing or f"made{to.scenes(split)[-1] // 3:07d}_{to.scenes(split)[-1] % 3 + 1}"
    return Faults(broken, missing, tuple(sorted(broken.iterdir())))


def _cityscapes(to: _Folder) -> Faults:
    """Two snippets per recording, 600 frames apart, several recordings per city; the broken one lacks a frame."""
    broken: list[Path] = []
    missing = ""
    for split in to.splits:
        for scene in to.scenes(split)[:-1]:
            last = scene == to.scenes(split)[-2]
            if last and split != to.reference:
                break
            city = f"{split}stadt{'abc'[scene % 3]}"
            recording, first = f"{city}_{scene // 6:06d}", 600 * (scene // 3 % 2)
            folder = to.root / "leftImg8bit_sequence" / split / city
            paths = [folder / f"{recording}_{first + frame:06d}_leftImg8bit.png" for frame in range(NUM_FRAMES)]
            write_made_frames(paths, scene, to.form)
            if last:
                paths.pop(NUM_FRAMES // 2).unlink()
                broken = paths
        missing = missing or f"{split}stadta_{to.scenes(split)[-1]:06d}_000019"
    return Faults(broken[0], missing, tuple(broken))


def _faceforensics(to: _Folder) -> Faults:
    """Cropped videos named by the two faces of each, as Latte publishes them."""
    broken = to.root
    for split in to.splits:
        names = [f"made{scene:07d}_1_face{scene:07d}_1{to.form.suffix}" for scene in to.scenes(split)]
        paths = [to.root / "preprocess_ffs" / split / "videos" / name for name in names]
        broken = _write_videos(to, split, paths) or broken
    return Faults(broken, f"made{to.scenes(to.reference)[-1]:07d}", (broken,))


def _taichi_hd(to: _Folder) -> Faults:
    """Clips named by the frames of their YouTube video, and the list of them."""
    rows, broken = ["video_id,start,end,bbox,fps,width,height,partition"], to.root
    missing = ""
    for split in to.splits:
        scenes, length = to.scenes(split), to.form.num_frames
        broken = (
            _write_videos(
                to,
                split,
                [
                    to.root / split / f"made{scene:07d}#{scene:06d}#{scene + length:06d}{to.form.suffix}"
                    for scene in scenes
                ],
            )
            or broken
        )
        listed = scenes if split == to.reference else scenes[:-2]
        rows += [f"made{scene:07d},{scene},{scene + length},0-0-256-256,30.0,256,256,{split}" for scene in listed]
        if split == to.reference:
            missing = f"made{scenes[-1]:07d}#{scenes[-1]:06d}#{scenes[-1] + length:06d}"
    (to.root / TAICHI_LIST).write_text("\n".join(rows) + "\n")
    return Faults(broken, missing, (broken,))


def _kth(to: _Folder) -> Faults:
    """The list, with its introduction and the video that it says is missing, and one folder per action.

    The broken video is one of persons 1 to 20, as the published one is, so that windows spread over the others are all there.
    """
    to = to._replace(reference="persons01-20") if "persons01-20" in to.splits else to
    lines = ["Sequences of actions by 25 persons.", "", "person13_handclapping_d3\t\t*missing*"]
    broken, missing = to.root, ""
    written: set[str] = set()
    for split in to.splits:
        names = [
            f"person{person:02d}_{action}_d{scenario}"
            for scenario in (1, 2, 3, 4)
            for action in ACTIONS
            for person in sorted(PERSONS[split])
            if (person, action, scenario) != (13, "handclapping", 3)
        ]
        names = [name for name in names if name not in written][: to.num_videos + 2]
        paths = [to.root / name.split("_")[1] / f"{name}_uncomp{to.form.suffix}" for name in names]
        broken = _write_videos(to, split, paths) or broken
        listed = names if split == to.reference else names[:-2]
        written.update(listed)
        lines += [
            f"{name}\t\tframes\t1-{to.form.num_frames // 2}, {to.form.num_frames // 2 + 1}-{to.form.num_frames}"
            for name in listed
        ]
        if split == to.reference:
            missing = names[-1]
    (to.root / LIST_NAME).write_text("\n".join(lines) + "\n")
    return Faults(broken, missing, (broken,))


def _write_videos(to: _Folder, split: str, paths: Sequence[Path]) -> Path | None:
    """Write the sound videos of a split; in that of the reference set also the broken one, which is returned."""
    for scene, path in zip(to.scenes(split)[:-2], paths, strict=False):
        write_made_video(path, scene, to.form)
    if split != to.reference:
        return None
    paths[-2].parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(paths[0], paths[-2])
    cut_short(paths[-2])
    return paths[-2]


_WRITERS: Mapping[str, Callable[[_Folder], Faults]] = {
    "sky-timelapse": _sky_timelapse,
    "cityscapes": _cityscapes,
    "faceforensics": _faceforensics,
    "taichi-hd": _taichi_hd,
    "kth": _kth,
}
