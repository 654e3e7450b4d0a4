"""The inventory of a folder: every entry is read, counted by reason, or refused by name."""

from __future__ import annotations

import os
import random
import re
import socket
from pathlib import Path

import pytest

from vidbench.data import image_files
from vidbench.data.folders.inventory import (
    entries_sentences,
    is_present,
    matching_patterns,
    merged,
    take_inventory,
    unmatched_sentence,
    unused_sentence,
)
from vidbench.data.folders.suffixes import IMAGE_SUFFIXES, MEDIA_SUFFIXES, VIDEO_SUFFIXES, suffix_of
from vidbench.errors import InputError

NFC, NFD = "caf\u00e9", "cafe\u0301"


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
    return root


def refused(root: Path, *words: str, reads=VIDEO_SUFFIXES, **options) -> None:
    with pytest.raises(InputError) as caught:
        take_inventory(root, reads, **options)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert message.isprintable(), "one line, without bytes that are not UTF-8"


def names(found) -> list[str]:
    return [path.relative_to(found.root).as_posix() for path in found.files]


def test_files_are_read_and_every_other_entry_is_counted(tmp_path):
    touch(
        tmp_path, "b.mp4", "A.MKV", "in/deep/c.avi", "notes.txt", "README", "part.mp4.part", ".DS_Store", "in/._c.avi"
    )
    (tmp_path / "in" / "nothing").mkdir()
    (tmp_path / ".cache").mkdir()
    touch(tmp_path / ".cache", "hidden.mp4")
    os.mkfifo(tmp_path / "pipe")
    found = take_inventory(tmp_path, VIDEO_SUFFIXES)
    assert names(found) == ["A.MKV", "b.mp4", "in/deep/c.avi"]
    assert [folder.name for folder in found.folders] == ["in", "deep", "nothing"]
    assert found.files_in(tmp_path) == [tmp_path / "A.MKV", tmp_path / "b.mp4"]
    assert found.files_in(tmp_path / "in") == []
    assert found.unused == {"empty folder": 1, "hidden": 3, "other file": 3, "special file": 1}
    assert (
        unused_sentence("'D'", found.unused)
        == "Not used in 'D': 1 empty folder, 3 hidden, 3 other files, 1 special file."
    )
    assert unused_sentence("'D'", {}) == ""
    assert merged(found.unused, {"hidden": 2, "ignored": 0}) == {**found.unused, "hidden": 5}


def test_a_folder_with_the_name_of_a_video_is_a_folder(tmp_path):
    touch(tmp_path, "clip.mp4/inner.mp4")
    assert names(take_inventory(tmp_path, VIDEO_SUFFIXES)) == ["clip.mp4/inner.mp4"]


@pytest.mark.parametrize(
    "suffix", ["mpg", "mpeg", "m2ts", "wmv", "flv", "3gp", "ogv", "webp", "tiff", "heic", "y4m", "MPG", "h264"]
)
def test_media_of_another_kind_is_refused_by_name(tmp_path, suffix):
    touch(tmp_path, "a.mp4", f"in/b.{suffix}", f"in/c.{suffix}", "in/notes.txt")
    refused(tmp_path, f"in/b.{suffix}' is a media file", ".mp4", "1 other entry", f"--ignore '*.{suffix}'")
    with_case = take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=[f"*.{suffix}"])
    assert (names(with_case), with_case.unused) == (["a.mp4"], {"ignored": 2, "other file": 1})


def test_what_is_read_depends_on_the_caller_and_is_never_passed_over(tmp_path):
    touch(tmp_path, "a.mp4", "poster.jpg")
    refused(tmp_path, "poster.jpg' is a media file, but only", ".gif")
    refused(tmp_path, "a.mp4' is a media file", reads=IMAGE_SUFFIXES)
    assert names(take_inventory(tmp_path, VIDEO_SUFFIXES | IMAGE_SUFFIXES)) == ["a.mp4", "poster.jpg"]


