"""Write what benchmarks/README.md shows of the dated results, and its plot; `dated_results.py` calls it.

The page has the newest result of each benchmark that has a named peer, with its machine. The plot has clips per second, ours and the
peers', of the same results. Both are functions of the JSON files in ``results/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dated_results import NAME, RESULTS, DatedResult, read_json

from vidbench.rendering.svg import picture, text_at

PLOT = "clips_per_second.svg"
SHOWN = ("i3d_gpu", "inception_c3d_gpu", "i3d_cpu", "decode", "score", "frechet", "dvdgan_step")
MARKS = ("<!-- shown: written by `python benchmarks/dated_results.py` -->", "<!-- end of shown -->")
_LABEL, _LONGEST, _BAR, _STEP, _PANEL = 215, 380, 15, 21, 46
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#1f2937}.title{font-weight:600}.ours{fill:#2563eb}.peer{fill:#9ca3af}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.ours{fill:#60a5fa}.peer{fill:#6b7280}}</style>"
)


@dataclass(frozen=True)
class Panel:
    """Bars on one scale: a title, and the name and the clips per second of each."""

    title: str
    bars: tuple[tuple[str, float], ...]


def newest_of(benchmark: str, folder: Path = RESULTS) -> tuple[str, DatedResult] | None:
    """Return the name and content of the newest result of a benchmark, on any machine; None without one."""
    found = None
    for path in sorted(folder.glob(f"*-{benchmark}-*.json")):
        match = NAME.fullmatch(f"{path.stem}.md")
        if match is not None and match["benchmark"] == benchmark:
            found = path
    return None if found is None else (f"{found.stem}.md", read_json(found))


def tables(folder: Path = RESULTS) -> str:
    """Return the newest result of each benchmark with a named peer, in Markdown."""
    parts = []
    for benchmark in SHOWN:
        found = newest_of(benchmark, folder)
        if found is None:
            parts += [f"### `{benchmark}`", "", "Not measured yet.", ""]
            continue
        name, result = found
        keys = list(result.rows[0])
        parts += [
            f"### `{benchmark}`: {result.machine}",
            "",
            f"[{result.date}](results/{name}), `{result.command}`",
            "",
        ]
        parts += [f"| {' | '.join(keys)} |", f"|{'---|' * len(keys)}"]
        parts += [f"| {' | '.join(row[key] for key in keys)} |" for row in result.rows] + [""]
        parts += [f"{result.note[0].upper()}{result.note[1:]}", ""] if result.note else []
    return "\n".join(parts).rstrip()


def panels(folder: Path = RESULTS) -> list[Panel]:
    """Return what the plot shows: I3D on a GPU and on a CPU by frame size, and two arrays to one FVD."""
    found = []
    for benchmark, what, group, program in (
        ("i3d_gpu", "I3D, clips per second", "frames", "network"),
        ("i3d_cpu", "I3D, clips per second of CPU time", "frames", "network"),
        ("score", "Two arrays to one FVD, clips per second", "clips", "program"),
    ):
        newest_result = newest_of(benchmark, folder)
        if newest_result is None:
            continue
        _, result = newest_result
        for size in dict.fromkeys(row[group] for row in result.rows):
            rows = [row for row in result.rows if row[group] == size and not row[program].startswith("plain")]
            bars = [(row[program], _rate(row)) for row in rows if not row[program].endswith("product")]
            found.append(Panel(f"{what}: {result.machine.split(',')[0]}, {size}", tuple(bars)))
    return found


def _rate(row: dict[str, str]) -> float:
    return float(row["clips_per_second"]) if "clips_per_second" in row else 1 / float(row["cpu_seconds"])


def plot(shown: Sequence[Panel]) -> str:
    """Return the picture: horizontal bars, each panel on its own scale, from 0."""
    parts, y = [_STYLE], 8.0
    for panel in shown:
        most = max(rate for _, rate in panel.bars)
        parts.append(text_at(8, y + 16, panel.title, "title"))
        y += 26
        for name, rate in panel.bars:
            kind = "ours" if name.startswith("ours") else "peer"
            length = rate / most * _LONGEST
            parts.append(text_at(_LABEL - 8, y + 12, name, "name", "end"))
            parts.append(f'<rect class="{kind}" x="{_LABEL}" y="{y:.1f}" width="{length:.1f}" height="{_BAR}"/>')
            text = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
            parts.append(text_at(_LABEL + length + 6, y + 12, text, "rate"))
            y += _STEP
        y += _PANEL - 26
    label = "Clips per second, ours and the peers: " + "; ".join(panel.title for panel in shown)
    drawn = picture(_LABEL + _LONGEST + 90, y, parts, label)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def section(folder: Path = RESULTS) -> str:
    """Return the text between the marks of benchmarks/README.md."""
    return f"![Clips per second, ours and the peers]({PLOT})\n\n{tables(folder)}"
