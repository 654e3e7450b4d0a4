"""What a run lacks: data and which part of it, weights, a checkpoint, disk, memory; each with what brings it, and its size.

`lacking` decides from facts alone; `refuse_lacking` gathers the facts, and `vidbench.cli.refuse` prints the list.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vidbench.data.published import PUBLISHED, gigabytes_of
from vidbench.errors import LackingError
from vidbench.models.interface import NoCheckpointError
from vidbench.scoring.forecast import BYTES_PER_LISTED_VIDEO, real_clips
from vidbench.tasks import Task, task_names
from vidbench.tasks.datasets import DATASETS
from vidmetrics.catalog.definitions import MetricDefinition, get_metric
from vidmetrics.catalog.network_cards import base_network, classes_of, embedded_networks, network_card
from vidmetrics.formats.memory import gigabytes, memory_bytes
from vidmetrics.home import home
from vidmetrics.networks import default_weights
from vidmetrics.weights.sources import published_networks, source_of

SMALLEST_DISK = 10**8
"""Features that need less are not compared with the free space; a full disk is reported when it is met."""

_MATRICES = 30


class Need(NamedTuple):
    """One thing that a run lacks.

    Attributes:
        what: its kind, such as ``"data"``.
        lacks: what is missing, as a clause.
        remedy: what brings it, with its size.
    """

    what: str
    lacks: str
    remedy: str

    def line(self, width: int) -> str:
        """Return one line of the list."""
        return f"{self.what:<{width}}  {self.lacks}: {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What is known before a run about its arguments and the machine.

    Attributes:
        splits: the splits that it reads; empty if it needs no data.
        data: the data folder; None if none was named.
        present: the entries of `vidbench.data.published.PublishedSplit` that the folder has; None if it does not exist.
        absent_weights: bytes of the published weights of each network that has none here; None where the size is unknown.
        checkpoint: the model's own sentence that it has no checkpoint for this task; None if it has one.
        model: the model, for the hint at a rehearsal; None for clips on disk.
        features: bytes of features still to be written, by folder.
        free: free bytes of the file system of each folder.
        memory: bytes of memory of this machine; None for a run whose need is not known.
    """

    splits: tuple[str, ...] = ()
    data: Path | None = None
    present: frozenset[str] | None = None
    absent_weights: Mapping[str, int | None]
    checkpoint: str | None = None
    model: str | None = None
    features: Mapping[Path, int]
    free: Mapping[Path, int]
    memory: int | None


def lacking(task: Task, facts: RunFacts) -> tuple[Need, ...]:
    """Return everything that a run lacks; empty if it can begin.

    Args:
        task: the protocol.
        facts: what is known.
    """
    needs = [*_data(task, facts)]
    needs += [
        Need(
            "weights",
            f"those of {network}, {'of unknown size' if size is None else f'{size / 1e6:,.0f} MB'}",
            f"`vidbench weights fetch {network}`" if network in published_networks() else "docs/weights.md",
        )
        for network, size in facts.absent_weights.items()
    ]
    if facts.checkpoint is not None:
        sentence, _, remedy = facts.checkpoint.rstrip(".").partition("; ")
        needs.append(Need("checkpoint", sentence[0].lower() + sentence[1:], remedy))
    for folder, needed in facts.features.items():
        if needed > max(facts.free[folder], SMALLEST_DISK):
            needs.append(
                Need(
                    "disk",
                    f"{gigabytes(needed)} for features in {folder}, where {gigabytes(facts.free[folder])} are free",
                    "free some, or choose another folder with --output or VIDBENCH_HOME",
                )
            )
    needed = memory_needed(task, facts.splits)
    if facts.memory is not None and needed > facts.memory:
        needs.append(
            Need(
                "memory", f"about {gigabytes(needed)}, and there are {gigabytes(facts.memory)}", "use a larger machine"
            )
        )
    return tuple(needs)


def _data(task: Task, facts: RunFacts) -> list[Need]:
    dataset = task.data.dataset
    if not facts.splits:
        return []
    title = DATASETS[dataset].title.partition(",")[0]
    if dataset not in PUBLISHED:
        if facts.present is not None:
            return []
        lacks = f"{title}, with {_listed('split', facts.splits)}"
        return [Need("data", lacks, "name it with --data DIR (docs/data.md)")]
    published = PUBLISHED[dataset]
    entry_of = {split: published.splits[split].entry for split in facts.splits if split in published.splits}
    absent = tuple(
        split for split in facts.splits if facts.present is None or entry_of.get(split, "") not in facts.present
    )
    if not absent:
        return []
    size = gigabytes_of(dataset, absent)
    large = "" if size is None else f", {size:,.0f} GB"
    if facts.present is None:
        where = "" if facts.data is None else f"; there is no folder {facts.data}"
        return [
            Need(
                "data",
                f"{title}, {_listed('split', absent)}{large}, laid out as {published.layout}{where}",
                f"from {published.origin}, then --data DIR",
            )
        ]
    lacks = f"{_listed('split', absent)} of {title}{large}, not in {facts.data}"
    brings = f"from {published.origin}, laid out as {published.layout}"
    if absent == (task.data.reference_split,) and task.data.evaluation_split in facts.splits:
        brings += "; or statistics of the reference set instead: --reference FILE"
    return [Need("data", lacks, brings)]


