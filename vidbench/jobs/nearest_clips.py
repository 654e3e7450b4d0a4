"""`vidbench nearest`: the training clips nearest to samples, by features."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vidbench.data import check_data_folder, open_evaluation, open_split
from vidbench.data.clip_dataset import ClipDataset
from vidbench.distributed.ranks import choose_device, process_group
from vidbench.errors import InputError
from vidbench.files import check_writable, write_text
from vidbench.progress import Progress
from vidbench.report.nearest import clip_features
from vidbench.report.nearest_page import render_nearest
from vidbench.report.pictures import Picture, strip
from vidbench.samples.clip_folder import ClipFiles, ClipShape, open_clips, refuse_missing
from vidbench.samples.exchange import open_samples
from vidbench.scoring.clip_sources import ClipSource, DatasetSource, FilesSource
from vidbench.scoring.features import fill_stores
from vidbench.tasks import Task, load_task
from vidbench.tasks.limits import MOST_BATCH, check_option
from vidbench.validity.nearest_training import (
    MOST_NEIGHBOURS,
    Neighbourhood,
    Threshold,
    flag_threshold,
    nearest_training,
)
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.home import home
from vidmetrics.networks import load_network

_SHOWN = 24
"""Samples in the page, the nearest ones."""


@dataclass(frozen=True, kw_only=True)
class NearestOptions:
    """What a user chooses about a search.

    Attributes:
        samples: the samples.
        task: a task, whose training split is searched; None for folders.
        data: data folder of the task.
        train: folder of training clips, in place of a task.
        held_out: folder of real clips that the model has not seen, for the flags.
        network: feature extractor; None for the first one of the task.
        count: neighbours of each sample.
        train_clips: how many clips of the training split to search, from the first; None for all, and for embedded clips, which have
            no end, as many as the reference set has.
        shape: how clips are cut from the videos of folders.
        ignore: patterns of entries of folders to leave out.
        device: torch device; None for a GPU if there is one.
        batch_size: clips per call of the network; does not affect the distances.
        output: folder for ``nearest.json`` and ``nearest.html``; None to write nothing.
    """

    samples: Path
    task: str | None = None
    data: Path | None = None
    train: Path | None = None
    held_out: Path | None = None
    network: str | None = None
    count: int = 5
    train_clips: int | None = None
    shape: ClipShape = field(default_factory=ClipShape)
    ignore: tuple[str, ...] = ()
    device: str | None = None
    batch_size: int = 32
    output: Path | None = None


@dataclass(frozen=True)
class _Side:
    """Clips of one kind, with their names."""

    source: ClipSource
    num_clips: int
    name_of: Callable[[int], str]


@dataclass(frozen=True)
class Nearest:
    """The nearest training clips of samples.

    Attributes:
        space: network and output, in words.
        found: the neighbours of each sample.
        names: name of each training clip that was found, by index.
        threshold: the distance below which a sample is flagged; None without held-out clips.
        flagged: whether each sample is flagged, bool ``[N]``.
    """

    space: str
    found: Neighbourhood
    names: dict[int, str]
    threshold: Threshold | None
    flagged: np.ndarray

    def order(self) -> np.ndarray:
        """Return the indices of the samples, from the nearest to the farthest."""
        return np.argsort(self.found.distances_NK[:, 0], kind="stable")

    def sentence(self) -> str:
        """Return what the flags say."""
        count = len(self.flagged)
        if self.threshold is None:
            return f"{count:,} samples; none is flagged, because there are no held-out clips to compare with."
        flagged, limit = int(self.flagged.sum()), self.threshold
        return (
            f"{flagged:,} of {count:,} samples are flagged: nearer to a training clip than {limit.distance:.4g}, as "
            f"{limit.rank - 1:,} of {limit.num_held_out:,} held-out clips are; of samples as new as these, about "
            f"{limit.chance * count:.1f} would be."
        )

    def document(self) -> dict[str, Any]:
        """Return everything as a JSON document."""
        limit = self.threshold
        return {
            "space": self.space,
            "num_training": self.found.num_training,
            "threshold": None
            if limit is None
            else {"distance": limit.distance, "rank": limit.rank, "num_held_out": limit.num_held_out},
            "num_flagged": int(self.flagged.sum()),
            "samples": [
                {
                    "sample": index,
                    "flagged": bool(self.flagged[index]),
                    "nearest": [
                        {"clip": int(clip), "name": self.names[int(clip)], "distance": float(distance)}
                        for clip, distance in zip(
                            self.found.clips_NK[index], self.found.distances_NK[index], strict=True
                        )
                    ],
                }
                for index in range(len(self.flagged))
            ],
        }


def nearest_clips(options: NearestOptions, progress: Progress) -> Nearest:
    """Find the training clips nearest to samples; features are cached as those of `evaluate` and `measure`.

    Raises:
        InputError: the samples, the clips, the network or an option cannot be used; see the messages.
    """
    check_option("--k", options.count, MOST_NEIGHBOURS)
    check_option("--batch-size", options.batch_size, MOST_BATCH)
    if options.output is not None:
        check_writable(options.output)
    refuse_missing(options.samples)
    with process_group() as ranks:
        device = choose_device(options.device, ranks)
        held_out: _Side | None
        if options.task is not None:
            samples, training, held_out, frames, name = _of_task(load_task(options.task).task, options)
        else:
            samples, training, held_out, frames, name = _of_folders(options)
        network = load_network(name, device=device)
        if problem := network.length_problem(frames):
            raise InputError(f"{problem}: choose another --network, or clips of another length.")
        # Of several outputs the largest, which tells most clips apart.
        output = max(network.outputs, key=lambda each: network.outputs[each])
        rows_per_clip = network.rows_per_clip(frames)

        def blocks(side: _Side, title: str) -> Callable[[], Iterable[np.ndarray]]:
            stores = fill_stores(
                side.source,
                [network],
                side.num_clips,
                root=home(),
                batch_size=options.batch_size,
                ranks=ranks,
                progress=progress,
                title=title,
            )
            return lambda: clip_features(stores[name], output, rows_per_clip)

        of_training = blocks(training, "Training clips")
        rows_ND = np.concatenate(list(blocks(samples, "Samples")()))
        found = nearest_training(rows_ND, of_training, options.count)
        threshold = None
        if held_out is not None:
            others = np.concatenate(list(blocks(held_out, "Held-out clips")()))
            threshold = flag_threshold(nearest_training(others, of_training, 1).distances_NK[:, 0])
    least = found.distances_NK[:, 0]
    nearest = Nearest(
        f"'{output}' of the network '{name}'",
        found,
        {int(clip): training.name_of(int(clip)) for clip in np.unique(found.clips_NK)},
        threshold,
        np.zeros(len(least), bool) if threshold is None else threshold.flags(least),
    )
    if options.output is not None:
        _write(nearest, samples, training, options.output)
    return nearest


def _of_task(task: Task, options: NearestOptions) -> tuple[_Side, _Side, _Side, int, str]:
    """Return samples, training clips, held-out clips, frames per clip and network of a task."""
    check_data_folder(task, options.data)
    files = open_samples(options.samples, options.ignore, task.predicted_frames, task.clips.pixels)
    clips = task.clips
    got, wanted = (
        (files.num_frames, files.width, files.height),
        (task.predicted_frames, clips.width, clips.height),
    )
    if got != wanted:
        raise InputError(
            f"The samples in {options.samples} have {got[0]} frames of {got[1]}x{got[2]} pixels, and the task '{task.name}' requires "
            f"{wanted[0]} frames of {wanted[1]}x{wanted[2]}: write them again in that shape."
        )
    evaluation = open_evaluation(task, options.data, None, options.ignore)
    if clips.context_frames and files.num_samples > evaluation.num_clips:
        raise InputError(
            f"There are {files.num_samples} samples in {options.samples} and {evaluation.num_clips} clips whose context they continue: "
            "give the samples of this task."
        )
    number = options.train_clips
    if number is None and task.data.embedded:
        number = task.reference.num_clips if isinstance(task.reference.num_clips, int) else task.evaluation.num_samples
    training = open_split(task, task.data.train_split, options.data, number, options.ignore)
    held_out = open_split(task, task.data.evaluation_split, options.data, task.evaluation.num_samples, options.ignore)
    network = options.network or next(
        (metric.network for metric in map(get_metric, task.evaluation.metrics) if metric.network), None
    )
    if network is None:
        raise InputError(f"No metric of the task '{task.name}' has features: name a network with --network.")
    return (
        _Side(FilesSource(files, task, evaluation), files.num_samples, str),
        _of_dataset(training),
        _of_dataset(held_out),
        clips.num_frames,
        network,
    )


def _of_dataset(clips: ClipDataset) -> _Side:
    return _Side(DatasetSource(clips), clips.num_clips, lambda index: clips.clip_ids(np.array([index]))[0])


def _of_folders(options: NearestOptions) -> tuple[_Side, _Side, _Side | None, int, str]:
    """Return the same of folders; without held-out clips there are none."""
    if options.train is None:
        raise InputError("There are no training clips: name a task with --task, or a folder with --train.")
    if options.network is None:
        raise InputError("A folder has no task that says in which features to search: name a network with --network.")
    opened: dict[Path, ClipFiles] = {}
    for path in (options.samples, options.train, options.held_out):
        if path is not None:
            clips = opened[path] = open_clips(path, options.shape, options.ignore)
            first = opened[options.samples]
            if (clips.height, clips.width) != (first.height, first.width):
                raise InputError(
                    f"Frames of '{path}' have {clips.width}x{clips.height} pixels and frames of '{options.samples}' "
                    f"{first.width}x{first.height}: use --resolution to resize both."
                )
    samples, training = _of_files(opened[options.samples]), _of_files(opened[options.train])
    held_out = None if options.held_out is None else _of_files(opened[options.held_out])
    return samples, training, held_out, options.shape.num_frames, options.network


def _of_files(clips: ClipFiles) -> _Side:
    return _Side(clips, clips.num_clips, clips.name_of)


def _write(nearest: Nearest, samples: _Side, training: _Side, output: Path) -> None:
    write_text(output / "nearest.json", json.dumps(nearest.document(), indent=2) + "\n")
    write_text(
        output / "nearest.html", render_nearest(nearest.space, nearest.sentence(), _strips(nearest, samples, training))
    )


def _strips(nearest: Nearest, samples: _Side, training: _Side) -> list[Picture]:
    """Return each of the nearest samples with its neighbours to its right."""
    pictures = []
    for index in nearest.order()[:_SHOWN]:
        clips = [
            samples.source.read(index[None]),
            *(training.source.read(clip[None]) for clip in nearest.found.clips_NK[index]),
        ]
        mark = ", flagged" if nearest.flagged[index] else ""
        pictures.append(strip(f"{index}: {nearest.found.distances_NK[index, 0]:.4g}{mark}", np.concatenate(clips)))
    return pictures
