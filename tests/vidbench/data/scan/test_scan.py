"""`vidbench data scan`: what is wrong with each file, the manifest, resuming after a kill, and real clips."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest

from tests.forked import Ended, run_python, run_ranks, start_python
from tests.vidbench.data.test_pixels import write as write_grey
from vidbench.data.decode import decode_frames
from vidbench.data.layouts.kinetics import find_kinetics
from vidbench.data.layouts.listing import VideoFile
from vidbench.data.probe import examine_video
from vidbench.data.scan import worker_pool as parallel
from vidbench.data.scan.scan import scan_folder
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec, PlanSpec, Task

CLIPS = ClipSpec(num_frames=4, stride=2, height=16, width=16, resize="none", crop="none", clips_per_video=2, seed=3)
QUIET = Progress(enabled=False)


def write_video(path: Path, value: int, count: int = 50, size: int = 16, codec: str = "libx264rgb") -> None:
    """Write a lossless video at 25 frames per second: red encodes the video, green the frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = codec == "libx264rgb"
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=25, options={"qp": "0"} if rgb else {})
        stream.height = stream.width = size
        stream.pix_fmt = "rgb24" if rgb else "bgr0"
        noise = np.random.default_rng(value).integers(0, 255, (size, size), dtype=np.uint8)
        for number in range(count):
            image = np.stack([np.full_like(noise, value), np.full_like(noise, number), noise], axis=-1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def own_task(dataset: str = "kinetics", splits: tuple[str, str, str] = ("train", "train", "val")) -> Task:
    shipped = load_task("shapes-gen").task
    names = dict(zip(("train_split", "reference_split", "evaluation_split"), splits, strict=True))
    data = shipped.data.model_copy(update={"dataset": dataset, **names})
    return shipped.model_copy(update={"name": "own", "data": data, "clips": CLIPS})


def name_of(number: int, seconds: int = 2) -> str:
    return f"id{number:09d}_000000_{seconds:06d}"


@pytest.fixture
def root(tmp_path) -> Path:
    """Two splits in class folders with lists; five usable videos, and a listed one that is missing."""
    root = tmp_path / "data"
    for split, numbers in (("train", (0, 1, 2, 9)), ("val", (3, 4))):
        rows = ["label,youtube_id,time_start,time_end,split"]
        for number in numbers:
            rows.append(f"{'even' if number % 2 == 0 else 'odd'},id{number:09d},0,2,{split}")
            if number != 9:
                write_video(root / split / f"{name_of(number)}.mp4", 10 + number, 50 + number)
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"{split}.csv").write_text("\n".join(rows) + "\n")
    return root


def scan(root: Path, task: Task | None = None, output: Path | None = None, workers: int = 1, splits=()):
    return scan_folder(root, task, splits, output or root.parent / "scan", workers=workers, progress=QUIET)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def problems_of(outcome) -> dict[str, str]:
    assert rows(outcome.output / "problems.csv") == [problem._asdict() for problem in outcome.problems]
    assert all("\n" not in problem.reason and problem.reason for problem in outcome.problems)
    return {Path(problem.path).name: problem.problem for problem in outcome.problems}


def test_the_manifest_holds_what_the_task_reads(root):
    outcome = scan(root, own_task())
    manifest = json.loads((outcome.output / "manifest.json").read_text())
    assert problems_of(outcome) == {}
    assert manifest["sha256"] == outcome.manifest_sha256
    assert [(s["split"], s["official"], s["found"], s["usable"]) for s in manifest["splits"]] == [
        ("train", 4, 3, 3),
        ("val", 2, 2, 2),
    ]
    assert manifest["splits"][0]["coverage"] == 0.75
    assert rows(outcome.output / "missing.csv") == [{"split": "train", "id": name_of(9)}]
    assert [video["id"] for video in manifest["videos"]] == [name_of(number) for number in range(5)]
    assert [(video["label"], video["frames"], video["fps"]) for video in manifest["videos"]][2:4] == [
        ("even", 52, 25.0),
        ("odd", 53, 25.0),
    ]
    written = rows(outcome.output / "manifest.csv")
    assert [row["sha256"] for row in written] == [video["sha256"] for video in manifest["videos"]]
    # The digest is over the bytes that the dataset of the task returns, clip after clip.
    dataset = VideoDataset(find_kinetics(root, "val"), CLIPS)
    for position, video in enumerate(dataset.videos):
        own = np.flatnonzero(dataset._video_of == position)
        expected = sha256(dataset.read(own[np.argsort(dataset._number_of[own])]).tobytes()).hexdigest()
        assert {row["id"]: row["sha256"] for row in written}[video.video_id] == expected


