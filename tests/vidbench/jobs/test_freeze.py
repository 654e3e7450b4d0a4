"""Frozen lists from end to end: one reference set for everyone who has the videos, and no other counts as the same."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.vidbench.data.scan.test_scan import write_video
from vidbench.cli import run_command
from vidbench.data import open_evaluation, open_reference
from vidbench.data.miniature.made_folders import make_folder
from vidbench.data.miniature.made_videos import VideoForm
from vidbench.data.scan.scan import scan_folder
from vidbench.errors import InputError
from vidbench.jobs.freeze import freeze_folder
from vidbench.progress import Progress
from vidbench.scoring import imported_reference
from vidbench.scoring.official import unofficial_reasons
from vidbench.tasks import load_task
from vidbench.tasks.frozen_lists import FrozenList, FrozenSplit, FrozenTask, read_frozen_list, write_frozen_list
from vidbench.tasks.writing import task_toml

QUIET = Progress(enabled=False)
CLASSES = ("bend", "wave")
TRAIN, TEST = range(20), range(20, 24)
# Gone before the list was made.
DECAYED = 7
TASK = """
name = "small-videos"
version = 1
title = "Twenty videos, of which one is gone"

[data]
dataset = "kinetics"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
min_coverage = 0.9

[clips]
num_frames = 4
height = 16
width = 16
resize = "none"
crop = "none"

[reference]
num_clips = "all"

[evaluation]
num_samples = 4
labels = "balanced"
metrics = ["fvd-shapes"]
"""


def name_of(number: int) -> str:
    return f"id{number:09d}_000000_000001"


def write_folder(root: Path, missing: tuple[int, ...] = (DECAYED,), suffix: str = ".mp4", codec: str = "libx264rgb"):
    """A folder in the layout of Kinetics, with its lists."""
    (root / "annotations").mkdir(parents=True)
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        with (root / "annotations" / f"{split}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
            rows.writerows([CLASSES[number % 2], f"id{number:09d}", 0, 1, split] for number in numbers)
        for number in set(numbers) - set(missing):
            path = root / split / CLASSES[number % 2] / f"{name_of(number)}{suffix}"
            write_video(path, number, count=25, codec=codec)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with its task, scanned, and the list of 2026."""
    folder = tmp_path_factory.mktemp("frozen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDBENCH_HOME", str(folder / "home"))
        task = folder / "task.toml"
        task.write_text(TASK)
        data = write_folder(folder / "data")
        scan_folder(data, load_task(str(task)).task, (), folder / "scan", workers=1, progress=QUIET)
        freeze_folder(data, str(task), 2026, folder / "list.json")
    return folder


@pytest.fixture
def held(made):
    """The task on the list, as it is typed."""
    return f"{made / 'task.toml'}@{made / 'list.json'}"


def opened(task_name: str, data: Path, scan: bool = True):
    """Task, reference set and held-out clips of a folder; each call scans with a home of its own."""
    task = load_task(task_name).task
    if scan:
        scan_folder(data, task, (), data.with_name(f"{data.name}-scan"), workers=1, progress=QUIET)
    return task, open_reference(task, data), open_evaluation(task, data)


def reasons(task_name: str, splits) -> tuple[str, ...]:
    loaded = load_task(task_name)
    found = unofficial_reasons(
        loaded, num_samples=4, seed=0, precision="exact", networks=(), datasets=[SimpleNamespace(**s) for s in splits]
    )
    return tuple(reason for reason in found if "user's own" not in reason)


def facts(*datasets):
    return [{"coverage": each.coverage, "num_clips": each.num_clips} for each in datasets]


def test_other_files_with_the_same_frames_are_the_same_reference_set(made, held, tmp_path):
    task, reference, evaluation = opened(held, made / "data")
    assert (reference.num_clips, reference.coverage, evaluation.coverage) == (19, 1.0, 1.0)
    other = write_folder(tmp_path / "other", suffix=".mkv", codec="ffv1")
    _, theirs, given = opened(held, other)
    assert theirs.identity_sha256 == reference.identity_sha256
    assert given.identity_sha256 == evaluation.identity_sha256
    np.testing.assert_array_equal(theirs.read(np.arange(19)), reference.read(np.arange(19)))
    # The files differ, and without the list so do the reference sets.
    plain = str(made / "task.toml")
    assert open_reference(load_task(plain).task, other).identity_sha256 != reference.identity_sha256
    assert reasons(held, facts(reference, evaluation)) == ()
    assert task.name == "small-videos@2026"


