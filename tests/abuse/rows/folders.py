"""Folders of clips with entries that must not be passed over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.abuse.case import Case
from tests.task_texts import videos_task

_MEASURE = ("measure", "real", "samples", "--metric", "fvd-shapes", "--num-frames", "12", "--resolution", "32")
# One worker: others have a helper process that ends a moment after the command.
_SCAN = ("data", "scan", "real", "--workers", "1", "--output", "out")
_SCORE = ("score", "--samples", "samples", "--task", "shapes-gen", "--num-samples", "3", "--output", "out")


def _video(path: Path, value: int = 0, frames: int = 12) -> None:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(f"file:{path}", "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=8)
        stream.width = stream.height = 32
        stream.pix_fmt = "bgr0"
        for number in range(frames):
            frame = np.full((32, 32, 3), (value, number, 99), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _frames(folder: Path, numbers: range | list[int] = range(12), suffix: str = "png") -> None:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.fromarray(np.full((32, 32, 3), number, np.uint8)).save(folder / f"{number:03d}.{suffix}")


def _videos(folder: Path) -> None:
    for side in ("real", "samples"):
        for number in range(3):
            _video(folder / side / f"v{number}.mkv", number)


def _clips_of_frames(folder: Path) -> None:
    for number in range(3):
        _frames(folder / "samples" / str(number))
        _video(folder / "real" / f"v{number}.mkv", number)


def _with(
    sound: Callable[[Path], None], spoil: Callable[[Path], object], arguments: tuple[str, ...]
) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        sound(folder)
        spoil(folder)
        return list(arguments)

    return make


def _not_utf_8(folder: Path) -> None:
    _video(folder / os.fsdecode(b"caf\xe9.mkv"))


def _two_forms(folder: Path) -> None:
    for name in ("caf\u00e9.mkv", "cafe\u0301.mkv"):
        _video(folder / name)


# What is wrong with a folder of videos, and what the message must contain.
_IN_VIDEOS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a dangling link": (lambda f: (f / "gone.mp4").symlink_to("missing.mp4"), "gone.mp4' is a link that leads nowhere"),
    "a dangling link to a folder": (lambda f: (f / "class").symlink_to("missing"), "class' is a link that leads nowhere"),
    "a link to itself": (lambda f: (f / "loop.mkv").symlink_to("loop.mkv"), "loop.mkv' is a link that leads nowhere"),
    "a pipe": (lambda f: os.mkfifo(f / "pipe.mp4"), "pipe.mp4' is a socket, a pipe or a device"),
    "a name that is not UTF-8": (_not_utf_8, "caf\\xe9.mkv' has a name that is not UTF-8"),
    "a name on two lines": (lambda f: _video(f / "a\nb.mkv"), "a\\nb.mkv' has a control character"),
    "one name in two Unicode forms": (_two_forms, "another Unicode form"),
    "a poster": (lambda f: (f / "poster.webp").write_bytes(b"RIFF"), "poster.webp' is a media file"),
    "a link to a video that is read": (lambda f: (f / "v9.mkv").symlink_to("v1.mkv"), "v9.mkv' is a link to the same file as"),
    "a hard link to a video that is read": (lambda f: os.link(f / "v1.mkv", f / "v9.mkv"), "v9.mkv' is a link to the same file as"),
    "a video with two suffixes": (lambda f: (f / "v1.mp4").write_bytes((f / "v1.mkv").read_bytes()), "differs only in its suffix from"),
    "an empty video": (lambda f: (f / "empty.mp4").touch(), "empty.mp4"),
    "a text as video": (lambda f: (f / "text.mkv").write_text("text"), "text.mkv"),
    **{
        f"a video in .{suffix}": (lambda f, s=suffix: (f / f"v9.{s}").write_bytes(b"media"), f"v9.{suffix}' is a media file")
        for suffix in ("mpg", "mpeg", "m2ts", "wmv", "flv", "3gp", "ogv", "WMV", "h264", "y4m")
    },
}  # fmt: skip
_IN_FRAMES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a frame as PNG and JPEG": (lambda f: _frames(f / "1", [3], "jpg"), "is there twice"),
    "a frame with two numberings": (lambda f: (f / "1" / "3.png").write_bytes((f / "1" / "003.png").read_bytes()), "is there twice"),
    "a frame that is a link to another": (lambda f: (f / "1" / "005.png").unlink() or (f / "1" / "005.png").symlink_to("004.png"), "005.png' is a link to the same file as"),
    "a clip of links to another": (lambda f: [(f / "1" / p.name).unlink() or (f / "1" / p.name).symlink_to(f"../0/{p.name}") for p in sorted((f / "0").iterdir())], "1' are links to those in"),
    "a gap": (lambda f: (f / "1" / "005.png").unlink(), "have a gap"),
    "a cover": (lambda f: _frames(f / "1", [12]) or (f / "1" / "012.png").rename(f / "1" / "cover.png"), "cover.png' is not named like"),
    "loose frames": (_frames, "samples' has"),
    "a WebP frame": (lambda f: (f / "1" / "012.webp").write_bytes(b"RIFF"), "012.webp' is a media file"),
    "a video among frames": (lambda f: _video(f / "1" / "a.mkv"), "a.mkv"),
    "frames below frames": (lambda f: _frames(f / "1" / "inner"), "1"),
    "a dangling frame": (lambda f: (f / "1" / "012.png").symlink_to("missing"), "012.png' is a link that leads nowhere"),
    "a pipe as frame": (lambda f: os.mkfifo(f / "1" / "012.png"), "012.png' is a socket, a pipe or a device"),
    "an empty frame": (lambda f: (f / "1" / "003.png").write_bytes(b""), "003.png"),
}  # fmt: skip


def _video_rows() -> list[Case]:
    rows = []
    for name, (spoil, word) in _IN_VIDEOS.items():
        twice = "that is read" in name or "two suffixes" in name
        scanned = twice or name in ("an empty video", "a text as video")  # problems of the scan, not of the folder
        for command, side, arguments in (
            ("measure", "real", _MEASURE),
            ("score", "samples", _SCORE),
            ("scan", "real", _SCAN),
        ):
            make = _with(_videos, lambda f, spoil=spoil, side=side: spoil(f / side), arguments)
            code = 1 if scanned and command == "scan" else 2
            rows.append(Case(f"{command}: {name}", make, "duplicated" if twice and code == 1 else word, code))
    return rows


def _frame_rows() -> list[Case]:
    return [
        Case(
            f"{command}: {name}", _with(_clips_of_frames, lambda f, spoil=spoil: spoil(f / "samples"), arguments), word
        )
        for name, (spoil, word) in _IN_FRAMES.items()
        for command, arguments in (("measure", _MEASURE), ("score", _SCORE))
    ]


def _layout(dataset: str, *names: str) -> Callable[[Path], list[str]]:
    """Return a maker of a split with videos of these names, one of which cannot be a clip."""

    def make(folder: Path) -> list[str]:
        for name in names:
            _video(folder / "data" / "train" / name)
        (folder / "task.toml").write_text(videos_task(dataset, 2))
        return ["evaluate", "--model", "noise", "--task", "task.toml", "--data", "data", "--output", "out"]

    return make


_LAYOUTS = (
    Case("folder: an image among the videos", _layout("folder", "a.mkv", "b.mkv", "b.jpg"), "b.jpg' is a media file"),
    Case("folder: a video of another kind", _layout("folder", "a.mkv", "b.mpg"), "b.mpg' is a media file"),
    Case("kinetics: a video that is too deep", _layout("kinetics", "c/a.mkv", "c/d/b.mkv"), "b.mkv' is deeper"),
    Case("kinetics: a video of another kind", _layout("kinetics", "c/a.mkv", "c/b.wmv"), "b.wmv' is a media file"),
    Case("kinetics-600: a video of another kind", _layout("kinetics-600", "zumba/a.mkv", "zumba/b.flv"), "b.flv' is a media file"),
    Case("bair: a video", _layout("bair-image-main", "a.mkv"), "a.mkv' is a media file"),
    Case("sky-timelapse: a video", _layout("sky-timelapse", "a.mkv"), "a.mkv' is a media file"),
    Case("sky-timelapse: another name", _layout("sky-timelapse", "clip/0.jpg"), "not named like a clip of SkyTimelapse"),
    Case("cityscapes: another name", _layout("cityscapes", "ulm/cover.png"), "cover.png' is not named like 'aachen"),
    Case("faceforensics: the originals", _layout("faceforensics", "original/a.mkv"), "holds uncropped videos"),
    Case("taichi-hd: videos and frames", _layout("taichi-hd", "a.mkv", "b/0.png"), "keep one of the two forms"),
    Case("kth: no list", _layout("kth", "a.mkv"), "There is no '00sequences.txt' in 'data'"),
    Case("bair: another name", _layout("bair-image-main", "first.tfrecords"), "not named like 'traj_0_to_255.tfrecords'"),
)  # fmt: skip


def _lists(dataset: str, spoil: Callable[[Path], object]) -> Callable[[Path], list[str]]:
    """Return a maker of a data folder with a sound split, whose lists are spoilt."""

    def make(folder: Path) -> list[str]:
        arguments = _layout(dataset, "zumba/a_000000_000001.mkv")(folder)
        (folder / "data" / "annotations").mkdir()
        spoil(folder / "data" / "annotations")
        return arguments

    return make


def _long_lines(lists: Path) -> None:
    (lists / "train.csv").write_text("label,youtube_id,time_start,time_end\nzumba,a,0,1,2\n")


def _class_of_two_lines(lists: Path) -> None:
    (lists / "train.csv").write_text('label,youtube_id,time_start,time_end\n"zum\nba",a,0,1\n')


def _long_class(lists: Path) -> None:
    (lists / "train.csv").write_text(f"label,youtube_id,time_start,time_end\n{'a' * 5000},a,0,1\n")


def _huge_class_number(folder: Path) -> list[str]:
    arguments = _layout("ucf101", "zumba/v_zumba_g01_c01.avi")(folder)
    (folder / "data" / "classInd.txt").write_text("1" * 5000 + " zumba\n")
    (folder / "task.toml").write_text(videos_task("ucf101", 2).replace('"train"', '"train01"'))
    return arguments


def _ignore_without_a_pattern(folder: Path) -> list[str]:
    _videos(folder)
    return [*_SCAN, "--ignore"]


def _samples_root(folder: Path) -> list[str]:
    name = os.fsdecode(b"caf\xe9")
    _video(folder / name / "a.mkv")
    return ["measure", name, name, "--metric", "fvd-shapes"]


def _pipe_as_samples(folder: Path) -> list[str]:
    os.mkfifo(folder / "samples")
    return ["measure", "samples", "samples", "--metric", "fvd-shapes"]


_LISTS = (
    Case("kinetics-600: a list that is a pipe", _lists("kinetics-600", lambda f: os.mkfifo(f / "train.txt")), "train.txt' is not a file"),
    Case("kinetics-600: a list that leads nowhere", _lists("kinetics-600", lambda f: (f / "train.txt").symlink_to("x")), "train.txt' is a link"),
    Case("kinetics: a list that is a pipe", _lists("kinetics", lambda f: os.mkfifo(f / "train.csv")), "train.csv' is not a file"),
    Case("kinetics: a list that leads nowhere", _lists("kinetics", lambda f: (f / "train.csv").symlink_to("x")), "train.csv' is a link"),
    Case("kinetics: lists that lead nowhere", _lists("kinetics", lambda f: f.rmdir() or f.symlink_to("x")), "annotations' is a link"),
    Case("kinetics: lines longer than the header", _lists("kinetics", _long_lines), "more cells than the 4 of its header"),
    Case("kinetics: a class of two lines", _lists("kinetics", _class_of_two_lines), "a line break in its name, 'zum\\nba'"),
    Case("kinetics-600: a class of 5,000 characters", _lists("kinetics-600", _long_class), "more than 200 characters"),
    Case("ucf101: a class number of 5,000 digits", _huge_class_number, "Line 1 of 'data/classInd.txt'"),
    Case("scan: --ignore without a pattern", _ignore_without_a_pattern, "requires an argument"),
    Case("measure: a folder whose name is not UTF-8", _samples_root, "caf\\xe9' has a name that is not UTF-8"),
    Case("measure: a pipe as folder", _pipe_as_samples, "neither a file nor a folder"),
    *(
        Case(f"{command}: a manifest that {what}", _with(_videos, lambda f, spoil=spoil: spoil(f / "samples" / "manifest.json"), arguments), word)
        for command, arguments in (("measure", _MEASURE), ("score", _SCORE))
        for what, spoil, word in (
            ("is a pipe", os.mkfifo, "manifest.json' is not a file"),
            ("leads nowhere", lambda path: path.symlink_to("x"), "manifest.json' is a link that leads nowhere"),
            ("is a folder", Path.mkdir, "manifest.json' is not a file"),
        )
    ),
)  # fmt: skip

CASES = (*_video_rows(), *_frame_rows(), *_LAYOUTS, *_LISTS)
