"""The paper's ablation of its discriminators, rerun: which runs there are, and a runner that trains and scores each.

    python -m dvdgan.studies.ablation run --output runs/ablation --steps 1500 --devices cuda:0
    python -m dvdgan.studies.ablation plot baselines/dvdgan/results/ablation.csv --output ablation.png

Each run is one `vidbench train` and one `vidbench evaluate`, the commands a user would type; they lie in the run's folder
as ``command.txt``. What is done is not done again. With ``--together`` trainings share processes, whose streams fill a GPU
that networks this small leave idle (see `vidbench.cli.together`).
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import click

from vidbench.models import InputError, written_whole

COLUMNS = ("group", "variant", "seed", "steps", "fid", "is", "fvd", "task_fingerprint", "result_sha256")


@dataclass(frozen=True)
class Variant:
    """One setting of the ablation.

    Attributes:
        group: axis of the figure: ``"phi"``, ``"k"`` or ``"discriminators"``.
        name: label on the axis.
        settings: what is set beside the shared settings.
    """

    group: str
    name: str
    settings: tuple[str, ...]


DEFAULT = Variant("default", "k=8, 2x2", ("spatial_frames=8", "phi=2x2"))
"""Stands in both the phi and the k group, as in the paper's figure; trained once here."""

VARIANTS = (
    DEFAULT,
    Variant("phi", "4x4", ("spatial_frames=8", "phi=4x4")),
    Variant("phi", "identity", ("spatial_frames=8", "phi=identity")),
    Variant("phi", "crop", ("spatial_frames=8", "phi=crop")),
    Variant("k", "1", ("spatial_frames=1", "phi=2x2")),
    Variant("k", "4", ("spatial_frames=4", "phi=2x2")),
    Variant("k", "10", ("spatial_frames=10", "phi=2x2")),
    Variant("discriminators", "D_S only", ("spatial_frames=8", "phi=2x2", "discriminators=spatial")),
    Variant("discriminators", "D_T only", ("spatial_frames=8", "phi=2x2", "discriminators=temporal")),
)
"""The axes of the paper's figure (k in {1, 4, 8, 10} at 2x2, phi at k = 8), and each discriminator alone."""


@dataclass(frozen=True)
class Run:
    """One training of a variant with a seed, and its score.

    Attributes:
        variant: what it is a training of.
        seed: seed of the training.
        steps: generator steps.
        folder: where it lies.
        train: arguments of the training, as they stand after ``vidbench``.
        score: arguments of the evaluation, likewise.
    """

    variant: Variant
    seed: int
    steps: int
    folder: Path
    train: tuple[str, ...]
    score: tuple[str, ...]

    @property
    def result(self) -> Path:
        """The result file, there once the run is done."""
        return self.folder / "score" / "result.json"

    @property
    def is_trained(self) -> bool:
        """Whether the training has made all its steps; it may be gone where the result is there."""
        if self.result.is_file():
            return True
        log = self.folder / "train" / "train.jsonl"
        last = log.read_text(encoding="utf-8").splitlines()[-1:] if log.is_file() else []
        try:
            return bool(last) and json.loads(last[0]).items() >= {"event": "stop", "step": self.steps}.items()
        except ValueError:  # killed in the middle of a line
            return False


def make_run(
    variant: Variant, seed: int, output: Path, task: str, steps: int, num_samples: int | None, shared: Sequence[str],
    device: str, score_device: str,
) -> Run:  # fmt: skip
    """Folder and commands of one run."""
    label = f"{variant.group}-{variant.name}".lower().replace(" ", "-").replace(",", "").replace("=", "")
    folder = output / f"{label}-seed{seed}"
    settings = [part for text in (*shared, *variant.settings) for part in ("--set", text)]
    train = ["train", "--model", "dvdgan", "--task", task, "--output", str(folder / "train"), "--steps", str(steps),
             "--seed", str(seed), "--device", device, *settings]  # fmt: skip
    score = ["evaluate", "--model", f"dvdgan:{folder / 'train'}", "--task", task, "--output", str(folder / "score"),
             "--device", score_device]  # fmt: skip
    score += [] if num_samples is None else ["--num-samples", str(num_samples)]
    return Run(variant, seed, steps, folder, tuple(train), tuple(score))


def _line(arguments: Sequence[str]) -> str:
    return shlex.join(["vidbench", *arguments])


