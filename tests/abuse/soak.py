"""Thousands of batches through the scoring path, to see that memory and open files stay flat.

    python -m tests.abuse.soak --batches 10000

Evaluates a model on a prediction task over small videos, so every batch is decoded, sampled, turned into features and stored.
The model records the memory and the open files of the process at every batch. Prints a table; exit code 1: something grew.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.task_texts import task_text
from vidmetrics.home import home_at

BATCH_SIZE = 2
# The first batches fill pools and caches; growth is counted from here.
WARM_SHARE = 0.2
ALLOWED_MIB = 24.0


class Reading(NamedTuple):
    """What the process holds at a batch."""

    memory_mib: float
    files: int
    threads: int


def read_process() -> Reading:
    """Return resident memory, open files and threads of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Reading(
        pages * resource.getpagesize() / 2**20,
        len(list(Path("/proc/self/fd").iterdir())),
        len(list(Path("/proc/self/task").iterdir())),
    )


class Recorder:
    """A model that copies the last context frame with noise, and records the process at every batch."""

    readings: list[Reading] = []  # noqa: RUF012

    def sample(self, request):
        """Return the clips of a request."""
        Recorder.readings.append(read_process())
        clips = np.repeat(request.context_NTHWC[:, -1:], request.num_frames, axis=1)
        for clip, seed in zip(clips, request.seeds, strict=True):
            clip ^= np.random.Generator(np.random.Philox(int(seed))).integers(0, 8, clip.shape, np.uint8)
        return clips


def load(checkpoint, task, device):
    """Return the model for `--model tests.abuse.soak:load`."""
    return Recorder()


def run(folder: Path, batches: int) -> list[Reading]:
    """Evaluate in a folder and return one reading per batch."""
    import vidbench

    Recorder.readings.clear()
    for split, count in (("train", 8), ("test", 10)):
        for number in range(count):
            _video(folder / "data" / split / "walking" / f"clip{number}_000000_000001.mp4", seed=number)
    samples = BATCH_SIZE * batches
    task = task_text(
        "soak",
        dataset="kinetics",
        context_frames=4,
        num_clips="all",
        num_samples=samples,
        labels="none",
        metrics=("fvd-shapes", "fid-shapes"),
        more=f"samples_per_context = {samples // 10}",
    )
    (folder / "soak.toml").write_text(task)
    with home_at(folder / "home"):
        vidbench.evaluate(
            "tests.abuse.soak:load", str(folder / "soak.toml"), data=folder / "data", output=folder / "run", device="cpu",
            batch_size=BATCH_SIZE,
        )  # fmt: skip
    from tests.abuse import soak

    # The report samples some clips again, for its pictures.
    return soak.Recorder.readings[:batches]


def growth(readings: list[Reading]) -> Reading:
    """Return by how much the median of the last tenth exceeds that of the tenth after the warm share."""
    table = np.array(readings, np.float64)
    tenth = max(1, len(table) // 10)
    start = int(WARM_SHARE * len(table))
    more = np.median(table[-tenth:], axis=0) - np.median(table[start : start + tenth], axis=0)
    return Reading(float(more[0]), int(more[1]), int(more[2]))


def is_flat(grown: Reading) -> bool:
    """Return whether nothing grew by more than is allowed."""
    return grown.memory_mib <= ALLOWED_MIB and grown.files <= 0 and grown.threads <= 0


def _video(path: Path, seed: int) -> None:
    import av

    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(16):
            blocks = rng.integers(0, 256, (4, 4, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(blocks, format="rgb24")))
        container.mux(stream.encode())


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse.soak", description=__doc__.split("\n\n")[0])
    parser.add_argument("--batches", type=int, default=10_000)
    batches = parser.parse_args().batches
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        readings = run(Path(folder), batches)
    print("batch    memory MiB    open files    threads")
    for number in np.linspace(0, len(readings) - 1, 11).astype(int).tolist():
        each = readings[number]
        print(f"{number:5}    {each.memory_mib:10.1f}    {each.files:10}    {each.threads:7}")
    grown = growth(readings)
    print(
        f"{len(readings)} batches of {BATCH_SIZE} in {time.monotonic() - started:.0f} s; after the first {WARM_SHARE:.0%}: "
        f"{grown.memory_mib:+.1f} MiB, {grown.files:+} files, {grown.threads:+} threads"
    )
    return 0 if is_flat(grown) else 1


if __name__ == "__main__":
    sys.exit(main())
