"""The floor of a task as a distribution: the scores of disjoint sets of held-out real clips, each as large as a run's samples.

One set is one draw: of `shapes-gen`, whose floor is 0.207, other sets score 0.12 to 0.46. The sets of embedded tasks were measured
once, by ``tools/measure_floors.py``, and are a file next to this one; those of real data are measured when the user asks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from statistics import fmean

from pydantic import BaseModel, ConfigDict, Field

from vidbench.data import open_split
from vidbench.data.clip_dataset import ClipDataset
from vidbench.data.shapes.dataset import SCENES
from vidbench.results.real_clips import FloorSets, floor_sets
from vidbench.results.schema import EnvironmentRecord
from vidbench.scoring.bounds import disjoint_real
from vidbench.scoring.features import Stores
from vidbench.scoring.imported_reference import ImportedRealSide
from vidbench.scoring.reference import RealSide, estimate_value
from vidbench.scoring.repeats import scored_sets
from vidbench.scoring.run import Run
from vidbench.tasks.schema import Task


class RecordedFloor(BaseModel):
    """The scores of held-out sets of an embedded task, with all that they depend on: a file next to this one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    command: str = Field(description="What wrote the file.")
    seed: int = Field(description="Seed of the task; the clips of the sets are numbered and need none of their own.")
    task: str
    fingerprint: str = Field(description="Fingerprint of the task.")
    generator: str = Field(description="Version of the renderer.")
    split: str = Field(description="Split of the clips.")
    num_samples: int = Field(
        description="Clips of a set; set k has the clips k * num_samples to (k + 1) * num_samples - 1."
    )
    networks: dict[str, str] = Field(description="Digest of the weights, by network.")
    environment: EnvironmentRecord
    metrics: dict[str, tuple[float, ...]] = Field(description="Score of each set, by metric id.")


def recorded_name(task_name: str) -> str:
    """Return the name of the file of an embedded task."""
    return f"recorded_floor_{task_name}.json"


def recorded_floor(task: Task, networks: Mapping[str, str]) -> RecordedFloor | None:
    """Return the recorded sets of an embedded task, or None if there are none for this protocol, renderer and network.

    Args:
        task: the protocol.
        networks: digest of the weights, by network.
    """
    file = resources.files("vidbench.scoring") / recorded_name(task.name)
    if not task.data.embedded or not file.is_file():
        return None
    recorded = RecordedFloor.model_validate_json(file.read_bytes())
    known = (recorded.fingerprint, recorded.generator, recorded.num_samples, recorded.networks)
    now = (task.fingerprint, SCENES[task.data.dataset].version, task.evaluation.num_samples, dict(networks))
    return recorded if known == now else None


def recorded_sets(task: Task, networks: Mapping[str, str]) -> dict[str, FloorSets]:
    """Return what `recorded_floor` finds by metric id; empty without it."""
    recorded = recorded_floor(task, networks)
    return {} if recorded is None else {id: floor_sets(values) for id, values in recorded.metrics.items()}


@dataclass(frozen=True)
class HeldOutSets:
    """Disjoint sets of held-out clips.

    Attributes:
        dataset: the clips; set ``k`` is ``k * num_samples`` to ``(k + 1) * num_samples - 1``.
        num_sets: how many sets it holds.
        num_samples: clips of a set.
    """

    dataset: ClipDataset
    num_sets: int
    num_samples: int

    @property
    def num_clips(self) -> int:
        """Clips of all sets."""
        return self.num_sets * self.num_samples

    def clips(self, number: int) -> range:
        """Return the clips of a set."""
        return range(number * self.num_samples, (number + 1) * self.num_samples)


def held_out_sets(run: Run, most: int) -> HeldOutSets:
    """Return as many disjoint sets of real clips outside the reference set as the split of the floor has, up to ``most``.

    Raises:
        InputError: there is not a single set; see `vidbench.scoring.bounds.disjoint_real`.
    """
    first, split = disjoint_real(run)
    count = run.num_samples
    dataset = open_split(run.task, split, run.options.data, most * count, run.options.ignore)
    reference = run.reference.origins(run.num_reference)
    num_sets = min(most, dataset.num_clips // count)
    while num_sets > 1 and dataset.origins(num_sets * count) & reference:
        num_sets -= 1
    return HeldOutSets(dataset, num_sets, count) if num_sets > 1 else HeldOutSets(first, 1, count)


def measured_sets(
    run: Run, sets: HeldOutSets, stores: Stores, real: Mapping[str, RealSide | ImportedRealSide]
) -> dict[str, FloorSets]:
    """Return the scores of each set by metric id, without frame metrics and those that are not finite.

    Args:
        run: the run.
        sets: the sets.
        stores: features of their clips.
        real: reference side, by network.
    """
    found = {}
    for metric in run.metrics:
        if metric.needs_reference == "frames":
            continue  # real clips cannot be compared with themselves
        store, side = stores[metric.network], real[metric.network]
        values = [
            fmean(estimate_value(metric, store, side, clips=each) for each in scored_sets(run.task, sets.clips(number)))
            for number in range(sets.num_sets)
        ]
        if all(math.isfinite(value) for value in values):
            found[metric.id] = floor_sets(values)
    return found
