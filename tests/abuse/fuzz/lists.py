"""Official lists of datasets, and what a scan leaves for later runs."""

from __future__ import annotations

import functools
from hashlib import sha256
from pathlib import Path

from tests.abuse.fuzz import checksums
from tests.abuse.fuzz.parser import Parser
from tests.task_texts import task_text

_KINETICS = (
    b'label,youtube_id,time_start,time_end,split\nabseiling,0347ZoDXyP0,95,105,val\n"a, b",035LtPeUFTE,1,11,val\n',
    "\ufefflabel,youtube_id,time_start,time_end,split,is_cc\r\nabseiling,0347ZoDXyP0,95,105,val,0\r\n".encode(),
)
_NAMES = ("0347ZoDXyP0_000095_000105", "035LtPeUFTE_000001_000011")


def _videos(folder: Path, *names: str) -> Path:
    """Create empty videos, which lists are compared with by name alone."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def _kinetics(folder: Path) -> list[bytes]:
    return list(_KINETICS)


def _find_kinetics(path: Path) -> None:
    from vidbench.data.layouts.kinetics import find_kinetics

    root = _videos(path.parent / "kinetics", *(f"val/{name}.mp4" for name in _NAMES), "annotations/test.csv")
    (root / "annotations" / "test.csv").write_bytes(b"youtube_id,time_start,time_end,split\na,1,2,test\n")
    (root / "annotations" / "val.csv").write_bytes(path.read_bytes())
    listing = find_kinetics(root, "val")
    assert all(label is not None and label < len(listing.class_names) for label in listing.labels.values())


def _kinetics600(folder: Path) -> list[bytes]:
    """Return a table, rows without a header, and paths; without classes, since a list with classes must have all 600."""
    return [
        b"youtube_id,time_start,time_end,split\n0347ZoDXyP0,95,105,test\n035LtPeUFTE,1,11,test\n",
        b"0347ZoDXyP0,95,105,test\n035LtPeUFTE,1,11,test\n",
        "\n".join(f"test/{name}.mp4" for name in _NAMES).encode(),
        *_KINETICS,
    ]


def _find_kinetics600(path: Path) -> None:
    from vidbench.data.layouts.kinetics600 import find_kinetics600

    root = _videos(path.parent / "kinetics600", *(f"test/{name}.mp4" for name in _NAMES), "annotations/test.csv")
    (root / "annotations" / "test.csv").write_bytes(path.read_bytes())
    find_kinetics600(root, "test")


@functools.cache
def _ucf_classes() -> bytes:
    return "".join(f"{number} Class{number}\n" for number in range(1, 102)).encode()


_UCF_LIST = b"Class1/v_Class1_g08_c01.avi 1\r\nClass2/v_Class2_g08_c02.avi 2\r\n\r\n"


def _find_ucf101(path: Path, *, classes: bytes | None = None, videos: bytes | None = None) -> None:
    from vidbench.data.layouts.ucf101 import find_ucf101

    root = _videos(path.parent / "ucf101", "Class1/v_Class1_g08_c01.avi", "Class2/v_Class2_g08_c02.avi")
    (root / "classInd.txt").write_bytes(path.read_bytes() if classes is None else classes)
    (root / "trainlist01.txt").write_bytes(path.read_bytes() if videos is None else videos)
    find_ucf101(root, "train01")


# --- what a scan leaves -----------------------------------------------------------------------------------------------


def _scanned(folder: Path) -> tuple[Path, Path]:
    """Write the traces of a scan under a home folder of its own; return the note and ``files.csv``."""
    from vidbench.data.scan.scanned import FILES_NAME, ScannedFile, remember_scan

    rows = [
        ScannedFile("train", 'a, "b"', "train/a.mp4", 3, 1_700_000_000_000_000_000, "a" * 64),
        ScannedFile("train", "-b", "train/-b.mp4", 0, 5, ""),
    ]
    root, output = folder / "data", folder / "scan"
    for each in (root, output):
        each.mkdir(exist_ok=True)
    with _home(folder):
        remember_scan(root, _task(), output, "b" * 64, rows)
    return next((folder / "home" / "scans").iterdir()), output / FILES_NAME


@functools.cache
def _task():
    import tempfile

    from vidbench.tasks import load_task

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.toml"
        path.write_text(task_text("tiny-gen", num_clips=4, num_samples=2, metrics=("fvd-shapes",)), encoding="utf-8")
        return load_task(str(path)).task


def _home(folder: Path):
    from unittest.mock import patch

    return patch.dict("os.environ", {"VIDBENCH_HOME": str(folder / "home")})


def _read_scan(folder: Path) -> None:
    from vidbench.data.scan.scanned import last_scan

    with _home(folder):
        scan = last_scan(folder / "data", _task())
    if scan is not None:
        assert all(isinstance(file.bytes, int) and isinstance(file.id, str) for file in scan.files)


def _files(folder: Path) -> list[bytes]:
    return [_scanned(folder)[1].read_bytes()]


def _read_files(path: Path) -> None:
    """Read ``files.csv`` as if a scan had written it: the note has its digest."""
    from vidmetrics.sealed import sealed_json, unsealed_json

    note, files = _scanned(path.parent)
    content = path.read_bytes()
    files.write_bytes(content)
    fields = unsealed_json(note.read_bytes())
    note.write_bytes(sealed_json({**fields, "files_sha256": sha256(content).hexdigest()}))
    _read_scan(path.parent)


def _notes(folder: Path) -> list[bytes]:
    return [_scanned(folder)[0].read_bytes()]


def _read_note(path: Path) -> None:
    note, _ = _scanned(path.parent)
    note.write_bytes(path.read_bytes())
    _read_scan(path.parent)


def _indexed_file():
    from vidbench.data.seek.stored import IndexedFile

    return IndexedFile("train", "a", 5, 7, "c" * 64)


def _indexes(folder: Path) -> list[bytes]:
    from vidbench.data.seek.index import Keyframe, KeyframeIndex, ffmpeg_build
    from vidbench.data.seek.stored import write_indexes

    keyframes = (Keyframe(0, 0, 0, -1, 48, 7, "0" * 16), Keyframe(12, 12, 24, 23, None, 9, "1" * 16))
    index = KeyframeIndex(
        frames=30, ffmpeg=ffmpeg_build(), way="time", skips=True, times=(0, ((2, 29),)), keyframes=keyframes
    )
    write_indexes(folder / "keyframes.jsonl", [(_indexed_file(), index)])
    # A seal covers a line without its end.
    return [(folder / "keyframes.jsonl").read_bytes().removesuffix(b"\n")]


def _read_indexes(path: Path) -> None:
    from vidbench.data.seek.index import stretches, unpacked_times
    from vidbench.data.seek.stored import StoredIndexes

    index = StoredIndexes(path).find(_indexed_file())
    if index is not None:
        last = index.frames - 1
        assert [frame for stretch in stretches(index, [0, last]) for frame in stretch.wanted] == sorted({0, last})
        assert index.times is None or len(unpacked_times(index.times)) == index.frames


PARSERS = (
    Parser("kinetics-list", _kinetics, _find_kinetics, ".csv", inputs=100),
    Parser("kinetics600-list", _kinetics600, _find_kinetics600, ".csv", inputs=80),
    Parser(
        "ucf101-classes", lambda folder: [_ucf_classes()], functools.partial(_find_ucf101, videos=_UCF_LIST), ".txt"
    ),
    Parser("ucf101-list", lambda folder: [_UCF_LIST], lambda path: _find_ucf101(path, classes=_ucf_classes()), ".txt"),
    Parser("scan-files", _files, _read_files, ".csv", inputs=80),
    Parser("scan-note", _notes, _read_note, ".json", checksums.seal, inputs=80),
    Parser("scan-keyframes", _indexes, _read_indexes, ".jsonl", checksums.seal, inputs=150),
)
"""Lists that users download, and the three files of a finished scan."""
