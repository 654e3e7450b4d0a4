"""`keyframes.jsonl`: each line is found by halving, and used only for the file and the FFmpeg that it was written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidbench.data.seek import stored
from vidbench.data.seek.index import Keyframe, KeyframeIndex, ffmpeg_build
from vidbench.data.seek.stored import IndexedFile, StoredIndexes, write_indexes
from vidmetrics.sealed import sealed_json, unsealed_json


def indexes_of(count: int) -> list[tuple[IndexedFile, KeyframeIndex]]:
    found = []
    for number in range(count):
        keyframes = tuple(Keyframe(frame, frame, frame, frame, frame, 1, "0" * 16) for frame in range(0, number + 1, 8))
        index = KeyframeIndex(
            frames=number + 1,
            ffmpeg=ffmpeg_build(),
            way="time",
            skips=True,
            times=(0, ((1, number),)),
            keyframes=keyframes,
        )
        found.append((IndexedFile("train", f"vidéo {number}", number, 7, "ab"), index))
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_seek_index_of_every_video_is_found(tmp_path, count):
    path, found = tmp_path / "keyframes.jsonl", indexes_of(count)
    write_indexes(path, found)
    indexes = StoredIndexes(path)
    for file, index in found:
        assert indexes.find(file) == index
    for name in range(40):
        assert indexes.find(IndexedFile("test", f"vidéo {name}", name, 7, "ab")) is None


def test_seek_indexes_are_stored_in_the_same_bytes_in_any_order(tmp_path):
    found = indexes_of(20)
    write_indexes(tmp_path / "a", found)
    write_indexes(tmp_path / "b", found[::-1])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("change", [{"bytes": 4}, {"mtime_ns": 8}, {"sha256": "cd"}])
def test_seek_index_of_another_file_is_not_used(tmp_path, change, capsys):
    path, found = tmp_path / "keyframes.jsonl", indexes_of(9)
    write_indexes(path, found)
    assert StoredIndexes(path).find(found[5][0]._replace(**change)) is None


def test_a_damaged_seek_index_is_not_used_and_said_once(tmp_path, capsys):
    path, found = tmp_path / "keyframes.jsonl", indexes_of(30)
    write_indexes(path, found)
    path.write_bytes(
        path.read_bytes().replace(b'"pts": 8' if b'"pts": 8' in path.read_bytes() else b", 8, 8", b", 8, 9")
    )
    indexes = StoredIndexes(path)
    answers = [indexes.find(file) for file, _ in found]
    assert answers[:8] == [index for _, index in found[:8]]
    assert answers[8:] == [None] * 22
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "its content differs from its digest" in said
    assert "run `vidbench data scan` again" in said


def test_a_seek_index_proven_with_another_ffmpeg_is_not_used(tmp_path, monkeypatch, capsys):
    path, found = tmp_path / "keyframes.jsonl", indexes_of(3)
    write_indexes(path, found)
    monkeypatch.setattr(stored, "ffmpeg_build", lambda: "61.1.100 61.3.100")
    assert StoredIndexes(path).find(found[1][0]) is None
    assert "another FFmpeg" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"\n", b"no lines at all", b"\n\n\n", b"{}\n" * 50])
def test_a_seek_index_file_of_other_content_gives_no_index(tmp_path, content):
    path = Path(tmp_path / "keyframes.jsonl")
    if content is not None:
        path.write_bytes(content)
    assert StoredIndexes(path).find(indexes_of(2)[1][0]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"keyframes": []},
        {"keyframes": [[0, 1, 0, 0, 0, 1, "0" * 16]]},
        {"keyframes": [[8, 0, 0, 0, 0, 1, "0" * 16]]},
        {"keyframes": [[0, 0, 0, 0, 0, 1, "0" * 16], [30, 8, 8, 8, 8, 1, "0" * 16]]},
        {"times": [0, [[1, 3]]]},
        {"way": "other"},
        {"frames": "x"},
        {"surplus": 1},
    ],
)
def test_a_seek_index_that_another_program_sealed_is_not_used(tmp_path, change, capsys):
    path, found = tmp_path / "keyframes.jsonl", indexes_of(20)
    write_indexes(path, found)
    lines = path.read_bytes().splitlines()
    file = found[12][0]
    at = next(number for number, line in enumerate(lines) if unsealed_json(line)["id"] == file.id)
    fields = unsealed_json(lines[at])
    lines[at] = sealed_json({**fields, "index": {**fields["index"], **change}})
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert StoredIndexes(path).find(file) is None
    assert "it has other fields" in capsys.readouterr().err
    assert StoredIndexes(path).find(found[13][0]) == found[13][1]


@pytest.mark.parametrize("content", [b"", b"\0" * 400, b"no index\n" * 40])
def test_an_emptied_or_garbled_file_is_said(tmp_path, capsys, content):
    path, found = tmp_path / "keyframes.jsonl", indexes_of(5)
    write_indexes(path, found)
    path.write_bytes(content)
    stored = StoredIndexes(path)
    assert all(stored.find(file) is None for file, _ in found)
    said = capsys.readouterr().err
    assert said.count("Warning: Not used: the keyframe index of") == 1
    assert "whole videos are decoded instead" in said
