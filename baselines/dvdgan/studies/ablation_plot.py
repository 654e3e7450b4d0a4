"""The ablation as a figure with the paper's, and in sentences: which of the paper's orderings hold here."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

PAPER = {
    "phi": {"4x4": (2.0, 33.5), "2x2": (2.0, 37.5), "identity": (2.2, 43.0), "crop": (2.1, 34.2)},
    "k": {"1": (3.7, 24.4), "4": (2.4, 32.1), "8": (2.1, 39.5), "10": (1.8, 39.6)},
}
"""FID and IS (I3D-K600) read off the ablation figure of arXiv 1907.06571 v2: K600, 12 frames, 64x64, 100,000 steps, means
of 3 seeds. Read by eye from an image, so the last digit is uncertain."""

ORDERINGS = (
    ("k", "1", "4", "more frames seen by D_S are better: k = 1 to 4"),
    ("k", "4", "8", "more frames seen by D_S are better: k = 4 to 8"),
    ("k", "8", "10", "beyond k = 8 little is gained: 8 to 10"),
    ("phi", "4x4", "2x2", "less downsampling for D_T is better: 4x4 to 2x2"),
    ("phi", "2x2", "identity", "less downsampling for D_T is better: 2x2 to identity"),
    ("phi", "crop", "2x2", "pooling is better than cropping: crop to 2x2"),
)
"""Orderings in the paper's figure as (group, worse, better, in words); each is judged by FID and by IS."""


@dataclass(frozen=True)
class AblationScore:
    """One run: its place in the figure and its three scores on the task's own network."""

    group: str
    variant: str
    seed: int
    steps: int
    fid: float
    inception_score: float
    fvd: float


def read_scores(path: Path) -> list[AblationScore]:
    """Read a table that ``dvdgan.studies.ablation run`` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            AblationScore(row["group"], row["variant"], int(row["seed"]), int(row["steps"]), float(row["fid"]), float(row["is"]),
                float(row["fvd"]))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def select(rows: Sequence[AblationScore], group: str, variant: str) -> list[AblationScore]:
    """Select the runs at one place in the figure; the default run is in both groups."""
    shared = (group, variant) in {("phi", "2x2"), ("k", "8"), ("discriminators", "both")}
    return [row for row in rows if (row.group == "default" if shared else (row.group, row.variant) == (group, variant))]


def spread(values: Sequence[float]) -> float:
    """Standard deviation over seeds (n - 1), 0 for one seed."""
    return stdev(values) if len(values) > 1 else 0.0


def _sentence(
    rows: Sequence[AblationScore], group: str, worse: str, better: str, words: str, name: str, sign: int
) -> str:
    a, b = ([getattr(row, name) for row in select(rows, group, variant)] for variant in (worse, better))
    label = {"fid": "FID", "inception_score": "IS", "fvd": "FVD"}[name]
    place = {"fid": 0, "inception_score": 1}.get(name)
    paper = "" if place is None else f"paper {PAPER[group][worse][place]} to {PAPER[group][better][place]}, "
    gain, noise = sign * (mean(b) - mean(a)), (spread(a) ** 2 / len(a) + spread(b) ** 2 / len(b)) ** 0.5
    verdict = (
        "holds" if gain > 2 * noise else "is reversed" if gain < -2 * noise else "is within the noise of the seeds"
    )
    return (
        f"{label}: {words}: {paper}here {mean(a):.2f} +- {spread(a):.2f} to {mean(b):.2f} +- {spread(b):.2f} "
        f"({len(a)} and {len(b)} seeds): {verdict}."
    )


def orderings(rows: Sequence[AblationScore]) -> list[str]:
    """One sentence per ordering and metric: the paper's pair, ours with its spread, and whether it holds.

    An ordering holds if the means differ in its direction by more than twice the standard error of their difference over
    seeds; it is reversed if they do so in the other direction, and within the noise otherwise.
    """
    lines = []
    for group, worse, better, words in ORDERINGS:
        for name, sign in (("fid", -1), ("inception_score", 1), ("fvd", -1)):
            lines.append(_sentence(rows, group, worse, better, words, name, sign))
    for alone in ("D_S only", "D_T only"):
        if select(rows, "discriminators", alone):
            words = f"both discriminators are better than {alone} (not in the figure)"
            lines.append(_sentence(rows, "discriminators", alone, "both", words, "fvd", -1))
    return lines


def draw_ablation(rows: Sequence[AblationScore], output: Path) -> None:
    """Write the figure: scores over phi, k and the discriminators, ours with the spread over seeds, and the paper's.

    They have separate axes: the paper's scores are by I3D on Kinetics-600, ours by the embedded network on moving shapes,
    so only the shapes of the curves can be compared.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    order = {"phi": ["4x4", "2x2", "identity", "crop"], "k": ["1", "4", "8", "10"],
             "discriminators": ["both", "D_S only", "D_T only"]}  # fmt: skip
    names = (("fid", "FID", 0), ("inception_score", "IS", 1), ("fvd", "FVD", None))
    figure, axes = pyplot.subplots(len(names), len(order), figsize=(11, 8.5), layout="constrained")
    for line, (name, label, place) in enumerate(names):
        for column, (group, variants) in enumerate(order.items()):
            axis = axes[line][column]
            found = [[getattr(row, name) for row in select(rows, group, variant)] for variant in variants]
            places = [i for i, values in enumerate(found) if values]
            kept = [values for values in found if values]
            axis.errorbar(places, [mean(v) for v in kept], [spread(v) for v in kept], fmt="o-", capsize=4,
                          color="tab:blue")  # fmt: skip
            for i, values in zip(places, kept, strict=True):
                axis.plot([i] * len(values), values, ".", color="tab:blue", alpha=0.4)
            axis.set_xticks(range(len(variants)), variants)
            axis.set_ylabel(f"{label}, shapes (blue)")
            if place is not None and group in PAPER:
                other = axis.twinx()
                other.plot(range(len(variants)), [PAPER[group][v][place] for v in variants], "s--", color="tab:orange")
                other.set_ylabel(f"{label}, paper, K600 (orange)")
            if line == 0:
                axis.set_title({"phi": "input of D_T (k = 8)", "k": "k, frames of D_S (2x2)"}.get(group, group))
    steps = sorted({row.steps for row in rows})
    figure.suptitle(f"{len(rows)} runs of {', '.join(map(str, steps))} steps; bars: standard deviation over seeds")
    figure.savefig(output, dpi=110)
    pyplot.close(figure)
