"""MSR-VTT: both forms of its annotations, captions in order, and what is wrong with a copy in one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vidbench.data.layouts.msrvtt import find_msrvtt
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.tasks.schema import ClipSpec

CLIPS = ClipSpec(num_frames=3, height=16, width=16, resize="none", crop="none")
VIDEOS = [{"video_id": f"video{n}", "split": split} for n, split in enumerate(("train", "test", "validate", "test"))]
SENTENCES = [{"video_id": f"video{n}", "caption": f"text {n} {k}"} for k in range(2) for n in (3, 1, 0, 2)]


def write(root, videos=VIDEOS, sentences=SENTENCES, name="MSRVTT_data.json", files=("video0", "video1", "video3")):
    (root / "videos").mkdir(parents=True, exist_ok=True)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps({"videos": videos, "sentences": sentences}))
    for stem in files:
        (root / "videos" / f"{stem}.mp4").write_bytes(stem.encode())
    return root


def test_a_split_has_its_videos_and_their_captions_in_the_order_of_the_file(tmp_path):
    sentences = [*SENTENCES, {"video_id": "video1", "caption": "  two \n spaces "}]
    listing = find_msrvtt(write(tmp_path, sentences=sentences), "test")
    assert listing.labels == {"video1": None, "video3": None}
    assert listing.captions == {"video1": ("text 1 0", "text 1 1", "two spaces"), "video3": ("text 3 0", "text 3 1")}
    assert (listing.coverage, listing.unused, listing.class_names) == (1.0, {"not on the list": 1}, ())
    assert find_msrvtt(tmp_path, "train").captions == {"video0": ("text 0 0", "text 0 1")}


def test_the_two_published_files_are_preferred_wherever_they_are(tmp_path):
    write(tmp_path, sentences=[{**row, "caption": "of the mirror"} for row in SENTENCES])
    write(
        tmp_path,
        name="annotations/test_videodatainfo.json",
        videos=[each for each in VIDEOS if each["split"] == "test"],
    )
    assert find_msrvtt(tmp_path, "test").captions["video3"][0] == "text 3 0"
    assert find_msrvtt(tmp_path, "train").captions["video0"][0] == "of the mirror"


def test_captions_are_part_of_the_identity_of_clips(tmp_path):
    first = VideoDataset(find_msrvtt(write(tmp_path / "a"), "test"), CLIPS)
    again = VideoDataset(find_msrvtt(write(tmp_path / "b"), "test"), CLIPS)
    other = [*SENTENCES[:1], {**SENTENCES[1], "caption": "another"}, *SENTENCES[2:]]
    changed = VideoDataset(find_msrvtt(write(tmp_path / "c", sentences=other), "test"), CLIPS)
    assert first.identity_sha256 == again.identity_sha256 != changed.identity_sha256
    names = first.clip_ids(np.arange(2))
    assert [texts[0] for texts in first.captions(np.arange(2))] == [f"text {name[5]} 0" for name in names]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": ()}, "None of the 2 videos of the split 'test'"),
        ({"videos": VIDEOS[:1]}, "have no video of the split 'test'"),
        ({"sentences": SENTENCES[1:4]}, "have no caption of the video 'video3'"),
        ({"videos": [*VIDEOS, VIDEOS[1]]}, "name the video 'video1' twice"),
        ({"videos": [{"video_id": "../video1", "split": "test"}]}, "Entry 0 of 'videos'"),
        ({"videos": [{"video_id": "video1", "split": "dev"}]}, "Entry 0 of 'videos'"),
        ({"videos": "all"}, "no list 'videos' of objects"),
        ({"sentences": [*SENTENCES, {"video_id": "video1", "caption": " \n"}]}, "Entry 8 of 'sentences'"),
        ({"sentences": [{"video_id": "video1", "caption": "a\x00b"}]}, "Entry 0 of 'sentences'"),
        ({"sentences": [{"video_id": "video1", "caption": "x" * 20_001}]}, "Entry 0 of 'sentences'"),
        ({"name": "videodatainfo_2017.json"}, "(found: 'videodatainfo_2017.json')"),
    ],
)
def test_a_damaged_copy_is_refused(tmp_path, changes, words):
    with pytest.raises(InputError) as refused:
        find_msrvtt(write(tmp_path, **changes), "test")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_splits_folders_and_files_are_refused(tmp_path):
    for root, split, words in ((tmp_path, "val", "use one of train"), (tmp_path / "no", "test", "does not exist")):
        with pytest.raises(InputError, match=words):
            find_msrvtt(root, split)
    (tmp_path / "test_videodatainfo.json").write_text("{'videos'")
    with pytest.raises(InputError, match="cannot be read"):
        find_msrvtt(tmp_path, "test")
