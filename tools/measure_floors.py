"""Measure the floor of the embedded tasks on disjoint sets of held-out clips, and write the files that results read it from.

    python tools/measure_floors.py

Set k of a task has the clips k * N to (k + 1) * N - 1 of its held-out split, where N is its number of samples; the first set is the
floor that every result has always had. Prints mean and deviation of each metric. Features are kept in VIDBENCH_HOME, so a second run
takes seconds; the first takes minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vidbench.data.shapes.dataset import SCENES
from vidbench.distributed.ranks import Ranks
from vidbench.files import write_text
from vidbench.progress import Progress
from vidbench.results.real_clips import FloorSets, floor_text
from vidbench.scoring.assemble import environment_record, real_sides
from vidbench.scoring.bounds import disjoint_real
from vidbench.scoring.floor_sets import RecordedFloor, held_out_sets, measured_sets, recorded_name
from vidbench.scoring.run import Run, open_run
from vidbench.scoring.run_features import reference_features, set_features
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task, task_names
from vidmetrics.home import home

FOLDER = Path(__file__).resolve().parents[1] / "vidbench" / "scoring"
SETS = 16


def measure_floor(run: Run, num_sets: int) -> dict[str, FloorSets]:
    """Measure the sets of one task."""
    sets = held_out_sets(run, num_sets)
    stores = set_features(run, sets, home())
    return measured_sets(run, sets, stores, real_sides(run, reference_features(run, home()), home()))


def _tasks_of_real_floors() -> list[str]:
    tasks = [load_task(name).task for name in task_names()]
    return [task.name for task in tasks if task.data.embedded and task.evaluation.floor == "real"]


def main() -> None:
    """Measure every embedded task, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="DIR", help="Folder of the files.")
    parser.add_argument("--task", action="append", metavar="TASK", help="Only this one; repeatable.")
    given = parser.parse_args()
    output = given.output
    for name in given.task or _tasks_of_real_floors():
        options = RunOptions(device="cpu", floor_sets=SETS)
        run = open_run(load_task(name), options, ranks=Ranks(), progress=Progress(), default_name="floors")
        found = measure_floor(run, SETS)
        record = RecordedFloor(
            command="python tools/measure_floors.py",
            seed=run.task.evaluation.seed,
            task=name,
            fingerprint=run.task.fingerprint,
            generator=SCENES[run.task.data.dataset].version,
            split=disjoint_real(run)[1],
            num_samples=run.num_samples,
            networks={network.name: network.weights_sha256 for network in run.networks.values()},
            environment=environment_record(run.device),
            metrics={id: sets.values for id, sets in found.items()},
        )
        write_text(output / recorded_name(name), record.model_dump_json(indent=2) + "\n")
        for id, sets in found.items():
            print(
                f"{name} {id}: {floor_text(None, sets)}, {min(sets.values):.3f} to {max(sets.values):.3f}", flush=True
            )


if __name__ == "__main__":
    main()