def _listed(noun: str, names: Sequence[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {' and '.join(names)}"


def feature_bytes(metrics: Sequence[MetricDefinition], num_frames: int) -> int:
    """Return the bytes of the features of one clip on disk, float32, for networks whose weights are published.

    Args:
        metrics: the metrics of the task.
        num_frames: frames per clip.
    """
    cards = {name: network_card(name) for name in {metric.network for metric in metrics} if name}
    return sum(
        4 * (num_frames if card.per_frame else 1) * (classes_of(card.name) + card.pooled + card.more_values)
        for card in cards.values()
        if not card.embedded
    )


def memory_needed(task: Task, splits: Sequence[str]) -> int:
    """Return the bytes that an evaluation holds besides its networks: docs/scale.md has the sums.

    Args:
        task: the protocol.
        splits: the splits that it lists.
    """
    metrics = [get_metric(id) for id in task.evaluation.metrics]
    distances = {metric.network for metric in metrics if metric.needs_reference == "moments"}
    widest = max((network_card(network).pooled for network in distances), default=0)
    listed = 0
    if task.data.dataset in PUBLISHED:
        known = PUBLISHED[task.data.dataset].splits
        listed = sum(known[split].num_videos for split in splits if split in known)
    return _MATRICES * widest * widest * 8 + listed * BYTES_PER_LISTED_VIDEO


def refuse_lacking(
    task: Task,
    *,
    splits: Sequence[str] = (),
    data: Path | None = None,
    networks: bool = True,
    model: str | None = None,
    check_model: Callable[[], None] = lambda: None,
    output: Path | None = None,
    num_samples: int | None = None,
    reference: bool = True,
) -> None:
    """Refuse a run that lacks several things, with a list of all; one alone has its own sentence where it is met.

    Args:
        task: the protocol.
        splits: the splits that the run reads.
        data: the data folder that was named.
        networks: whether feature extractors are needed.
        model: the model as the user named it; None for clips on disk.
        check_model: refuses what the model refuses before data is read.
        output: output folder of an evaluation; None for a command that writes no features.
        num_samples: samples per run of an evaluation.
        reference: whether it measures the reference set.

    Raises:
        LackingError: two things or more are missing, or there is too little disk or memory.
        InputError: the model does not fit the task.
    """
    checkpoint = None
    try:
        check_model()
    except NoCheckpointError as error:
        checkpoint = str(error)
    needed = () if task.data.embedded else tuple(dict.fromkeys(splits))
    metrics = [get_metric(id) for id in task.evaluation.metrics]
    features = {} if output is None else _features_left(task, metrics, output, num_samples, reference)
    facts = RunFacts(
        splits=needed,
        data=data,
        present=None if data is None or not data.is_dir() else _present(task.data.dataset, data),
        absent_weights=_absent_weights(metrics) if networks else {},
        checkpoint=checkpoint,
        model=model,
        features=features,
        free={folder: shutil.disk_usage(_existing(folder)).free for folder in features},
        memory=None if output is None else memory_bytes(),
    )
    needs = lacking(task, facts)
    if len(needs) > 1 or any(need.what in ("disk", "memory") for need in needs):
        width = max(len(need.what) for need in needs)
        raise LackingError(
            f"{len(needs)} thing{'s are' if len(needs) > 1 else ' is'} missing for this run of '{task.name}'",
            tuple(need.line(width) for need in needs),
            _advice(task, model),
        )
    if checkpoint is not None:
        raise NoCheckpointError(checkpoint)


def _advice(task: Task, model: str | None) -> str:
    if task.name in task_names() and model is not None:
        return (
            f"try the whole path without them: `vidbench rehearse --task {task.name} --model {model.partition(':')[0]}`"
        )
    return "bring them, and run the same command again"


def _present(dataset: str, data: Path) -> frozenset[str]:
    if dataset not in PUBLISHED:
        return frozenset()
    entries = {split.entry for split in PUBLISHED[dataset].splits.values()}
    # The folder above softmotion30_44k may be named, or that folder itself.
    return frozenset(entry for entry in entries if (data / entry).exists() or (data / Path(entry).name).exists())


def _absent_weights(metrics: Sequence[MetricDefinition]) -> dict[str, int | None]:
    names = dict.fromkeys(base_network(metric.uses_network) for metric in metrics if metric.uses_network)
    absent = [name for name in names if name not in embedded_networks() and not default_weights(name).is_file()]
    sizes: dict[str, int | None] = {}
    for name in absent:
        files = source_of(name).files if name in published_networks() else ()
        known = [file.bytes for file in files if file.bytes is not None]
        sizes[name] = sum(known) if known else None
    return sizes


def _features_left(
    task: Task, metrics: Sequence[MetricDefinition], output: Path, num_samples: int | None, reference: bool
) -> dict[Path, int]:
    """Return the bytes of features to write, by folder, less what is there; one entry for folders of one file system."""
    evaluation = task.evaluation
    per_clip = feature_bytes(metrics, task.clips.num_frames) * (1 + len(task.time_windows))
    count = evaluation.num_samples if num_samples is None else num_samples
    sampled = count * evaluation.repeats * (1 + len(evaluation.truncation_sweep) + task.data.actions)
    known = task.data.embedded or task.data.dataset in PUBLISHED
    real = (real_clips(task) if known and reference else 0) + 3 * count
    needed = {output: per_clip * sampled, home(): per_clip * real}
    left = {folder: max(0, size - _size_of(folder / "features")) for folder, size in needed.items()}
    if len(left) == 2 and _existing(output).stat().st_dev == _existing(home()).stat().st_dev:
        return {output: sum(left.values())}
    return left


def _size_of(folder: Path) -> int:
    return sum(_file_bytes(Path(path, name)) for path, _, names in os.walk(folder) for name in names)


def _file_bytes(path: Path) -> int:
    """Return the size of a file, or 0 for what has none: a link that leads nowhere, or a file that another run just removed."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