def test_the_suffixes_are_one_list_in_lower_case():
    assert VIDEO_SUFFIXES | IMAGE_SUFFIXES < MEDIA_SUFFIXES
    assert not VIDEO_SUFFIXES & IMAGE_SUFFIXES
    assert set(image_files._FORMATS) == IMAGE_SUFFIXES
    assert all(suffix_of("x" + suffix.upper()) == suffix for suffix in MEDIA_SUFFIXES)
    for suffix in [".m4v", ".gif", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".3gp", ".ogv", ".webp", ".mov", ".mkv"]:
        assert suffix in MEDIA_SUFFIXES
    assert [suffix_of(name) for name in (".mp4", "a.tar.GZ", "README", "a.")] == ["", ".gz", "", "."]


def test_links_that_lead_nowhere_are_refused(tmp_path):
    touch(tmp_path, "a.mp4")
    for name in ("gone.mp4", "class"):
        link = tmp_path / name
        link.symlink_to(tmp_path / "missing")
        refused(tmp_path, f"{name}' is a link that leads nowhere (No such file", f"--ignore '{name}'")
        assert take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=[name]).unused == {"ignored": 1}
        link.unlink()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    refused(tmp_path, "loop.mp4' is a link that leads nowhere", "symbolic links")


def test_linked_folders_are_read_once_under_their_own_name(tmp_path):
    root = touch(tmp_path / "root", "z/b.mp4")
    touch(tmp_path / "elsewhere", "c.mp4")
    (root / "a").symlink_to(root / "z")
    (root / "far").symlink_to(tmp_path / "elsewhere")
    (root / "far again").symlink_to(tmp_path / "elsewhere")
    (root / "z" / "up").symlink_to(root)
    (root / "z" / "out").symlink_to(tmp_path)
    found = take_inventory(root, VIDEO_SUFFIXES)
    assert names(found) == ["far/c.mp4", "z/b.mp4"]
    assert found.unused == {"link to a folder above": 2, "link to a folder that is read anyway": 2}


def test_of_two_links_to_one_folder_the_first_by_name_counts(tmp_path):
    touch(tmp_path / "elsewhere", "x/c.mp4")
    for link in ("b/z", "a/deep/y", "c"):
        (tmp_path / "root" / link).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / link).symlink_to(tmp_path / "elsewhere")
    found = take_inventory(tmp_path / "root", VIDEO_SUFFIXES)
    assert names(found) == ["a/deep/y/x/c.mp4"]
    assert found.unused == {"link to a folder that is read anyway": 2}
    # A link into a folder, and one to the folder itself.
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "a").symlink_to(tmp_path / "elsewhere" / "x")
    (tmp_path / "both" / "b").symlink_to(tmp_path / "elsewhere")
    found = take_inventory(tmp_path / "both", VIDEO_SUFFIXES)
    assert names(found) == ["a/c.mp4"]
    assert [path.name for path in found.folders] == ["a", "b"]
    assert found.unused == {"link to a folder that is read anyway": 1}


def test_a_very_deep_folder_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    levels = [Path(*["d"] * depth) for depth in range(1, 1200)]
    for level in levels:
        level.mkdir()
    deepest = levels[-1] / "a.mp4"
    deepest.touch()
    try:
        assert take_inventory(Path(), VIDEO_SUFFIXES).files == (deepest,)
        refused(Path(), "a.mp4' is deeper", depth=3)
    finally:
        deepest.unlink()
        for level in reversed(levels):  # which shutil.rmtree would do by recursion
            level.rmdir()


def test_lists_and_manifests_are_files_or_absent(tmp_path):
    touch(tmp_path, "list.txt")
    (tmp_path / "link.txt").symlink_to("list.txt")
    assert [is_present(tmp_path / name) for name in ("list.txt", "link.txt", "none.txt")] == [True, True, False]
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    for name, target in (("dangling.txt", "none.txt"), ("loop.txt", "loop.txt")):
        (tmp_path / name).symlink_to(target)
    for name, words in {
        "folder.txt": "is not a file",
        "pipe.txt": "is not a file",
        "dangling.txt": "is a link that leads nowhere",
        "loop.txt": "loop.txt'",
    }.items():
        with pytest.raises(InputError, match=words):
            is_present(tmp_path / name)


