"""The reader of the Kinetics layout, on miniature copies of common layouts and on the small real dataset."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from vidbench.data.clips import start_draw
from vidbench.data.decode import decode_frames
from vidbench.data.folders.inventory import unmatched_sentence
from vidbench.data.layouts.kinetics import find_kinetics
from vidbench.data.video_training import VideoTrainingClips, _refuse_too_large
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec

SHARED = Path(os.environ.get("VIDBENCH_SHARED", Path(__file__).parents[5] / "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the shared test data is not at {SHARED}")
CLIPS = ClipSpec(num_frames=4, stride=2, height=16, width=16, resize="none", crop="none", clips_per_video=3, seed=5)
SPAN = 7
HEADER = "label,youtube_id,time_start,time_end,split,is_cc"
LABELS = ("yoga", "abseiling", "yoga", "zumba", "abseiling", "NA")


def write_video(path: Path, value: int, count: int = 20, size: int = 16) -> None:
    """Write a lossless video: red encodes the video, green the frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"qp": "0"})
        stream.height = stream.width = size
        stream.pix_fmt = "rgb24"
        for number in range(count):
            image = np.full((size, size, 3), (value, number, 99), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def rows(split: str) -> list[tuple[str, str]]:
    """(label, id) of a split; ids may start with a dash and labels may look like missing values."""
    return [(label, f"-{split}{number:06d}") for number, label in enumerate(LABELS)]


def write_list(root: Path, split: str, entries: list[tuple[str, str]]) -> None:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    lines = [
        HEADER,
        *(f"{label},{name},{number},{number + 10},{split},0" for number, (label, name) in enumerate(entries)),
    ]
    (root / "annotations" / f"{split}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("kinetics")
    write_list(root, "train", rows("train"))
    for number, (label, name) in enumerate(rows("train")):
        write_video(root / "train" / label / f"{name}_{number:06d}_{number + 10:06d}.mp4", 10 * number, 12 + number)
    return root


@pytest.fixture
def root(template, tmp_path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "data"))


def open_kinetics(root: Path, split: str, clips: ClipSpec) -> VideoDataset:
    return VideoDataset(find_kinetics(root, split), clips)


def read_all(dataset: VideoDataset) -> np.ndarray:
    return dataset.read(np.arange(dataset.num_clips))


def by_video(dataset: VideoDataset) -> dict[int, list[int]]:
    """Map the red value of each video to the green values of the first frames of its clips, in plan order."""
    clips = read_all(dataset)
    starts: dict[int, list[int]] = {}
    for red, green in clips[:, 0, 0, 0, :2].tolist():
        starts.setdefault(red, []).append(green)
    return starts


def test_clips_are_the_frames_of_the_plan(root):
    dataset = open_kinetics(root, "train", CLIPS)
    assert dataset.class_names == ("NA", "abseiling", "yoga", "zumba")
    assert (dataset.num_clips, dataset.coverage, dataset.missing) == (18, 1.0, ())
    clips = read_all(dataset)
    assert clips.shape == (18, 4, 16, 16, 3)
    assert clips.dtype == np.uint8
    np.testing.assert_array_equal(np.diff(clips[:, :, 0, 0, 1].astype(int), axis=1), 2)
    assert (clips == clips[:, :, :1, :1]).all()  # all pixels of a frame are equal
    numbers = clips[:, 0, 0, 0, 0] // 10
    np.testing.assert_array_equal(dataset.labels, [dataset.class_names.index(LABELS[number]) for number in numbers])
    for number, (_, name) in enumerate(rows("train")):
        draws = [start_draw(f"{name}_{number:06d}_{number + 10:06d}", 5, window) for window in range(3)]
        expected = [draw * (12 + number - SPAN + 1) // 2**64 for draw in draws]
        assert by_video(dataset)[10 * number] == expected
        np.testing.assert_array_equal(dataset.starts(number), expected)


def test_reading_does_not_depend_on_order_or_batches(root):
    clips = read_all(open_kinetics(root, "train", CLIPS))
    dataset = open_kinetics(root, "train", CLIPS)
    indices = np.random.default_rng(0).permutation(18)
    for part in np.array_split(indices, 5):
        np.testing.assert_array_equal(dataset.read(part), clips[part])
    np.testing.assert_array_equal(dataset.read(np.array([4, 4, 2])), clips[[4, 4, 2]])
    assert dataset.read(np.array([], dtype=np.int64)).shape == (0, 4, 16, 16, 3)
    with pytest.raises(IndexError):
        dataset.read(np.array([-1]))


def test_reading_is_the_same_when_nothing_fits_into_the_cache(root, monkeypatch):
    clips = read_all(open_kinetics(root, "train", CLIPS))
    monkeypatch.setattr("vidbench.data.videos._CACHE_BYTES", 2 * clips[0].nbytes)
    dataset = open_kinetics(root, "train", CLIPS)
    np.testing.assert_array_equal(read_all(dataset), clips)
    assert len(dataset._cache) <= 2


def test_a_missing_video_takes_its_clips_away_and_moves_no_other(root):
    whole = open_kinetics(root, "train", CLIPS)
    clips = read_all(whole)
    gone = root / "train" / "zumba" / "-train000003_000003_000013.mp4"
    gone.unlink()
    part = open_kinetics(root, "train", CLIPS)
    assert part.coverage == pytest.approx(5 / 6)
    assert part.missing == (gone.stem,)
    assert part.class_names == whole.class_names
    np.testing.assert_array_equal(part.plan_positions, np.flatnonzero(clips[:, 0, 0, 0, 0] != 30))
    np.testing.assert_array_equal(read_all(part), clips[part.plan_positions])
    np.testing.assert_array_equal(part.labels, whole.labels[part.plan_positions])


def test_flat_folders_other_suffixes_and_macos_litter(root):
    whole = open_kinetics(root, "train", CLIPS)
    clips, identity = read_all(whole), whole.identity_sha256
    for path in sorted((root / "train").glob("*/*.mp4")):
        shutil.move(path, root / "train" / path.name)
        (root / "train" / f"._{path.name}").write_bytes(b"\0\5\26\7")
    (root / "train" / ".DS_Store").touch()
    (root / "train" / "unlisted_000000_000010.mp4").touch()
    renamed = root / "train" / "-train000001_000001_000011.mp4"
    renamed.rename(renamed.with_suffix(".MP4"))
    flat = open_kinetics(root, "train", CLIPS)
    assert (flat.coverage, flat.identity_sha256) == (1.0, identity)
    np.testing.assert_array_equal(read_all(flat), clips)


def test_identity_follows_bytes_and_plan_and_nothing_else(root, tmp_path):
    identity = open_kinetics(root, "train", CLIPS).identity_sha256
    moved = tmp_path / "elsewhere"
    shutil.copytree(root, moved, copy_function=shutil.copyfile)
    entries = rows("train")
    lines = (moved / "annotations" / "train.csv").read_text().splitlines()
    (moved / "annotations" / "train.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    for path in (moved / "train").glob("*/*.mp4"):
        os.utime(path, (1, 1))
        path.rename(moved / "train" / path.name)
    shuffled = open_kinetics(moved, "train", CLIPS)
    assert shuffled.identity_sha256 == identity
    np.testing.assert_array_equal(read_all(shuffled), read_all(open_kinetics(root, "train", CLIPS)))

    for change in ({"seed": 6}, {"stride": 1}, {"clips_per_video": 2}, {"resize": "pil-box"}):
        assert open_kinetics(root, "train", CLIPS.model_copy(update=change)).identity_sha256 != identity
    context = CLIPS.model_copy(update={"context_frames": 2})
    assert open_kinetics(root, "train", context).identity_sha256 == identity
    write_video(root / "train" / "NA" / f"{entries[5][1]}_000005_000015.mp4", 51, 17)
    assert open_kinetics(root, "train", CLIPS).identity_sha256 != identity


def test_class_numbers_are_those_of_all_lists_together(root):
    write_list(root, "val", [("zumba", "val00000000"), ("baking", "val00000001")])
    for number in range(2):
        write_video(root / "val" / f"val0000000{number}_{number:06d}_{number + 10:06d}.mp4", number)
    (root / "annotations" / "test.csv").write_text("youtube_id,time_start,time_end,split\nabc,0,10,test\n")
    train, val = (open_kinetics(root, split, CLIPS) for split in ("train", "val"))
    assert train.class_names == val.class_names == ("NA", "abseiling", "baking", "yoga", "zumba")
    assert sorted(set(val.labels.tolist())) == [2, 4]


def test_without_lists_the_class_folders_are_the_list(root):
    whole = open_kinetics(root, "train", CLIPS)
    clips = read_all(whole)
    shutil.rmtree(root / "annotations")
    write_video(root / "test" / "baking" / "other_000000_000010.mp4", 200)
    (root / "empty").mkdir()
    dataset = open_kinetics(root, "train", CLIPS)
    assert dataset.class_names == ("NA", "abseiling", "baking", "yoga", "zumba")
    assert dataset.coverage == 1.0
    np.testing.assert_array_equal(read_all(dataset), clips)
    assert [dataset.class_names[label] for label in dataset.labels] == [
        whole.class_names[label] for label in whole.labels
    ]


@pytest.fixture
def without_lists(root) -> Path:
    shutil.rmtree(root / "annotations")
    write_video(root / "val" / "yoga" / "v_000000_000010.mp4", 0)
    return root


def test_without_lists_other_splits_name_classes_and_are_not_judged(without_lists):
    root = without_lists
    (root / "train" / "poster.jpg").touch()
    (root / "train" / "yoga" / "thumb.png").touch()
    (root / "raw" / "a" / "b").mkdir(parents=True)
    (root / "raw" / "a" / "b" / "z.mp4").touch()
    (root / "raw" / "a" / ".hidden.mp4").touch()
    (root / "raw" / "a" / "folder.mp4").mkdir()
    (root / "raw" / "gone").symlink_to("nowhere")
    assert find_kinetics(root, "val").class_names == ("NA", "abseiling", "yoga", "zumba")
    (root / "raw" / "baking").mkdir()
    (root / "raw" / "baking" / "c.MKV").touch()
    names = ("NA", "abseiling", "baking", "yoga", "zumba")
    assert find_kinetics(root, "val").class_names == names
    refusal(lambda: find_kinetics(root, "train"), names=("poster.jpg", "--ignore"))
    train = find_kinetics(root, "train", ("*.jpg", "*.png"))
    assert (train.class_names, train.labels["-train000003_000003_000013"]) == (names, 4)
    # A pattern leaves out a folder of the data, of a split, or in a class.
    for pattern in ("raw", "baking", "baking/*", "c.*"):
        left = find_kinetics(root, "val", (pattern, "none"))
        assert left.class_names == ("NA", "abseiling", "yoga", "zumba"), pattern
        assert unmatched_sentence((pattern, "none"), left.unused) == "Nothing matches --ignore 'none'."


def test_without_lists_a_class_folder_of_another_split_that_cannot_be_read_is_refused(without_lists, monkeypatch):
    """Its class would be missing, and every later class would have another number."""
    root, iterdir = without_lists, Path.iterdir

    def refusing(path):
        if path == root / "train" / "abseiling":
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refusing)
    refusal(lambda: find_kinetics(root, "val"), names=("train/abseiling", "Permission denied", "--ignore"))
    assert find_kinetics(root, "val", ("abseiling",)).class_names == ("NA", "yoga", "zumba")
    monkeypatch.undo()
    (root / "train" / "zum\nba").mkdir()
    (root / "train" / "zum\nba" / "a.mp4").touch()
    refusal(lambda: find_kinetics(root, "val"), names=("line break", "zum"))


def test_two_lists_of_one_split_are_refused(root):
    """Labels would come from one, and the result would name the other."""
    (root / "annotations" / "train.CSV").write_text(f"{HEADER}\nzumba,-train000000,0,10,train,0\n")
    refusal(lambda: open_kinetics(root, "train", CLIPS), names=("train.CSV", "train.csv", "keep one"))


def refusal(function, *, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        function()
    message = str(caught.value)
    assert all(name in message for name in names), message
    assert "\n" not in message


def test_folders_that_cannot_be_used_say_what_to_do(root, tmp_path):
    refusal(lambda: open_kinetics(tmp_path / "none", "train", CLIPS), names=("none", "--data"))
    refusal(lambda: open_kinetics(root, "val", CLIPS), names=("'val'", "'train'", "--data"))
    (root / "val").mkdir()
    refusal(lambda: open_kinetics(root, "val", CLIPS), names=("val", "no videos"))
    write_video(root / "val" / "x_000000_000010.mp4", 0, 8)
    refusal(lambda: open_kinetics(root, "val", CLIPS), names=("val.csv", "train.csv"))
    write_list(root, "val", [("yoga", "abc")])
    refusal(lambda: open_kinetics(root, "val", CLIPS), names=("None of the 1", "val.csv", "abc_000000_000010.mp4"))
    shutil.rmtree(root / "annotations")
    refusal(lambda: open_kinetics(root, "val", CLIPS), names=("x_000000_000010.mp4", "val.csv"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("label,youtube_id,time_end,split\na,b,1,train\n", ("'time_start'",)),
        ("youtube_id,time_start,time_end,split\nb,0,1,train\n", ("'label'",)),
        (f"{HEADER}\nyoga,abc,0,10,train,0\nyoga,abc,0,10,train,0\n", ("abc_000000_000010", "line 3")),
        (f"{HEADER}\nyoga,abc,soon,10,train,0\n", ("'soon'", "line 2")),
        (f"{HEADER}\n,abc,0,10,train,0\n", ("no label", "line 2")),
        (f"{HEADER}\n", ("no video",)),
        (f'{HEADER}\nyoga,"a\nbc",0,10,train,0\n', ("Line 2 of the list", "line break in its name, 'a\\nbc'")),
        (f"{HEADER}\nyoga,{'a' * 201},0,10,train,0\n", ("Line 2 of the list", "more than 200 characters")),
        (f'{HEADER}\n"yo\nga",abc,0,10,train,0\n', ("'yo\\nga'",)),
        (f'{HEADER}\nyoga,abc,"0\n{"1" * 99}",10,train,0\n', (f"'0\\n{'1' * 48}' for a time in line 2",)),
        (f"{HEADER}\nyoga,abc,0,10,train,0,1\n", (f"more cells than the {HEADER.count(',') + 1} of its header",)),
        ("label,youtube_id,time_start,time_end\nyoga,abc,0,10,1\nzumba,abd,0,10,2\n", ("more cells than the 4",)),
        ("", ("not a readable CSV",)),
        ('a,b\n"1,2\n3', ("not a readable CSV",)),
    ],
)
def test_lists_that_cannot_be_used_name_the_place(root, text, names):
    (root / "annotations" / "train.csv").write_text(text)
    refusal(lambda: open_kinetics(root, "train", CLIPS), names=("train.csv", *names))


def test_a_video_found_twice_is_refused(root):
    name = "-train000001_000001_000011"
    write_video(root / "train" / "zumba" / f"{name}.mkv", 0)
    refusal(lambda: open_kinetics(root, "train", CLIPS), names=(name, ".mkv", ".mp4", "keep one"))


def test_videos_that_cannot_be_used_are_named_when_read(root):
    path = root / "train" / "yoga" / "-train000000_000000_000010.mp4"
    write_video(path, 0, SPAN - 1)
    dataset = open_kinetics(root, "train", CLIPS)
    refusal(lambda: read_all(dataset), names=(path.name, "6", "7"))
    refusal(lambda: VideoTrainingClips(open_kinetics(root, "train", CLIPS), seed=0), names=(path.name, "6", "7"))
    path.write_bytes(b"broken")
    refusal(lambda: read_all(open_kinetics(root, "train", CLIPS)), names=(path.name, "cannot be decoded"))
    write_video(path, 0, 20, size=24)
    refusal(lambda: read_all(open_kinetics(root, "train", CLIPS)), names=(path.name, "24x24", "16x16"))
    fitted = CLIPS.model_copy(update={"resize": "pil-box"})
    assert read_all(open_kinetics(root, "train", fitted)).shape == (18, 4, 16, 16, 3)


def test_training_draws_are_a_function_of_seed_and_step(root):
    training = VideoTrainingClips(open_kinetics(root, "train", CLIPS), seed=1)
    assert training.num_videos == 6
    clips, labels = training.draw(3, 64)
    assert clips.shape == (64, 4, 16, 16, 3)
    assert clips.dtype == np.uint8
    again, labels_again = VideoTrainingClips(open_kinetics(root, "train", CLIPS), seed=1).draw(3, 64)
    np.testing.assert_array_equal(clips, again)
    np.testing.assert_array_equal(labels, labels_again)
    np.testing.assert_array_equal(training.draw(3, 8)[0], clips[:8])
    assert (training.draw(4, 64)[0] != clips).any()
    assert (VideoTrainingClips(open_kinetics(root, "train", CLIPS), seed=2).draw(3, 64)[0] != clips).any()


def test_training_reaches_every_start_of_every_video_alike(root):
    clips, labels = VideoTrainingClips(open_kinetics(root, "train", CLIPS), seed=0).draw(0, 12000)
    np.testing.assert_array_equal(np.diff(clips[:, :, 0, 0, 1].astype(int), axis=1), 2)
    numbers = clips[:, 0, 0, 0, 0] // 10
    names = open_kinetics(root, "train", CLIPS).class_names
    np.testing.assert_array_equal(labels, [names.index(LABELS[number]) for number in numbers])
    for number in range(6):
        starts = clips[numbers == number, 0, 0, 0, 1]
        assert abs(len(starts) - 2000) < 200
        counts = np.bincount(starts, minlength=12 + number - SPAN + 1)
        assert len(counts) == 12 + number - SPAN + 1
        assert counts.min() > 0.7 * len(starts) / len(counts)


def test_training_data_beyond_the_memory_is_refused_early():
    _refuse_too_large(4 << 20, 64, 1000)
    _refuse_too_large(1 << 30, 1, 100)  # one long video is not conclusive
    refusal(lambda: _refuse_too_large(4 << 30, 64, 1000), names=("1000", "62.5 GiB", "16 GiB"))
    refusal(lambda: _refuse_too_large(17 << 30, 3, 1000), names=("16 GiB",))


@needs_shared
def test_the_small_real_data_set_under_its_example_task():
    task = load_task(str(Path(__file__).parents[4] / "examples" / "tasks" / "weizmann.toml")).task
    assert (task.evaluation.num_samples, task.reference.num_clips) == (128, "all")
    clips = task.clips
    test = open_kinetics(SHARED / "weizmann", "test", clips)
    assert test.class_names == ("bending", "jumping jacks", "waving one hand", "waving two hands")
    assert (test.num_clips, test.coverage) == (128, 1.0)
    np.testing.assert_array_equal(np.bincount(test.labels), [32, 32, 32, 32])
    assert open_kinetics(SHARED / "weizmann", "train", clips).num_clips == 448
    batch = test.read(np.arange(16))
    path, start = test.videos[test._video_of[3]].path, test.starts(int(test._video_of[3]))[test._number_of[3]]
    np.testing.assert_array_equal(batch[3], decode_frames(path)[start : start + 12])
    assert np.abs(np.diff(batch.astype(int), axis=1)).mean() > 0.5  # people move


@needs_shared
def test_a_real_kinetics_clip_is_cropped_and_resized(tmp_path):
    folder = tmp_path / "val" / "flipping pancake"
    folder.mkdir(parents=True)
    shutil.copyfile(SHARED / "clips" / "kinetics_flipping_a_pancake.mkv", folder / "abc_000000_000010.mkv")
    clips = ClipSpec(num_frames=5, stride=2, height=64, width=64, resize="pil-lanczos", crop="center")
    clip = open_kinetics(tmp_path, "val", clips).read(np.array([0]))[0]
    start = open_kinetics(tmp_path, "val", clips).starts(0)[0]
    full = decode_frames(folder / "abc_000000_000010.mkv", start + 2 * np.arange(5))
    # 240 pixels become 64, so columns 24 to 40 are the source's 90 to 150 after the crop.
    square = full[:, 90:150, 93 + 90 : 93 + 150].mean((1, 2))
    centre = clip[:, 24:40, 24:40].mean((1, 2))
    assert clip.shape == (5, 64, 64, 3)
    assert np.abs(square - centre).max() < 2