def test_a_split_that_is_not_there_can_be_left_out(tmp_path):
    write_video(tmp_path / "data" / "val" / "a" / "one.mp4", 10)
    task = own_task()
    with pytest.raises(
        InputError, match=r"no split 'train' .* the task 'own' reads: .* or scan what is there with --split val\.$"
    ):
        scan(tmp_path / "data", task, tmp_path / "scan")
    assert not (tmp_path / "scan").exists()
    assert [split.split for split in scan(tmp_path / "data", task, tmp_path / "scan", splits=("val",)).splits] == [
        "val"
    ]
    with pytest.raises(InputError, match="no split 'train'") as refused:
        scan(tmp_path / "data", task, tmp_path / "scan", splits=("train",))
    assert "--split" not in str(refused.value)


def test_the_manifest_covers_the_real_sides_own_clips(root, tmp_path):
    def with_plan(**plan) -> Task:
        task = own_task()
        return task.model_copy(update={"reference": task.reference.model_copy(update={"clips": PlanSpec(**plan)})})

    def hashes(task: Task, name: str) -> dict[str, str]:
        return {row["id"]: row["sha256"] for row in rows(scan(root, task, tmp_path / name).output / "manifest.csv")}

    plain, own = hashes(own_task(), "plain"), hashes(with_plan(seed=8), "own")
    # One of the two clips is hashed already, and not hashed twice.
    assert hashes(with_plan(clips_per_video=1), "fewer") == plain
    assert {name for name in plain if plain[name] != own[name]} == {name_of(0), name_of(1), name_of(2)}
    task = with_plan(seed=8)
    reference, ours = (
        VideoDataset(find_kinetics(root, "train"), clips) for clips in (task.reference_clips, task.clips)
    )
    for position, video in enumerate(reference.videos):
        pixels = [d.read(np.flatnonzero(d._video_of == position)).tobytes() for d in (ours, reference)]
        assert own[video.video_id] == sha256(b"".join(pixels)).hexdigest()
    # Findings for one plan are not reused for another in the same folder.
    assert hashes(task, "plain") == own


def test_the_hash_follows_content_and_nothing_else(root, tmp_path):
    first = scan(root, own_task())
    moved = tmp_path / "elsewhere"
    shutil.copytree(root, moved)
    for path in (moved / "train").glob("*.mp4"):
        (moved / "train" / "even").mkdir(exist_ok=True)
        os.utime(path, (1, 1))
        path.rename(moved / "train" / "even" / path.name)
    second = scan(moved, own_task(), tmp_path / "again", workers=2)
    assert second.manifest_sha256 == first.manifest_sha256
    assert (tmp_path / "again" / "manifest.csv").read_text() == (first.output / "manifest.csv").read_text()
    write_video(moved / "val" / f"{name_of(3)}.mp4", 99, 53)
    assert scan(moved, own_task(), tmp_path / "again").manifest_sha256 != first.manifest_sha256
    other = own_task().model_copy(update={"clips": CLIPS.model_copy(update={"seed": 4})})
    assert scan(root, other).manifest_sha256 != first.manifest_sha256
    assert scan(root, own_task(), splits=("val",)).manifest_sha256 != first.manifest_sha256


