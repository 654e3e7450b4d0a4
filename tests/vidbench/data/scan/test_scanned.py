"""After a scan: its hash is in every result, and a file that changed since is refused before anything is measured."""

from __future__ import annotations

import csv
import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest

import vidbench
from tests.forked import run_python, run_ranks
from vidbench.data import open_split
from vidbench.data.layouts import listing
from vidbench.data.scan.scan import scan_folder
from vidbench.data.scan.scanned import last_scan
from vidbench.errors import InputError
from vidbench.files import write_bytes
from vidbench.jobs.export import ExportOptions, export_task
from vidbench.progress import Progress
from vidbench.rendering.printable import is_formula
from vidbench.tasks import load_task
from vidmetrics.home import home
from vidmetrics.sealed import sealed_json, unsealed_json

QUIET = Progress(enabled=False)
TASK = """
name = "few-videos"
version = 1
title = "A few videos"
[data]
dataset = "kinetics"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 10
height = 32
width = 32
resize = "none"
crop = "none"
clips_per_video = 2
[reference]
num_clips = "all"
[evaluation]
num_samples = 6
labels = "balanced"
metrics = ["fvd-shapes"]
"""


def write_video(path: Path, value: int, count: int = 25, size: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(value)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"qp": "0"})
        stream.height = stream.width = size
        stream.pix_fmt = "rgb24"
        for _ in range(count):
            image = noise.integers(0, 255, (size, size, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def video(root: Path, number: int) -> Path:
    split = "train" if number < 4 else "test"
    return root / split / f"class{number % 2}" / f"id{number:09d}_000000_000001.mp4"


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """Four videos to compare with and three held-out ones; everything is written below the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "task.toml").write_text(TASK)
    for number in range(7):
        write_video(video(tmp_path / "data", number), number)
    return Path("data")


def scan(root: Path, splits=(), full: bool = False):
    return scan_folder(root, load_task("task.toml").task, splits, Path("scan"), workers=1, progress=QUIET, full=full)


def open_both(root: Path):
    task = load_task("task.toml").task
    return [open_split(task, split, root) for split in ("train", "test")]


def refused(root: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        vidbench.evaluate("noise", "task.toml", data=root, output="refused")
    message = str(caught.value)
    assert all(word in message for word in (*words, "`vidbench data scan`", "scan'")), message
    assert "\n" not in message
    assert not Path("refused").exists()


def test_the_hash_of_the_scan_enters_the_result_and_no_number_changes(root):
    before = vidbench.evaluate("noise", "task.toml", data=root, output="before")
    outcome = scan(root)
    after = vidbench.evaluate("noise", "task.toml", data=root, output="after")
    assert (before.data.manifest, after.data.manifest) == ("splits", "scan")
    assert after.data.manifest_sha256 == outcome.manifest_sha256 != before.data.manifest_sha256
    assert outcome.manifest_sha256 == json.loads(Path("scan/manifest.json").read_text())["sha256"]
    assert after.metrics == before.metrics
    assert (after.data.reference, after.data.evaluation) == (before.data.reference, before.data.evaluation)


@pytest.mark.parametrize("damage", ["cut", "short", "other size"])
def test_a_video_that_cannot_be_used_is_refused_with_what_to_do_about_all(root, damage):
    broken = video(root, 5)
    if damage == "cut":
        broken.write_bytes(broken.read_bytes()[:200])
    else:
        write_video(broken, 5, *((5, 32) if damage == "short" else (25, 16)))
    with pytest.raises(InputError) as caught:
        vidbench.evaluate("real", "task.toml", data=root, output="refused")
    message = str(caught.value)
    assert broken.name in message
    assert message.endswith("like every other that `vidbench data scan data --task TASK` lists in problems.csv.")
    assert "\n" not in message
    assert not Path("refused/result.json").exists()
    # The scan that it names lists that file, and does not repeat the advice.
    (problem,) = scan(root).problems
    assert (problem.path, "problems.csv" in problem.reason) == (str(broken), False)


def test_files_that_a_scan_vouches_for_are_not_read_again(root, monkeypatch):
    whole = [dataset.identity_sha256 for dataset in open_both(root)]
    scan(root)

    def refuse(path):
        raise AssertionError(f"{path} was read for its digest")

    monkeypatch.setattr(listing, "file_sha256", refuse)
    assert [dataset.identity_sha256 for dataset in open_both(root)] == whole


def test_what_changed_since_the_scan_is_refused_by_name(root):
    scan(root)
    os.utime(video(root, 5), ns=(1, 1))
    refused(root, "1 files of split 'test'", video(root, 5).name, "was written again")
    again = scan(root)
    assert len(again.findings) == 7
    assert vidbench.evaluate("noise", "task.toml", data=root, output="fine").data.manifest == "scan"
    write_video(video(root, 1), 50)
    video(root, 2).unlink()
    refused(root, "2 files of split 'train'", f"{video(root, 2).name}' is gone")
    scan(root)
    write_video(video(root, 2), 51)
    write_video(video(root, 1).with_name("id000000099_000000_000001.mp4"), 52)
    refused(root, "2 files of split 'train'", "is new")
    scan(root)
    video(root, 0).rename(video(root, 0).parent.parent / "class1" / video(root, 0).name)
    refused(root, "is now 'train/class1/")


def test_a_scan_that_does_not_hold_here_vouches_for_nothing(root):
    task = load_task("task.toml").task
    scan(root, splits=("train",))
    assert last_scan(root, task) is None
    scan(root)
    assert last_scan(root, task) is not None
    shutil.copytree(root, "moved")
    assert last_scan(Path("moved"), task) is None
    assert last_scan(root, task.model_copy(update={"version": 2})) is None
    with Path("scan/files.csv").open("a") as file:
        file.write("\n")
    assert last_scan(root, task) is None
    assert vidbench.evaluate("noise", "task.toml", data=root, output="out").data.manifest == "splits"


# Ids of YouTube start with a dash or contain one; the others are legal in a file name and invisible on a screen.
ODD_IDS = (
    "-0abc", "+a", "=a", "@a", "'a", "'=a", "-1", "a,b", 'a"b', " a", "a\\u202eb", "a\u00adb", "a\u200bb", "a\u202eb", "a\u2066b", "\ufeffa",
    "\U000e0041", "a\ue000", "-class/-b",
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace("train", "tr\xe9in").encode("latin-1"), "files.csv is not the list of a scan"),
        (lambda text: text.replace(",", ",x,", 9).encode(), "files.csv is not the list of a scan"),
        (lambda text: text.split("\n", 1)[1].encode(), "files.csv is not the list of a scan"),
        (lambda text: (text + "train,a,b," + "9" * 5000 + ",1,\n").encode(), "files.csv is not the list of a scan"),
        (lambda text: (text + '"' + "a" * 200_000 + '",a,b,1,1,\n').encode(), "files.csv is not the list of a scan"),
        (lambda text: b"", "files.csv is not the list of a scan"),
        ({"files_sha256": None}, "sealed file of another kind"),
        ({"output": 5}, "sealed file of another kind"),
        ({"output": "a\0b"}, "it cannot be read (embedded null byte)"),
        ({"output": "\ud800"}, "it cannot be read ("),
    ],
)
def test_traces_of_a_scan_that_another_program_wrote_are_not_used(root, capsys, change, word):
    task = load_task("task.toml").task
    scan(root)
    (note,) = (home() / "scans").iterdir()
    fields = unsealed_json(note.read_bytes())
    if callable(change):
        files = Path("scan/files.csv")
        files.write_bytes(change(files.read_text()))
        change = {"files_sha256": sha256(files.read_bytes()).hexdigest()}
    note.write_bytes(sealed_json({**fields, **change}))
    assert last_scan(root, task) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Warning: The last scan of 'data'")
    assert word in line
    assert line.endswith("run `vidbench data scan` again.")


def test_a_scan_whose_output_vanishes_at_the_end_is_none(root, monkeypatch):
    def write_and_vanish(path, content):
        write_bytes(path, content)
        Path("scan").rename("elsewhere")

    monkeypatch.setattr("vidbench.data.scan.scanned.write_bytes", write_and_vanish)
    with pytest.raises(FileNotFoundError, match=r"files\.csv"):
        scan(root)


def test_names_that_a_spreadsheet_would_run_or_hide_are_the_same_after_a_scan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    prediction = TASK.replace('"kinetics"', '"folder"').replace('"balanced"', '"none"')
    prediction = prediction.replace("num_frames = 10", "num_frames = 10\ncontext_frames = 4")
    Path("task.toml").write_text(prediction.replace("num_samples = 6", f"num_samples = {2 * len(ODD_IDS)}"))
    names = {f"{name}.mp4" for name in ODD_IDS}
    for number, name in enumerate(sorted(names)):
        write_video(Path("data/test") / name, number)
        write_video(Path("data/train") / name, 100 + number)
    task, root = load_task("task.toml").task, Path("data")
    outcome = scan(root)
    assert {(file.split, file.id) for file in last_scan(root, task).files} == {
        (split, name) for split in ("test", "train") for name in names
    }
    export_task("task.toml", ExportOptions(output=Path("export"), data=root, targets=True), QUIET)
    exported = json.loads(Path("export/export.json").read_text())["answers"]["ids"]
    assert {name.rpartition("#")[0] for name in exported} == names
    for result in (
        vidbench.evaluate("noise", "task.toml", data=root, output="evaluated"),
        vidbench.score("task.toml", "export/targets", data=root, output="scored"),
    ):
        assert (result.data.manifest, result.data.manifest_sha256) == ("scan", outcome.manifest_sha256)
    # The tables for people run nothing.
    cells = [cell for row in csv.reader(Path("scan/manifest.csv").read_text().splitlines()) for cell in row]
    assert "'-0abc.mp4" in cells
    assert not [cell for cell in cells if is_formula(cell)]


COMMAND = ("-m", "vidbench", "data", "scan", "data", "--task", "task.toml", "--output", "scan")


def change_in_silence(path: Path) -> None:
    """Write other bytes of the same size and date, as a failing disk or a careless copy does."""
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[-9] ^= 255
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_a_full_scan_finds_what_size_and_date_hide(root):
    scan(root)
    change_in_silence(video(root, 6))
    assert scan(root).changed == ()
    outcome = scan(root, full=True)
    assert [Path(path).name for path in outcome.changed] == [video(root, 6).name]
    assert scan(root, full=True).changed == ()
    assert len(list(Path("scan").glob("*journal-*"))) == 1
    change_in_silence(video(root, 3))
    done = run_python([*COMMAND, "--full"])
    assert done.returncode == 1, done.stderr
    assert f"changed: The content of '{video(root, 3)}'" in done.stdout


def test_a_full_scan_that_was_killed_goes_on(root, monkeypatch):
    scan(root)
    change_in_silence(video(root, 0))
    from vidbench.data.scan import division as module

    real, seen = module.examine_subject, []

    def stopping(subject):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(subject.video_id)
        return real(subject)

    with monkeypatch.context() as stopped:
        stopped.setattr(module, "examine_subject", stopping)
        with pytest.raises(KeyboardInterrupt):
            scan(root, full=True)
    seen.clear()
    monkeypatch.setattr(module, "examine_subject", lambda subject: seen.append(subject.video_id) or real(subject))
    assert [Path(path).name for path in scan(root, full=True).changed] == [video(root, 0).name]
    assert len(seen) == 4


def test_ranks_divide_a_full_scan_and_leave_one_journal(root):
    def two_ranks(*more: str) -> dict:
        main, other = run_ranks([*COMMAND, "--workers", "1", "--json", *more], 2)
        assert other.stdout == ""
        return json.loads(main.stdout)

    before = two_ranks()
    assert len(list(Path("scan").glob("journal-*"))) == 2
    for number in (3, 4):
        change_in_silence(video(root, number))
    after = two_ranks("--full")
    assert sorted(after["changed"]) == sorted(str(video(root, number)) for number in (3, 4))
    # Earlier findings of the ranks are not read again together with the new ones.
    assert [path.name.count("-") for path in Path("scan").glob("*journal-*")] == [1]
    assert scan(root).manifest_sha256 == after["manifest_sha256"]
    assert scan(root, full=True).changed == ()
    assert before["splits"] == after["splits"]
