"""A result as text to paste into a paper: a LaTeX table row and a BibTeX entry."""

from __future__ import annotations

import re

from vidbench.rendering.latex import bibtex_entry, latex_escaped
from vidbench.rendering.numbers import score_text
from vidbench.rendering.printable import printable_line
from vidbench.results.schema import Result


def latex_row(result: Result) -> str:
    """Return a table row below its protocol in comments: a number means nothing without it."""
    arrows = {True: r"$\uparrow$", False: r"$\downarrow$"}
    columns = [f"{latex_escaped(name)} {arrows[metric.higher_is_better]}" for name, metric in result.metrics.items()]
    cells = [latex_escaped(result.model.name)]
    for metric in result.metrics.values():
        ends = "" if metric.interval is None else ", ".join(map(score_text, metric.interval))
        cells.append(score_text(metric.value) + (rf"\,{{\scriptsize[{ends}]}}" if ends else ""))
    header = " & ".join(["model", *columns])
    return f"% {printable_line(_protocol(result))}\n% {header} \\\\\n{' & '.join(cells)} \\\\"


def result_bibtex(result: Result) -> str:
    """Return an entry for the result itself."""
    digest = result.model.checkpoint_sha256 or result.model.samples_sha256
    return bibtex_entry(
        re.sub(r"[^A-Za-z0-9_-]+", "-", f"vidbench-{result.task.name}-{result.model.name}"),
        {
            "title": f"{result.model.name} on {result.task.name} v{result.task.version}",
            "howpublished": f"vidbench {result.environment.vidbench}",
            "year": result.execution.finished[:4],
            "note": _protocol(result) + (f", sha256 {digest}" if digest else ""),
        },
    )


def _protocol(result: Result) -> str:
    counts = next(iter(result.metrics.values())).num_samples
    status = "official" if result.official else "unofficial"
    return (
        f"vidbench {result.environment.vidbench}, {result.task.name} v{result.task.version}, fingerprint "
        f"{result.task.fingerprint[:16]}, {counts} samples, seed {result.seed}, {status}"
    )
