"""Kinetics-600, UCF-101 and plain folders, on miniature copies with the faults of each."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from vidbench.data import open_evaluation, open_reference, open_split, open_training
from vidbench.data.layouts import READERS
from vidbench.data.layouts.folder import find_folder
from vidbench.data.layouts.kinetics import find_kinetics
from vidbench.data.layouts.kinetics600 import class_names, class_number, find_kinetics600
from vidbench.data.layouts.kinetics600_lists import read_list
from vidbench.data.layouts.ucf101 import find_ucf101
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.tasks import load_task
from vidbench.tasks.datasets import DATASETS
from vidbench.tasks.schema import ClipSpec, DataSpec, Task

CLIPS = ClipSpec(num_frames=3, height=16, width=16, resize="none", crop="none")
CAPITAL, SMALL = "passing American football (in game)", "passing american football (not in game)"
MOUNTAIN = "mountain climber (exercise)"


def write_video(path: Path, value: int, count: int = 5) -> None:
    """Write a lossless video: red encodes the video, green the frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"qp": "0"})
        stream.height = stream.width = 16
        stream.pix_fmt = "rgb24"
        for number in range(count):
            image = np.full((16, 16, 3), (value, number, 99), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def refusal(function, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        function()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def video_id(number: int) -> str:
    """Return an id like those of YouTube: eleven characters, some of them dashes and underscores."""
    return f"-_{number:09d}"


def name_of(number: int, start: int = 0) -> str:
    return f"{video_id(number)}_{start:06d}_{start + 10:06d}"


def csv(labels: dict[int, str | None], header: str = "label,youtube_id,time_start,time_end,split") -> str:
    def row(number: int, label: str | None) -> str:
        return ",".join([*([] if label is None else [label]), video_id(number), "0", "10", "val"])

    return "\n".join([header, *(row(*item) for item in labels.items())]) + "\n"


def official(skip: str | None = None) -> dict[int, str]:
    """One video per class, numbered like the class."""
    return {number: label for number, label in enumerate(class_names()) if label != skip}


def underscores(label: str) -> str:
    return label.replace(" ", "_")


def torchvision(label: str) -> str:
    return label.replace(" ", "_").replace("'", "").replace("(", "").replace(")", "")


def small(label: str) -> str:
    return label.lower()


@pytest.fixture
def k600(tmp_path) -> Path:
    """A flat val folder with two videos, and no list."""
    for number in (class_names().index(CAPITAL), class_names().index(MOUNTAIN)):
        write_video(tmp_path / "val" / f"{name_of(number)}.mp4", number % 256)
    (tmp_path / "annotations").mkdir()
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / "annotations" / name).write_text(text)


def test_the_class_order_is_the_published_one():
    assert len(set(class_names())) == 600
    assert list(class_names()) == sorted(class_names())
    assert (class_names()[0], class_names()[-1]) == ("abseiling", "zumba")
    assert class_names().index(CAPITAL) < class_names().index(SMALL)


def test_the_class_names_are_the_published_ones(shared):
    assert list(class_names()) == (shared / "facts" / "kinetics600_labels.txt").read_text().splitlines()


@pytest.mark.parametrize("spelling", [str, underscores, torchvision, small])
def test_every_spelling_of_a_label_finds_its_number(spelling):
    assert [class_number(spelling(label)) for label in class_names()] == list(range(600))
    assert class_number("passing American football") is None
    assert class_number(CAPITAL) != class_number(SMALL)


FORMS = {
    "val.txt": lambda labels: csv(labels),
    "val.csv": lambda labels: csv(labels),
    "kinetics-600_val.csv": lambda labels: csv(labels),
    "validate.csv": lambda labels: csv(labels).replace("split\n", "split,is_cc\n").replace(",val\n", ",val,0\n"),
}
PATH_FORMS = {
    "slashes": lambda labels: "".join(f"val/{underscores(label)}/{name_of(n)}.mp4\r\n" for n, label in labels.items()),
    "rows": lambda labels: csv(labels).split("\n", 1)[1],
    "bare": lambda labels: "".join(f"{label}/{name_of(n)}\n\n" for n, label in labels.items()),
}


def check_two_videos(root: Path) -> None:
    listing = find_kinetics600(root, "val")
    assert listing.class_names == class_names()
    assert (len(listing.labels), len(listing.sources)) == (600, 2)
    dataset = VideoDataset(listing, CLIPS)
    clips = dataset.read(np.arange(dataset.num_clips))
    assert sorted(dataset.labels.tolist()) == sorted(class_names().index(label) for label in (CAPITAL, MOUNTAIN))
    np.testing.assert_array_equal(clips[:, 0, 0, 0, 0], dataset.labels % 256)
    assert dataset.coverage == 2 / 600


@pytest.mark.parametrize("name", FORMS)
def test_every_table_is_read(k600, name):
    write(k600, name, FORMS[name](official()))
    check_two_videos(k600)


@pytest.mark.parametrize("form", PATH_FORMS)
def test_lists_without_a_header_are_read(k600, form):
    write(k600, "val.txt", PATH_FORMS[form](official()))
    check_two_videos(k600)


@pytest.mark.parametrize("spelling", [str, underscores, torchvision])
def test_flat_and_per_class_folders_give_the_same_clips(k600, tmp_path, spelling):
    write(k600, "val.txt", csv(official()))
    flat = VideoDataset(find_kinetics600(k600, "val"), CLIPS)
    identity = flat.identity_sha256
    for path in list((k600 / "val").glob("*.mp4")):
        folder = k600 / "val" / spelling(class_names()[int(path.name[2:11])])
        folder.mkdir()
        (folder / f"._{path.name}").write_bytes(b"\0\5\26\7")  # as macOS adds them to archives
        shutil.move(path, folder / path.name)
    (k600 / "val" / "._mountain climber (exercise)").touch()
    assert VideoDataset(find_kinetics600(k600, "val"), CLIPS).identity_sha256 == identity
    check_two_videos(k600)


def test_the_complete_list_is_preferred_and_named(k600):
    write(k600, "val.csv", csv({5: class_names()[5]}))
    write(k600, "val.txt", csv(official()))
    listing = find_kinetics600(k600, "val")
    assert len(listing.labels) == 600
    assert "val.txt" in listing.origin
    check_two_videos(k600)


def test_an_incomplete_list_is_refused_and_named(k600):
    for number in range(600, 650):
        (k600 / "val" / f"{name_of(number)}.mp4").touch()
    write(k600, "val.csv", csv(official()))
    refusal(lambda: find_kinetics600(k600, "val"), "val.csv", "incomplete", "50 of the 52", "'val.txt'")


def test_a_missing_class_is_refused_by_name_and_nothing_is_shifted(k600):
    write(k600, "val.csv", csv(official(skip=MOUNTAIN)))
    refusal(lambda: find_kinetics600(k600, "val"), "val.csv", MOUNTAIN)
    write(k600, "val.csv", csv({number: label for number, label in official().items() if number < 10}))
    refusal(lambda: find_kinetics600(k600, "val"), class_names()[10], "587 more")


def test_lists_that_cannot_be_trusted_name_the_line(k600):
    cases = {
        "https://s3.example.org/600/val/abseiling.tar.gz\n": ("archives", "line 1"),
        f"val/abseiling/{name_of(0)}.mp4 0\n": ("Line 1", "the class number 0 after the path"),
        f"val/abseiling/{name_of(0)}.mp4 train\n": ("Line 1", "ID_SSSSSS_EEEEEE"),
        f"val/abseiling/{name_of(0)}.mp4\nval/{name_of(1)}.mp4\n": ("no class", name_of(1)),
        csv(official()).split("\n", 1)[1] + "abseiling,short,0,10\n": ("Line 601",),
        csv({**official(), 7: "juggling knives"}): ("'juggling knives'", "line 9"),
        csv({**official(), 7: ""}): ("no label", "line 9"),
        "\n": ("names no video",),
    }
    for text, words in cases.items():
        write(k600, "val.txt", text)
        refusal(lambda: find_kinetics600(k600, "val"), "val.txt", *words)


def test_a_video_listed_twice_counts_once(k600):
    again = csv({3: class_names()[4]}).splitlines()[1]
    write(k600, "val.txt", csv(official()) + again + "\n")
    listing = find_kinetics600(k600, "val")
    assert len(listing.labels) == 600
    assert listing.labels[name_of(3)] == 3
    assert "in 1 lines" in listing.remarks[0]


def test_a_test_list_has_no_labels_and_leaves_out_what_is_held_out(k600):
    (k600 / "val").rename(k600 / "test")
    present = [class_names().index(label) for label in (CAPITAL, MOUNTAIN)]
    write(k600, "test.csv", csv(dict.fromkeys(range(600)), header="youtube_id,time_start,time_end,split"))
    listing = find_kinetics600(k600, "test")
    assert (listing.class_names, set(listing.labels.values()), listing.coverage) == ((), {None}, 2 / 600)
    write(k600, "kinetics600_holdout_test.csv", csv({present[0]: CAPITAL, 50: class_names()[50], 700: "abseiling"}))
    listing = find_kinetics600(k600, "test")
    assert (len(listing.labels), len(listing.sources)) == (598, 1)
    assert "2 videos" in listing.remarks[0]
    dataset = VideoDataset(listing, CLIPS)
    assert dataset.labels is None
    assert dataset.read(np.array([0])).shape == (1, 3, 16, 16, 3)


def test_without_a_list_the_class_folders_are_the_list(tmp_path):
    for number, label in official().items():
        path = tmp_path / "val" / torchvision(label) / f"{name_of(number)}.mp4"
        path.parent.mkdir(parents=True)
        path.touch()
    listing = find_kinetics600(tmp_path, "val")
    assert listing.labels == {name_of(number): number for number in range(600)}
    assert "no list" in listing.remarks[0]
    shutil.rmtree(tmp_path / "val" / torchvision(MOUNTAIN))
    refusal(lambda: find_kinetics600(tmp_path, "val"), MOUNTAIN)
    (tmp_path / "val" / "juggling_knives").mkdir()
    refusal(lambda: find_kinetics600(tmp_path, "val"), "juggling_knives", "not named after a class")
    (tmp_path / "val" / "juggling_knives").rmdir()
    (tmp_path / "val" / f"{name_of(1)}.mp4").touch()
    refusal(lambda: find_kinetics600(tmp_path, "val"), "not in a class folder", "val.txt")
    refusal(lambda: find_kinetics600(tmp_path, "validation"), "'validation'", "train, val, test")


CLASSES = ("ApplyEyeMakeup", "HandstandPushups", *(f"Class{number:03d}" for number in range(99)))


@pytest.fixture
def ucf(tmp_path) -> Path:
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("".join(f"{n} {name}\r\n" for n, name in enumerate(CLASSES, 1)))
    for part, group in (("train", 8), ("test", 1)):
        lines = []
        for number, label in enumerate(CLASSES[:2]):
            inside = "HandStandPushups" if number else label
            write_video(tmp_path / "UCF-101" / label / f"v_{inside}_g{group:02d}_c01.avi", 10 * group + number)
            lines.append(f"{label}/v_{label}_g{group:02d}_c01.avi" + (f" {number + 1}" if part == "train" else ""))
        (lists / f"{part}list01.txt").write_text("\r\n".join(lines) + "\r\n")
    return tmp_path


def test_ucf101_splits_classes_and_files(ucf):
    for split, values in (("train01", {80: 0, 81: 1}), ("test01", {10: 0, 11: 1})):
        listing = find_ucf101(ucf, split)
        assert listing.class_names == CLASSES
        dataset = VideoDataset(listing, CLIPS)
        assert (dataset.num_clips, dataset.coverage) == (2, 1.0)
        reds = dataset.read(np.arange(2))[:, 0, 0, 0, 0].tolist()
        assert {red: int(label) for red, label in zip(reds, dataset.labels, strict=True)} == values
    whole = find_ucf101(ucf, "all")
    assert len(whole.labels) == 4
    assert set(whole.labels.values()) == {0, 1}


def test_ucf101_re_encoded_and_elsewhere(ucf):
    for path in (ucf / "UCF-101").glob("*/*.avi"):
        path.rename(path.with_suffix(".mp4"))
    for path in (ucf / "UCF-101").iterdir():
        path.rename(ucf / path.name)
    for path in (ucf / "ucfTrainTestlist").iterdir():
        path.rename(ucf / path.name)
    assert len(find_ucf101(ucf, "all").sources) == 4
    (ucf / "ApplyEyeMakeup" / "v_ApplyEyeMakeup_g08_c01.mp4").unlink()
    assert find_ucf101(ucf, "train01").missing == ("v_ApplyEyeMakeup_g08_c01",)


def test_ucf101_lists_that_cannot_be_used(ucf):
    lists = ucf / "ucfTrainTestlist"

    def with_text(name: str, text: str, *words: str, split: str = "train01") -> None:
        kept = (lists / name).read_text()
        (lists / name).write_text(text)
        refusal(lambda: find_ucf101(ucf, split), name, *words)
        (lists / name).write_text(kept)

    numbered = [f"{number} {name}\n" for number, name in enumerate(CLASSES, 1)]
    with_text("classInd.txt", "".join(f"{n} {name}\n" for n, name in enumerate(CLASSES)), "from 1 to 101", "0, 101")
    with_text("classInd.txt", "".join(numbered[:50] + numbered[51:]), "wrong numbers: 51")
    with_text("classInd.txt", "".join([*numbered[:100], "101 Class000\n"]), "a name appears twice")
    with_text("classInd.txt", "ApplyEyeMakeup 1\n", "Line 1")
    with_text("classInd.txt", f"1 {'A' * 201}\n", "Line 1", "more than 200 characters")
    with_text("trainlist01.txt", "Apply\x1bEye/v_Apply_g08_c01.avi 1\n", "Line 1", r"'Apply\x1bEye'")
    with_text("classInd.txt", f"{'1' * 5000} ApplyEyeMakeup\n", "Line 1")
    with_text("trainlist01.txt", f"ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi {'1' * 5000}\n", "Line 1")
    with_text("trainlist01.txt", "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 0\n", "Line 1", "number 0", "has 1")
    with_text("trainlist01.txt", "Makeup/v_Makeup_g08_c01.avi 1\n", "Line 1", "'Makeup'")
    with_text("trainlist01.txt", "somewhere.avi 1\n", "Line 1")
    with_text("trainlist01.txt", "Class000/v_Class000_g08_c01.avi 3\n" * 2, "twice", "line 2")
    with_text("trainlist01.txt", "Class000/v_Class000_g08_c01.avi 3\n", "None of the 1 videos", "--data")
    with_text("trainlist01.txt", "\n", "names no video")
    with_text("testlist01.txt", (lists / "trainlist01.txt").read_text(), "both name", split="all")
    refusal(lambda: find_ucf101(ucf, "train02"), "trainlist02.txt", "trainlist01.txt")
    refusal(lambda: find_ucf101(ucf, "train"), "'train'", "train01")
    shutil.rmtree(lists)
    refusal(lambda: find_ucf101(ucf, "train01"), "classInd.txt", "RecognitionTask.zip")


def test_a_plain_folder(tmp_path):
    write_video(tmp_path / "b.mp4", 1)
    write_video(tmp_path / "deep" / "er" / "b.mp4", 2)
    write_video(tmp_path / "deep" / "b.mov", 3)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "._b.mp4").touch()
    listing = find_folder(tmp_path, "all")
    assert set(listing.labels) == {"b.mp4", "deep/er/b.mp4", "deep/b.mov"}
    assert (listing.coverage, listing.class_names) == (1.0, ())
    assert set(find_folder(tmp_path, "deep").labels) == {"er/b.mp4", "b.mov"}
    dataset = VideoDataset(listing, CLIPS)
    assert sorted(dataset.read(np.arange(3))[:, 0, 0, 0, 0].tolist()) == [1, 2, 3]
    refusal(lambda: find_folder(tmp_path, "val"), "'val'", "'deep'")


