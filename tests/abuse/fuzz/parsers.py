"""Every parser of files that somebody else may have written, with small sound samples of its format."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.abuse.fuzz import answers, checksums, lists
from tests.abuse.fuzz.parser import Parser
from tests.abuse.rows._inputs import saved
from tests.result_texts import result_document

_GOLDEN = Path(__file__).resolve().parents[2] / "golden"
_ROOT = _GOLDEN.parents[1]


# --- tasks and manifests ----------------------------------------------------------------------------------------------


def _tasks(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((_ROOT / "vidbench" / "tasks").glob("*.toml"))][:6]


def _read_task(path: Path) -> None:
    from vidbench.tasks import load_task
    from vidbench.tasks.words import protocol_text

    task = load_task(str(path)).task
    assert len(task.fingerprint) == 64
    protocol_text(task)


def _exchange(folder: Path) -> bytes:
    from vidbench.samples.exchange import SampleWriter

    clips = np.random.default_rng(0).integers(0, 256, (4, 3, 4, 4, 3), np.uint8)
    target = folder / "exchange"
    if not (target / "manifest.json").exists():
        with SampleWriter(target, num_frames=3, height=4, width=4, shard_samples=2) as writer:
            writer.add(clips, np.arange(4))
    return (target / "manifest.json").read_bytes()


def _open_exchange(path: Path) -> None:
    from vidbench.samples.exchange import open_samples

    target = path.parent / "exchange"
    (target / "manifest.json").write_bytes(path.read_bytes())
    samples = open_samples(target)
    samples.read(np.arange(samples.num_samples))


def _export(folder: Path) -> list[bytes]:
    document = {
        "format": "vidbench-export", "version": 1, "task": {"name": "t", "version": 1, "fingerprint": "a" * 64}, "num_samples": 2,
        "num_frames": 3, "context_frames": 0, "height": 4, "width": 4, "seeds": [1, 2**64 - 1], "labels": [0, 1],
        "answers": {"split": "test", "ids": ["a#0", "b#0"], "seed": 0},
    }  # fmt: skip
    return [json.dumps(document, indent=1).encode()]


def _open_export(path: Path) -> None:
    from vidbench.exports import open_export

    target = path.parent / "export"
    target.mkdir(exist_ok=True)
    (target / "export.json").write_bytes(path.read_bytes())
    for _ in open_export(target).batches(2):
        pass


# --- numpy and safetensors --------------------------------------------------------------------------------------------


def _arrays(folder: Path) -> list[bytes]:
    clips = np.random.default_rng(0).integers(0, 256, (3, 2, 4, 4, 3), np.uint8)
    return [
        *(saved(functools.partial(np.save, arr=array)) for array in (clips, np.asfortranarray(clips), clips[:, 0])),
        saved(lambda stream: np.lib.format.write_array(stream, clips, version=(2, 0))),
    ]


def _archives(folder: Path) -> list[bytes]:
    clips = np.random.default_rng(0).integers(0, 256, (3, 2, 4, 4, 3), np.uint8)
    return [
        saved(functools.partial(np.savez, samples=clips, labels=np.arange(3))),
        saved(lambda stream: np.savez_compressed(stream, clips)),
    ]


def _open_array(path: Path) -> None:
    from vidbench.samples.exchange import open_samples

    samples = open_samples(path)
    samples.read(np.arange(min(samples.num_samples, 4)))


def _tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"a/w": rng.normal(size=(3, 2)).astype(np.float32), "b": np.arange(4), "c": np.zeros((), np.float64)}


def _safetensors(folder: Path) -> list[bytes]:
    from safetensors.numpy import save

    return [save(_tensors()), save(_tensors(), {"key": "value"})]


def _torch_weights(folder: Path) -> list[bytes]:
    import torch

    state = {name: torch.from_numpy(np.array(value)) for name, value in _tensors().items()}
    return [
        saved(functools.partial(torch.save, state)),
        saved(functools.partial(torch.save, state, _use_new_zipfile_serialization=False)),
    ]


def _read_tensors(path: Path) -> None:
    from vidmetrics.weights.tensor_files import read_tensors

    read_tensors(path)


def _read_weights(path: Path) -> None:
    from vidmetrics.weights.importing import network_of
    from vidmetrics.weights.reading import read_weights

    network_of(read_weights([path]))


# --- TensorFlow -------------------------------------------------------------------------------------------------------


def _index(folder: Path) -> list[bytes]:
    return [(_GOLDEN / "tf_checkpoint" / "small.index").read_bytes()]


def _read_index(path: Path) -> None:
    from vidmetrics.weights.tf_checkpoint import parse_index

    parse_index(path)


def _read_table(path: Path) -> None:
    from vidbench.errors import InputError
    from vidmetrics.weights.sstable import read_table
    from vidmetrics.weights.wire import DamagedError

    try:
        read_table(path.read_bytes())
    except DamagedError as error:
        raise InputError(str(error)) from None


def _compressed(folder: Path) -> list[bytes]:
    import cramjam

    texts = (b"a" * 1000, bytes(range(256)) * 4, b"abcabcabd" * 50)
    return [bytes(cramjam.snappy.compress_raw(text)) for text in texts]


def _decompress(path: Path) -> None:
    from vidbench.errors import InputError
    from vidmetrics.weights.snappy import decompress
    from vidmetrics.weights.sstable import LIMIT
    from vidmetrics.weights.wire import DamagedError

    try:
        decompress(path.read_bytes(), LIMIT)
    except DamagedError as error:
        raise InputError(str(error)) from None


def _module(folder: Path) -> list[bytes]:
    source, target = _GOLDEN / "tf_checkpoint", folder / "module" / "variables"
    target.mkdir(parents=True, exist_ok=True)
    (folder / "module" / "saved_model.pb").write_bytes(b"")
    for file in source.glob("small.data-*"):
        (target / file.name.replace("small", "variables")).write_bytes(file.read_bytes())
    return [(source / "small.index").read_bytes()]


def _read_module(path: Path) -> None:
    from vidbench.errors import InputError
    from vidmetrics.weights.reading import files_of, read_weights
    from vidmetrics.weights.tf_checkpoint import open_checkpoint

    module = path.parent / "module"
    (module / "variables" / "variables.index").write_bytes(path.read_bytes())
    files_of(module)
    # Tensors of other types than numbers are refused, and the sample has one.
    with contextlib.suppress(InputError):
        read_weights([module])
    checkpoint = open_checkpoint(module / "variables" / "variables")
    for name in checkpoint.entries:
        with contextlib.suppress(InputError):
            checkpoint.read(name)


def _tfrecords(folder: Path) -> list[bytes]:
    content = gzip.decompress((_GOLDEN / "bair_records.tfrecords.gz").read_bytes())
    size = 16 + int.from_bytes(content[:8], "little")
    small = b"\x0a\x0c\x0a\x0a\x0a\x01a\x12\x05\x0a\x03\x0a\x01x"  # the feature "a" with the value b"x"
    framed = len(small).to_bytes(8, "little") + bytes(4) + small + bytes(4)
    return [content[:size], checksums.records(framed * 2)]


def _read_records(path: Path) -> None:
    from vidbench.data.layouts.tfrecord import bytes_features, read_record, record_index
    from vidbench.errors import InputError
    from vidmetrics.weights.wire import DamagedError

    for number in range(min(len(record_index(path)), 3)):
        try:
            bytes_features(read_record(path, number))
        except DamagedError as error:
            raise InputError(str(error)) from None


# --- statistics, results and boards -----------------------------------------------------------------------------------

_DIM = 3


def _statistics(folder: Path) -> list[bytes]:
    from safetensors.numpy import save

    from vidbench.files import arrays_sha256
    from vidbench.scoring.reference_file import statistics_tensors
    from vidbench.tasks import load_task
    from vidmetrics.sealed import UNSEALED, sealed
    from vidmetrics.statistics.moments import Moments

    moments = Moments(_DIM)
    moments.update(np.random.default_rng(0).normal(size=(20, _DIM)))
    tensors = statistics_tensors({("shapes", "logits"): moments})
    task = load_task("shapes-gen").task
    split = {"split": "test", "num_clips": 2, "coverage": 1.0, "sha256": "a" * 64}
    document = {
        "task": {"name": task.name, "version": task.version, "fingerprint": task.fingerprint}, "reference": split,
        "evaluation": split, "class_names": ["x", "y"], "evaluation_labels": [0, 1], "evaluation_ids": ["a", "b"],
        "scan_sha256": None, "networks": {}, "tensors_sha256": arrays_sha256(tensors),
        "bounds": {"num_samples": 2, "bounds": {"noise": {"what": "n", "values": {"fvd-shapes": 1.5}, "absent": None}}},
        "environment": dict.fromkeys(("vidbench", "python", "torch", "numpy", "platform", "device"), "x"),
    }  # fmt: skip
    # Version 1 has no seal, and version 2 has one that is repaired.
    return [
        save(tensors, {"vidbench": json.dumps({**document, "version": 1})}),
        sealed(save(tensors, {"vidbench": json.dumps({**document, "version": 2, "seal": UNSEALED})})),
    ]


def _provenances(folder: Path) -> list[bytes]:
    """Return the metadata of a statistics file, which is changed as a document."""
    content = _statistics(folder)[0]
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return [header["__metadata__"]["vidbench"].encode()]


def _read_provenance(path: Path) -> None:
    from safetensors.numpy import load, save

    tensors = load(_cached_statistics())
    path.write_bytes(save(tensors, {"vidbench": path.read_bytes().decode("utf-8", "replace")}))
    _read_statistics(path)


@functools.cache
def _cached_statistics() -> bytes:
    return _statistics(Path())[0]


def _read_statistics(path: Path) -> None:
    from vidbench.scoring.imported_reference import open_statistics
    from vidbench.scoring.reference_file import read_moments
    from vidbench.tasks import load_task

    read_moments(open_statistics(path, load_task("shapes-gen").task), {("shapes", "logits"): (_DIM, 20)})


def _results(folder: Path) -> list[bytes]:
    golden = sorted(_GOLDEN.glob("result_*.json"))[:2]
    return [json.dumps(result_document(), indent=1).encode(), *(path.read_bytes() for path in golden)]


def _read_result(path: Path) -> None:
    from vidbench.results.schema import read_result

    read_result(path).to_json()


def _boards(folder: Path) -> list[bytes]:
    return [path.read_bytes()[:6000] for path in sorted((_ROOT / "leaderboards").glob("*.csv"))][:4]


def _read_board(path: Path) -> None:
    from vidbench.leaderboard.boards import examine_board

    examine_board(path)


# --- caches and journals ----------------------------------------------------------------------------------------------


def _sealed_documents(folder: Path) -> list[bytes]:
    from vidmetrics.sealed import sealed_json

    return [
        sealed_json({"format": "vidbench-bound-2", "metric": "fvd-shapes", "sides": [["a", 2], [1, 2]], "value": 1.5})
    ]


def _read_sealed_document(path: Path) -> None:
    from vidmetrics.sealed import read_content, unsealed_json

    unsealed_json(read_content(path))


def _sealed_arrays(folder: Path) -> list[bytes]:
    from vidmetrics.sealed import sealed_tensors

    return [sealed_tensors(_tensors(), {"format": "vidbench-features-2", "clips": [0, 3]})]


def _read_sealed_arrays(path: Path) -> None:
    from vidmetrics.sealed import read_content, unsealed_tensors

    unsealed_tensors(read_content(path))


def _journals(folder: Path) -> list[bytes]:
    from vidmetrics.sealed import sealed_json

    line = {
        "split": "test", "id": "a", "path": "a.mp4", "bytes": 3, "mtime_ns": 5, "sha256": "a" * 64, "label": None, "frames": 3,
        "fps": 25.0, "width": 4, "height": 4, "problem": None,
    }  # fmt: skip
    return [sealed_json(line) + b"\n" + sealed_json({**line, "id": "b"}) + b"\n"]


def _read_journal(path: Path) -> None:
    from vidbench.data.scan.scan_journal import read_journal

    read_journal(path, quiet=True)


def _notes(folder: Path) -> list[bytes]:
    return [
        json.dumps(
            {"network": "i3d", "weights_sha256": "a" * 64, "files": [{"name": "x", "sha256": "b" * 64}]}
        ).encode()
    ]


def _read_import_record(path: Path) -> None:
    from vidmetrics.weights.proof import import_record_path, imported_from_published

    weights = path.with_name("weights.safetensors")
    import_record_path(weights).write_bytes(path.read_bytes())
    imported_from_published("i3d", weights, "a" * 64)


def _part_notes(folder: Path) -> list[bytes]:
    return [json.dumps({"url": "https://example.org/a", "validator": '"x"'}).encode()]


def _read_part_note(path: Path) -> None:
    from vidmetrics.weights.part_file import PartFile

    part = path.with_name("file.part")
    part.write_bytes(b"bytes")
    part.with_name("file.part.json").write_bytes(path.read_bytes())
    with part.open("rb") as file:
        PartFile(part, file).version()


# --- dvdgan -----------------------------------------------------------------------------------------------------------


@functools.cache
def _small_task() -> Any:
    from vidbench.models import ModelTask

    return ModelTask("small", 4, 0, 8, 8, ("a", "b"))


@functools.cache
def _small_settings() -> Any:
    from dvdgan.settings_text import settings_from_text

    text = {
        "ch": "2",
        "d_ch": "2",
        "g_multipliers": "1",
        "d_multipliers": "1,1",
        "latent_dim": "4",
        "embedding_dim": "4",
    }
    return settings_from_text(text)


def _metadata(kind: str) -> dict[str, Any]:
    task = dataclasses.asdict(_small_task())
    return {
        "format": kind,
        "task": task,
        "settings": _small_settings().to_values(),
        "origin": {"steps": 2},
        "step": 2,
        "seed": 0,
    }


def _checkpoints(kind: str, folder: Path) -> list[bytes]:
    """Return checkpoint metadata, which changes more often than the surrounding file."""
    return [json.dumps(_metadata(kind)).encode()]


@functools.cache
def _small_generator() -> dict[str, Any]:
    """Return the tensors of a generator as a sampling checkpoint stores them."""
    from dvdgan.generator import Generator

    state = Generator(_small_task(), _small_settings()).state_dict()
    return {name: tensor.contiguous().fill_(1) for name, tensor in state.items() if not name.endswith(".u")}


def _packed(text: bytes) -> bytes:
    from safetensors.torch import save

    return save(_small_generator(), {"dvdgan": text.decode("utf-8", "replace")})


def _read_sampler(path: Path) -> None:
    import torch

    from dvdgan.checkpoint import read_sampler

    path.write_bytes(_packed(path.read_bytes()))
    read_sampler(path, _small_task(), torch.device("cpu"))


def _read_state(path: Path) -> None:
    from dvdgan.checkpoint import read_state

    path.write_bytes(_packed(path.read_bytes()))
    read_state(path, _small_task()).tensors()


def _whole_checkpoints(folder: Path) -> list[bytes]:
    """Return a sampler of version 1, which has no seal, and one as written today, whose seal is repaired."""
    from dvdgan.checkpoint import to_bytes

    earlier = [_packed(text) for text in _checkpoints("dvdgan-generator-1", folder)]
    return [*earlier, to_bytes(_small_generator(), _metadata("dvdgan-generator-2"))]


def _read_whole_checkpoint(path: Path) -> None:
    import torch

    from dvdgan.checkpoint import is_state, read_sampler

    is_state(path)
    read_sampler(path, _small_task(), torch.device("cpu"))


def _settings_texts(folder: Path) -> list[bytes]:
    values = _small_settings().to_values()
    values["batch_size"] = 8
    return [
        "\n".join(
            f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}" for key, value in values.items()
        ).encode(),
        b"preset=k600-12x64\nbatch_size=auto\nlr_decay_start=none\nlr_decay_end=none",
    ]


def _read_settings(path: Path) -> None:
    from dvdgan.settings_text import settings_from_text
    from vidbench.cli.train import parse_settings

    lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    settings_from_text(parse_settings(tuple(line for line in lines if line)))


# --- images and videos ------------------------------------------------------------------------------------------------


def _images(kind: str, folder: Path) -> list[bytes]:
    from PIL import Image, PngImagePlugin

    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    plain = saved(lambda stream: Image.fromarray(pixels).save(stream, kind))
    if kind != "PNG":
        return [plain]
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 200, zip=True)
    return [plain, saved(lambda stream: Image.fromarray(pixels).save(stream, "PNG", pnginfo=text))]


def _read_image(path: Path) -> None:
    from vidbench.samples.media import read_image

    read_image(path)


@functools.cache
def _encoded(suffix: str, codec: str) -> bytes:
    import tempfile

    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"v{suffix}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
            for number in range(4):
                image = np.full((16, 16, 3), 40 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _videos(folder: Path) -> list[bytes]:
    return [
        _encoded(".mp4", "mpeg4"),
        _encoded(".mkv", "mpeg4"),
        _encoded(".avi", "mpeg4"),
        _encoded(".ts", "mpeg2video"),
    ]


def _read_video(path: Path) -> None:
    from vidbench.data.probe import examine_video

    examine_video(path, each=lambda frame: None)


PARSERS: dict[str, Parser] = {
    parser.name: parser
    for parser in (
        Parser("task", _tasks, _read_task, ".toml", inputs=300),
        Parser("sample-manifest", lambda folder: [_exchange(folder)], _open_exchange, ".json"),
        Parser("export-manifest", _export, _open_export, ".json"),
        Parser("npy", _arrays, _open_array, ".npy"),
        Parser("npz", _archives, _open_array, ".npz", checksums.archive),
        Parser("weights-safetensors", _safetensors, _read_tensors, ".safetensors"),
        Parser("weights-npz", _archives, _read_tensors, ".npz", checksums.archive),
        Parser("weights-torch", _torch_weights, _read_weights, ".pt", checksums.archive, inputs=200),
        Parser("tensorflow-index", _index, _read_index, ".index", checksums.table),
        Parser("sstable", _index, _read_table, ".ldb", checksums.table),
        Parser("snappy", _compressed, _decompress),
        Parser("tfhub-module", _module, _read_module, ".index", checksums.table),
        Parser("tfrecord", _tfrecords, _read_records, ".tfrecords", checksums.records),
        Parser("statistics", _statistics, _read_statistics, ".safetensors", checksums.seal),
        Parser("provenance", _provenances, _read_provenance, ".safetensors"),
        Parser("result", _results, _read_result, ".json"),
        Parser("board", _boards, _read_board, ".csv"),
        Parser("bound", _sealed_documents, _read_sealed_document, ".json", checksums.seal),
        Parser("features", _sealed_arrays, _read_sealed_arrays, ".safetensors", checksums.seal),
        Parser("scan-journal", _journals, _read_journal, ".jsonl", checksums.seal),
        Parser("import-record", _notes, _read_import_record, ".json", inputs=200),
        Parser("download-note", _part_notes, _read_part_note, ".json", inputs=150),
        Parser(
            "dvdgan-sampler",
            functools.partial(_checkpoints, "dvdgan-generator-1"),
            _read_sampler,
            ".safetensors",
            inputs=200,
        ),
        Parser(
            "dvdgan-state",
            functools.partial(_checkpoints, "dvdgan-training-1"),
            _read_state,
            ".safetensors",
            inputs=150,
        ),
        Parser("dvdgan-file", _whole_checkpoints, _read_whole_checkpoint, ".safetensors", checksums.seal),
        Parser("dvdgan-settings", _settings_texts, _read_settings),
        Parser("png", functools.partial(_images, "PNG"), _read_image, ".png", checksums.png),
        Parser("jpeg", functools.partial(_images, "JPEG"), _read_image, ".jpg"),
        Parser("bmp", functools.partial(_images, "BMP"), _read_image, ".bmp"),
        Parser("video", _videos, _read_video, ".mp4", inputs=120),
        *lists.PARSERS,
        *answers.PARSERS,
    )
}