def test_who_chooses_what_is_missing_is_in_another_group_or_unofficial(made, held, tmp_path):
    # One of the 19 videos of the list left out: 90 % of the official ones are there, as the task requires.
    chosen = write_folder(tmp_path / "chosen", missing=(DECAYED, 3))
    plain = str(made / "task.toml")
    task = load_task(plain).task
    whole, less = open_reference(task, made / "data"), open_reference(task, chosen)
    assert reasons(plain, facts(less, less)) == ()
    assert less.identity_sha256 != whole.identity_sha256
    _, reference, evaluation = opened(held, chosen)
    assert reference.coverage == pytest.approx(18 / 19)
    (reason,) = reasons(held, facts(reference, evaluation))
    assert reason == "Only 94.74% of the official clips are available; the task requires 100.00%."


def test_a_video_with_other_frames_counts_as_missing_and_one_more_is_not_used(made, held, tmp_path):
    data = write_folder(tmp_path / "data", missing=())
    _, reference, _ = opened(held, data)
    assert (reference.num_clips, reference.coverage) == (19, 1.0), "the video that is there again is on no list"
    assert reference.identity_sha256 == opened(held, made / "data")[1].identity_sha256
    write_video(data / "train" / CLASSES[0] / f"{name_of(2)}.mp4", 99, count=25)
    _, reference, _ = opened(held, data)
    assert (reference.num_clips, reference.coverage) == (18, pytest.approx(18 / 19))


def test_a_list_needs_a_scan_and_a_scan_that_is_whole(made, held, tmp_path):
    data = Path(shutil.copytree(made / "data", tmp_path / "data"))
    with pytest.raises(InputError, match=r"held to the frames on a list, and only a scan compares them"):
        opened(held, data, scan=False)
    with pytest.raises(InputError, match=r"was not scanned for the task 'small-videos'.*data scan .* first"):
        freeze_folder(data, str(made / "task.toml"), 2026, tmp_path / "no.json")
    opened(held, data)
    manifest = tmp_path / "data-scan" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"frames": 25', '"frames": 26', 1))
    with pytest.raises(InputError, match=r"manifest.json' is not that of the last scan"):
        open_reference(load_task(held).task, data)
    assert not (tmp_path / "no.json").exists()


def test_a_list_of_too_little_is_refused_and_another_class_too(made, held, tmp_path):
    data = write_folder(tmp_path / "data", missing=(1, 3, 5, DECAYED))
    plain = str(made / "task.toml")
    scan_folder(data, load_task(plain).task, (), tmp_path / "scan", workers=1, progress=QUIET)
    with pytest.raises(InputError, match=r"Of split 'train' 16 of 20 videos are usable, .* requires 90\.00%"):
        freeze_folder(data, plain, 2026, tmp_path / "no.json")
    lists = data / "annotations" / "train.csv"
    lists.write_text(lists.read_text().replace("bend,id000000002", "wave,id000000002"))
    with pytest.raises(InputError, match=r"'id000000002_000000_000001' .* has the class wave here and bend on the"):
        opened(held, data)


def test_a_task_whose_clips_depend_on_lengths_has_no_frozen_list(tmp_path):
    task, path = load_task("ffs-gen-styleganv").task, tmp_path / "list.json"
    with pytest.raises(InputError, match="depends on the lengths of the videos"):
        freeze_folder(tmp_path, task.name, 2026, path)
    assert not path.exists()
    named = FrozenTask(name=task.name, version=task.version, fingerprint=task.fingerprint)
    split = FrozenSplit(official=1, class_names=(), videos={"a": (None, "0" * 16)})
    splits = {"train": split, "test": split}
    write_frozen_list(path, FrozenList(year=2026, task=named, manifest_sha256="0" * 64, splits=splits))
    with pytest.raises(InputError, match="depends on the lengths of the videos"):
        load_task(f"{task.name}@{path}")


