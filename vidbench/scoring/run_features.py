"""Features of a run: of its samples, its reference set and its bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidbench.scoring.against_time import window_networks
from vidbench.scoring.bounds import Bound, task_bounds
from vidbench.scoring.clip_probe import ClipProbe
from vidbench.scoring.clip_sources import ClipSource, DatasetSource
from vidbench.scoring.coded_clips import coded
from vidbench.scoring.features import Stores, clips_without_shard, feature_store, fill_stores
from vidbench.scoring.floor_sets import HeldOutSets, held_out_sets
from vidbench.scoring.frame_comparison import FrameComparison
from vidbench.scoring.gpu_rates import gpu_sentence
from vidbench.scoring.run import Run
from vidbench.tasks.schema import Codec

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


SETS_TITLE = "Held-out sets"


def expect_work(
    run: Run,
    samples: Mapping[str, ClipSource],
    bounds: Sequence[Bound],
    cache: Path,
    sets: HeldOutSets | None = None,
) -> None:
    """Tell the progress how many clips of each stage a run has still to measure.

    Args:
        run: the run.
        samples: the sources of samples, truncated ones included, by the title of their stage.
        bounds: the bounds to measure.
        cache: folder of the features of real clips and bounds.
        sets: the held-out sets to measure, if any.
    """
    sources = [(title, source, run.total_samples, run.output) for title, source in samples.items()]
    if run.statistics is None:
        sources.append(("Reference clips", DatasetSource(run.reference), run.num_reference, cache))
    sources += [(_title(bound), bound.source, run.num_samples, cache) for bound in bounds if bound.source is not None]
    if sets is not None:
        sources.append((SETS_TITLE, DatasetSource(sets.dataset), sets.num_clips, cache))
    networks, frames, ranks = list(run.networks.values()), run.task.clips.num_frames, run.ranks
    codec = run.task.evaluation.codec
    left = {title: _clips_left(source, networks, count, root, codec) for title, source, count, root in sources}
    mine = {title: -(-clips // ranks.world_size) for title, clips in left.items()}
    run.progress.expect(
        {title: clips for title, clips in mine.items() if title in samples},
        lambda clips: gpu_sentence(networks, frames, clips * ranks.world_size, run.device),
        others=sum(clips for title, clips in mine.items() if title not in samples),
    )


def _clips_left(source: ClipSource, networks: Sequence[Network], count: int, root: Path, codec: Codec) -> int:
    dataset = source.dataset if isinstance(source, DatasetSource) else None
    if not networks or getattr(dataset, "num_unhashed", False):
        return count  # hashing videos only to know what is cached would delay the announcement by hours
    return max(clips_without_shard(feature_store(root, coded(source, codec), network, count)) for network in networks)


def _title(bound: Bound) -> str:
    return f"Bound ({bound.name})"


def sample_features(run: Run, source: ClipSource, title: str, probe: ClipProbe | None = None) -> Stores:
    """Measure all samples of a run; their features, and what a probe finds, go to its output folder."""
    return _fill(run, source, run.total_samples, title, run.output, run.frames, probe)


def reference_features(run: Run, cache: Path, probe: ClipProbe | None = None) -> Stores:
    """Measure the reference set into the cache folder; empty if its statistics were imported."""
    if run.statistics is not None:
        return {}
    return _fill(run, DatasetSource(run.reference), run.num_reference, "Reference clips", cache, probe=probe)


def bounds_to_measure(run: Run) -> list[Bound]:
    """Return the bounds of the task; none if their scores were imported."""
    return [] if run.imported_bounds is not None else task_bounds(run)


def bound_features(
    run: Run, bounds: Sequence[Bound], cache: Path, probe_of: Callable[[str], ClipProbe | None] = lambda name: None
) -> list[tuple[Bound, Stores | None]]:
    """Measure bounds of the task into the cache folder, None for one without clips; ``probe_of`` returns the probe of each by name."""
    return [(bound, _bound_features(run, bound, cache, probe_of(bound.name))) for bound in bounds]


def _bound_features(run: Run, bound: Bound, cache: Path, probe: ClipProbe | None) -> Stores | None:
    if bound.source is None:
        run.progress.say(f"{_title(bound)}: {bound.absent}")
        return None
    # Real clips are themselves what frames are compared with.
    frames = None if bound.name == "real" else run.frames
    return _fill(run, bound.source, run.num_samples, _title(bound), cache, frames, probe)


def sets_to_measure(run: Run, bounds: Sequence[Bound]) -> HeldOutSets | None:
    """Return the held-out sets that the user asked for; None without the option, or where the task has no real clips for a floor."""
    most = run.options.floor_sets
    has_floor = any(bound.name == "real" and bound.source is not None for bound in bounds)
    return held_out_sets(run, most) if most is not None and has_floor else None


def set_features(run: Run, sets: HeldOutSets | None, cache: Path) -> Stores:
    """Measure the held-out sets into the cache folder; empty without any."""
    return (
        {}
        if sets is None
        else _fill(run, DatasetSource(sets.dataset), sets.num_clips, SETS_TITLE, cache, windows=False)
    )


def _fill(
    run: Run,
    source: ClipSource,
    num_clips: int,
    title: str,
    root: Path,
    frames: FrameComparison | None = None,
    probe: ClipProbe | None = None,
    windows: bool = True,
) -> Stores:
    return fill_stores(
        coded(source, run.task.evaluation.codec),
        [
            *run.networks.values(),
            *(window_networks(run).values() if windows else ()),
            *(each for each in (frames, probe) if each is not None),
        ],
        num_clips,
        root=root,
        batch_size=run.options.batch_size,
        ranks=run.ranks,
        progress=run.progress,
        title=title,
    )
