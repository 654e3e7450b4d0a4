"""Print what is accepted and refused of all generated videos: ``python -m tests.abuse.videos``, a minute.

With ``--seek``, read every clip of all sound ones through their keyframe indexes instead.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from tests.abuse.videos.changes import DAMAGED, SOUND
from tests.abuse.videos.encodings import ENCODINGS, FRAMES, write
from tests.abuse.videos.evaluation import Answer, answers, fault, judge
from tests.abuse.videos.seeking import main as seek_main

CODECS = ("h264", "hevc", "vp9", "av1", "mpeg4", "mpeg2")
TITLES = ("H.264", "HEVC", "VP9", "AV1", "MPEG-4", "MPEG-2")
CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "ts")


def _codec(encoding: str) -> str:
    return encoding.split(",")[0]


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(found: list[Answer]) -> list[str]:
    """Return the lines of the table: sound files that are accepted and damaged ones that are refused, of all."""
    lines = [_row(["", *TITLES, "all"]), "|---|" + "---:|" * (len(TITLES) + 1)]
    for change in (*SOUND, *DAMAGED):
        right, total = Counter[str](), Counter[str]()
        for answer in found:
            if answer.change == change and (change in SOUND or not answer.sound):
                for column in (_codec(answer.encoding), "all"):
                    total[column] += 1
                    right[column] += (answer.refusal is None) == (change in SOUND)
        cells = [f"{right[each]}/{total[each]}" if total[each] else "" for each in (*CODECS, "all")]
        lines.append(_row([f"{'sound' if change in SOUND else 'damaged'}: {change}", *cells]))
    return lines


def combinations(folder: Path) -> list[str]:
    """Return the lines of the table of codecs in containers: frames that come back of `FRAMES`, or why none do."""
    lines = [_row(["", *CONTAINERS]), "|---|" + "---|" * len(CONTAINERS)]
    for title, codec in zip(TITLES, CODECS, strict=True):
        cells = []
        encoding = next(each for name, each in ENCODINGS.items() if _codec(name) == codec)
        for container in CONTAINERS:
            path = folder / f"{codec}.{container}"
            try:
                write(path, encoding, container)
            except (av.error.FFmpegError, ValueError):
                cells.append("not written")
                continue
            refusal, frames = judge(path)
            cells.append("refused" if refusal else "yes" if frames == FRAMES else f"{frames} frames")
        lines.append(_row([title, *cells]))
    return lines


def main() -> int:
    """Print the tables and what is wrong; return 1 if anything is."""
    with TemporaryDirectory() as folder:
        found = list(answers(Path(folder), ENCODINGS, {**SOUND, **DAMAGED}))
        pairs = combinations(Path(folder))
    print("\n".join([*table(found), "", *pairs, ""]))
    unchanged = [answer for answer in found if answer.change in DAMAGED and answer.sound]
    refused = sum(answer.refusal is not None for answer in unchanged)
    accepted = [answer for answer in found if not answer.sound and answer.refusal is None]
    holes = sum(answer.plain.has_hole for answer in accepted)
    steady = [answer for answer in found if answer.change in SOUND and answer.change != "variable rate"]
    print(f"{len(found)} files; {len(unchanged)} damaged outside the pictures, {refused} of them refused.")
    print(f"{len(accepted)} damaged files accepted, {holes} with a hole in their time stamps;")
    for kind, sound in (
        ("of variable rate", [answer for answer in found if answer.change == "variable rate"]),
        ("other", steady),
    ):
        print(f"so have {sum(answer.plain.has_hole for answer in sound)} of {len(sound)} sound files, {kind}.")
    faults = [message for message in map(fault, found) if message]
    print("\n".join(faults) or "No sound file is refused; no accepted file shows damage.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(seek_main() if sys.argv[1:] == ["--seek"] else main())
