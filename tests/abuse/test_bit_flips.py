"""Stored files of every kind are damaged in every way: the same command gives the undisturbed score and a warning, or refuses.

Files of several kinds are damaged before one run, since each kind has a warning of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.abuse.rows._inputs import flipped
from tests.abuse.small import MODEL, TASK, run, score, trained
from vidbench.samples.exchange import SampleWriter

EVALUATE = ("evaluate", "--model", "mine:load", "--output", "out")
CACHES = {
    "shard of samples": ("out/features/*/*.safetensors", "Samples of mine:load: A feature shard is damaged"),
    "shard of the reference set": ("home/features/*/*+024.safetensors", "Reference clips: A feature shard is damaged"),
    "reference statistics": ("home/reference/*.safetensors", "The reference statistics in"),
    "score of a bound": ("home/bounds/*.json", "The score of a bound in"),
}


def nan(content: bytes) -> bytes:
    """Set the first number of a document to NaN, or the last four bytes of tensors."""
    if content.startswith(b"{"):
        return re.sub(rb'("(?:value|num_samples)": ?)[-0-9.e]+', rb"\1NaN", content)
    return content[:-4] + np.float32(np.nan).tobytes()


DAMAGES = {
    "first byte": lambda content: flipped(content, 0),
    "first byte of the header": lambda content: flipped(content, 8, 1),
    "a name": lambda content: flipped(content, content.index(b"format") + 2),
    "metadata": lambda content: flipped(content, content.index(b'format') + 15, 2),
    "seal": lambda content: flipped(content, content.index(b"seal") + 9),
    "middle": lambda content: flipped(content, len(content) // 2, 6),
    "last byte": lambda content: flipped(content, -1, 7),
    "cut short": lambda content: content[: len(content) // 2],
    "cut by a byte": lambda content: content[:-1],
    "empty": lambda content: b"",
    "NaN": nan,
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A finished run: its folder and its score."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "mine.py").write_text(MODEL)
    return folder, score(folder, *EVALUATE)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_again_aloud(evaluated, damage):
    folder, undisturbed = evaluated
    originals: dict[Path, bytes] = {}
    for kind, (pattern, _) in CACHES.items():
        path = sorted(folder.glob(pattern))[0]
        originals[path] = content = path.read_bytes()
        path.write_bytes(DAMAGES[damage](content))
        assert path.read_bytes() != content, kind
    ended = run(folder, *EVALUATE, "--json")
    assert ended.code == 0, ended.stderr
    assert f'"value": {undisturbed}' in ended.stdout
    for _, words in CACHES.values():
        assert f"Warning: {words}" in ended.stderr
    for path, content in originals.items():
        assert path.read_bytes() == content, path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Files that users exchange, by kind: the arguments that read them, and the part to damage."""
    from safetensors.torch import load_file

    from dvdgan.checkpoint import SAMPLER, read_metadata, to_bytes

    folder = tmp_path_factory.mktemp("inputs")
    (folder / "mine.py").write_text(MODEL)
    (folder / "task.toml").write_text(TASK)
    made = run(folder, "data", "statistics", "--output", "statistics.safetensors")
    # Inception Scores need no reference, and the file holds the rest.
    assert made.code == 0, made.stderr
    sampler = trained(folder)
    metadata = read_metadata(sampler, SAMPLER) | {"format": f"{SAMPLER}-2"}
    (folder / "sampler.safetensors").write_bytes(to_bytes(load_file(sampler), metadata))
    with SampleWriter(folder / "clips", num_frames=12, height=32, width=32) as writer:
        writer.add(np.random.default_rng(0).integers(0, 256, (16, 12, 32, 32, 3), np.uint8))
    return folder, {
        "statistics file": (
            ("evaluate", "--model", "mine:load", "--reference", "statistics.safetensors"), "statistics.safetensors"
        ),
        "sampler checkpoint": (("evaluate", "--model", "dvdgan:sampler.safetensors"), "sampler.safetensors"),
        "samples": (("score", "--samples", "clips"), "clips/samples-00000.npy"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["statistics file", "sampler checkpoint", "samples"])
def test_a_damaged_input_is_refused(inputs, kind):
    folder, kinds = inputs
    arguments, name = kinds[kind]
    path = folder / name
    content = path.read_bytes()
    for damage in DAMAGES:
        spoil = DAMAGES[damage]
        if name.endswith(".npy") and b"format" not in content and damage in ("a name", "metadata", "seal"):
            continue
        path.write_bytes(spoil(content))
        ended = run(folder, *arguments, "--output", "no")
        assert ended.code == 2, (damage, ended.stderr)
        assert name.rpartition("/")[2] in ended.stderr, (damage, ended.stderr)
        assert "Traceback" not in ended.stderr
        assert not (folder / "no").exists()
    path.write_bytes(content)
    sound = run(folder, *arguments, "--output", f"sound-{path.stem}")
    if kind == "statistics file":
        # The task is embedded, which is all that is wrong with a sound file.
        assert (sound.code, "are embedded" in sound.stderr) == (2, True), sound.stderr
    else:
        assert sound.code == 0, sound.stderr


def test_a_damaged_journal_or_note_of_a_scan_is_not_used(tmp_path, capsys):
    from tests.abuse.test_replaced_files import clips, write_videos
    from vidbench.data.scan.scan import scan_folder
    from vidbench.progress import Progress

    write_videos(tmp_path / "videos", clips(1)[:4])

    def manifest() -> str:
        scan = scan_folder(
            tmp_path / "videos", None, (), tmp_path / "scan", workers=1, progress=Progress(enabled=False)
        )
        assert scan is not None
        return scan.manifest_sha256

    undisturbed = manifest()
    (journal,) = (tmp_path / "scan").glob("journal-*.jsonl")
    content = journal.read_bytes()
    places = {"frames": content.index(b'"frames"') + 10, "middle": len(content) // 2, "first": 0, "last": -1}
    damaged = {name: flipped(content, place) for name, place in places.items()} | {"cut short": content[:-50]}
    assert manifest() == undisturbed
    assert "Warning" not in capsys.readouterr().err
    for name, spoilt in damaged.items():
        journal.write_bytes(spoilt)
        assert manifest() == undisturbed, name
        assert "in the scan journal" in capsys.readouterr().err, name
        assert sorted(set(journal.read_bytes().splitlines()) & set(content.splitlines())) == sorted(
            content.splitlines()
        )
    journal.write_bytes(b"")
    assert manifest() == undisturbed


@pytest.mark.parametrize("kind", ["npy", "png"])
def test_a_damaged_file_of_an_interrupted_export_is_written_again(tmp_path, monkeypatch, capsys, kind):
    from vidbench.jobs import export
    from vidbench.progress import Progress

    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def write(folder: Path) -> dict[str, bytes]:
        options = export.ExportOptions(output=folder, num_samples=3, targets=True, kind=kind)
        export.export_task("shapes-pred", options, Progress(enabled=False))
        return files(folder)

    undisturbed = write(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(export, "task_answers", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "out")
    partial = tmp_path / ".out.partial"
    assert write_again(partial, kind, lambda: write(tmp_path / "out")) == undisturbed
    assert "left by an interrupted export, is damaged" in capsys.readouterr().err


def write_again(partial: Path, kind: str, write):
    """Change one pixel in what an interrupted export left, and resume it."""
    if kind == "npy":
        path = partial / "targets" / "samples-00000.npy"
        path.write_bytes(flipped(path.read_bytes(), -1))
    else:
        from PIL import Image

        path = sorted((partial / "context").rglob("*.png"))[0]
        pixels = np.array(Image.open(path))
        pixels[3, 4] ^= 1
        Image.fromarray(pixels).save(path)
    return write()