def test_every_layout_counts_what_it_does_not_use(k600, ucf, tmp_path):
    write(k600, "val.txt", csv(official()))
    (k600 / "val" / "notes.txt").touch()
    (k600 / "val" / "._mountain").touch()
    assert find_kinetics600(k600, "val").unused == {"hidden": 1, "other file": 1}
    listing = find_ucf101(ucf, "train01", ignore=("val",))
    assert listing.unused == {"ignored": 1, "not on the list": 2, "other file": 1}  # the other file is val.txt
    folder = tmp_path / "UCF-101"
    (folder / "poster.webp").touch()
    refusal(lambda: find_ucf101(ucf, "train01", ignore=("val",)), "poster.webp' is a media file")
    refusal(lambda: find_folder(tmp_path, "UCF-101"), "poster.webp' is a media file")
    assert find_folder(tmp_path, "UCF-101", ignore=("*.webp",)).unused == {"ignored": 1}


def test_lists_of_kinetics600_may_have_backslashes(k600):
    write(k600, "val.txt", PATH_FORMS["slashes"](official()).replace("/", "\\"))
    check_two_videos(k600)


def test_lists_that_are_no_files_are_refused(k600):
    write(k600, "val.csv", csv(official()))
    (k600 / "annotations" / "val.txt").symlink_to("missing.txt")
    refusal(lambda: find_kinetics600(k600, "val"), "val.txt' is a link that leads nowhere")
    (k600 / "annotations" / "val.txt").unlink()
    os.mkfifo(k600 / "annotations" / "val.txt")
    refusal(lambda: find_kinetics600(k600, "val"), "val.txt' is not a file")
    (k600 / "annotations" / "val.txt").unlink()
    assert find_kinetics(k600, "val").unused == {}
    (k600 / "annotations" / "val.csv").unlink()
    os.mkfifo(k600 / "annotations" / "val.csv")
    refusal(lambda: find_kinetics(k600, "val"), "val.csv' is not a file")
    shutil.rmtree(k600 / "annotations")
    (k600 / "annotations").symlink_to("missing")
    refusal(lambda: find_kinetics(k600, "val"), "annotations' is a link that leads nowhere")