def _call(program: Sequence[str], log: Path, what: str) -> None:
    """Run a program, its output in a log.

    Raises:
        InputError: it failed; names the log.
    """
    # Each process is one of many on this machine: a thread pool as wide as the machine in each would stall them all.
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    with log.open("ab") as file:
        done = subprocess.run([sys.executable, *program], stdout=file, stderr=file, env=environment, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise InputError(f"`{what}` ended with exit code {done.returncode}; see {log}, then rerun.")


def finish_run(run: Run) -> None:
    """Train and score, what of both is not done, one after the other; their output goes to ``log.txt`` in the folder.

    Raises:
        InputError: a command failed; names it and its log.
    """
    note_commands(run)
    for arguments, done in ((run.train, run.is_trained), (run.score, run.result.is_file())):
        if not done:
            _call(["-m", "vidbench", *arguments], run.folder / "log.txt", _line(arguments))


def note_commands(run: Run) -> None:
    """Make the run's folder, with its commands in ``command.txt``."""
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "command.txt").write_text(f"{_line(run.train)}\n{_line(run.score)}\n", encoding="utf-8")


def train_together(runs: Sequence[Run], output: Path, device: str, jobs: int) -> None:
    """Make the trainings of a device that are not done, some at a time in one process.

    Raises:
        InputError: one failed; names the log of them all.
    """
    waiting = [run for run in runs if not run.is_trained]
    for run in waiting:
        note_commands(run)
    if not waiting:
        return
    commands = output / f"together-{device.replace(':', '')}.txt"
    commands.write_text("".join(_line(run.train) + "\n" for run in waiting), encoding="utf-8")
    program = ["-m", "vidbench.cli.together", str(commands), "--jobs", str(jobs)]
    _call(program, commands.with_suffix(".log"), f"python {shlex.join(program)}")


def read_row(run: Run) -> dict[str, str | int | float]:
    """One line of the table from a result file."""
    data = run.result.read_bytes()
    record = json.loads(data)
    values = {name.partition("-")[0]: metric["value"] for name, metric in record["metrics"].items()}
    return {
        "group": run.variant.group,
        "variant": run.variant.name,
        "seed": run.seed,
        "steps": run.steps,
        "fid": values["fid"],
        "is": values["is"],
        "fvd": values["fvd"],
        "task_fingerprint": record["task"]["fingerprint"],
        "result_sha256": hashlib.sha256(data).hexdigest(),
    }


def write_table(path: Path, rows: Iterable[dict[str, str | int | float]]) -> None:
    """Write the rows as CSV, whole or not at all."""
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@click.group()
def main() -> None:
    """The paper's ablation of its discriminators, trained and scored again."""


@main.command("run")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder of the runs and of the table.")
@click.option("--task", default="shapes-gen", show_default=True, help="Generation task to train and score on.")
@click.option("--steps", type=click.IntRange(min=1), default=1500, show_default=True, help="Generator steps per run.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Seeds of the trainings, separated by commas.")
@click.option("--num-samples", type=click.IntRange(min=2), help="Samples scored per run; the task's number by default.")
@click.option("--devices", default="cpu", show_default=True, help="Torch devices, separated by commas.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at a time on each device.")
@click.option("--together", type=click.IntRange(min=2), help="On a GPU: first train so many at a time in one process.")
@click.option("--score-device", help="Torch device that scores; the one that trained by default.")
@click.option("--set", "shared", multiple=True, metavar="KEY=VALUE", help="A setting shared by all runs.")
def run(
    output: Path, task: str, steps: int, seeds: str, num_samples: int | None, devices: str, jobs: int,
    together: int | None, score_device: str | None, shared: tuple[str, ...],
) -> None:  # fmt: skip
    """Train and score every variant with every seed, and write ``ablation.csv``; what is done is not done again."""
    names = devices.split(",")
    # Seed by seed: stopped early, the table has whole repetitions of all variants and not all of some.
    wanted = [(variant, int(seed)) for seed in seeds.split(",") for variant in VARIANTS]
    runs = [
        make_run(variant, seed, output, task, steps, num_samples, shared, device, score_device or device)
        for (variant, seed), device in zip(wanted, cycle(names), strict=False)
    ]

    def work(name: str, share: Sequence[Run]) -> None:
        if together is not None:
            train_together(share, output, name, together)
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(_finish, share))

    try:
        output.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(work, names, (runs[first :: len(names)] for first in range(len(names)))))
    except InputError as error:
        raise click.ClickException(str(error)) from None
    write_table(output / "ablation.csv", (read_row(run) for run in runs))
    click.echo(output / "ablation.csv")


def _finish(run: Run) -> None:
    finish_run(run)
    click.echo(f"{run.variant.group} {run.variant.name}, seed {run.seed}: done", err=True)


@main.command("plot")
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The picture to write.")
def plot(table: Path, output: Path) -> None:
    """Draw the table beside the paper's own figures, and print which of the paper's orderings hold here."""
    from dvdgan.studies.ablation_plot import draw, orderings, read_table

    rows = read_table(table)
    draw(rows, output)
    for line in orderings(rows):
        click.echo(line)


if __name__ == "__main__":
    main()
