"""The ablation as a figure with the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from dvdgan.studies.ablation_orderings import METRICS, PAPER, AblationScore, select


def spread(values: Sequence[float]) -> float:
    """Standard deviation over seeds (n - 1), 0 for one seed."""
    return stdev(values) if len(values) > 1 else 0.0


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
    made = {row.group for row in rows}
    # A question that was not asked has the default run alone; a table of nothing else shows it in all places.
    order = {group: variants for group, variants in order.items() if group in made} or order
    figure, axes = pyplot.subplots(
        len(METRICS), len(order), figsize=(1.5 + 3.2 * len(order), 8.5), layout="constrained", squeeze=False
    )
    for line, (name, label, sign, place) in enumerate(METRICS):
        values_of_all = [getattr(row, name) for row in rows]
        # A variant that fails would flatten all others.
        logarithmic = sign < 0 and max(values_of_all) > 5 * min(values_of_all)
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
            axis.set_ylim(0.9 * min(values_of_all), 1.1 * max(values_of_all))
            if logarithmic:
                axis.set_yscale("log")
            if place is not None and group in PAPER:
                other = axis.twinx()
                other.plot(range(len(variants)), [PAPER[group][v][place] for v in variants], "s--", color="tab:orange")
                other.set_ylabel(f"{label}, paper, K600 (orange)")
            if line == 0:
                axis.set_title({"phi": "input of D_T (k = 8)", "k": "k, frames of D_S (2x2)"}.get(group, group))
    steps = sorted({row.steps for row in rows})
    figure.suptitle(f"{len(rows)} runs of {', '.join(map(str, steps))} steps\nbars: standard deviation over seeds")
    figure.savefig(output, dpi=110)
    pyplot.close(figure)
