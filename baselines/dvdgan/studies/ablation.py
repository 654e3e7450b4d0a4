"""The paper's ablation of its discriminators: its variants, and a runner that trains and scores each.

    python -m dvdgan.studies.ablation run --output runs/ablation --steps 1500 --devices cuda:0
    python -m dvdgan.studies.ablation plot baselines/dvdgan/results/ablation.csv --output ablation.png

Each run is one `vidbench train` and one `vidbench evaluate`, as a user would type them; ``command.txt`` in the run's folder
has both. Finished commands are not repeated. With ``--together`` runs train in threads of one process, since networks this
small leave most of a GPU idle (see `vidbench.cli.together`).
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

COLUMNS = ("group", "variant", "seed", "steps", "draw", "fid", "is", "fvd", "task_fingerprint", "result_sha256")

OFFICIAL = "official"
"""The draw of samples that the task prescribes; the others are named by their seeds."""


@dataclass(frozen=True)
class Variant:
    """One point of the ablation.

    Attributes:
        group: axis of the figure: ``"phi"``, ``"k"`` or ``"discriminators"``.
        name: label on the axis.
        settings: settings in addition to the shared ones.
    """

    group: str
    name: str
    settings: tuple[str, ...]


DEFAULT = Variant("default", "k=8, 2x2", ("spatial_frames=8", "phi=2x2"))
"""Shown in both the phi and the k group, as in the paper's figure; trained once here."""

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


GROUPS = ("discriminators", "k", "phi")
"""The questions, each of which can be asked alone."""


@dataclass(frozen=True)
class AblationRun:
    """One training run of a variant with a seed, and its score.

    Attributes:
        variant: the variant.
        seed: seed of the training run.
        steps: generator steps.
        folder: folder of the run.
        train: arguments after ``vidbench`` of the training run.
        scores: arguments after ``vidbench`` of the evaluation of each draw of samples, by the draw's name.
    """

    variant: Variant
    seed: int
    steps: int
    folder: Path
    train: tuple[str, ...]
    scores: dict[str, tuple[str, ...]]

    def result(self, draw: str = OFFICIAL) -> Path:
        """The result file of a draw, which exists once that is scored."""
        return score_folder(self.folder, draw) / "result.json"

    @property
    def is_trained(self) -> bool:
        """Whether all steps are made. If there is a result, the training run may have been deleted."""
        if self.result().is_file():
            return True
        log = self.folder / "train" / "train.jsonl"
        last = log.read_text(encoding="utf-8").splitlines()[-1:] if log.is_file() else []
        try:
            return bool(last) and json.loads(last[0]).items() >= {"event": "stop", "step": self.steps}.items()
        except ValueError:  # killed in the middle of a line
            return False


def score_folder(folder: Path, draw: str) -> Path:
    """Folder of the scores of a draw of samples."""
    return folder / ("score" if draw == OFFICIAL else f"score-{draw}")


def make_run(
    variant: Variant, seed: int, output: Path, task: str, steps: int, num_samples: int | None, draws: Sequence[int],
    curve: Sequence[str], shared: Sequence[str], device: str, score_device: str,
) -> AblationRun:  # fmt: skip
    """Plan one run: its folder and its commands."""
    label = f"{variant.group}-{variant.name}".lower().replace(" ", "-").replace(",", "").replace("=", "")
    folder = output / f"{label}-seed{seed}"
    settings = [part for text in (*shared, *variant.settings) for part in ("--set", text)]
    train = ["train", "--model", "dvdgan", "--task", task, "--output", str(folder / "train"), "--steps", str(steps),
             "--seed", str(seed), "--device", device, *curve, *settings]  # fmt: skip
    score = ["evaluate", "--model", f"dvdgan:{folder / 'train'}", "--task", task, "--device", score_device]
    score += [] if num_samples is None else ["--num-samples", str(num_samples)]
    scores = {}
    for draw in (OFFICIAL, *map(str, draws)):
        seeded = () if draw == OFFICIAL else ("--seed", draw)
        scores[draw] = (*score, "--output", str(score_folder(folder, draw)), *seeded)
    return AblationRun(variant, seed, steps, folder, tuple(train), scores)


def _line(arguments: Sequence[str]) -> str:
    return shlex.join(["vidbench", *arguments])


def _call(program: Sequence[str], log: Path, what: str) -> None:
    """Run a program with its output in a log.

    Raises:
        InputError: it failed; names the log.
    """
    # Many of these processes run at once: a thread pool as wide as the machine in each would stall them all.
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    with log.open("ab") as file:
        done = subprocess.run([sys.executable, *program], stdout=file, stderr=file, env=environment, check=False)  # noqa: S603 - our own program, no shell  # nosec B603
    if done.returncode:
        raise InputError(f"`{what}` failed with exit code {done.returncode}; see {log}, then rerun.")


