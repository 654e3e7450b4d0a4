"""SkyTimelapse, Cityscapes, FaceForensics, TaiChi-HD and KTH, on miniatures with the faults of each.

Frames are coded: red tells the clip, green the number in the frame's name, so that a clip says where it was taken from.
"""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vidbench.data.layouts.test_layouts import refusal, write_video
from vidbench.data.layouts import find_listing
from vidbench.data.layouts.cityscapes import find_cityscapes
from vidbench.data.layouts.faceforensics import find_faceforensics
from vidbench.data.layouts.frame_files import source_state
from vidbench.data.layouts.kth import ACTIONS, PERSONS, find_kth
from vidbench.data.layouts.sky_timelapse import find_sky_timelapse
from vidbench.data.layouts.taichi_hd import find_taichi_hd
from vidbench.data.miniature.made_folders import make_folder
from vidbench.data.miniature.made_videos import VideoForm
from vidbench.data.scan.scan import Scan, scan_folder
from vidbench.data.scan.scanned import last_scan
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec, Task

CLIPS = ClipSpec(num_frames=3, height=16, width=16, resize="none", crop="none", stride=2)
SPLITS = {
    "sky-timelapse": ("train", "test"),
    "faceforensics": ("train", "test"),
    "taichi-hd": ("train", "test"),
    "kth": ("persons01-20", "persons21-25"),
    "cityscapes": ("train", "test"),
}


