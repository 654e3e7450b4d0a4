"""Task files, manifests, arrays, weights, statistics, checkpoints and options that are malformed or ask for too much."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from tests.abuse.case import Case
from tests.abuse.rows._inputs import saved, typed
from tests.oracles.checkpoint_writer import varint
from tests.png_chunks import chunk

_HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132735928\n"
_ANNEX = b"/annex/objects/SHA256E-s132735928--4d7a.safetensors\n"
_RUN = ["--output", "out/run", "--device", "cpu"]


def _writes(name: str, content: bytes | Callable[[], bytes], *arguments: str) -> Callable[[Path], list[str]]:
    """Return a maker that writes one file."""

    def make(folder: Path) -> list[str]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content() if callable(content) else content)
        return list(arguments)

    return make


def _kinds_of_other_files(reads: str, name: str, *arguments: str) -> tuple[Case, ...]:
    """A file that is something else, which the message says."""
    others = (
        ("HTML page", _HTML, "an HTML page"), ("Git LFS pointer", _LFS, "a Git LFS pointer"), ("annex pointer", _ANNEX, "a git-annex pointer"),
        ("empty file", b"", "it is empty"), ("zeros", bytes(4096), "all zeros"), ("gzip", b"\x1f\x8b\x08" + bytes(64), "gzip-compressed"),
        ("XML error", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
        ("PDF", b"%PDF-1.7 ...", "a PDF document"),
    )  # fmt: skip
    return tuple(Case(f"{reads}: {kind}", _writes(name, content, *arguments), word) for kind, content, word in others)


# --- tasks ------------------------------------------------------------------------------------------------------------


def _task(*changes: tuple[str, str], raw: bytes | None = None) -> Callable[[], bytes]:
    def content() -> bytes:
        from vidbench.tasks import load_task

        if raw is not None:
            return raw
        text = Path(load_task("shapes-gen").origin).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        return text.encode()

    return content


_EVALUATE = ("evaluate", "--model", "noise", "--task", "own.toml", *_RUN)
_TASK_CHANGES: tuple[tuple[str, str, str, str], ...] = (
    ("negative number of clips", "num_clips = 4096", "num_clips = -5", "reference.num_clips"),
    ("one clip", "num_clips = 4096", "num_clips = 1", "reference.num_clips"),
    ("10^12 clips", "num_clips = 4096", "num_clips = 1_000_000_000_000", "reference.num_clips"),
    ("10^12 samples", "num_samples = 1024", "num_samples = 1_000_000_000_000", "evaluation.num_samples"),
    ("negative samples", "num_samples = 1024", "num_samples = -1024", "evaluation.num_samples"),
    ("10^9 repeats", "num_samples = 1024", "num_samples = 1024\nrepeats = 1_000_000_000", "evaluation.repeats"),
    ("too many samples in all", "num_samples = 1024", "num_samples = 5_000_000\nrepeats = 10", "evaluation.repeats"),
    ("10^9 frames", "num_frames = 12", "num_frames = 1_000_000_000", "clips.num_frames"),
    ("negative frames", "num_frames = 12", "num_frames = -12", "clips.num_frames"),
    ("100,000 pixels high", "height = 32", "height = 100_000", "clips.height"),
    ("no width", "width = 32", "width = 0", "clips.width"),
    ("10^9 stride", "num_frames = 12", "num_frames = 12\nstride = 1_000_000_000", "clips.stride"),
    ("10^9 clips per video", "num_frames = 12", "num_frames = 12\nclips_per_video = 1_000_000_000", "clips.clips_per_video"),
    ("seed 2^64", "num_frames = 12", "num_frames = 12\nseed = 18446744073709551616", "64 bits"),
    ("seed 2^63", "num_frames = 12", "num_frames = 12\nseed = 9223372036854775808", "clips.seed"),
    ("negative seed", "num_samples = 1024", "num_samples = 1024\nseed = -1", "evaluation.seed"),
    ("number of 5,000 digits", "num_frames = 12", "num_frames = " + "9" * 5000, "thousands of digits"),
    ("NaN", "num_frames = 12", "num_frames = nan", "not finite"),
    ("infinite coverage", 'train_split = "train"', 'train_split = "train"\nmin_coverage = inf', "not finite"),
    ("1e999", 'train_split = "train"', 'train_split = "train"\nmin_coverage = 1e999', "not finite"),
    ("a date", "num_frames = 12", "num_frames = 1979-05-27", "the date 1979-05-27"),
    ("a boolean", "num_frames = 12", "num_frames = true", "clips.num_frames"),
    ("a number as text", "num_frames = 12", 'num_frames = "12"', "clips.num_frames"),
    ("an array", "num_frames = 12", "num_frames = [12]", "clips.num_frames"),
    ("3,000 brackets", "num_frames = 12", "num_frames = " + "[" * 3000, "nested too deeply"),
    ("3,000 tables", "num_frames = 12", "num_frames = " + "{a=" * 3000, "nested too deeply"),
    ("a key twice", "num_frames = 12", "num_frames = 12\nnum_frames = 13", "overwrite"),
    ("floor names code", "[evaluation]", '[evaluation]\nfloor = "helper:load"', "evaluation.floor"),
    ("floor names a checkpoint", "[evaluation]", '[evaluation]\nfloor = "dvdgan:/tmp/x"', "evaluation.floor"),
    ("ceiling names code", 'ceiling = "noise"', 'ceiling = "os:system"', "evaluation.ceiling"),
    ("floor is no model", "[evaluation]", '[evaluation]\nfloor = "helper"', "Unknown registered model 'helper'"),
    ("split leads out", 'train_split = "train"', 'train_split = "../.."', "data.train_split"),
    ("name leads out", 'name = "shapes-gen"', 'name = "../x"', "'name'"),
    ("long name", 'name = "shapes-gen"', 'name = "' + "x" * 5000 + '"', "'name'"),
    ("no metric", '["fvd-shapes", "fid-shapes", "is-shapes"]', "[]", "evaluation.metrics"),
    ("unknown metric", '["fvd-shapes", "fid-shapes", "is-shapes"]', '["fvd-shape"]', "fvd-shapes"),
    ("a metric twice", '["fvd-shapes", "fid-shapes", "is-shapes"]', '["fid-shapes", "fid-shapes"]', "'fid-shapes' is listed twice"),
    ("10,000 metrics", '["fvd-shapes", "fid-shapes", "is-shapes"]', "[" + '"a",' * 10_000 + "]", "evaluation.metrics"),
    ("unknown dataset", 'dataset = "shapes"', 'dataset = "shape"', "did you mean 'shapes'?"),
    ("context as long as the clip", "num_frames = 12", "num_frames = 12\ncontext_frames = 12", "context_frames"),
    ("huge clip", "height = 32\nwidth = 32", "height = 8192\nwidth = 8192\nstride = 1", "this machine has"),
)  # fmt: skip


def _tasks() -> tuple[Case, ...]:
    raws: tuple[tuple[str, bytes, str], ...] = (
        ("byte-order mark", b"\xef\xbb\xbf" + b'name = "x"', "byte-order mark"),
        ("UTF-16", 'name = "x"'.encode("utf-16"), "byte-order mark"),
        ("latin-1", b'name = "\xe9"', "not UTF-8"),
        ("200 kB of dots", b"a." * 100_000 + b"b = 1", "dots"),
        ("300 kB", b"#" * 300_000, "more than 256 KiB"),
        ("JSON", b'{"name": "x"}', "a JSON text"),
        ("no equals sign", b"name", "not valid TOML"),
    )
    changed = [
        Case(f"task: {name}", _writes("own.toml", _task((old, new)), *_EVALUATE), word)
        for name, old, new, word in _TASK_CHANGES[:-1]
    ]
    name, old, new, word = _TASK_CHANGES[-1]
    big = [("num_frames = 12", "num_frames = 16000"), (old, new)]
    return (
        *changed,
        Case(f"task: {name}", _writes("own.toml", _task(*big), *_EVALUATE), word),
        *(Case(f"task: {name}", _writes("own.toml", content, *_EVALUATE), word) for name, content, word in raws),
        *_kinds_of_other_files("task", "own.toml", *_EVALUATE)[:3],
    )


# --- arrays -----------------------------------------------------------------------------------------------------------


def _npy(header: str, values: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + values


def _clips() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 12, 32, 32, 3), np.uint8)


def _zipped(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def _header(shape: str, dtype: str = "|u1", order: str = "False") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}"


def _arrays() -> tuple[Case, ...]:
    sound = saved(lambda stream: np.save(stream, _clips()))
    arrays: tuple[tuple[str, bytes, str], ...] = (
        ("cut header", sound[:20], "header"),
        ("cut values", sound[:-1], "cut short"),
        ("two arrays", sound + sound, "more than one array"),
        ("negative dimension", _npy(_header("(-1, 12, 32, 32, 3)"), bytes(100)), "impossible shape"),
        ("10^30 clips", _npy(_header("(" + "9" * 30 + ", 12, 32, 32, 3)"), bytes(100)), "impossible shape"),
        ("10^12 clips", _npy(_header("(1000000000000, 12, 32, 32, 3)"), bytes(100)), "cut short"),
        ("dimensions that overflow", _npy(_header("(4294967296, 4294967296, 4, 4, 3)"), bytes(8)), "more values than any file"),
        ("objects", _npy(_header("(1,)", "|O"), b"cos\nsystem\n(S'true'\ntR."), "Python objects"),
        ("named fields", _npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)), "not numbers"),
        ("texts", _npy(_header("(1,)", "<U3"), bytes(12)), "<U3"),
        ("floats", saved(lambda stream: np.save(stream, _clips().astype(np.float32))), "float32"),
        ("channels first", saved(lambda stream: np.save(stream, np.moveaxis(_clips(), -1, 1))), "move the channel axis"),
        ("no clip", saved(lambda stream: np.save(stream, _clips()[:0])), "empty"),
        ("no dictionary", _npy("[1, 2]"), "header"),
        ("header that is a program", _npy("__import__('os').system('true')"), "header"),
        ("unknown version", b"\x93NUMPY\x09\x00" + sound[8:], "unknown version 9.0"),
        ("33 axes", _npy(_header("(" + "1, " * 33 + ")"), b"\x00"), "impossible shape"),
        ("half a magic number", b"\x93NUM", "header"),
        ("ZIP bytes", saved(lambda stream: np.savez(stream, _clips())), "a ZIP archive"),
    )  # fmt: skip
    archives: tuple[tuple[str, Callable[[], bytes], str], ...] = (
        ("cut archive", lambda: _zipped(("samples.npy", sound))[:-30], "not a readable .npz"),
        ("numpy bytes", lambda: sound, "a numpy array"),
        ("1.5 GB behind a small array", lambda: _zipped(("samples.npy", sound + bytes(2**24))), "more than one array"),
        ("a name twice", lambda: _twice(sound), "twice"),
        ("no array", lambda: _zipped(("readme.txt", b"x")), "not a .npy file"),
        (
            "name of two lines",
            lambda: _zipped(("a.\n\nb", b"x")),
            r"contains 'a.\u000a\u000ab', which is not a .npy file",
        ),
        ("nothing", lambda: _zipped(), "(none)"),
        ("several arrays", lambda: _zipped(("a.npy", sound), ("b.npy", sound)), "several arrays"),
        ("negative label", lambda: _labelled(-1), "labels"),
        ("label 2^63", lambda: _labelled(np.array([0, 0, 0, 2**63], np.uint64)), "labels"),
        ("labels of another length", lambda: _labelled(np.zeros(3, np.int64)), "3 labels"),
        ("labels that are floats", lambda: _labelled(np.zeros(4)), "float64"),
        ("damaged member", lambda: _damaged(sound), "CRC-32"),
    )
    score = ("score", "--task", "shapes-gen", "--num-samples", "4", *_RUN, "--samples")
    return (
        *(Case(f"npy: {name}", _writes("a.npy", content, *score, "a.npy"), word) for name, content, word in arrays),
        *(Case(f"npz: {name}", _writes("a.npz", content, *score, "a.npz"), word) for name, content, word in archives),
        *_kinds_of_other_files("npy", "a.npy", *score, "a.npy"),
        *_kinds_of_other_files("npz", "a.npz", *score, "a.npz")[:3],
    )


def _twice(sound: bytes) -> bytes:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _zipped(("samples.npy", sound), ("samples.npy", sound))


def _labelled(labels: Any) -> bytes:
    return saved(
        lambda stream: np.savez(stream, samples=_clips(), labels=np.broadcast_to(labels, np.shape(labels) or (4,)))
    )


def _damaged(sound: bytes) -> bytes:
    content = bytearray(saved(lambda stream: np.savez(stream, samples=_clips())))
    content[len(content) // 2] ^= 1
    return bytes(content)


# --- sample manifests -------------------------------------------------------------------------------------------------


def _manifest(change: Callable[[dict[str, Any]], object] | bytes) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        from vidbench.samples.exchange import SampleWriter

        with SampleWriter(folder / "samples", num_frames=12, height=32, width=32) as writer:
            writer.add(_clips(), np.arange(4))
        path = folder / "samples" / "manifest.json"
        document = json.loads(path.read_bytes())
        if callable(change):
            change(document)
        path.write_bytes(change if isinstance(change, bytes) else json.dumps(document).encode())
        return ["score", "--samples", "samples", "--task", "shapes-gen", "--num-samples", "4", *_RUN]

    return make


def _columns_before_a_changed_shard(folder: Path) -> list[str]:
    """Write two shards in Fortran order, which are read through private files; the second is not that of the manifest."""
    from vidbench.samples.exchange import SampleWriter

    with SampleWriter(folder / "samples", num_frames=12, height=32, width=32, shard_samples=2) as writer:
        writer.add(_clips(), np.arange(4))
    path = folder / "samples" / "manifest.json"
    document = json.loads(path.read_bytes())
    for shard in document["shards"]:
        file = folder / "samples" / shard["file"]
        np.save(file, np.asfortranarray(np.load(file)))
        shard["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    document["shards"][1]["sha256"] = "0" * 64
    path.write_text(json.dumps(document))
    return ["score", "--samples", "samples", "--task", "shapes-gen", "--num-samples", "4", *_RUN]


_MANIFESTS: tuple[tuple[str, Callable[[dict[str, Any]], object] | bytes, str], ...] = (
    ("negative label", lambda d: d["labels"].__setitem__(0, -1), "labels.0"),
    ("label 2^40", lambda d: d["labels"].__setitem__(0, 2**40), "labels.0"),
    ("other labels", lambda d: d["labels"].__setitem__(0, 7), "label 7"),
    ("10^12 samples", lambda d: d.update(num_samples=10**12), "num_samples"),
    ("10^9 frames", lambda d: d.update(num_frames=10**9), "num_frames"),
    ("10^6 pixels", lambda d: d.update(height=10**6), "height"),
    ("number beyond 64 bits", lambda d: d.update(num_samples=10**30), "64 bits"),
    ("NaN", lambda d: d.update(height=float("nan")), "NaN"),
    ("unknown key", lambda d: d.update(extra=1), "extra"),
    ("missing key", lambda d: d.pop("shards"), "shards"),
    ("no shard", lambda d: d.update(shards=[]), "shards"),
    ("shard elsewhere", lambda d: d["shards"][0].update(file="../x.npy"), "shards.0.file"),
    ("absolute shard", lambda d: d["shards"][0].update(file="/etc/passwd"), "shards.0.file"),
    ("other digest", lambda d: d["shards"][0].update(sha256="0" * 64), "sha256 differs"),
    ("other version", lambda d: d.update(version=2), "version"),
    ("seed 2^64", lambda d: d.update(answers={"split": "test", "seed": 2**64 - 1}), "answers.seed"),
    ("a list", b"[]", "object"),
    ("a number", b"7", "object"),
    ("nothing", b"", "Expecting value"),
    ("nested 100,000 deep", b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    ("a key twice", b'{"format": "vidbench-samples", "format": "vidbench-samples"}', "occurs twice"),
    ("byte-order mark", b"\xef\xbb\xbf{}", "byte-order mark"),
    ("UTF-16", "{}".encode("utf-16"), "UTF-16"),
    ("half a surrogate", b'{"format": "\xed\xa0\x80"}', "not UTF-8"),
    ("infinity", b'{"num_samples": 1e999}', "not finite"),
    ("cut", b'{"format": "vidbench-sam', "not valid"),
)


# --- weights ----------------------------------------------------------------------------------------------------------


def _safetensors(header: Any, values: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + values


def _weights() -> tuple[Case, ...]:
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    files: tuple[tuple[str, str, bytes | Callable[[], bytes], str], ...] = (
        ("header of 2^62 bytes", "w.safetensors", (2**62).to_bytes(8, "little") + b"{}", "does not begin as"),
        ("cut header", "w.safetensors", _safetensors({"a": tensor})[:20], "cut short"),
        ("cut values", "w.safetensors", _safetensors({"a": tensor}, bytes(4)), "cannot be read"),
        ("header that is a list", "w.safetensors", _safetensors(b"[]"), "not a JSON object"),
        ("a tensor twice", "w.safetensors", _safetensors(b'{"a": {}, "a": {}}'), "occurs twice"),
        ("unknown type", "w.safetensors", _safetensors({"a": {**tensor, "dtype": "F99"}}, bytes(8)), "cannot be read"),
        ("bfloat16", "w.safetensors", _safetensors({"a": {**tensor, "dtype": "BF16", "shape": [4]}}, bytes(8)), "cannot be read"),
        ("10^30 values", "w.safetensors", _safetensors({"a": {**tensor, "shape": [10**15, 10**15]}}, bytes(8)), "cannot be read"),
        ("nested header", "w.safetensors", _safetensors(b"[" * 5000), "nested too deeply"),
        ("other network", "w.safetensors", _safetensors({"a": tensor}, bytes(8)), "no known network"),
        ("pickled array", "w.npz", lambda: _zipped(("a.npy", _npy(_header("(1,)", "|O"), b"cos\nsystem\n."))), "Python objects"),
        ("cut archive", "w.npz", lambda: _zipped(("a.npy", _npy(_header("(1,)"), b"a")))[:-10], "cannot be read"),
        ("array larger than its member", "w.npz", lambda: _zipped(("a.npy", _npy(_header("(10000000000000,)"), b"a"))), "cut short"),
        ("torch program", "w.pt", lambda: _zipped(("m/constants.pkl", b"x"), ("m/data.pkl", b"x")), "TorchScript"),
        ("pickle that calls", "w.pth", b"cos\nsystem\n(S'true'\ntR.", "tensors only"),
        ("tensor of repeated bytes", "w.pt", _expanded, "this machine has"),
        ("index that is no table", "w.index", b"x" * 100, "checkpoint index"),
        ("index of long keys", "w.index", _long_keys, "keys have more than"),
        ("index of many entries", "w.index", _many_entries, "entries"),
        ("unknown suffix", "w.bin", b"x", ".safetensors nor .npz"),
    )  # fmt: skip
    others = [
        case
        for suffix in (".safetensors", ".npz", ".pt", ".index")
        for case in _kinds_of_other_files(f"weights {suffix}", f"w{suffix}", "weights", "import", f"w{suffix}")[:3]
    ]
    return (
        *(
            Case(f"weights: {name}", _writes(file, content, "weights", "import", file), word)
            for name, file, content, word in files
        ),
        *others,
    )


def _expanded() -> bytes:
    import torch

    return saved(lambda stream: torch.save({"a": torch.zeros(1).expand(10**6, 10**6)}, stream))


def _table(entries: bytes) -> bytes:
    """Return a string table of one block with right checksums."""
    from vidmetrics.weights.crc32c import masked_crc32c
    from vidmetrics.weights.sstable import MAGIC

    def block(content: bytes) -> bytes:
        whole = content + bytes(4) + (1).to_bytes(4, "little")
        return whole + b"\x00" + masked_crc32c(whole + b"\x00").to_bytes(4, "little")

    data = block(entries)
    handle = varint(0) + varint(len(data) - 5)
    index = block(varint(0) + varint(1) + varint(len(handle)) + b"~" + handle)
    footer = varint(0) + varint(0) + varint(len(data)) + varint(len(index) - 5)
    return data + index + footer.ljust(40, b"\x00") + MAGIC.to_bytes(8, "little")


def _long_keys() -> bytes:
    """Return a table whose keys share all bytes but the last: a megabyte of file for gigabytes of keys."""
    first = b"a" * 200_000
    entries = varint(0) + varint(len(first)) + varint(0) + first
    entries += b"".join(varint(len(first) + number) + varint(1) + varint(0) + b"b" for number in range(90_000))
    return _table(entries)


def _many_entries() -> bytes:
    entries = (varint(0) + varint(3) + varint(0) + number.to_bytes(3, "big") for number in range(1, 110_000))
    return _table(b"".join(entries))


# --- checkpoints, statistics and options ------------------------------------------------------------------------------


def _checkpoint(metadata: Any) -> Callable[[], bytes]:
    def content() -> bytes:
        from safetensors.numpy import save

        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        return save({"a": np.zeros(2, np.float32)}, {"dvdgan": text})

    return content


def _checkpoints() -> tuple[Case, ...]:
    task = {
        "name": "shapes-gen", "num_frames": 12, "context_frames": 0, "height": 32, "width": 32, "class_names": [],
    }  # fmt: skip
    sound = {"format": "dvdgan-generator-1", "task": task, "settings": {}, "origin": {}}
    changes: tuple[tuple[str, Any, str], ...] = (
        ("a list", [], "no readable header"),
        ("a text", '"x"', "no readable header"),
        ("no JSON", "{", "no readable header"),
        ("other format", {"format": "x"}, "is of format 'x'"),
        ("format that is a number", {"format": 7}, "format"),
        ("task that is a list", {**sound, "task": []}, "task"),
        ("task without a height", {**sound, "task": {k: v for k, v in task.items() if k != "height"}}, "task.height"),
        ("class names that are a number", {**sound, "task": {**task, "class_names": 7}}, "task.class_names"),
        ("settings that are a list", {**sound, "settings": []}, "settings"),
        ("a setting that is a table", {**sound, "settings": {"ch": {"a": 1}}}, "settings.ch"),
        ("height of 10^30", {**sound, "task": {**task, "height": 10**30}}, ""),
        ("NaN", '{"format": NaN}', ""),
        ("nested", "[" * 5000, ""),
    )
    evaluate = ("evaluate", "--model", "dvdgan:c.safetensors", "--task", "shapes-gen", "--num-samples", "4", *_RUN)
    return (
        *(
            Case(f"checkpoint: {name}", _writes("c.safetensors", _checkpoint(data), *evaluate), word or "c.safetensors")
            for name, data, word in changes
        ),
        *_kinds_of_other_files("checkpoint", "c.safetensors", *evaluate)[:3],
    )


_SCORE_STATISTICS = ("evaluate", "--model", "noise", "--task", "t.toml", "--reference", "s.safetensors", *_RUN)


def _on_videos() -> str:
    """Return shapes-gen on videos, since embedded tasks refuse every file of statistics before it is read."""
    text = (resources.files("vidbench.tasks") / "shapes-gen.toml").read_text(encoding="utf-8")
    return text.replace('name = "shapes-gen"', 'name = "videos-gen"').replace(
        'dataset = "shapes"', 'dataset = "kinetics"'
    )


def _beside_its_task(make: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
    """Return a maker that also writes the task of the statistics."""

    def both(folder: Path) -> list[str]:
        (folder / "t.toml").write_text(_on_videos(), encoding="utf-8")
        return make(folder)

    return both


def _statistics(change: Callable[[dict[str, Any]], object]) -> Callable[[], bytes]:
    def content() -> bytes:
        from tests.abuse.fuzz.parsers import PARSERS
        from vidbench.tasks.loading import _parse

        document = json.loads(PARSERS["provenance"].samples(Path())[0])
        task = _parse(_on_videos().encode(), "t.toml")
        document["task"].update(name=task.name, version=task.version, fingerprint=task.fingerprint)
        change(document)
        from safetensors.numpy import save

        return save({"a": np.zeros(2)}, {"vidbench": json.dumps(document)})

    return content


_STATISTICS: tuple[tuple[str, Callable[[dict[str, Any]], object], str], ...] = (
    ("10^12 clips", lambda d: d["reference"].update(num_clips=10**12), "1000000000000 clips"),
    ("negative clips", lambda d: d["evaluation"].update(num_clips=-1), "-1 clips"),
    ("coverage of 7", lambda d: d["reference"].update(coverage=7.0), "coverage 7"),
    ("negative label", lambda d: d.update(evaluation_labels=[0, -1]), "evaluation_labels"),
    ("label of no class", lambda d: d.update(evaluation_labels=[0, 9]), "class 9"),
    ("fewer names than labels", lambda d: d.update(evaluation_ids=["a"]), "same clips"),
    ("bound of another task", lambda d: d["bounds"]["bounds"].update(mine=d["bounds"]["bounds"]["noise"]), "the bound 'mine'"),
    ("score of another metric", lambda d: d["bounds"]["bounds"]["noise"]["values"].update(fvd=1.0), "no metric of the task"),
    ("impossible score", lambda d: d["bounds"]["bounds"]["noise"]["values"].update({"is-shapes": 1e9}), "no clips can have"),
    ("other fingerprint", lambda d: d["task"].update(fingerprint="0" * 64), "belong to the task"),
    ("unknown key", lambda d: d.update(extra=1), "extra"),
    ("number beyond 64 bits", lambda d: d["reference"].update(num_clips=10**30), "64 bits"),
)  # fmt: skip

_OPTIONS: tuple[tuple[str, str], ...] = (
    ("evaluate --model noise --task shapes-gen --output out/r --num-samples 1000000000000", "10,000,000"),
    ("evaluate --model noise --task shapes-gen --output out/r --batch-size 1000000000", "1,000,000"),
    ("evaluate --model noise --task shapes-gen --output out/r --seed 18446744073709551616", "--seed"),
    ("evaluate --model noise --task shapes-gen --output out/r --device meta", "does not compute"),
    ("evaluate --model noise --task shapes-gen --output out/r --device nonsense", "'nonsense'"),
    ("evaluate --model noise --task shapes-gen --output out/r --device cpu:7", "cpu:7"),
    ("evaluate --model os:system --task shapes-gen --output out/r --device cpu", "os:system"),
    ("evaluate --model os:environ --task shapes-gen --output out/r --device cpu", "no callable 'environ'"),
    ("evaluate --model noise:x --task shapes-gen --output out/r --num-samples 4 --device cpu", "no weights"),
    ("sample --model noise --task shapes-gen --output out/s --num-samples 1000000000000 --device cpu", "10,000,000"),
    ("sample --model os:system --task shapes-gen --output out/s --num-samples 4 --device cpu", "os:system"),
    ("data export --task shapes-gen --output out/e --num-samples 1000000000000", "10,000,000"),
    ("train --model dvdgan --task shapes-gen --output out/t --device cpu --steps 1 --set batch_size=1000000000", "at most 65,536"),
    ("train --model dvdgan --task shapes-gen --output out/t --device cpu --steps 1 --set ch=1000000000", "at most 65,536"),
    ("train --model dvdgan --task shapes-gen --output out/t --device cpu --steps 1 --set ch=60000", "this machine has"),
    ("train --model dvdgan --task shapes-gen --output out/t --device cpu --steps 1 --set loader_threads=100000", "at most 256"),
    ("train --model dvdgan --task shapes-gen --output out/t --device cpu --steps 1 --set log_every=" + "9" * 30, "at most"),
    ("train --model dvdgan --task shapes-gen --output out/t --device cpu --steps 1 --set g_multipliers=" + "1," * 100 + "1", "at most 32"),
    ("measure a.npy a.npy --metric fvd-shapes --resolution 100000 --device cpu", "--resolution 100000"),
    ("measure a.npy a.npy --metric fvd-shapes --num-frames 1000000 --device cpu", "--num-frames 1000000"),
    ("measure a.npy a.npy --metric fvd-shapes --num-frames 16000 --resolution 8000 --device cpu", "this machine has"),
    ("measure a.npy a.npy --metric fvd-shapes --stride 100000000 --device cpu", "--stride"),
)  # fmt: skip


def _measured(line: str) -> Callable[[Path], list[str]]:
    return typed(*line.split(), inputs=lambda folder: np.save(folder / "a.npy", _clips()))


def _png(*extra: bytes, side: int = 4) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(12)) * 4)
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _bomb() -> bytes:
    return b"comment\0\0" + zlib.compress(bytes(100 * 2**20), 9)


_MEASURE = ("measure", "clips", "clips", "--metric", "fvd-shapes", "--num-frames", "8", "--device", "cpu")
_IMAGES: tuple[tuple[str, Callable[[], bytes], str], ...] = (
    ("zTXt bomb", lambda: _png(chunk(b"zTXt", _bomb())), "Decompressed data too large"),
    ("iCCP bomb", lambda: _png(chunk(b"iCCP", _bomb())), "Decompressed data too large"),
    ("60,000 pixels", lambda: _png(side=60_000), "pixels"),
    ("cut", lambda: _png()[:50], "cut off"),
    ("wrong checksum", lambda: _png()[:20] + b"\xff" + _png()[21:], "a checksum does not match"),
)


def _beside_a_sound_clip(make: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
    """Return a maker that also writes the other seven frames of the clip, and a sound clip."""

    def both(folder: Path) -> list[str]:
        arguments = make(folder)
        (folder / "clips" / "b").mkdir()
        for name in (*(f"a/{number}.png" for number in range(1, 8)), *(f"b/{number}.png" for number in range(8))):
            (folder / "clips" / name).write_bytes(_png())
        return arguments

    return both


_HOMES: tuple[tuple[str, str, str], ...] = (
    ("home of nobody", "~nobody-at-all/x", "no such user"),
    ("home that is a file", "/dev/null", "which is a file"),
)

CASES = (
    *_tasks(),
    *_arrays(),
    *(Case(f"manifest: {name}", _manifest(change), word) for name, change, word in _MANIFESTS),
    Case("manifest: other digest after a shard in Fortran order", _columns_before_a_changed_shard, "sha256 differs"),
    *_weights(),
    *_checkpoints(),
    *(
        Case(
            f"statistics: {name}",
            _beside_its_task(_writes("s.safetensors", _statistics(change), *_SCORE_STATISTICS)),
            word,
        )
        for name, change, word in _STATISTICS
    ),
    *(
        case._replace(make=_beside_its_task(case.make))
        for case in _kinds_of_other_files("statistics", "s.safetensors", *_SCORE_STATISTICS)[:3]
    ),
    *(Case(f"option: {line[:150]}", _measured(line), word) for line, word in _OPTIONS),
    *(
        Case(f"image: {name}", _beside_a_sound_clip(_writes("clips/a/0.png", content, *_MEASURE)), word)
        for name, content, word in _IMAGES
    ),
    *(
        case._replace(make=_beside_a_sound_clip(case.make))
        for case in _kinds_of_other_files("image", "clips/a/0.png", *_MEASURE)
    ),
    *_kinds_of_other_files("video", "clips/a.mp4", *_MEASURE),
    *(
        Case(
            f"option: {name}",
            _measured("measure a.npy a.npy --metric fvd-shapes --num-frames 12 --device cpu"),
            word,
            environment={"VIDBENCH_HOME": home},
        )
        for name, home, word in _HOMES
    ),
)