def test_pipes_and_sockets_with_the_name_of_a_video_are_refused_and_never_opened(tmp_path):
    touch(tmp_path, "a.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(tmp_path, "pipe.mp4' is a socket, a pipe or a device")
    (tmp_path / "pipe.mp4").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s.mp4"))
        refused(tmp_path, "s.mp4' is a socket")


def test_folders_that_cannot_be_looked_into_are_refused(tmp_path, monkeypatch):
    touch(tmp_path, "a.mp4", "locked/b.mp4")
    real = os.scandir

    def scandir(path):
        # The removal of temporary folders looks into open ones, by their numbers.
        if not isinstance(path, int) and Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    refused(tmp_path, "locked' cannot be looked into (Permission denied)", "--ignore 'locked'")
    assert take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=["locked"]).unused == {"ignored": 1}
    with pytest.raises(InputError, match=r"The folder '.*locked' cannot be looked into \(Permission denied\); check"):
        take_inventory(tmp_path / "locked", VIDEO_SUFFIXES)


def test_a_real_process_without_permission_is_refused(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can give up its permissions")
    touch(tmp_path, "a.mp4", "locked/b.mp4")
    tmp_path.chmod(0o755)
    (tmp_path / "locked").chmod(0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # Below the current folder, because parents of the temporary folder are closed to others.
            os.chdir(tmp_path)
            os.setuid(65534)
            take_inventory(Path(), VIDEO_SUFFIXES)
        except InputError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, encoding="utf-8") as file:
        assert "locked' cannot be looked into (Permission denied)" in file.read()


def test_names_that_are_not_utf_8_or_not_on_one_line_are_refused(tmp_path):
    folder = touch(tmp_path, "a.mp4")
    bad = folder / os.fsdecode(b"caf\xe9.mp4")
    bad.write_bytes(b"content")
    refused(folder, "caf\\xe9.mp4' has a name that is not UTF-8")
    assert names(take_inventory(folder, VIDEO_SUFFIXES, ignore=["caf?.mp4"])) == ["a.mp4"]
    bad.unlink()
    inner = folder / os.fsdecode(b"dir\xff")
    touch(inner, "b.mp4")
    refused(folder, "dir\\xff/b.mp4' has a name that is not UTF-8")
    refused(inner, "The path", "dir\\xff' has a name that is not UTF-8")
    touch(folder, "two\nlines.mp4", "ideographic\u3000space.mp4")
    refused(folder, "two\\nlines.mp4' has a control character", ignore=["dir*"])
    assert len(take_inventory(folder, VIDEO_SUFFIXES, ignore=["dir*", "two*"]).files) == 2


def test_one_name_in_two_unicode_forms_is_refused(tmp_path):
    touch(tmp_path, f"{NFC}.mp4")
    assert len(take_inventory(tmp_path, VIDEO_SUFFIXES).files) == 1
    touch(tmp_path, f"{NFD}.mp4")
    refused(tmp_path, "has the same name as another entry, in another Unicode form")


def test_files_deeper_than_a_layout_reads_are_refused(tmp_path):
    touch(tmp_path, "a/b.mp4")
    assert names(take_inventory(tmp_path, VIDEO_SUFFIXES, depth=1)) == ["a/b.mp4"]
    touch(tmp_path, "a/c/d.mp4", "a/c/notes.txt")
    refused(tmp_path, "a/c/d.mp4' is deeper", depth=1)
    assert names(take_inventory(tmp_path, VIDEO_SUFFIXES, depth=1, ignore=["a/c"])) == ["a/b.mp4"]
    (tmp_path / "linked").symlink_to(touch(tmp_path.with_name("elsewhere"), "e.mp4"))
    assert names(take_inventory(tmp_path, VIDEO_SUFFIXES, depth=1, ignore=["a"])) == ["linked/e.mp4"]
    refused(tmp_path, "linked/e.mp4' is deeper", depth=0, ignore=["a"])


def test_patterns_are_compared_with_names_or_with_paths(tmp_path):
    path = tmp_path / "class" / f"{NFD}.mp4"
    for pattern in ("*.mp4", f"{NFC}.*", f"{NFD}*", "class/*", f"class/{NFC}.mp4"):
        assert matching_patterns(path, tmp_path, ["no", pattern]) == [pattern]
    for pattern in ("class", "*.MP4", "caf.mp4", "/class/*", "other/*"):
        assert matching_patterns(path, tmp_path, [pattern]) == []


@pytest.mark.parametrize("name", ["a.mpg", "b[1].MPG", "caf\udce9.mp4", "two\nlines.mp4", "what's *this?.mp4", "class"])
def test_the_pattern_that_a_refusal_names_leaves_the_entry_out(tmp_path, name):
    touch(tmp_path, "sound.mp4", "in/sound.mkv")
    if name.endswith("?.mp4") or name == "class":
        (tmp_path / name).symlink_to("missing")
    else:
        touch(tmp_path, name)
    with pytest.raises(InputError) as caught:
        take_inventory(tmp_path, VIDEO_SUFFIXES)
    (pattern,) = re.findall("--ignore '(.*)'\\.", str(caught.value))
    found = take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=[pattern])
    assert (names(found), found.unused) == (["in/sound.mkv", "sound.mp4"], {"ignored": 1})