def test_every_kind_of_unusable_file_is_named_once(root):
    val, train = root / "val", root / "train"
    shutil.copyfile(val / f"{name_of(3)}.mp4", val / f"{name_of(4)}.mp4")
    (train / f"{name_of(0)}.mp4").write_bytes(b"not a video")
    write_video(train / f"{name_of(1)}.mp4", 1, 6)
    write_video(train / "id000000009_000000_000002.mp4", 1, 90)
    write_video(train / "copies" / f"{name_of(2)}.mkv", 200)
    extra = [f"odd,id{number:09d},0,2,val" for number in range(20, 25)]
    with (root / "annotations" / "val.csv").open("a") as file:
        file.write("\n".join(extra) + "\n")
    write_video(val / f"{name_of(20)}.mkv", 20, codec="ffv1")
    whole = (val / f"{name_of(20)}.mkv").read_bytes()
    (val / f"{name_of(20)}.mkv").write_bytes(whole[: len(whole) // 2])
    write_video(val / f"{name_of(21)}.mp4", 21)
    whole = (val / f"{name_of(21)}.mp4").read_bytes()
    (val / f"{name_of(21)}.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    write_sound(val / f"{name_of(22)}.mp4")
    (val / f"{name_of(23)}.mp4").touch()
    write_video(val / f"{name_of(24)}.mp4", 24, size=32)

    outcome = scan(root, own_task(), workers=2)
    assert problems_of(outcome) == {
        f"{name_of(0)}.mp4": "unreadable",
        f"{name_of(1)}.mp4": "too short",
        f"{name_of(9)}.mp4": "wrong duration",
        f"{name_of(2)}.mp4": "duplicated",
        f"{name_of(4)}.mp4": "duplicated",
        f"{name_of(20)}.mkv": "truncated",
        f"{name_of(21)}.mp4": "truncated",
        f"{name_of(22)}.mp4": "no video stream",
        f"{name_of(23)}.mp4": "unreadable",
        f"{name_of(24)}.mp4": "wrong size",
    }
    assert [row["id"] for row in rows(outcome.output / "manifest.csv")] == [name_of(3)]
    assert [(split.found, split.usable) for split in outcome.splits] == [(4, 0), (7, 1)]
    assert all(problem.id in problem.reason for problem in outcome.problems)


@pytest.mark.parametrize("task", [None, "own"])
def test_pixels_that_rgb_cannot_hold_are_a_problem_of_their_own(root, task):
    (root / "train" / f"{name_of(0)}.mp4").unlink()
    (root / "train" / f"{name_of(1)}.mp4").unlink()
    hdr = write_grey(root / "train" / f"{name_of(0)}.mp4", "libx264", "yuv420p10le", trc=16, count=50)
    transparent = write_grey(root / "train" / f"{name_of(1)}.mkv", "ffv1", "yuva420p", alpha=9, count=50)
    outcome = scan(root, own_task() if task else None)
    assert problems_of(outcome) == {hdr.name: "unsupported", transparent.name: "unsupported"}
    reasons = {Path(problem.path).name: problem.reason for problem in outcome.problems}
    assert "HDR (transfer PQ)" in reasons[hdr.name]
    assert "transparent pixels" in reasons[transparent.name]


def test_a_scan_goes_on_where_it_stopped_and_forgets_changed_files(root, monkeypatch):
    whole = scan(root, own_task())
    (journal,) = whole.output.glob("journal-*.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    assert len(lines) == 5
    journal.write_text("".join(lines[:2]) + lines[2][:40])  # killed while writing the third
    seen = []
    from vidbench.data.scan import division as module

    real = module.examine_subject
    monkeypatch.setattr(module, "examine_subject", lambda subject: seen.append(subject.video_id) or real(subject))
    assert scan(root, own_task()).manifest_sha256 == whole.manifest_sha256
    assert len(seen) == 3
    seen.clear()
    assert scan(root, own_task()).manifest_sha256 == whole.manifest_sha256
    assert seen == []
    write_video(root / "train" / f"{name_of(1)}.mp4", 77, 55)
    assert scan(root, own_task()).manifest_sha256 != whole.manifest_sha256
    assert seen == [name_of(1)]
    other = own_task().model_copy(update={"clips": CLIPS.model_copy(update={"seed": 4})})
    seen.clear()
    scan(root, other)
    assert len(seen) == 5  # other clips: the journal has no findings for them


def test_killed_again_and_again_and_started_again_the_result_is_the_same(tmp_path):
    for number in range(24):
        write_video(tmp_path / "data" / f"{number:02d}.mp4", number, 40, size=96)
    calm = scan(tmp_path / "data", None, tmp_path / "calm")
    command = ["-m", "vidbench", "data", "scan", str(tmp_path / "data"), "--workers", "1"]
    command += ["--output", str(tmp_path / "killed")]
    for attempt in range(3):
        process = start_python(command)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            journals = list((tmp_path / "killed").glob("journal-*.jsonl"))
            if journals and journals[0].read_bytes().count(b'"key"') > 3 * (attempt + 1):
                process.send_signal(signal.SIGKILL)
                process.wait()
    done = run_python([*command, "--json"])
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert "examined before" in done.stderr
    assert document["manifest_sha256"] == calm.manifest_sha256
    for name in ("manifest.json", "manifest.csv", "problems.csv", "missing.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()


def _under_torchrun(*arguments, folder: Path) -> subprocess.CompletedProcess[str]:
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "vidbench",
    ]
    command = [*launcher, "data", "scan", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def test_two_ranks_write_the_manifest_of_one_process(root, tmp_path):
    (root / "val" / f"{name_of(4)}.mp4").write_bytes(b"no video")
    one = scan(root, None, tmp_path / "one")
    done = _under_torchrun(root, "--workers", "1", "--output", tmp_path / "two", "--json", folder=tmp_path)
    # torchrun passes the exit code of a rank on; stdout has exactly one document.
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["manifest_sha256"] == one.manifest_sha256
    for name in ("manifest.json", "manifest.csv", "problems.csv", "missing.csv"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    journals = sorted((tmp_path / "two").glob("journal-*.jsonl"))
    assert [path.read_text().count('"key"') for path in journals] == [2, 3]
    assert not list((tmp_path / "two").glob(".*"))
    # One process resumes from the journals of two, two from the journal of one; no video is examined twice.
    again = scan(root, None, tmp_path / "two")
    assert again.manifest_sha256 == one.manifest_sha256
    journals[1].unlink()
    command = ("-m", "vidbench", "data", "scan", root, "--workers", "1", "--output", tmp_path / "two", "--json")
    done, other = run_ranks(command, 2, tmp_path)
    assert (done.returncode, other.stdout) == (1, ""), done.stderr
    assert json.loads(done.stdout)["manifest_sha256"] == one.manifest_sha256
    assert "of 5 videos were examined before" in done.stderr
    assert sum(path.read_text().count('"key"') for path in (tmp_path / "two").glob("journal-*.jsonl")) == 5


def test_ranks_that_see_other_videos_are_refused(root, tmp_path):
    """As when each node has its own copy, and the copies differ."""
    shutil.copytree(root, tmp_path / "other")
    code = (
        "import os, sys; from vidbench.cli import main; "
        "sys.argv[3] = sys.argv[3] if os.environ['RANK'] == '0' else sys.argv[3].replace('data', 'other'); main()"
    )
    (tmp_path / "node.py").write_text(code)
    for done in run_ranks(["node.py", "data", "scan", "data", "--output", "out"], 2, tmp_path):
        assert done.returncode != 0
        assert "disagree about the list of videos" in done.stderr
        assert done.stdout == ""
    assert not (tmp_path / "out" / "manifest.json").exists()


def _die_on_three(item: int) -> int:
    if item == 3:
        os._exit(9)
    return 10 * item


def test_an_item_that_kills_its_process_costs_itself_alone(monkeypatch):
    monkeypatch.setattr(parallel, "_START_METHOD", "fork")  # a test module cannot be imported by name elsewhere
    answers = list(parallel.map_processes(_die_on_three, range(40), 2, lambda item: -item))
    assert sorted(answers) == sorted(-3 if item == 3 else 10 * item for item in range(40))


class _PoolThatDies:
    """A pool that computes at once; the first instance is broken when it gets its third item."""

    made = 0

    def __init__(self, **_: object) -> None:
        type(self).made += 1
        self.left = 2 if self.made == 1 else 1000

    def submit(self, function, item):
        if not self.left:
            raise BrokenProcessPool
        self.left -= 1
        future = Future()
        future.set_result(function(item))
        return future

    def shutdown(self, **_: object) -> None:
        pass


def test_an_item_that_meets_a_dead_pool_is_answered_too(monkeypatch):
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", _PoolThatDies)
    monkeypatch.setattr(_PoolThatDies, "made", 0)
    answers = list(parallel.map_processes(abs, range(20), 2, lambda item: -item))
    assert sorted(answers) == list(range(20))


def test_lengths_are_those_of_the_pictures(tmp_path):
    write_video(tmp_path / "whole.mkv", 1, 50, codec="ffv1")
    facts = examine_video(tmp_path / "whole.mkv")
    assert (facts.frames, facts.fps, facts.width, facts.rotation, facts.shortfall) == (50, 25.0, 16, "0", 0)
    assert facts.seconds == pytest.approx(2.0, abs=0.01)
    assert facts.promised_seconds == pytest.approx(2.0, abs=0.01)
    whole = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated"):
        examine_video(tmp_path / "cut.mkv")
    with pytest.raises(InputError, match="truncated"):
        VideoFile(tmp_path / "cut.mkv").count()
    # Frames that were lost before the file was closed show in nothing but its length.
    write_video(tmp_path / "shorter.mkv", 1, 30, codec="ffv1")
    written = (tmp_path / "shorter.mkv").read_bytes()
    assert written.count(b"00:00:01.200000000") == 1
    (tmp_path / "shorter.mkv").write_bytes(written.replace(b"00:00:01.200000000", b"00:00:02.000000000"))
    shorter = examine_video(tmp_path / "shorter.mkv")
    assert shorter.frames == 30
    assert shorter.promised_seconds == facts.promised_seconds
    assert shorter.shortfall == pytest.approx(2 - shorter.frames / 25, abs=0.05)
    with pytest.raises(InputError, match="truncated"):
        VideoFile(tmp_path / "shorter.mkv").count()
    assert VideoFile(tmp_path / "whole.mkv").count() == 50
    write_video(tmp_path / "raw.avi", 1, 50)
    assert examine_video(tmp_path / "raw.avi").shortfall == 0


def test_folders_and_tasks_that_cannot_be_scanned(root, tmp_path):
    with pytest.raises(InputError, match="embedded"):
        scan(root, load_task("shapes-gen").task)
    with pytest.raises(InputError, match="no split 'test'"):
        scan(root, own_task(), splits=("test",))
    with pytest.raises(InputError, match="does not exist"):
        scan(tmp_path / "nowhere")


def run_command(*arguments: str, folder: Path) -> Ended:
    return run_python(["-m", "vidbench", "data", "scan", *arguments], folder)


def test_real_clips_without_a_task(shared, tmp_path):
    done = run_command(str(shared / "data" / "clips"), "--workers", "2", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "7 usable of 8 found" in done.stdout
    assert "unreadable: The video" in done.stdout
    assert "corrupted.mp4" in done.stdout
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if " frames " in line}
    assert "320x568" in lines["rotated_90.mov"]
    assert "turned by 90" in lines["rotated_90.mov"]
    assert "310 frames" in lines["kinetics_flipping_a_pancake.mkv"]
    written = {row["id"]: row for row in rows(tmp_path / "runs" / "scan-clips" / "manifest.csv")}
    pixels = decode_frames(shared / "data" / "clips" / "rotated_90.mov")
    assert written["rotated_90.mov"]["sha256"] == sha256(pixels.tobytes()).hexdigest()
    again = run_command(str(shared / "data" / "clips"), "--json", folder=tmp_path)
    assert again.returncode == 1
    assert json.loads(again.stdout)["manifest_sha256"] in done.stdout


def test_the_small_real_data_set_under_its_example_task(shared, tmp_path):
    task = Path(__file__).parents[4] / "examples" / "tasks" / "weizmann.toml"
    done = run_command(str(shared / "data" / "weizmann"), "--task", str(task), "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [(split["split"], split["usable"], split["coverage"]) for split in document["splits"]] == [
        ("train", 56, 1.0),
        ("test", 16, 1.0),
    ]
    assert document["problems"] == []


def test_a_journal_is_not_written_through_a_link(tmp_path):
    from vidbench.data.scan.scan_journal import appending

    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "scan.jsonl").symlink_to("theirs")
    with pytest.raises(OSError, match="symbolic links"), appending(tmp_path / "scan.jsonl"):
        pass
    assert (tmp_path / "theirs").read_text() == "theirs"