def test_labels_and_names_are_the_same_in_both_unicode_forms(tmp_path):
    for form in ("NFC", "NFD"):
        label, name = (unicodedata.normalize(form, text) for text in ("caf\u00e9", "na\u00efve"))
        other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "caf\u00e9")
        root = tmp_path / form
        write_video(root / "val" / label / f"{name}_000000_000001.mp4", 1)
        (root / "annotations").mkdir()
        listing = find_kinetics(root, "val")
        assert listing.class_names == ("caf\u00e9",)
        assert set(listing.sources) == {"na\u00efve_000000_000001"}
        header = "label,youtube_id,time_start,time_end"
        write(root, "val.csv", f"{header}\n{label},na\u00efve,0,1\n{other},x,0,1\n")
        listing = find_kinetics(root, "val")
        assert (listing.class_names, listing.coverage) == (("caf\u00e9",), 0.5)


def own_task(dataset: str, split: str) -> Task:
    shipped = load_task("shapes-gen").task
    data = shipped.data.model_copy(
        update={"dataset": dataset, "train_split": split, "reference_split": split, "evaluation_split": split}
    )
    return shipped.model_copy(update={"data": data, "clips": CLIPS})


def test_every_dataset_of_the_schema_opens_its_reader(ucf, tmp_path):
    write_video(tmp_path / "folder" / "a.mp4", 7)
    folder, ucf101 = own_task("folder", "all"), own_task("ucf101", "train01")
    assert open_reference(folder, tmp_path / "folder").num_clips == 1
    clips, labels = open_training(folder, tmp_path / "folder", seed=0).draw(0, 4)
    assert labels is None
    assert (clips[:, :, 0, 0, 0] == 7).all()
    assert open_evaluation(ucf101, ucf).num_clips == 2
    clips, labels = open_training(ucf101, ucf, seed=0).draw(0, 16)
    np.testing.assert_array_equal(clips[:, 0, 0, 0, 0], 80 + labels)
    refusal(lambda: open_reference(own_task("kinetics-600", "val"), ucf), "no split 'val'")
    for camera in ("aux1", "main"):
        refusal(lambda name=f"bair-image-{camera}": open_reference(own_task(name, "test"), ucf), "no split 'test'")


