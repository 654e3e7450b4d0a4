"""Curves of a run: ``python -m dvdgan.studies.curve train.jsonl -o curve.png``. Needs matplotlib (vidbench[plots])."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from dvdgan.training.training_log import LOG_FILE
from vidbench.models import InputError

_PANELS = (
    ("Losses", (("loss_spatial", "D_S"), ("loss_temporal", "D_T"), ("loss_generator", "G"),
                ("loss_reconstruction", "reconstruction, unweighted"))),
    ("Mean scores", (("real_spatial", "real, D_S"), ("fake_spatial", "fake, D_S"), ("real_temporal", "real, D_T"),
                     ("fake_temporal", "fake, D_T"))),
)  # fmt: skip

Series = dict[str, list[tuple[int, float]]]


def read_log(path: Path) -> tuple[Series, Series]:
    """Read losses and metrics of a train.jsonl, each by name as (step, value) in the order of the steps.

    A run that was stopped between two states has made some steps twice; the later line counts.

    Raises:
        InputError: no such file, or not the log of a run.
    """
    if not path.is_file():
        raise InputError(f"There is no log {path}; give the {LOG_FILE} of a run.")
    by_step: tuple[dict[str, dict[int, float]], ...] = (defaultdict(dict), defaultdict(dict))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            step, event = entry["step"], entry.get("event")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise InputError(f"Line {number} of {path} is not a line of a log; give the {LOG_FILE} of a run.") from None
        kept, values = (by_step[1], entry["metrics"]) if event == "metrics" else (by_step[0], {} if event else entry)
        for name, value in values.items():
            if name != "step":
                kept[name][step] = value
    losses, metrics = ({name: sorted(points.items()) for name, points in kept.items()} for kept in by_step)
    if not losses:
        raise InputError(f"The log {path} has no losses yet; wait for its second line.")
    return losses, metrics


def end_to_end(logs: Iterable[tuple[Series, Series]]) -> tuple[Series, Series]:
    """Join the logs of runs that each started from the result of the one before; steps are counted through."""
    joined: tuple[Series, Series] = (defaultdict(list), defaultdict(list))
    before = 0
    for log in logs:
        for kept, series in zip(joined, log, strict=True):
            for name, points in series.items():
                kept[name] += [(before + step, value) for step, value in points]
        before += max(points[-1][0] for points in log[0].values())
    return joined


def smooth(points: list[tuple[int, float]], width: int) -> list[tuple[int, float]]:
    """Means over `width` points in a row, at the last step of each; the last mean may be over fewer."""
    parts = [points[i : i + width] for i in range(0, len(points), width)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def draw_curves(losses: Series, metrics: Series, title: str) -> bytes:
    """Draw a PNG: losses and scores over the steps, and a panel for each metric."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * (len(_PANELS) + len(metrics)), 3.6), layout="constrained")
    axes = figure.subplots(1, len(_PANELS) + len(metrics), squeeze=False)[0]
    width = max(1, max(len(points) for points in losses.values()) // 400)
    for axis, (name, lines) in zip(axes, _PANELS, strict=False):
        for key, label in lines:
            if key in losses:
                axis.plot(*zip(*smooth(losses[key], width), strict=True), label=label, linewidth=1)
        axis.set_title(name + (f" (means of {width} lines)" if width > 1 else ""))
        if axis.lines:
            axis.legend(fontsize="small")
    for axis, (name, points) in zip(axes[len(_PANELS) :], metrics.items(), strict=True):
        axis.plot(*zip(*points, strict=True), marker=".", color="black", linewidth=1)
        axis.set_title(f"{name} on few samples, no result")
        if all(value > 0 for _, value in points):
            axis.set_yscale("log")
    for axis in axes:
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    figure.suptitle(title)
    png = io.BytesIO()
    # Without date and version in the file, the same log gives the same bytes.
    figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
    return png.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dvdgan.studies.curve", description="Draw the curves of a run.")
    parser.add_argument(
        "logs", type=Path, nargs="+", metavar="LOG",
        help="train.jsonl, or the output folder of a run; several for runs that each started from the one before",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG to write")
    parser.add_argument("--title", help="default: the folder of the last log")
    given = parser.parse_args(arguments)
    try:
        logs = [log / LOG_FILE if log.is_dir() else log for log in given.logs]
        losses, metrics = end_to_end(map(read_log, logs))
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            raise InputError("Curves need matplotlib, which is not installed; install vidbench[plots].") from None
        from dvdgan.checkpoint import write_atomically

        write_atomically(given.output, draw_curves(losses, metrics, given.title or logs[-1].resolve().parent.name))
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    print(given.output)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
