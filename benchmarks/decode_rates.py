"""Measure decoding rates per core: ``python benchmarks/decode_rates.py VIDEO_OR_FOLDER …``.

Prints one JSON document. For each path, one process reads one clip per video as an evaluation does (12 frames, stride 2,
seeded start, centre crop, Lanczos to 64x64) and decodes every video in full as a scan does (decode, digest, the same
clip). Rates are per second of CPU time, so they also hold on a busy machine. A single video is read 20 times.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from dated_results import add_record_option, record

from vidbench.data.layouts import find_listing
from vidbench.data.scan.examination import examine_subject
from vidbench.data.scan.subjects import subjects_of
from vidbench.data.videos import VideoDataset
from vidbench.tasks import load_task
from vidbench.tasks.schema import ClipSpec

CLIPS = ClipSpec(num_frames=12, stride=2, height=64, width=64, resize="pil-lanczos", crop="center")
COPIES = 20


def measure(path: Path) -> dict[str, Any]:
    """Read and scan the videos of a folder, or one video many times under different names."""
    with tempfile.TemporaryDirectory() as folder:
        if path.is_file():
            for number in range(COPIES):
                (Path(folder) / f"{number:02d}-{path.name}").symlink_to(path.resolve())
        else:
            (Path(folder) / path.name).symlink_to(path.resolve())
        listing = find_listing("folder", Path(folder), "all")
        dataset = VideoDataset(listing, CLIPS)
        task = load_task("shapes-gen").task.model_copy(update={"clips": CLIPS})
        subjects = subjects_of("all", listing, task)
        findings: list[Any] = []
        reading = _timed(lambda: [dataset.read(np.array([index])) for index in range(dataset.num_clips)])
        scanning = _timed(lambda: findings.extend(map(examine_subject, subjects)))
    unusable = [finding for finding in findings if finding.problem is not None]
    frames = sum(finding.frames or 0 for finding in findings)
    return {
        "path": path.name,
        "videos": len(subjects),
        "unusable": len(unusable),
        "frames_per_video": round(frames / len(subjects)),
        "size": f"{findings[0].width}x{findings[0].height}",
        "clips_read_per_cpu_second": round(dataset.num_clips / reading, 2),
        "videos_scanned_per_cpu_second": round(len(subjects) / scanning, 2),
        "frames_scanned_per_cpu_second": round(frames / scanning),
    }


def _timed(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure every path and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", type=Path, nargs="+", metavar="VIDEO_OR_FOLDER")
    add_record_option(parser)
    arguments = parser.parse_args()
    document = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "av": av.__version__,
        "rates": [measure(path) for path in arguments.paths],
    }
    print(json.dumps(document, indent=2))
    if arguments.record:
        print(record(arguments.record, document["rates"]), file=sys.stderr)


if __name__ == "__main__":
    main()
