"""vidbench: video generation benchmarks with a protocol behind every number.

```python
import vidbench

result = vidbench.evaluate(model="dvdgan", task="shapes-gen")
result.metrics["fvd-shapes"].value
result = vidbench.score(task="shapes-gen", samples="my-samples/")
measured = vidbench.measure("real/", "my-samples/", metrics=["fvd"])
```

Importing this package is fast: torch and other heavy packages are imported when needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vidbench.results.measurement import Measurement
    from vidbench.results.schema import Result
    from vidbench.tasks.schema import PixelConvention
    from vidmetrics import Statistics

__all__ = ["__version__", "evaluate", "measure", "score"]


def evaluate(
    model: str,
    task: str,
    *,
    data: str | Path | None = None,
    ignore: tuple[str, ...] = (),
    output: str | Path | None = None,
    num_samples: int | None = None,
    batch_size: int = 32,
    device: str | None = None,
    precision: Literal["exact", "fast"] = "exact",
    seed: int | None = None,
    reference: str | Path | None = None,
    floor_sets: int | None = None,
    replace: bool = False,
) -> Result:
    """Sample from a model, measure the samples, and write ``result.json`` and ``report.html``.

    >>> import vidbench
    >>> result = vidbench.evaluate(model="noise", task="tiny.toml", output="runs/noise")
    >>> result.metrics["fvd-shapes"].num_samples, result.official
    (64, False)

    Args:
        model: a registered name, ``NAME:CHECKPOINT``, or ``package.module:callable``.
        task: a task name, or the path of a task file.
        data: data folder, for tasks that read videos.
        ignore: patterns of entries of folders to leave out, such as ``"*.txt"``.
        output: folder for ``result.json`` and ``report.html``; default ``runs/TASK/MODEL``. A run found there is resumed.
        num_samples: samples per run; any other number than the task's makes the result unofficial.
        batch_size: clips per call of the model and the networks; does not affect the score.
        device: torch device; by default a GPU if there is one.
        precision: ``"exact"`` (within 1e-5 of float64) or ``"fast"`` (within 1e-3, on CPUs 1e-2).
        seed: seed of the samples; any other than the task's makes the result unofficial.
        reference: file of reference statistics from `vidbench data statistics`, instead of the reference clips.
        floor_sets: disjoint sets of held-out clips to measure the floor on, as far as the split has them; does not affect the score.
        replace: replace the result of another model in the output folder, which is refused otherwise.

    Returns:
        The result record, as written to ``result.json``.

    Raises:
        InputError: bad input; no partial file is left behind.
    """
    from vidbench.jobs.evaluate import evaluate_model
    from vidbench.progress import Progress
    from vidbench.scoring.run_options import RunOptions

    options = RunOptions(
        data=_path(data),
        ignore=tuple(ignore),
        reference=_path(reference),
        output=_path(output),
        num_samples=num_samples,
        batch_size=batch_size,
        device=device,
        precision=precision,
        seed=seed,
        floor_sets=floor_sets,
        replace=replace,
    )
    return evaluate_model(model, task, options, Progress(enabled=False))[0]


def score(
    task: str,
    samples: str | Path,
    *,
    data: str | Path | None = None,
    ignore: tuple[str, ...] = (),
    output: str | Path | None = None,
    num_samples: int | None = None,
    batch_size: int = 32,
    device: str | None = None,
    precision: Literal["exact", "fast"] = "exact",
    reference: str | Path | None = None,
    first: int | None = None,
    floor_sets: int | None = None,
    replace: bool = False,
) -> Result:
    """Score clips on disk, from any model; arguments, result and errors as for `evaluate`.

    >>> import vidbench
    >>> import numpy as np
    >>> np.save("scored.npy", np.random.default_rng(0).integers(0, 256, (64, 12, 32, 32, 3), np.uint8))
    >>> result = vidbench.score(task="tiny.toml", samples="scored.npy", output="runs/scored")
    >>> sorted(result.metrics)
    ['fvd-shapes', 'is-shapes']

    Args:
        task: a task name, or the path of a task file.
        samples: exchange folder, ``.npy``/``.npz`` file (uint8 ``[N, T, H, W, 3]``), folder of videos or of frame folders.
        data: data folder, for tasks that read videos.
        ignore: patterns of entries of folders to leave out, such as ``"*.txt"``.
        output: folder for ``result.json`` and ``report.html``.
        num_samples: samples per run; any other number than the task's makes the result unofficial.
        batch_size: clips per call of the networks.
        device: torch device.
        precision: ``"exact"`` or ``"fast"``.
        reference: file of reference statistics.
        first: score the first samples only, this many per run of the task; unofficial.
        floor_sets: disjoint sets of held-out clips to measure the floor on.
        replace: replace the result of other samples in the output folder, which is refused otherwise.
    """
    from vidbench.jobs.evaluate import score_samples
    from vidbench.progress import Progress
    from vidbench.scoring.run_options import RunOptions

    options = RunOptions(
        data=_path(data),
        ignore=tuple(ignore),
        reference=_path(reference),
        output=_path(output),
        num_samples=num_samples,
        batch_size=batch_size,
        device=device,
        precision=precision,
        first=first,
        floor_sets=floor_sets,
        replace=replace,
    )
    return score_samples(Path(samples), task, options, Progress(enabled=False))[0]


def measure(
    real: str | Path | Statistics,
    samples: str | Path,
    metrics: str | Sequence[str],
    *,
    num_frames: int = 16,
    stride: int = 1,
    resolution: int | None = None,
    pixels: PixelConvention = "exact",
    ignore: tuple[str, ...] = (),
    weights: Mapping[str, str | Path] | None = None,
    device: str | None = None,
    precision: Literal["exact", "fast"] = "exact",
    batch_size: int = 32,
) -> Measurement:
    """Measure the clips of any two folders or files, as ``vidbench measure`` does; always unofficial.

    >>> import numpy as np, vidbench
    >>> real, generated = np.random.default_rng(0).integers(0, 256, (2, 64, 16, 32, 32, 3), np.uint8)
    >>> np.save("real.npy", real)
    >>> np.save("generated.npy", generated)
    >>> measured = vidbench.measure("real.npy", "generated.npy", metrics=["fvd-shapes"])
    >>> measured.metrics["fvd-shapes"].num_samples
    64

    Args:
        real: exchange folder, ``.npy``/``.npz`` file (uint8 ``[N, T, H, W, 3]``), folder of videos or of frame folders; or `vidmetrics.Statistics`.
        samples: clips in one of these forms.
        metrics: metric ids, or patterns such as ``"fvd*"``.
        num_frames: frames per clip, from the start of each video.
        stride: take every ``stride``-th frame.
        resolution: crop the central square and resize it to this side; None leaves frames unchanged.
        pixels: how videos become RGB.
        ignore: patterns of entries of folders to leave out, such as ``"*.txt"``.
        weights: weights files by network; other networks use their default.
        device: torch device; by default a GPU if there is one.
        precision: ``"exact"`` (within 1e-5 of float64) or ``"fast"`` (within 1e-3, on CPUs 1e-2).
        batch_size: clips per call of the networks.

    Returns:
        The record that ``vidbench measure --json`` prints, e.g. ``.metrics["fvd"].value``.

    Raises:
        InputError: bad input, or a metric that was named, not matched by a pattern, cannot run.

    Warns:
        UserWarning: a distance of fewer rows than features, with the bias to expect.
    """
    import warnings

    from vidbench.distributed.ranks import ranks_from_environment
    from vidbench.jobs.measure import MeasureOptions, measure_clips
    from vidbench.progress import Progress
    from vidbench.samples.clip_folder import ClipShape

    options = MeasureOptions(
        metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
        shape=ClipShape(num_frames, stride, resolution, pixels),
        ignore=tuple(ignore),
        weights={name: Path(path) for name, path in (weights or {}).items()},
        device=device,
        precision=precision,
        batch_size=batch_size,
    )
    sides = _real(real), _clips_path(samples, "samples")
    measured = measure_clips(*sides, options, Progress(enabled=False))
    for found in measured.metrics.values():
        if found.bias and ranks_from_environment().is_main:
            warnings.warn(found.bias, stacklevel=2)
    return measured


def _real(value: str | Path | Statistics) -> Path | Statistics:
    from vidmetrics.metric_objects.statistics_files import Statistics

    return value if isinstance(value, Statistics) else _clips_path(value, "real clips")


def _clips_path(value: str | Path, whose: str) -> Path:
    from vidbench.errors import InputError

    if not isinstance(value, str | Path):
        raise InputError(
            f"The {whose} are of type {type(value).__name__}, and vidbench.measure reads the clips of one path; clips in memory are for "
            "vidmetrics.measure, or vidmetrics.metric for several metrics."
        )
    return Path(value)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)