def finish_run(run: AblationRun) -> None:
    """Train and score, unless already done, with the output in ``log.txt`` in the folder.

    Raises:
        InputError: a command failed; names it and its log.
    """
    note_commands(run)
    scores = [(arguments, run.result(draw).is_file()) for draw, arguments in run.scores.items()]
    for arguments, done in ((run.train, run.is_trained), *scores):
        if not done:
            _call(["-m", "vidbench", *arguments], run.folder / "log.txt", _line(arguments))


def note_commands(run: AblationRun) -> None:
    """Create the run's folder, with its commands in ``command.txt``."""
    run.folder.mkdir(parents=True, exist_ok=True)
    lines = [_line(arguments) + "\n" for arguments in (run.train, *run.scores.values())]
    (run.folder / "command.txt").write_text("".join(lines), encoding="utf-8")


def train_together(runs: Sequence[AblationRun], output: Path, device: str, jobs: int) -> None:
    """Train the unfinished runs of a device, `jobs` at a time in one process.

    Raises:
        InputError: one failed; names their common log.
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


def read_row(run: AblationRun, draw: str) -> dict[str, str | int | float]:
    """Read one line of the table from the result file of a draw."""
    data = run.result(draw).read_bytes()
    record = json.loads(data)
    values = {name.partition("-")[0]: metric["value"] for name, metric in record["metrics"].items()}
    return {
        "group": run.variant.group,
        "variant": run.variant.name,
        "seed": run.seed,
        "steps": run.steps,
        "draw": draw,
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
    """The paper's ablation of its discriminators."""


@main.command("run")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder of the runs and of the table.")
@click.option("--task", default="shapes-gen", show_default=True, help="Generation task to train and score on.")
@click.option("--steps", type=click.IntRange(min=1), default=1500, show_default=True, help="Generator steps per run.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Seeds, separated by commas.")
@click.option(
    "--groups",
    default=",".join(GROUPS),
    show_default=True,
    help="Questions, separated by commas; the default run is always made.",
)
@click.option("--draws", default="", help="Seeds of further draws of samples to score, separated by commas.")
@click.option("--metrics-every", type=click.IntRange(min=1), metavar="N", help="Measure every N steps too, for curves.")
@click.option("--num-samples", type=click.IntRange(min=2), help="Samples scored per run; default: the task's number.")
@click.option("--devices", default="cpu", show_default=True, help="Torch devices, separated by commas.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at a time on each device.")
@click.option("--together", type=click.IntRange(min=2), help="On a GPU: train this many at a time in one process.")
@click.option("--score-device", help="Torch device for scoring; default: the one that trained.")
@click.option("--set", "shared", multiple=True, metavar="KEY=VALUE", help="A setting shared by all runs.")
def run_variants(
    output: Path, task: str, steps: int, seeds: str, groups: str, draws: str, metrics_every: int | None,
    num_samples: int | None, devices: str, jobs: int, together: int | None, score_device: str | None,
    shared: tuple[str, ...],
) -> None:  # fmt: skip
    """Train and score every variant with every seed, and write ``ablation.csv``; finished runs are not repeated."""
    names, asked = devices.split(","), groups.split(",")
    if unknown := next((group for group in asked if group not in GROUPS), None):
        raise click.ClickException(f"There is no group '{unknown}'; choose among {', '.join(GROUPS)}.")
    # Seed by seed, so that a run stopped early has complete repetitions of all variants.
    chosen = [variant for variant in VARIANTS if variant is DEFAULT or variant.group in asked]
    wanted = [(variant, int(seed)) for seed in seeds.split(",") for variant in chosen]
    others = [int(draw) for draw in draws.split(",") if draw]
    curve = [] if metrics_every is None else ["--metrics-every", str(metrics_every)]
    runs = [
        make_run(variant, seed, output, task, steps, num_samples, others, curve, shared, device, score_device or device)
        for (variant, seed), device in zip(wanted, cycle(names), strict=False)
    ]

    def work(name: str, share: Sequence[AblationRun]) -> None:
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
    write_table(output / "ablation.csv", (read_row(run, draw) for run in runs for draw in run.scores))
    click.echo(output / "ablation.csv")


def _finish(run: AblationRun) -> None:
    finish_run(run)
    click.echo(f"{run.variant.group} {run.variant.name}, seed {run.seed}: done", err=True)


@main.command("plot")
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--output", type=click.Path(path_type=Path), required=True, help="PNG to write.")
def plot_table(table: Path, output: Path) -> None:
    """Plot the table with the paper's figures, and print which of the paper's orderings hold here."""
    from dvdgan.studies.ablation_orderings import orderings, read_scores
    from dvdgan.studies.ablation_plot import draw_ablation

    scores = read_scores(table)
    draw_ablation(scores, output)
    for line in orderings(scores):
        click.echo(line)


if __name__ == "__main__":
    main()
