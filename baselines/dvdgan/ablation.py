"""The paper's ablation of its discriminators, rerun: which runs there are, and a runner that trains and scores each.

    python -m dvdgan.ablation run --output runs/ablation --steps 1500 --devices cuda:0
    python -m dvdgan.ablation plot baselines/dvdgan/results/ablation.csv --output ablation.png

Each run is one `vidbench train` and one `vidbench evaluate` in processes of their own, the commands a user would type;
they lie in the run's folder as ``command.txt``. A folder that holds a result is not run again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import queue
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from vidbench.models import InputError

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


def run_commands(
    variant: Variant, seed: int, folder: Path, task: str, steps: int, num_samples: int | None, shared: Sequence[str],
    device: str,
) -> tuple[list[str], list[str]]:  # fmt: skip
    """The training and the evaluation of one run, as argument lists of ``python -m vidbench``."""
    settings = [part for text in (*shared, *variant.settings) for part in ("--set", text)]
    train = ["train", "--model", "dvdgan", "--task", task, "--output", str(folder / "train"), "--steps", str(steps),
             "--seed", str(seed), "--device", device, *settings]  # fmt: skip
    score = ["evaluate", "--model", f"dvdgan:{folder / 'train'}", "--task", task, "--output", str(folder / "score"),
             "--device", device]  # fmt: skip
    return train, score + ([] if num_samples is None else ["--num-samples", str(num_samples)])


def run_one(folder: Path, commands: Iterable[Sequence[str]]) -> None:
    """Run the commands of one run one after the other, their output in ``folder/log.txt``.

    Raises:
        InputError: a command failed; names it and its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [shlex.join(["vidbench", *arguments]) for arguments in commands]
    (folder / "command.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Each process is one of many on this machine: a thread pool as wide as the machine in each would stall them all.
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    with (folder / "log.txt").open("ab") as log:
        for arguments, line in zip(commands, lines, strict=True):
            program = [sys.executable, "-m", "vidbench", *arguments]
            done = subprocess.run(program, stdout=log, stderr=log, env=environment, check=False)  # noqa: S603 - our own program
            if done.returncode:
                raise InputError(
                    f"`{line}` ended with exit code {done.returncode}; see {folder / 'log.txt'}, then rerun."
                )


def read_row(variant: Variant, seed: int, steps: int, result: Path) -> dict[str, str | int | float]:
    """One line of the table from a result file."""
    data = result.read_bytes()
    record = json.loads(data)
    values = {name.partition("-")[0]: metric["value"] for name, metric in record["metrics"].items()}
    return {
        "group": variant.group,
        "variant": variant.name,
        "seed": seed,
        "steps": steps,
        "fid": values["fid"],
        "is": values["is"],
        "fvd": values["fvd"],
        "task_fingerprint": record["task"]["fingerprint"],
        "result_sha256": hashlib.sha256(data).hexdigest(),
    }


def write_table(path: Path, rows: Iterable[dict[str, str | int | float]]) -> None:
    """Write the rows as CSV, whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)


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
@click.option("--set", "shared", multiple=True, metavar="KEY=VALUE", help="A setting shared by all runs.")
def run(
    output: Path, task: str, steps: int, seeds: str, num_samples: int | None, devices: str, jobs: int,
    shared: tuple[str, ...],
) -> None:  # fmt: skip
    """Train and score every variant with every seed, and write ``ablation.csv``; what is done is not done again."""
    slots: queue.Queue[str] = queue.Queue()
    names = [name for _ in range(jobs) for name in devices.split(",")]
    for name in names:
        slots.put(name)

    def work(item: tuple[Variant, int]) -> tuple[Variant, int, Path]:
        variant, seed = item
        label = f"{variant.group}-{variant.name}".lower().replace(" ", "-").replace(",", "").replace("=", "")
        folder = output / f"{label}-seed{seed}"
        result = folder / "score" / "result.json"
        if not result.is_file():
            device = slots.get()
            try:
                run_one(folder, run_commands(variant, seed, folder, task, steps, num_samples, shared, device))
            finally:
                slots.put(device)
        click.echo(f"{variant.group} {variant.name}, seed {seed}: done", err=True)
        return variant, seed, result

    # Seed by seed: stopped early, the table has whole repetitions of all variants and not all of some.
    items = [(variant, int(seed)) for seed in seeds.split(",") for variant in VARIANTS]
    try:
        with ThreadPoolExecutor(len(names)) as pool:
            done = list(pool.map(work, items))
    except InputError as error:
        raise click.ClickException(str(error)) from None
    write_table(output / "ablation.csv", (read_row(variant, seed, steps, path) for variant, seed, path in done))
    click.echo(output / "ablation.csv")


@main.command("plot")
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The picture to write.")
def plot(table: Path, output: Path) -> None:
    """Draw the table beside the paper's own figures, and print which of the paper's orderings hold here."""
    from dvdgan.ablation_plot import draw, orderings, read_table

    rows = read_table(table)
    draw(rows, output)
    for line in orderings(rows):
        click.echo(line)


if __name__ == "__main__":
    main()