def test_patterns_that_match_nothing_are_said(tmp_path):
    touch(tmp_path, "a.mp4", "b.mkv")
    nothing = take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=["*.xyz"]).unused
    something = take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=["*.mkv"]).unused
    assert unmatched_sentence(["*.xyz", "c"], nothing, {}) == "Nothing matches --ignore '*.xyz', 'c'."
    assert unmatched_sentence(["*.mkv"], nothing, something) == unmatched_sentence([], nothing) == ""


def test_each_pattern_that_matches_nothing_is_said(tmp_path):
    touch(tmp_path, "a.mp4", "b.mkv", "c.mp4", "notes.txt")
    ignore = ["*.mkv", "*.xyz", "b.*", "c", "*.xyz"]
    found = take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=ignore)
    assert found.unused == {"ignored": 1, "other file": 1}
    for counts in (found.unused, merged(found.unused, {"not on the list": 1})):
        assert unmatched_sentence(ignore, {}, counts) == "Nothing matches --ignore '*.xyz', 'c'."
    assert entries_sentences(ignore, [("here", found.unused), ("there", {})]) == [
        "Not used in here: 1 ignored, 1 other file.",
        "Nothing matches --ignore '*.xyz', 'c'.",
    ]
    assert entries_sentences(["*.mkv"], [("there", {}), ("here", found.unused)])[1:] == []
    assert entries_sentences([], [("there", {})]) == []


def test_known_files_are_not_counted(tmp_path):
    touch(tmp_path, "a.mp4", "lists/list.txt", "lists/readme.txt")
    assert take_inventory(tmp_path, VIDEO_SUFFIXES, known={"list.txt"}).unused == {"other file": 1}


@pytest.mark.parametrize("seed", range(20))
def test_every_entry_of_a_random_tree_is_accounted_for(tmp_path, seed):
    rng = random.Random(seed)
    suffixes = (".mp4", ".MKV", ".txt", "", ".part", ".jpg")

    def fill(folder: Path, level: int) -> None:
        for number in range(rng.randrange(6)):
            path = folder / f"{rng.choice(('', '', '.', 'x '))}{number}{rng.choice(suffixes)}"
            kind = rng.choice(("file", "file", "folder", "pipe", "up"))
            if kind == "folder" and level < 4:
                path.mkdir()
                fill(path, level + 1)
            elif kind == "pipe" and suffix_of(path.name) not in MEDIA_SUFFIXES:
                os.mkfifo(path)
            elif kind == "up":
                path.symlink_to(tmp_path)
            else:
                path.touch()

    fill(tmp_path, 0)
    found = take_inventory(tmp_path, VIDEO_SUFFIXES, ignore=["*.jpg"])
    seen, entered = 0, {tmp_path}
    for name, below, files in os.walk(tmp_path):
        seen += len(below) + len(files)
        below[:] = [folder for folder in below if not (Path(name) / folder).is_symlink()]
        below[:] = [folder for folder in below if folder[0] != "." and not folder.endswith(".jpg")]
        entered |= {Path(name) / folder for folder in below}
    empty = found.unused.get("empty folder", 0)
    assert {tmp_path, *found.folders} == entered
    assert len(found.files) + len(found.folders) + sum(found.unused.values()) - empty == seen
    assert empty == sum(folder != tmp_path and not any(folder.iterdir()) for folder in entered)
    assert set(found.unused) <= {
        "hidden",
        "ignored",
        "other file",
        "special file",
        "empty folder",
        "link to a folder above",
    }
