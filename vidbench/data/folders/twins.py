"""Clips that would count twice: one file under two names, by a link or a hard link, or one name with two suffixes.

Copies under other names are not looked for: two clips may have the same content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vidbench.data.folders.inventory import composed
from vidbench.errors import InputError


class Twin(NamedTuple):
    """A file that is there twice.

    Attributes:
        kept: the one that counts.
        other: the other one.
        how: what the other one is, before the name of the one that counts.
    """

    kept: Path
    other: Path
    how: str


def twin_videos(videos: Sequence[Path], *, suffixes: bool = True) -> Iterator[Twin]:
    """Yield every video that is the same file as another, or has the same name with another suffix in the same folder.

    Args:
        videos: the videos of one set of clips.
        suffixes: whether one name with two suffixes is one clip. False where suffixes are part of the ids.

    A link is never the one that counts if the file that it leads to is among the videos.
    """
    files: dict[tuple[int, int], Path] = {}
    names: dict[tuple[Path, str], Path] = {}
    for video in sorted(videos, key=lambda path: (path.is_symlink(), path)):
        kept = files.setdefault(_file(video), video)
        if kept is not video:
            yield Twin(kept, video, _SAME_FILE)
            continue
        kept = names.setdefault((video.parent, composed(video.stem).casefold()), video)
        # With one suffix they differ in capitals, as ids of YouTube may.
        if suffixes and kept.suffix != video.suffix:
            yield Twin(kept, video, "differs only in its suffix from")


def refuse_twin_videos(videos: Sequence[Path]) -> None:
    """Refuse videos of which one would count twice, see `twin_videos`.

    Raises:
        InputError: names both and how to leave one out.
    """
    for twin in twin_videos(videos):
        raise InputError(
            f"'{twin.other}' {twin.how} '{twin.kept}', so the clip would count twice; remove or rename one, or leave one out "
            f"with --ignore '{twin.other.name}'."
        )


def refuse_twin_frames(frames: Mapping[Path, Sequence[Path]]) -> None:
    """Refuse a frame that is the same file as another frame of its clip, and a clip whose frames are those of another.

    Clips may share some frames, as windows of one video do.

    Args:
        frames: the frames of each clip, by its folder.

    Raises:
        InputError: names both frames, or both clips.
    """
    clips: dict[tuple[tuple[int, int], ...], Path] = {}
    for clip, paths in frames.items():
        files: dict[tuple[int, int], Path] = {}
        for path in sorted(paths, key=lambda path: (path.is_symlink(), path)):
            kept = files.setdefault(_file(path), path)
            if kept is not path:
                raise InputError(
                    f"The frame '{path}' {_SAME_FILE} '{kept}', so it would count twice; replace it with a file of its own."
                )
        kept = clips.setdefault(tuple(sorted(files)), clip)
        if kept is not clip and files:
            raise InputError(
                f"The frames in '{clip}' are links to those in '{kept}', so the clip would count twice; remove one, or leave "
                f"it out with --ignore '{clip.name}'."
            )


_SAME_FILE = "is a link to the same file as"


def _file(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino
