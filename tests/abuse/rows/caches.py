"""Stored files that are not what was written: refused, and never read in part."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.abuse.case import Case
from tests.abuse.rows._inputs import clips, flipped
from tests.abuse.small import MODEL, TASK
from tests.task_texts import videos_task

Damage = Callable[[bytes], bytes]


def _flip(place: int) -> Damage:
    return lambda content: flipped(content, place, 2)


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _empty(content: bytes) -> bytes:
    return b""


_DAMAGES: dict[str, Damage] = {
    "empty": _empty, "cut short": _cut, "first bit": _flip(0), "a bit of the header": _flip(30), "middle": _flip(10_007),
    "last bit": _flip(-1),
}  # fmt: skip


def _scored(path: str, write: Callable[[Path], None], name: str, damage: Damage) -> Callable[[Path], list[str]]:
    """Return a maker that writes samples, damages one of their files, and scores them."""

    def make(folder: Path) -> list[str]:
        write(folder)
        (folder / "task.toml").write_text(TASK, encoding="utf-8")
        (folder / name).write_bytes(damage((folder / name).read_bytes()))
        return ["score", "--samples", path, "--task", "task.toml", "--output", "out/run"]

    return make


def _write_exchange(folder: Path) -> None:
    from vidbench.samples.exchange import SampleWriter

    with SampleWriter(folder / "samples", num_frames=12, height=32, width=32) as writer:
        writer.add(np.random.default_rng(0).integers(0, 256, (16, 12, 32, 32, 3), np.uint8))


def _write_array(folder: Path) -> None:
    clips(folder / "samples.npy", 16)


def _evaluated(
    model: str, write: Callable[[Path], None], *arguments: str, task: str = TASK
) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / "mine.py").write_text(MODEL, encoding="utf-8")
        (folder / "task.toml").write_text(task, encoding="utf-8")
        write(folder)
        return ["evaluate", "--model", model, "--task", "task.toml", "--output", "out/run", *arguments]

    return make


def _write_sampler(damage: Damage) -> Callable[[Path], None]:
    """Return a writer of a sealed safetensors file in the format of a sampler, without its tensors, and damaged."""

    def write(folder: Path) -> None:
        from safetensors.numpy import save

        from vidbench.models import UNSEALED, sealed

        metadata = {"format": "dvdgan-generator-2", "seal": UNSEALED}
        content = sealed(save({"x": np.zeros(4000)}, {"dvdgan": json.dumps(metadata)}))
        (folder / "sampler.safetensors").write_bytes(damage(content))

    return write


def _write_statistics(damage: Damage, **changed: object) -> Callable[[Path], None]:
    """Return a writer of a sealed statistics file of this task, without its tensors, and damaged."""

    def write(folder: Path) -> None:
        from safetensors.numpy import save

        from vidbench.tasks import load_task
        from vidmetrics.sealed import UNSEALED, sealed

        task = load_task(str(folder / "task.toml")).task
        split = {"split": "train", "num_clips": 24, "coverage": 1.0, "sha256": "d" * 64}
        document = {
            "format": "vidbench-statistics", "version": 2, "seal": UNSEALED,
            "task": {"name": task.name, "version": task.version, "fingerprint": task.fingerprint},
            "reference": split, "evaluation": split | {"split": "test"}, "class_names": [], "evaluation_labels": None,
            "evaluation_ids": None, "scan_sha256": None, "networks": {}, "bounds": None, "tensors_sha256": "e" * 64,
            "environment": {
                "vidbench": "0.1.0", "python": "3.11", "torch": "2", "numpy": "2", "platform": "linux", "device": "cpu",
            },
        } | changed  # fmt: skip
        content = save({"x": np.zeros(4000)}, {"vidbench": json.dumps(document)})
        (folder / "statistics.safetensors").write_bytes(damage(sealed(content) if "seal" in document else content))

    return write


def _with_statistics(damage: Damage, **changed: object) -> Callable[[Path], list[str]]:
    """Return a maker of a run on videos: embedded tasks refuse every file of statistics before it is read."""
    write, arguments = _write_statistics(damage, **changed), ("--reference", "statistics.safetensors")
    return _evaluated("mine:load", write, *arguments, task=videos_task("folder", 16))


_DIGEST = "its content differs from its digest"
_CHANGED = "was changed after it was written"
_WORDS: dict[str, dict[str, str]] = {
    "shard of samples": dict.fromkeys(_DAMAGES, "'samples/samples-00000.npy' is not the file named in 'manifest.json'"),
    "array of samples": {
        "empty": "(it is empty)", "cut short": "(it is cut short", "first bit": "the magic string is not correct",
        "a bit of the header": "does not contain the correct keys",
    },
    "sampler": {
        "empty": "(it is empty)", "cut short": _DIGEST, "first bit": "it has no readable header", "a bit of the header": _DIGEST,
        "middle": _DIGEST, "last bit": _DIGEST,
    },
    "statistics": {
        "empty": "(it is empty)", "cut short": "file not fully covered", "first bit": "it has no safetensors header",
        "a bit of the header": _CHANGED, "middle": _CHANGED, "last bit": _CHANGED,
    },
}  # fmt: skip
"""What says that each damage is noticed, by file and damage; the same files, undamaged, are refused in other words."""


def _damaged(what: str, make: Callable[[Damage], Callable[[Path], list[str]]]) -> tuple[Case, ...]:
    return tuple(Case(f"{what}, {name}", make(_DAMAGES[name]), word) for name, word in _WORDS[what].items())


def _scan(files: Damage = bytes, **changed: object) -> Callable[[Path], list[str]]:
    """Return a maker of a folder with traces of a scan that another program has written, and a video that nobody can read."""

    def make(folder: Path) -> list[str]:
        from vidbench.data.scan.scanned import remember_scan
        from vidbench.tasks import load_task
        from vidmetrics.sealed import sealed_json, unsealed_json

        data, output = folder / "data", folder / "scan"
        for path in (data / "train", output):
            path.mkdir(parents=True)
        (data / "train" / "a.mp4").touch()
        (folder / "task.toml").write_text(videos_task("folder", 2))
        with patch.dict("os.environ", {"VIDBENCH_HOME": str(folder / "home")}):
            remember_scan(data, load_task(str(folder / "task.toml")).task, output, "b" * 64, [])
        path = output / "files.csv"
        path.write_bytes(files(path.read_bytes()))
        (note,) = (folder / "home" / "scans").iterdir()
        fields = {**unsealed_json(note.read_bytes()), "files_sha256": sha256(path.read_bytes()).hexdigest()}
        note.write_bytes(sealed_json({**fields, **changed}))
        return ["data", "statistics", "--task", "task.toml", "--data", "data", "--output", "out/s.safetensors"]

    return make


_NO_LIST, _NO_NOTE = "files.csv is not the list of a scan", "it is a sealed file of another kind"
_SCANS = (
    Case("scan: files that are not UTF-8", _scan(lambda content: b"\xff"), _NO_LIST),
    Case("scan: files without a header", _scan(_empty), _NO_LIST),
    Case("scan: a row of five cells", _scan(lambda content: content + b"a,b,c,1,2\n"), _NO_LIST),
    Case("scan: a size of 5,000 digits", _scan(lambda content: content + b"a,b,c," + b"1" * 5000 + b",2,\n"), _NO_LIST),
    Case("scan: a note without an output", _scan(output=None), _NO_NOTE),
    Case("scan: a note whose output no system can name", _scan(output="a\0b"), "embedded null byte"),
    Case("scan: a note whose hash is a number", _scan(manifest_sha256=5), _NO_NOTE),
)

CASES = (
    *_SCANS,
    *_damaged(
        "shard of samples", lambda damage: _scored("samples", _write_exchange, "samples/samples-00000.npy", damage)
    ),
    *_damaged("array of samples", lambda damage: _scored("samples.npy", _write_array, "samples.npy", damage)),
    *_damaged("sampler", lambda damage: _evaluated("dvdgan:sampler.safetensors", _write_sampler(damage))),
    *_damaged("statistics", lambda damage: _with_statistics(damage)),
    Case(
        "sampler, undamaged",
        _evaluated("dvdgan:sampler.safetensors", _write_sampler(bytes)),
        "is not that of a checkpoint",
    ),
    Case(
        "statistics, undamaged",
        _with_statistics(bytes),
        "do not include the network 'shapes'",
    ),
    Case(
        "statistics of a later version",
        _with_statistics(bytes, version=3),
        "not valid at 'version'",
    ),
    Case(
        "statistics with a seal that is none",
        _with_statistics(lambda content: content.replace(b"seal", b"sEal")),
        "get the file again",
    ),
)