def test_statistics_of_other_clips_are_refused(made, held, monkeypatch):
    task, reference, _ = opened(held, made / "data")
    record = {"sha256": reference.identity_sha256}
    named = SimpleNamespace(name=task.name, version=1, fingerprint=task.fingerprint)
    provenance = SimpleNamespace(task=named, reference=SimpleNamespace(**record), bounds=None, version=2)
    monkeypatch.setattr(imported_reference, "read_statistics", lambda path: SimpleNamespace(provenance=provenance))
    assert imported_reference.open_statistics(Path("s"), task).provenance is provenance
    provenance.reference.sha256 = "0" * 64
    with pytest.raises(
        InputError, match=r"of other clips than those on the frozen list of 2026 \(000000000000 instead"
    ):
        imported_reference.open_statistics(Path("s"), task)


def test_the_command_prints_what_it_wrote(made, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VIDBENCH_HOME", str(made / "home"))
    line = f"data freeze {made / 'data'} --task {made / 'task.toml'} --year 2026 --output {tmp_path / 'l.json'}"
    assert run_command([*line.split(), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["splits"] == {"train": {"official": 20, "videos": 19}, "test": {"official": 4, "videos": 4}}
    assert (tmp_path / "l.json").read_bytes() == (made / "list.json").read_bytes()
    assert document["sha256"] == read_frozen_list(made / "list.json").sha256
    assert run_command(line.split()) == 2
    assert "already exists" in capsys.readouterr().err


def test_real_videos_are_frozen_and_one_of_fourteen_cannot_be_left_out(shared, tmp_path):
    data = tmp_path / "data"
    # A quarter, for the time it takes; without the lists, whose place the class folders take.
    for path in sorted((shared / "data" / "weizmann").glob("t*/*/*.mp4"))[::4]:
        target = data / path.relative_to(shared / "data" / "weizmann")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    plain = str(Path(__file__).parents[3] / "examples" / "tasks" / "weizmann.toml")
    scan_folder(data, load_task(plain).task, (), tmp_path / "data-scan", workers=1, progress=QUIET)
    freeze_folder(data, plain, 2026, tmp_path / "list.json")
    held = f"{plain}@{tmp_path / 'list.json'}"
    _, whole, _ = opened(held, data)
    next((data / "train").rglob("*.mp4")).unlink()
    _, less, _ = opened(held, data)
    assert (whole.coverage, less.coverage) == (1.0, pytest.approx(13 / 14))
    # The folders alone cannot tell that anything is missing.
    assert open_reference(load_task(plain).task.model_copy(update={"name": "again"}), data).coverage == 1.0


@pytest.mark.parametrize("name", ["k600-pred-disjoint", "ucf101-gen-fvd", "bair-pred"])
def test_a_miniature_of_each_published_layout_is_frozen(tmp_path, name):
    task = load_task(name).task
    small = {"data": task.data.model_copy(update={"min_coverage": 0.0})}
    (tmp_path / "task.toml").write_text(task_toml(task.model_copy(update=small)))
    size = VideoForm(48, 36, 100, frames_per_second=10) if not name.startswith("bair") else None
    folder = make_folder(task, tmp_path / "data", 3, size)
    plain = str(tmp_path / "task.toml")
    scan_folder(folder.root, load_task(plain).task, (), tmp_path / "scan", workers=1, progress=QUIET)
    frozen = freeze_folder(folder.root, plain, 2026, tmp_path / "list.json")
    split = frozen.splits[task.data.reference_split]
    assert folder.broken.stem not in split.videos
    assert folder.missing not in split.videos
    # The same output folder, so that nothing is decoded again.
    held = load_task(f"{plain}@{tmp_path / 'list.json'}").task
    scan_folder(folder.root, held, (), tmp_path / "scan", workers=1, progress=QUIET)
    reference = open_reference(held, folder.root)
    assert reference.coverage == 1.0
    assert reference.missing == ()
    assert {video.video_id for video in reference.videos} == set(split.videos)
