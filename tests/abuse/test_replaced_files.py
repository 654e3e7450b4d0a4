"""A file is replaced when it has been opened, hashed, read, or its features stored: the run refuses it, or its score is that of the
file that it hashed; the next run on the restored file gives the undisturbed score in either case.
"""

from __future__ import annotations

import functools
import importlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.abuse.small import run, score
from vidbench.samples.exchange import SampleWriter

NUMBER, SHAPE = 16, (12, 32, 32, 3)


def clips(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (NUMBER, 12, 8, 8, 3), np.uint8).repeat(4, axis=2).repeat(4, axis=3)


def write_npy(path: Path, samples: np.ndarray) -> None:
    np.save(path, samples)


def write_fortran(path: Path, samples: np.ndarray) -> None:
    np.save(path, np.asfortranarray(samples))


def write_exchange(path: Path, samples: np.ndarray) -> None:
    with SampleWriter(path, num_frames=12, height=32, width=32, shard_samples=10) as writer:
        writer.add(samples)


def write_frames(path: Path, samples: np.ndarray) -> None:
    from PIL import Image

    for number, sample in enumerate(samples):
        folder = path / f"{number:03d}"
        folder.mkdir(parents=True)
        for time, frame in enumerate(sample):
            Image.fromarray(frame).save(folder / f"{time:03d}.bmp")  # the same size, whatever it shows


def write_videos(path: Path, samples: np.ndarray) -> None:
    import av

    path.mkdir()
    for number, sample in enumerate(samples):
        with av.open(str(path / f"{number:03d}.avi"), "w") as container:
            stream = container.add_stream("rawvideo", rate=8)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "bgr24"
            for frame in sample:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr24")))
            container.mux(stream.encode())


FORMS = {
    "npy": ("samples.npy", write_npy, ""),
    "fortran": ("samples.npy", write_fortran, ""),
    "exchange": ("samples", write_exchange, "samples-00001.npy"),
    "frames": ("samples", write_frames, "015/007.bmp"),
    "videos": ("samples", write_videos, "015.avi"),
}
CASES = [
    ("npy", "opened"), ("npy", "hashed"), ("npy", "stored"), ("fortran", "opened"), ("exchange", "read"), ("frames", "hashed"),
    ("videos", "read"),
]  # fmt: skip


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Return a function that writes and scores samples of a form once; returns the folder and the score."""

    @functools.cache
    def write(form: str) -> tuple[Path, float]:
        folder = tmp_path_factory.mktemp(form)
        name, writer, _ = FORMS[form]
        writer(folder / name, clips(1))
        writer(folder / f"other-{name}", clips(2))
        return folder, score(folder, "score", "--samples", name, "--output", "out")

    return write


def overwrite(path: Path, content: bytes) -> None:
    """Write other bytes at the same size, date and inode, as a program that maps the file does."""
    state = path.stat()
    assert len(content) == state.st_size
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def cut(path: Path, content: bytes) -> None:
    os.truncate(path, len(content) // 2)


def disturb(monkeypatch, moment: str, change) -> None:
    """Make the next run call ``change`` once, at the given moment."""
    place, before = {
        "opened": ("vidbench.samples.npy_rows.NpyRows.hash", True),
        "hashed": ("vidbench.jobs.evaluate.open_samples", False),
        "read": ("vidbench.scoring.clip_sources.FilesSource.read", False),
        "stored": ("vidbench.scoring.features.FeatureStore.write", True),
    }[moment]
    owner, _, name = place.rpartition(".")
    target = importlib.import_module(owner) if moment == "hashed" else _class(owner)
    original = getattr(target, name)
    done = []

    @functools.wraps(original)
    def wrapper(*arguments, **options):
        if before and not done:
            done.append(change())
        result = original(*arguments, **options)
        if not done:
            done.append(change())
        return result

    monkeypatch.setattr(target, name, wrapper)


def _class(path: str):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("way", [overwrite, cut])
@pytest.mark.parametrize(("form", "moment"), CASES)
def test_a_replaced_file_of_samples_never_becomes_a_score(scored, monkeypatch, form, moment, way):
    folder, undisturbed = scored(form)
    name, _, part = FORMS[form]
    path = folder / name / part if part else folder / name
    other = (folder / f"other-{name}" / part if part else folder / f"other-{name}").read_bytes()
    original = path.read_bytes()
    shutil.rmtree(folder / "out", ignore_errors=True)
    with monkeypatch.context() as patch:
        disturb(patch, moment, lambda: way(path, other))
        ended = run(folder, "score", "--samples", name, "--output", "out", "--json")
    assert path.read_bytes() != original
    path.write_bytes(original)
    if moment == "stored":  # every clip was read before
        assert ended.code == 0 or "changed while it was in use" in ended.stderr, ended.stderr
    elif (moment, way) == ("opened", overwrite):  # the new content was hashed and scored, under its own digest
        assert ended.code == 0, ended.stderr
        assert f"{undisturbed}" not in ended.stdout
    else:
        assert ended.code == 2, ended.stderr
        assert "changed while it was in use" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert score(folder, "score", "--samples", name, "--output", "out", "--replace") == undisturbed


def test_a_cut_file_under_a_reader_is_a_sentence_and_no_signal(tmp_path):
    from vidbench.errors import InputError
    from vidbench.samples.exchange import open_samples

    np.save(tmp_path / "a.npy", clips(1))
    opened = open_samples(tmp_path / "a.npy")
    np.testing.assert_array_equal(opened.read(np.array([15, 2])), clips(1)[[15, 2]])
    os.truncate(tmp_path / "a.npy", 5000)
    with pytest.raises(InputError, match="changed while it was in use"):
        opened.read(np.array([15]))
    (tmp_path / "a.npy").unlink()
    with pytest.raises(InputError, match="changed while it was in use"):
        opened.read(np.array([0]))
