"""Measure `vidbench data overlap` on real videos: which pairs of different videos it takes for one, and which copies it finds.

    python tools/measure_overlap.py ../shared/data/weizmann ../shared/data/clips --output docs/overlap-rates.json

Every pair of the videos below the folders is compared, as it is and in a mirror. Those that match are printed: a person says which are
errors. Then every other video of 64 pixels or less, and each wider one, is copied in the ways of `COPIES` and compared with its copy.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections import defaultdict
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import numpy as np

from vidbench.data.folders.suffixes import VIDEO_SUFFIXES
from vidbench.data.layouts.listing import VideoFile
from vidbench.data.leaks.alignment import LEAST_FRAMES, MOTION, PICTURES, Match, best_match
from vidbench.data.leaks.thumbnails import Thumbnails, thumbnails_of
from vidbench.errors import InputError
from vidbench.files import write_text

# Share of the width, H.264's crf, first frame, share of the frames left out at each end, frames kept of five.
COPIES = {
    "re-encoded, crf 23": (1.0, 23, 0, 0.0, 5),
    "re-encoded, crf 33": (1.0, 33, 0, 0.0, 5),
    "half size, crf 23": (0.5, 23, 0, 0.0, 5),
    "half size, crf 33": (0.5, 33, 0, 0.0, 5),
    "one and a quarter, crf 23": (1.25, 23, 0, 0.0, 5),
    "without 7 frames, crf 28": (1.0, 28, 7, 0.0, 5),
    "middle half, half size, crf 28": (0.5, 28, 0, 0.25, 5),
    "three of five frames, same speed, crf 28": (1.0, 28, 0, 0.0, 3),
}


def main() -> None:
    """Read the folders, compare, copy, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args()
    videos = _read(chosen.folders)
    document = {
        "command": "python tools/measure_overlap.py FOLDERS --output FILE",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "av": av.__version__},
        "thresholds": {"pictures": PICTURES, "motion": MOTION, "frames": LEAST_FRAMES},
        "videos": len(videos),
        **_pairs(videos),
        "copies": _copies(videos),
    }
    write_text(chosen.output, json.dumps(document, indent=2) + "\n")
    print(json.dumps(document, indent=2))


def _read(folders: list[Path]) -> dict[Path, Thumbnails]:
    videos = {}
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in VIDEO_SUFFIXES):
            try:
                videos[path] = thumbnails_of(VideoFile(path))
            except InputError as error:
                print(f"left out: {error}")
    return videos


def _pairs(videos: dict[Path, Thumbnails]) -> dict[str, Any]:
    matched, others = [], []
    for (a, of_a), (b, of_b) in combinations(videos.items(), 2):
        found = [best_match(of_a, of_b), best_match(of_a, of_b.mirrored())]
        mirrored = max((0, 1), key=lambda view: (found[view].same, found[view].motion))
        match = found[mirrored]
        view = "mirrored" if mirrored else "as it is"
        row = (f"{a.parent.name}/{a.name}", f"{b.parent.name}/{b.name}", view, *_numbers(match))
        (matched if match.same else others).append(row)
    near = sorted((row for row in others if row[3] >= PICTURES), key=lambda row: -row[4])[:5]
    return {
        "pairs": len(matched) + len(others),
        "matched": [_line(row) for row in matched],
        "nearest of the others": [_line(row) for row in near],
    }


def _line(row: tuple[object, ...]) -> str:
    """Return a pair as a line: names, view, pictures, motion, shift and common frames."""
    return ", ".join(map(str, row))


def _numbers(match: Match) -> tuple[float, float, int, int]:
    return round(match.pictures, 4), round(match.motion, 4), match.shift, match.frames


def _copies(videos: dict[Path, Thumbnails]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        for number, (path, thumbnails) in enumerate(videos.items()):
            frames = list(VideoFile(path).frames())
            small = frames[0].shape[1] <= 64
            if len(frames) < 2 * LEAST_FRAMES or (small and number % 2):
                continue
            size = "64 pixels wide" if small else "320 pixels and wider"
            for name, how in COPIES.items():
                copy = Path(folder) / "copy.mp4"
                _encode(copy, frames, thumbnails.fps or 25.0, *how)
                found[name][size].append(best_match(thumbnails, thumbnails_of(VideoFile(copy))).same)
    return {
        name: {size: f"{sum(rows)} of {len(rows)}" for size, rows in sizes.items()} for name, sizes in found.items()
    }


def _encode(
    path: Path, frames: list[np.ndarray], fps: float, share: float, crf: int, first: int, ends: float, kept: int
) -> None:
    cut = int(len(frames) * ends)
    chosen = frames[first + cut : len(frames) - cut]
    if kept < 5:
        chosen = [chosen[round(number * 5 / kept)] for number in range(len(chosen) * kept // 5)]
    height, width = (round(side * share / 2) * 2 for side in frames[0].shape[:2])
    with av.open(str(path), "w") as container:
        rate = Fraction(fps * kept / 5).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame_HWC in chosen:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
            container.mux(stream.encode(frame.reformat(width, height, "yuv420p")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
