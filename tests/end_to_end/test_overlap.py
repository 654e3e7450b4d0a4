"""`vidbench data overlap` from the command line, and what results say of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from tests.task_texts import task_text
from tests.vidbench.cli.test_command_line import run
from tests.vidbench.data.leaks.planted import encode, film
from vidbench.data.leaks.overlap_notes import remember_overlap, stored_overlap
from vidbench.data.scan.scan import scan_folder
from vidbench.data.scan.scanned import last_scan
from vidbench.progress import Progress
from vidbench.report.provenance import overlap_text
from vidbench.results import read_result
from vidbench.results.schema import OverlapRecord
from vidbench.tasks import load_task
from vidmetrics.home import home

TASK = task_text(
    "small-videos",
    dataset="kinetics",
    resize="pil-bicubic",
    crop="center",
    num_clips="all",
    num_samples=2,
    labels="none",
    metrics=("fvd-shapes",),
)


@pytest.fixture
def data(tmp_path):
    """Four training and two held-out videos, of which one is a training video re-encoded."""
    for number in range(4):
        encode(tmp_path / "data" / "train" / "x" / f"id{number:09d}_000000_000001.mp4", film(number, number))
    encode(tmp_path / "data" / "test" / "x" / "id000000010_000000_000001.mp4", film(10, 10))
    encode(tmp_path / "data" / "test" / "x" / "id000000011_000000_000001.mp4", film(2, 2), size=32, crf=28)
    (tmp_path / "task.toml").write_text(TASK)
    return tmp_path / "data"


def overlap(*arguments, code):
    ended = run("data", "overlap", *arguments, "--workers", "1", cwd=Path(tempfile.gettempdir()))
    assert ended.returncode == code, ended.stderr
    return ended


def test_two_folders(data):
    shown = overlap(data / "train", data / "test", code=1).stdout.splitlines()
    assert shown[0].startswith(
        "x/id000000002_000000_000001.mp4  x/id000000011_000000_000001.mp4  same frames (pictures 0.99"
    )
    assert "1 of 4 videos are on the other side" in shown[1]
    assert "1 of 2 videos" in shown[2]
    assert shown[3:] == ["pairs      1 (1 by same frames)", "searched   names, bytes, frames"]
    document = json.loads(overlap(data / "train", data / "test", "--json", code=1).stdout)
    assert document["num_shared"] == [1, 1]
    assert document["shared"][0]["kinds"] == ["same frames"]
    assert document["shared"][0]["match"]["shift"] == 0
    assert "pairs      0" in overlap(data / "train", data / "test", "--by", "bytes", code=0).stdout


def test_results_say_what_was_found_on_their_very_videos(data, tmp_path):
    task = load_task(str(tmp_path / "task.toml")).task
    of_task = (data, "--task", tmp_path / "task.toml")
    assert "was not scanned for the task 'small-videos'" in overlap(*of_task, code=1).stdout
    scan = scan_folder(data, task, (), tmp_path / "scan", workers=1, progress=Progress(enabled=False))
    assert f"manifest {scan.manifest_sha256}" in overlap(*of_task, code=1).stdout

    arguments = ("--task", tmp_path / "task.toml", "--data", data, "--output", tmp_path / "run", "--device", "cpu")
    done = run("evaluate", "--model", "noise", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    checked = read_result(tmp_path / "run").data
    found = checked.overlap
    assert (found.training, found.held_out, found.shared, found.not_compared) == (4, 2, 1, 0)
    assert (found.searched, found.kinds) == ("frames", {"same frames": 1})
    page = (tmp_path / "run" / "report.html").read_text()
    sentence = (
        "1 of 2 held-out videos are among 4 training videos, checked by name, bytes and frames (1 by same frames)"
    )
    assert sentence in page
    assert overlap_text(checked.model_copy(update={"overlap": None})).startswith("not checked")
    # Without the copy they are other videos, which nobody has compared.
    (data / "test" / "x" / "id000000011_000000_000001.mp4").unlink()
    scan_folder(data, task, (), tmp_path / "scan", workers=1, progress=Progress(enabled=False))
    assert stored_overlap(scan.manifest_sha256) == found
    assert stored_overlap(last_scan(data, task).manifest_sha256) is None


def test_a_note_that_is_not_as_it_was_written_is_not_used(capsys):
    record = OverlapRecord(searched="names", training=1, held_out=1, shared=0, kinds={}, not_compared=0)
    remember_overlap("ab" * 32, record)
    assert stored_overlap("ab" * 32) == record
    assert stored_overlap("cd" * 32) is None
    (note,) = (home() / "overlaps").iterdir()
    note.write_bytes(note.read_bytes().replace(b'"shared": 0', b'"shared": 9'))
    assert stored_overlap("ab" * 32) is None
    assert "is not used" in capsys.readouterr().err


def test_what_cannot_be_compared_is_refused(data, tmp_path):
    assert "are the same: give two" in overlap(data, data, code=2).stderr
    assert "There is one side" in overlap(data, code=2).stderr
    assert "uses embedded data" in overlap(data, "--task", "shapes-gen", code=2).stderr
    one = tmp_path / "one.toml"
    one.write_text(TASK.replace('evaluation_split = "test"', 'evaluation_split = "train"'))
    assert "so that every video is on both sides" in overlap(data, "--task", one, code=2).stderr
    assert "does not exist" in overlap(tmp_path / "nowhere", data, code=2).stderr