def test_every_dataset_of_the_schema_has_a_reader_and_a_title():
    assert set(READERS) == {name for name, known in DATASETS.items() if not known.embedded}
    assert {name for name, known in DATASETS.items() if known.embedded} == {"shapes", "shapes-crossing"}
    assert all(known.title for known in DATASETS.values())
    for name in ("shapes", *READERS):
        DataSpec(dataset=name, train_split="a", reference_split="a", evaluation_split="b")
    with pytest.raises(ValidationError, match="did you mean 'kinetics'"):
        DataSpec(dataset="kinetcs", train_split="a", reference_split="a", evaluation_split="b")


def test_lines_of_the_published_lists_are_read(tmp_path):
    """Taken from kinetics-600_val.csv and kinetics-600_test.csv of activitynet/ActivityNet."""
    (tmp_path / "val.csv").write_text(
        "label,youtube_id,time_start,time_end,split\nabseiling,0wR5jVB-WPk,417,427,val\n"
        "playing field hockey,4pGZXMhyfiY,2120,2130,val\nyoga,9-PN-HsqNE8,39,49,val\n"
    )
    (tmp_path / "test.csv").write_text(
        "youtube_id,time_start,time_end,split\n--65_UAU7ao,0,10,test\n-2-KjcZEmrM,53,63,test\n"
    )
    assert [(entry.name, entry.label) for entry in read_list(tmp_path / "val.csv")] == [
        ("0wR5jVB-WPk_000417_000427", "abseiling"),
        ("4pGZXMhyfiY_002120_002130", "playing field hockey"),
        ("9-PN-HsqNE8_000039_000049", "yoga"),
    ]
    assert [(entry.name, entry.label) for entry in read_list(tmp_path / "test.csv")] == [
        ("--65_UAU7ao_000000_000010", None),
        ("-2-KjcZEmrM_000053_000063", None),
    ]


