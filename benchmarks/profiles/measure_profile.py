"""How busy the GPU is while `vidbench measure` runs, stage by stage; `score.py --profile` starts it as a new process.

    python measure_profile.py REAL GENERATED WEIGHTS METRIC PRECISION BATCH_SIZE FRAMES DEVICE STARTED

The busy share is the union of the intervals of all kernels, without copies, over the time from the first kernel of the first batch to
the last of the last one. A thread looks at the main thread's stack every millisecond, so that the largest gaps between kernels
come with what the host did in them. ``STARTED`` is the time at which the process was started, in seconds since 1970. Prints JSON.
"""

from __future__ import annotations

import collections
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

Interval = tuple[int, int]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the union of intervals ``(start, end)`` as disjoint ones, in order."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def busy_share(intervals: Iterable[Interval]) -> float:
    """Return the share of the time from the first start to the last end that the intervals cover."""
    whole = merged(intervals)
    return sum(end - start for start, end in whole) / (whole[-1][1] - whole[0][0]) if whole else 0.0


def largest_gaps(intervals: Iterable[Interval], count: int) -> list[Interval]:
    """Return the longest intervals between the given ones, longest first."""
    whole = merged(intervals)
    between = [(before[1], after[0]) for before, after in itertools.pairwise(whole)]
    return sorted(between, key=lambda gap: gap[0] - gap[1])[:count]


class Watcher:
    """Notes every millisecond where the main thread is, by time in nanoseconds since 1970."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []
        self._main, self._end = threading.main_thread().ident, threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch inside the block."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.001):
            names: list[str] = []
            frame = sys._current_frames().get(self._main or 0)
            while frame is not None and len(names) < 5:
                code = frame.f_code
                names.append(f"{Path(code.co_filename).stem}.{code.co_name}:{frame.f_lineno}")
                frame = frame.f_back
            self.seen.append((time.time_ns(), " < ".join(names)))

    def during(self, interval: Interval, most: int = 3) -> dict[str, int]:
        """Return how often each of the commonest places was seen in an interval."""
        found = collections.Counter(name for at, name in self.seen if interval[0] <= at <= interval[1])
        return dict(found.most_common(most))


class Stages:
    """Seconds of the functions that a measurement calls, from their start to their end."""

    def __init__(self, started: float) -> None:
        self._started = started
        self.seconds: dict[str, tuple[float, float]] = {}

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that also notes when it ran; a later call extends the stage, except by title."""

        def wrapper(*arguments: Any, **options: Any) -> Any:
            before = time.time() - self._started
            try:
                return function(*arguments, **options)
            finally:
                key = f"{name} ({options['title']})" if "title" in options else name
                first, _ = self.seconds.get(key, (before, 0.0))
                self.seconds[key] = (round(first, 3), round(time.time() - self._started, 3))

        return wrapper


def main() -> None:
    """Measure once under torch's profiler and print what was found."""
    real, generated, weights, metric, precision, batch_size, frames, device, started = sys.argv[1:]
    stages = Stages(float(started))
    from vidbench.jobs import measure
    from vidbench.progress import Progress
    from vidbench.samples.clip_folder import ClipShape

    for name in ("load_networks", "open_clips", "fill_stores", "_estimate"):
        setattr(measure, name, stages.timed(name.lstrip("_"), getattr(measure, name)))
    imported = time.time() - float(started)
    import torch
    from torch.profiler import ProfilerActivity, profile

    on_gpu = device.startswith("cuda")
    options = measure.MeasureOptions(
        metrics=(metric,),
        shape=ClipShape(num_frames=int(frames)),
        weights={"i3d-kinetics-400": Path(weights)},
        device=device,
        precision="fast" if precision == "fast" else "exact",
        batch_size=int(batch_size),
    )
    watcher = Watcher()
    profiler = profile(activities=[ProfilerActivity.CUDA]) if on_gpu else nullcontext()
    with profiler as profiled, watcher.watching():
        before = time.time()
        found = measure.measure_clips(Path(real), Path(generated), options, Progress())
        ended = time.time()
    (value,) = [each.value for each in found.metrics.values()]
    answer: dict[str, Any] = {
        "fvd": value,
        "imports": round(imported, 3),
        "measured_from_to": [round(before - float(started), 3), round(ended - float(started), 3)],
        "stages": stages.seconds,
        "cores": os.cpu_count(),
        "host_while_loading": {
            name: seen
            for stage, (begun, done) in stages.seconds.items()
            if stage == "load_networks"
            for name, seen in watcher.during(
                (int((float(started) + begun) * 1e9), int((float(started) + done) * 1e9)), 25
            ).items()
        },
    }
    if profiled is not None:
        answer |= kernels(profiled, watcher, stages, float(started))
        answer["peak_gpu_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    print(json.dumps(answer))


def kernels(profiled: Any, watcher: Watcher, stages: Stages, started: float) -> dict[str, Any]:
    """Return the busy share between the first and the last batch, and the largest gaps, of a profile with kernels."""
    from torch.autograd import DeviceType

    first = min(begun for name, (begun, _) in stages.seconds.items() if name.startswith("fill_stores"))
    last = max(done for name, (_, done) in stages.seconds.items() if name.startswith("fill_stores"))
    of_batches = ((started + first) * 1e9, (started + last) * 1e9)
    intervals, by_name = [], collections.Counter[str]()
    for event in profiled.profiler.kineto_results.events():
        name = event.name()
        start, length = event.start_ns(), event.duration_ns()
        if event.device_type() != DeviceType.CUDA or name.startswith(("Memcpy", "Memset")):
            continue
        if of_batches[0] <= start <= of_batches[1]:
            intervals.append((start, start + length))
            by_name[name[:60]] += length
    gaps = largest_gaps(intervals, 20)
    return {
        "busy_share": round(busy_share(intervals), 4),
        "num_kernels": len(intervals),
        "batches_from_to": [
            round(at / 1e9 - started, 3) for at in (min(intervals)[0], max(end for _, end in intervals))
        ],
        "gaps": [
            {
                "at": round(gap[0] / 1e9 - started, 4),
                "milliseconds": round((gap[1] - gap[0]) / 1e6, 3),
                "host": watcher.during(gap),
            }
            for gap in gaps
        ],
        "kernel_seconds": {name: round(spent / 1e9, 3) for name, spent in by_name.most_common(12)},
    }


if __name__ == "__main__":
    main()
