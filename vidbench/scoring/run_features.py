"""Features of a run: of its samples, its reference set and its bounds."""

from __future__ import annotations

from pathlib import Path

from vidbench.scoring.bounds import Bound, task_bounds
from vidbench.scoring.clip_sources import ClipSource, DatasetSource
from vidbench.scoring.features import Stores, fill_stores
from vidbench.scoring.frame_comparison import FrameComparison
from vidbench.scoring.run import Run


def sample_features(run: Run, source: ClipSource, title: str) -> Stores:
    """Measure all samples of a run; their features go to its output folder."""
    return _fill(run, source, run.total_samples, title, run.output, run.frames)


def reference_features(run: Run, cache: Path) -> Stores:
    """Measure the reference set into the cache folder; empty if its statistics were imported."""
    if run.statistics is not None:
        return {}
    return _fill(run, DatasetSource(run.reference), run.num_reference, "Reference clips", cache)


def bound_features(run: Run, cache: Path) -> list[tuple[Bound, Stores | None]]:
    """Measure the bounds of the task into the cache folder, None for one without clips; empty if their scores were imported."""
    if run.imported_bounds is not None:
        return []
    return [(bound, _bound_features(run, bound, cache)) for bound in task_bounds(run)]


def _bound_features(run: Run, bound: Bound, cache: Path) -> Stores | None:
    if bound.source is None:
        run.progress.say(f"Bound ({bound.name}): {bound.absent}")
        return None
    # Real clips are themselves what frames are compared with.
    frames = None if bound.name == "real" else run.frames
    return _fill(run, bound.source, run.num_samples, f"Bound ({bound.name})", cache, frames)


def _fill(
    run: Run, source: ClipSource, num_clips: int, title: str, root: Path, frames: FrameComparison | None = None
) -> Stores:
    return fill_stores(
        source,
        [*run.networks.values(), *([] if frames is None else [frames])],
        num_clips,
        root=root,
        batch_size=run.options.batch_size,
        ranks=run.ranks,
        progress=run.progress,
        title=title,
    )