def test_videos_of_one_name_in_two_splits_of_a_plain_folder_are_two_videos(tmp_path):
    for number, split in enumerate(("train", "test")):
        for name in ("a", "b"):
            write_video(tmp_path / split / f"{name}.mkv", number)
    train, test = (VideoDataset(find_folder(tmp_path, split), CLIPS) for split in ("train", "test"))
    assert len(train.origins(2)) == 2
    assert not train.origins(2) & test.origins(2)
    (tmp_path / "test" / "b.mkv").unlink()
    (tmp_path / "test" / "b.mkv").symlink_to(tmp_path / "train" / "a.mkv")
    linked = VideoDataset(find_folder(tmp_path, "test"), CLIPS)
    assert len(train.origins(2) & linked.origins(2)) == 1


def test_a_missing_split_is_named_with_its_role_and_what_else_would_do(tmp_path):
    task = load_task("k600-gen").task
    write_video(tmp_path / "val" / "a_000000_000010.mkv", 1)
    with pytest.raises(InputError) as caught:
        open_reference(task, tmp_path)
    assert str(caught.value) == (
        f"The data folder '{tmp_path}' has no split 'train' (found: 'val'), the split of the task 'k600-gen' from which it takes "
        f"the reference set: put its videos in '{tmp_path}/train', name another folder with --data DIR, or give its statistics "
        "with --reference FILE, which `vidbench data statistics` writes where the videos are."
    )
    (tmp_path / "val").rename(tmp_path / "train")
    with pytest.raises(
        InputError, match=r"no split 'val' .*from which it takes the held-out clips: .* with --data DIR\.$"
    ):
        open_evaluation(task, tmp_path)
    (tmp_path / "train").rename(tmp_path / "other")
    with pytest.raises(InputError, match=r"no split 'train' .*on whose clips models train: put its videos in"):
        open_split(task, "train", tmp_path)


@pytest.mark.parametrize(
    "line", ["val/abseiling/aaaaaaaaaaa_000001_000011.mp4 17", "bbbbbbbbbbb_000001_000011\t3", "a/b.mp4, 599"]
)
def test_a_class_number_after_a_path_is_refused_as_what_it_is(tmp_path, line):
    (tmp_path / "val.txt").write_text(line + "\n")
    with pytest.raises(
        InputError, match=r"has the class number \d+ after the path: numbers shift .* so remove that column"
    ):
        read_list(tmp_path / "val.txt")
