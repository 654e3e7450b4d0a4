"""A result as text to paste into a paper: a LaTeX row and a BibTeX entry."""

from __future__ import annotations

from vidbench.report.axes import written
from vidbench.results.schema import Result

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    letter: "\\" + letter for letter in "&%$#_{}"
}


def latex_row(result: Result) -> str:
    """Return a row for a table, with the protocol as comments above it: a number without it means nothing."""
    arrows = {True: r"$\uparrow$", False: r"$\downarrow$"}
    header = " & ".join(
        ["model", *(f"{latex(name)} {arrows[metric.higher_is_better]}" for name, metric in result.metrics.items())]
    )
    cells = [latex(result.model.name)]
    for metric in result.metrics.values():
        ends = "" if metric.interval is None else ", ".join(map(written, metric.interval))
        cells.append(written(metric.value) + (rf"\,{{\scriptsize[{ends}]}}" if ends else ""))
    return f"% {_protocol(result)}\n% {header} \\\\\n{' & '.join(cells)} \\\\"


def bibtex(result: Result) -> str:
    """Return an entry for the result itself."""
    key = f"vidbench-{result.task.name}-{result.model.name}".replace(":", "-").replace(".", "-")
    digest = result.model.checkpoint_sha256 or result.model.samples_sha256
    note = _protocol(result) + (f", sha256 {digest}" if digest else "")
    return "\n".join(
        (
            f"@misc{{{key},",
            f"  title = {{{{{latex(result.model.name)} on {latex(result.task.name)} v{result.task.version}}}}},",
            f"  howpublished = {{vidbench {result.environment.vidbench}}},",
            f"  year = {{{result.execution.finished[:4]}}},",
            f"  note = {{{latex(note)}}},",
            "}",
        )
    )


def latex(text: str) -> str:
    """Return text with the letters escaped that mean something to LaTeX."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _protocol(result: Result) -> str:
    counts = next(iter(result.metrics.values())).num_samples
    status = "official" if result.official else "unofficial"
    return (
        f"vidbench {result.environment.vidbench}, {result.task.name} v{result.task.version}, fingerprint "
        f"{result.task.fingerprint[:16]}, {counts} samples, seed {result.seed}, {status}"
    )
