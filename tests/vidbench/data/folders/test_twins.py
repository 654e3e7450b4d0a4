"""Clips that would count twice: one file under two names, or one name with two suffixes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidbench.data.folders.twins import refuse_twin_frames, refuse_twin_videos, twin_videos
from vidbench.errors import InputError


def touch(root: Path, *names: str) -> list[Path]:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"content")
    return [root / name for name in names]


def pairs(videos: list[Path]) -> list[tuple[str, str]]:
    return [(twin.kept.name, twin.other.name) for twin in twin_videos(videos)]


def test_videos_that_are_not_twins(tmp_path):
    # Equal content, ids that differ in capitals, one name in two folders, numbers with and without zeros.
    videos = touch(
        tmp_path,
        "a.mp4",
        "b.mp4",
        "dQw4w9WgXcQ.mp4",
        "dqw4w9wgxcq.mp4",
        "in/a.mp4",
        "in/b.mkv",
        "1.mp4",
        "01.mp4",
        "a.b.mp4",
    )
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"content")
    (tmp_path / "link.mp4").symlink_to(outside)
    assert pairs([*videos, tmp_path / "link.mp4"]) == []


@pytest.mark.parametrize("twin", ["z.mp4", "A.mp4", "in/v0.mkv"])
@pytest.mark.parametrize("how", ["link", "hard link"])
def test_a_link_to_a_file_that_is_read_counts_twice(tmp_path, twin, how):
    videos = touch(tmp_path, "v0.mp4", "v1.mp4", "in/v2.mp4")
    link = tmp_path / twin
    if how == "link":
        link.symlink_to(videos[0])
    else:
        os.link(videos[0], link)
    found = pairs([link, *videos])
    assert [set(pair) for pair in found] == [{"v0.mp4", link.name}]
    if how == "link":
        assert found == [("v0.mp4", link.name)], "the file is kept, not the link to it"
    with pytest.raises(InputError, match=r"is a link to the same file as .*count twice.*--ignore '"):
        refuse_twin_videos([link, *videos])
    refuse_twin_videos(videos)


@pytest.mark.parametrize("twin", ["v0.mkv", "V0.MP4", "v0.MP4", "V0.webm"])
def test_one_name_with_two_suffixes_counts_twice(tmp_path, twin):
    videos = touch(tmp_path, "v0.mp4", twin, "v1.mp4")
    assert [set(pair) for pair in pairs(videos)] == [{"v0.mp4", twin}]
    with pytest.raises(InputError, match="differs only in its suffix from"):
        refuse_twin_videos(videos)


def test_frames_that_are_links_to_frames_of_their_clip_are_refused(tmp_path):
    clip = touch(tmp_path / "clip", "00.png", "01.png", "02.png")
    refuse_twin_frames({tmp_path / "clip": clip})
    clip[1].unlink()
    clip[1].symlink_to("02.png")
    with pytest.raises(InputError, match=r"The frame '.*01.png' is a link to the same file as '.*02.png'"):
        refuse_twin_frames({tmp_path / "clip": clip})
    clip[1].unlink()
    os.link(clip[2], clip[1])
    with pytest.raises(InputError, match="is a link to the same file as"):
        refuse_twin_frames({tmp_path / "clip": clip})


def test_a_clip_whose_frames_are_all_links_to_another_clip_is_refused_and_an_overlap_is_not(tmp_path):
    frames = touch(tmp_path / "a", "0.png", "1.png", "2.png")
    (tmp_path / "b").mkdir()
    links = [tmp_path / "b" / frame.name for frame in frames]
    for frame, link in zip(frames, links, strict=True):
        link.symlink_to(frame)
    with pytest.raises(InputError, match=r"The frames in '.*b' are links to those in '.*a'.*--ignore 'b'"):
        refuse_twin_frames({tmp_path / "a": frames, tmp_path / "b": links})
    links[2].unlink()
    links[2].write_bytes(b"content")
    refuse_twin_frames({tmp_path / "a": frames, tmp_path / "b": links})