def write_frame(path: Path, red: int, green: int, size: tuple[int, int] = (16, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (red, green, 99)).save(
        path, **({"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {})
    )


def sky(root: Path, split: str = "sky_train") -> Path:
    """Two clips of one video and one of another, of 8, 2 and 12 frames, and a folder without a clip."""
    for red, (clip, count) in enumerate({"07U1fSrk9oI_1": 8, "07U1fSrk9oI_2": 2, "zz-_9_x_3": 12}.items(), start=1):
        source = clip.rpartition("_")[0]
        for frame in range(count):
            write_frame(root / split / source / clip / f"{source}_frames_{frame + 95:08d}.jpg", 60 * red, frame)
    (root / split / "z6Yr7KDZhm0").mkdir()
    return root


def task_on(dataset: str, train: str, test: str, clips: ClipSpec) -> Task:
    shipped = load_task("shapes-pred").task
    data = {"dataset": dataset, "train_split": train, "reference_split": test, "evaluation_split": test}
    return shipped.model_copy(update={"data": shipped.data.model_copy(update=data), "clips": clips})


def scanned(root: Path, task: Task, output: Path) -> Scan:
    return scan_folder(root, task, (), output, workers=1, progress=Progress(enabled=False))


def test_clips_are_frames_by_their_numbers(tmp_path):
    listing = find_sky_timelapse(sky(tmp_path), "train")
    assert (tuple(listing.labels), dict(listing.unused)) == (
        ("07U1fSrk9oI_1", "07U1fSrk9oI_2", "zz-_9_x_3"),
        {"empty folder": 1},
    )
    assert listing.coverage == 3 / 2392
    assert [source.count() for source in listing.sources.values()] == [8, 2, 12]
    # The archive itself, or a flat copy of the clips, is the same data.
    shutil.copytree(tmp_path / "sky_train", tmp_path / "b" / "sky_timelapse" / "sky_train")
    for clip in tuple((tmp_path / "sky_train").glob("*/*")):
        shutil.copytree(clip, tmp_path / "c" / "train" / clip.name)
    kept = [name for name in listing.labels if name != "07U1fSrk9oI_2"]
    identities = set()
    for root in (tmp_path, tmp_path / "b", tmp_path / "c"):
        dataset = VideoDataset(find_listing("sky-timelapse", root, "train", ["07U1fSrk9oI_2"]), CLIPS)
        identities.add(dataset.identity_sha256)
        assert [video.video_id for video in dataset.videos] == kept
        for clip, video in zip(dataset.read(np.arange(2)), dataset._video_of, strict=True):
            start = dataset.starts(int(video))[0]
            found = clip[:, 8, 8].astype(int)
            assert np.abs(found[:, 0] - (60, 180)[int(video)]).max() <= 2
            assert np.abs(found[:, 1] - (start + np.array([0, 2, 4]))).max() <= 2
    assert len(identities) == 1


def test_a_clip_that_is_too_short_is_named(tmp_path):
    dataset = VideoDataset(find_sky_timelapse(sky(tmp_path), "train"), CLIPS)
    refusal(lambda: dataset.read(np.arange(3)), "07U1fSrk9oI_2", "has 2 frames", "covers 5")


def test_damage_in_one_frame_is_a_problem_of_its_clip(tmp_path):
    folder = sky(tmp_path / "data") / "sky_train"
    sky(tmp_path / "data", "sky_test")
    task = task_on("sky-timelapse", "train", "train", CLIPS)
    path = folder / "zz-_9_x" / "zz-_9_x_3" / "zz-_9_x_frames_00000100.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    (folder / "07U1fSrk9oI" / "07U1fSrk9oI_1" / "07U1fSrk9oI_frames_00000097.jpg").unlink()
    outcome = scanned(tmp_path / "data", task, tmp_path / "scan")
    assert [(problem.id, problem.problem) for problem in outcome.problems] == [
        ("07U1fSrk9oI_1", "unreadable"),
        ("07U1fSrk9oI_2", "too short"),
        ("zz-_9_x_3", "unreadable"),
    ]
    assert "00000098.jpg' follows" in outcome.problems[0].reason
    assert path.name in outcome.problems[2].reason
    # A frame of another size.
    write_frame(path, 1, 1, (16, 12))
    reasons = {problem.id: problem.reason for problem in scanned(tmp_path / "data", task, tmp_path / "scan").problems}
    assert "16x12 pixels where an earlier one of its video is 16x16" in reasons["zz-_9_x_3"]


def test_a_changed_frame_changes_the_state_and_the_scan_no_longer_holds(tmp_path):
    root = sky(tmp_path / "data")
    shutil.rmtree(root / "sky_train" / "07U1fSrk9oI" / "07U1fSrk9oI_2")
    task = task_on("sky-timelapse", "train", "train", CLIPS)
    assert not scanned(root, task, tmp_path / "scan").problems
    sources = find_sky_timelapse(root, "train").sources
    scan = last_scan(root, task)
    before = VideoDataset(find_sky_timelapse(root, "train"), CLIPS)
    digests = scan.unchanged("train", sources)
    assert digests == {name: source.sha256() for name, source in sources.items()}
    before.vouch(scan.manifest_sha256, digests)
    path = root / "sky_train" / "zz-_9_x" / "zz-_9_x_3" / "zz-_9_x_frames_00000101.jpg"
    state = source_state(sources["zz-_9_x_3"])
    write_frame(path, 0, 0)
    assert source_state(sources["zz-_9_x_3"]) != state
    refusal(lambda: scan.unchanged("train", sources), "1 files", "zz-_9_x_3")
    refusal(lambda: before.read(np.arange(2)), "zz-_9_x_3", "changed while it was in use")
    path.unlink()
    refusal(lambda: source_state(sources["zz-_9_x_3"]), path.name)


def test_a_folder_of_frames_that_is_not_sky_timelapse_is_refused(tmp_path):
    root = sky(tmp_path)
    refusal(lambda: find_sky_timelapse(root, "val"), "no split 'val'")
    refusal(lambda: find_sky_timelapse(tmp_path / "none", "train"), "does not exist")
    (root / "train").mkdir()
    refusal(lambda: find_sky_timelapse(root, "train"), "is in both", "keep one")
    shutil.rmtree(root / "sky_train")
    refusal(lambda: find_sky_timelapse(root, "train"), "contains no frames")
    write_frame(root / "train" / "clip" / "0.jpg", 0, 0)
    refusal(lambda: find_sky_timelapse(root, "train"), "not named like a clip", "--ignore 'clip'")
    write_frame(root / "train" / "0.jpg", 0, 0)
    refusal(lambda: find_sky_timelapse(root, "train"), "in no folder of its own video")
    (root / "train" / "0.mp4").touch()
    refusal(lambda: find_sky_timelapse(root, "train"), "0.mp4", "is a media file")
    (root / "train" / "0.mp4").unlink()
    sky(root / "two")
    (root / "two" / "sky_train" / "07U1fSrk9oI" / "07U1fSrk9oI_1").rename(
        root / "two" / "sky_train" / "z6Yr7KDZhm0" / "zz-_9_x_3"
    )
    refusal(lambda: VideoDataset(find_sky_timelapse(root / "two", "train"), CLIPS), "zz-_9_x_3", "is there twice")


def cityscapes(root: Path) -> Path:
    """Three snippets: two that follow each other in one recording, and one far behind them."""
    for red, (city, recording, first) in enumerate((("ulm", 0, 0), ("ulm", 0, 30), ("ulm", 0, 640), ("bonn", 3, 0))):
        for frame in range(first, first + 30):
            name = f"{city}_{recording:06d}_{frame:06d}_leftImg8bit.png"
            write_frame(root / "leftImg8bit_sequence" / "val" / city / name, red, frame % 256)
    return root


def test_snippets_share_a_folder_and_are_named_by_their_twentieth_frame(tmp_path):
    root = cityscapes(tmp_path)
    listing = find_cityscapes(root, "val")
    assert tuple(listing.labels) == (
        "bonn_000003_000019",
        "ulm_000000_000019",
        "ulm_000000_000049",
        "ulm_000000_000659",
    )
    assert listing.coverage == 4 / 500
    dataset = VideoDataset(listing, ClipSpec(num_frames=30, height=16, width=16, resize="none", crop="none"))
    where = {
        "bonn_000003_000019": (3, 0),
        "ulm_000000_000019": (0, 0),
        "ulm_000000_000049": (1, 30),
        "ulm_000000_000659": (2, 640),
    }
    for clip_id, clip in zip(dataset.clip_ids(np.arange(4)), dataset.read(np.arange(4)), strict=True):
        red, first = where[clip_id.removesuffix("#0")]
        assert (clip[..., 0] == red).all()
        np.testing.assert_array_equal(clip[:, 0, 0, 1], np.arange(first, first + 30) % 256)
    assert pickle.loads(pickle.dumps(listing.sources)) == listing.sources  # to the workers of a scan


def test_a_snippet_without_all_its_frames_is_named_and_moves_no_other(tmp_path):
    folder = cityscapes(tmp_path) / "leftImg8bit_sequence" / "val" / "ulm"
    (folder / "ulm_000000_000010_leftImg8bit.png").unlink()
    (folder / "ulm_000000_000669_leftImg8bit.png").unlink()
    listing = find_cityscapes(tmp_path / "leftImg8bit_sequence", "val")
    assert len(listing.labels) == 4
    counts = {}
    for name, source in listing.sources.items():
        try:
            counts[name] = source.count()
        except InputError as error:
            counts[name] = str(error)
    assert counts["ulm_000000_000049"] == counts["bonn_000003_000019"] == 30
    for name in ("ulm_000000_000019", "ulm_000000_000659"):
        assert "has 29 of its 30 frames" in counts[name]


def test_frames_under_other_names_are_refused(tmp_path):
    root = cityscapes(tmp_path)
    folder = root / "leftImg8bit_sequence" / "val"
    refusal(lambda: find_cityscapes(root, "test"), "no split 'test'", "found: 'val'")
    write_frame(folder / "ulm" / "bonn_000000_000000_leftImg8bit.png", 0, 0)
    refusal(lambda: find_cityscapes(root, "val"), "bonn_000000_000000", "is not named like")
    (folder / "ulm" / "bonn_000000_000000_leftImg8bit.png").unlink()
    write_frame(folder / "ulm" / "cover.png", 0, 0)
    refusal(lambda: find_cityscapes(root, "val"), "cover.png", "--ignore 'cover.png'")
    assert len(find_cityscapes(root, "val", ["cover.png"]).labels) == 4
    shutil.rmtree(folder / "ulm")
    shutil.rmtree(folder / "bonn")
    refusal(lambda: find_cityscapes(root, "val"), "There are no files like")


def test_cropped_faces_are_videos_or_folders_and_the_originals_are_refused(tmp_path):
    videos, folders = tmp_path / "a" / "preprocess_ffs" / "train", tmp_path / "b" / "train"
    for red, name in enumerate(("aS62n5PdTIU_1_8WGsQ0Y7uyU_1", "qEnKi82wWgE_2_rJPM8EdWShs_1")):
        write_video(videos / "videos" / f"{name}.mp4", red)
        for frame in range(5):
            write_frame(folders / name / f"{frame:06d}.jpg", red, frame)
    for root in (tmp_path / "a", tmp_path / "b"):
        listing = find_faceforensics(root, "train")
        assert tuple(listing.labels) == ("aS62n5PdTIU_1_8WGsQ0Y7uyU_1", "qEnKi82wWgE_2_rJPM8EdWShs_1")
        assert (listing.coverage, {source.count() for source in listing.sources.values()}) == (1.0, {5})
    write_video(folders / "x.mp4", 0)
    refusal(lambda: find_faceforensics(tmp_path / "b", "train"), "holds video files", "keep one")
    (tmp_path / "b" / "val" / "original").mkdir(parents=True)
    refusal(lambda: find_faceforensics(tmp_path / "b", "val"), "uncropped", "preprocess_ffs.py")
    (tmp_path / "b" / "test").mkdir()
    refusal(lambda: find_faceforensics(tmp_path / "b", "test"), "contains neither")


HEAD = "video_id,start,end,bbox,fps,width,height,partition\n"


def test_the_list_of_taichi_decides_what_is_official(tmp_path):
    names = ("-bGAufK8o#000261#000596", "-bGAufK8o#001000#001128")
    for red, name in enumerate(names):
        write_video(tmp_path / "train" / f"{name}.mp4", red)
        for frame in range(5):
            write_frame(tmp_path / "b" / "frames" / "train" / f"{name}.mp4" / f"{frame:07d}.png", red, frame)
    bare, frames = find_taichi_hd(tmp_path, "train"), find_taichi_hd(tmp_path / "b", "train")
    assert tuple(bare.labels) == tuple(frames.labels) == names
    assert bare.coverage == 2 / 3049
    path = tmp_path / "taichi-metadata.csv"
    rows = "-bGAufK8o,1000,1128,1-2-3-4,29.97,640,480,train\nlost,0,130,1-2-3-4,25.0,640,480,train\nelse,0,130,1-2-3-4,25.0,640,480,test\n"
    path.write_text(HEAD + rows)
    listing = find_taichi_hd(tmp_path, "train")
    assert (tuple(listing.labels), tuple(listing.sources)) == ((names[1], "lost#000000#000130"), (names[1],))
    assert (listing.missing, listing.coverage) == (("lost#000000#000130",), 0.5)
    assert dict(listing.unused) == {"not on the list": 1}
    for text, *words in (
        ("video_id,start\na,1\n", "no column 'end'"),
        (HEAD + "a,x,3,b,1,1,1,train\n", "Line 2", "no first and last frame"),
        (HEAD + "a,1,3,b,1,1,1,train\n" * 2, "names the clip 'a#000001#000003' twice", "line 3"),
        (HEAD + "a,1,3,b,1,1,1,test\n", "names no clip of split 'train'"),
        (HEAD + "a,1,3,b,1,1,1,train\n", "None of the 1 clips", "a#000001#000003.mp4"),
    ):
        path.write_text(text)
        refusal(lambda: find_taichi_hd(tmp_path, "train"), *words)
    (tmp_path / "test").mkdir()
    path.unlink()
    refusal(lambda: find_taichi_hd(tmp_path, "test"), "contains neither")


def kth(root: Path, lines: list[str]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "00sequences.txt").write_text(
        "\n".join(["KTH actions: 25 persons.", " Training:   person11, 12, 13", "", *lines]) + "\n"
    )
    return root


def test_persons_divide_kth_and_the_missing_video_is_not_official(tmp_path):
    names = [f"person{person:02d}_{action}_d1" for person in (1, 13, 20, 21, 25) for action in ACTIONS[:2]]
    root = kth(
        tmp_path, [f"{name}\t\tframes\t1-95, 96-185" for name in names] + ["person13_handclapping_d3\t\t*missing*"]
    )
    for red, name in enumerate(names[:-1]):
        write_video(root / name.split("_")[1] / f"{name}_uncomp.mp4", red)
    listing = find_kth(root, "persons01-20")
    assert tuple(listing.labels) == tuple(names[:6])
    assert (listing.class_names, list(listing.labels.values())) == (ACTIONS, [0, 1] * 3)
    held_out = find_kth(root, "persons21-25")
    assert (held_out.missing, held_out.coverage) == (("person25_handclapping_d1",), 0.75)
    assert dict(held_out.unused) == {"not on the list": 6}
    assert tuple(find_kth(root, "train").labels) == tuple(names[2:4])
    # The three splits of the list are all persons, and so are the two of prediction papers.
    three = [PERSONS[split] for split in ("train", "validation", "test")]
    assert ([len(persons) for persons in three], frozenset().union(*three)) == ([8, 8, 9], PERSONS["all"])
    assert PERSONS["persons01-20"] ^ PERSONS["persons21-25"] == PERSONS["all"]
    refusal(lambda: find_kth(root, "test"), "names no video of these persons")
    refusal(lambda: find_kth(root, "val"), "no split 'val'", "persons21-25")
    refusal(lambda: find_kth(tmp_path / "none", "all"), "does not exist")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("person01_boxing_d1 frames", "Line 4"),
        ("person01_boxing_d1 frames 1-95; 96-185", "Line 4"),
        ("person26_boxing_d1 frames 1-95", "Line 4"),
        ("person01_bowing_d1 frames 1-95", "Line 4"),
        ("person01_boxing_d1 frames 1-95\nperson01_boxing_d1 frames 1-95", "line 5"),
        ("person01_boxing_d1 frames 1-95", "None of the 1 videos"),
    ],
)
def test_a_list_of_kth_that_is_not_the_published_one_is_refused(tmp_path, line, word):
    refusal(lambda: find_kth(kth(tmp_path, [line]), "all"), word)
    (tmp_path / "00sequences.txt").unlink()
    refusal(lambda: find_kth(tmp_path, "all"), "no '00sequences.txt'")


@pytest.mark.parametrize("dataset", SPLITS)
def test_the_miniature_of_each_layout_is_scanned_with_its_one_fault(tmp_path, dataset):
    task = task_on(dataset, *SPLITS[dataset], CLIPS.model_copy(update={"crop": "center", "resize": "pil-box"}))
    suffix = ".avi" if dataset in ("kth", "faceforensics") else ".mp4"
    form = VideoForm(32, 16, 12, codec="mpeg4" if suffix == ".avi" else "libx264", suffix=suffix)
    made = make_folder(task, tmp_path / "data", 3, form)
    outcome = scanned(made.root, task, tmp_path / "scan")
    assert [Path(problem.path) for problem in outcome.problems] == [made.broken]
    # That of KTH is in the split of training, where the published one is.
    faulty = 0 if dataset == "kth" else 1
    found = [(split.found, split.usable) for split in outcome.splits]
    assert (found[faulty], found[1 - faulty]) == ((4, 3), (3, 3))
    assert outcome.num_missing == (dataset in ("kth", "taichi-hd"))
    listings = [find_listing(dataset, made.root, split) for split in SPLITS[dataset]]
    assert not set(listings[0].sources) & set(listings[1].sources)
    assert made.missing
    assert made.missing not in listings[faulty].sources
    made.remove_broken()
    assert not scanned(made.root, task, tmp_path / "scan").problems
