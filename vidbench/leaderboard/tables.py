"""A ranked board as a text table, CSV, JSON, Markdown or LaTeX."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vidbench.leaderboard.flags import FLAGS, reasons_of
from vidbench.leaderboard.ranking import RankedGroup, RankedRow
from vidbench.leaderboard.rows import KNOWN_ERRORS, BoardRow
from vidbench.rendering.latex import latex_escaped
from vidbench.rendering.printable import csv_cell, markdown_text, printable_line
from vidbench.results.tie_groups import resolution_sentence, ties_sentence

_HEADER = ("rank", "model", "value", "year", "status", "source")
_WITH_TIES = ("rank", "ties", *_HEADER[1:])


def score_cell(row: BoardRow) -> str:
    """Return the value with its spread: as published or, for measured rows, with four digits."""
    if row.status != "reported":
        value, spread = _digits(row.value), None if row.spread is None else _digits(row.spread)
    else:
        value = f"{row.value:,.10g}"
        # A spread of 0.0 next to 4.7 was rounded; print it with its decimals.
        decimals = max(_decimals(value), 0 if row.spread is None else _decimals(f"{row.spread:.10g}"))
        spread = None if row.spread is None else f"{row.spread:,.{decimals}f}"
    return value if spread is None else f"{value} ± {spread}"


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def origin(row: BoardRow) -> str:
    """Return the source of a score in a few words."""
    if row.status != "reported":
        return f"{row.task} v{row.task_version}, result {row.result_sha256[:12]}"
    return f"arXiv {row.arxiv}" if row.arxiv else row.paper


def rank_cell(entry: RankedRow) -> str:
    """Return the rank, ``real`` for real data, or ``-`` for a row that cannot be ranked."""
    if entry.rank is not None:
        return str(entry.rank)
    return "real" if entry.row.role == "real-data" else "-"


def _cells(entry: RankedRow) -> tuple[str, ...]:
    row = entry.row
    mark = (" *" if row.errors else "") + (" [retracted]" if row.retracted else " [flagged]" if row.open_flags else "")
    return rank_cell(entry), row.model + mark, score_cell(row), str(row.year), row.status, origin(row)


def _table_rows(group: RankedGroup) -> list[tuple[str, ...]]:
    """Return the cells of a group's table, the header first; a column of letters only where its rows have some."""
    if group.ties is None:
        return [_HEADER, *(_cells(entry) for entry in group.entries)]
    cells = [(rank, entry.ties, *others) for entry in group.entries for rank, *others in (_cells(entry),)]
    return [_WITH_TIES, *cells]


def noise_notes(group: RankedGroup) -> list[str]:
    """Return what the letters of a group say, and the smallest difference that its task resolves."""
    lines = [] if group.ties is None else [ties_sentence(group.ties)]
    if group.resolution is not None:
        row = next(entry.row for entry in group.entries if entry.row.role == "method" and entry.row.samples)
        lines.append(resolution_sentence(group.resolution, row.value, row.samples or 0))
    return lines


def spread_note(rows: Iterable[BoardRow]) -> str | None:
    """Return what ± covers in rows that were measured, or None if none of them has it."""
    if not any(row.spread is not None and row.spread_kind == "interval-95" for row in rows):
        return None
    return "± of measured rows: 95 % interval, sampling only; another reference set or training run is not covered."


def caveats(group: RankedGroup) -> list[str]:
    """Return the remarks that belong below the table of a group."""
    lines = [f"No ranks: {group.no_ranks}."] if group.no_ranks else []
    note = spread_note(entry.row for entry in group.entries)
    lines += [*([note] if note else []), *noise_notes(group), *group.notes]
    if group.open:
        ranked = any(entry.rank is not None for entry in group.entries)
        then = "the ranks hold only if the papers used the same" if ranked else "hence no rank"
        lines.append(f"Not stated: {', '.join(group.open)}; {then}.")
    for entry in group.entries:
        lines += [f"* {entry.row.model}: {KNOWN_ERRORS[code]}" for code in entry.row.errors]
        lines += _review(entry.row)
    lines += [
        f"Not ranked: {each.row.model} {score_cell(each.row)} ({origin(each.row)}): {each}." for each in group.unranked
    ]
    return lines


def _review(row: BoardRow) -> list[str]:
    """Return why a row is not ranked as far as that depends on a person: retracted, flagged, or only claimed."""
    if row.retracted:
        return [f"Retracted: {row.model} {score_cell(row)}, {row.retracted}."]
    lines = [f"Flagged, hence no rank: {row.model} {score_cell(row)}: {FLAGS[code]}" for code in row.open_flags]
    if row.status == "claimed":
        lines.append(f"Claimed, hence no rank until it is made again: vidbench leaderboard verify {row.id}")
    lines += [
        f"Cleared: {row.model} {score_cell(row)}, {code}: {why}." for code, why in reasons_of(row.cleared).items()
    ]
    return lines


def as_table(groups: Sequence[RankedGroup]) -> str:
    """Return aligned columns, for a terminal or a file; nothing is truncated."""
    blocks = []
    for group in groups:
        rows = [tuple(map(printable_line, row)) for row in _table_rows(group)]
        numbers = [rows[0].index(name) for name in ("rank", "value")]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [group.name]
        for row in rows:
            # Numbers right-aligned, words left-aligned.
            cells = [cell.rjust(width) if i in numbers else cell.ljust(width) for i, (cell, width) in _zip(row, widths)]
            lines.append("  " + "  ".join(cells).rstrip())
        blocks.append("\n".join([*lines, *(f"  {printable_line(line)}" for line in caveats(group))]))
    return "\n\n".join(blocks)


def _zip(row: Sequence[str], widths: Sequence[int]) -> Any:
    return enumerate(zip(row, widths, strict=True))


def as_csv(groups: Sequence[RankedGroup]) -> str:
    """Return one line per row: group, rank, ties, smallest difference resolved in the group, then every column of the file."""
    buffer = io.StringIO()
    names = [name for name in BoardRow.model_fields if name != "group"]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["group", "rank", "ties", "resolved_difference", *names])
    for group in groups:
        for entry in group.entries:
            fields = entry.row.model_dump(mode="json")
            resolved = None if group.resolution is None else group.resolution.difference
            cells = [group.name, entry.rank, entry.ties, resolved, *(fields[name] for name in names)]
            writer.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return buffer.getvalue().rstrip("\n")


def as_json(groups: Sequence[RankedGroup]) -> str:
    """Return one JSON document: the groups with their ranked rows."""
    document = [
        {
            "group": group.name,
            "not_stated": group.open,
            "notes": group.notes,
            "ties": None if group.ties is None else {"comparisons": group.ties.comparisons, "level": group.ties.level},
            "resolution": None if group.resolution is None else dataclasses.asdict(group.resolution),
            "rows": [
                {
                    "rank": entry.rank,
                    "unranked": entry.unranked,
                    "ties": entry.ties,
                    **entry.row.model_dump(mode="json"),
                }
                for entry in group.entries
            ],
            "beside": [
                {"id": each.row.id, "differs": each.differs, "not_stated": each.unknown} for each in group.unranked
            ],
        }
        for group in groups
    ]
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_markdown(groups: Sequence[RankedGroup]) -> str:
    """Return a heading and a table for each group."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(markdown_text, cells)) + " |"

    blocks = []
    for group in groups:
        header, *cells = _table_rows(group)
        rows = [line(each) for each in cells]
        notes = [f"- {markdown_text(text.removeprefix('* '))}" for text in caveats(group)]
        table = [
            f"### `{printable_line(group.name).replace('`', ' ')}`",
            "",
            line(header),
            "|" + "|".join("---:" if name in ("rank", "value") else "---" for name in header) + "|",
            *rows,
        ]
        blocks.append("\n".join([*table, *(["", *notes] if notes else [])]))
    return "\n\n".join(blocks)


def as_latex(groups: Sequence[RankedGroup]) -> str:
    """Return one booktabs tabular; each group has its own rule and heading, so that ranks never span groups."""
    lines = [r"\begin{tabular}{rlrll}", r"\toprule", r"Rank & Model & Score & Year & Status \\"]
    for group in groups:
        lines += [
            r"\midrule",
            rf"\multicolumn{{5}}{{l}}{{\small\texttt{{{latex_escaped(group.name)}}}}} \\",
            r"\midrule",
        ]
        for entry in group.entries:
            rank, model, value, year, status, _ = _cells(entry)
            letters = rf"$^{{\mathrm{{{entry.ties}}}}}$" if entry.ties else ""
            score = value.replace("±", r"$\pm$") + letters
            cells = [rank, latex_escaped(model.removesuffix(" *")), score, year, status]
            lines.append(" & ".join(cells) + r" \\")
    said = spread_note(entry.row for group in groups for entry in group.entries)
    notes = [*([said] if said else []), *(ties_sentence(group.ties) for group in groups if group.ties)]
    for i, note in enumerate(dict.fromkeys(notes)):
        text = latex_escaped(note).replace("±", r"$\pm$")
        lines += [*([] if i else [r"\midrule"]), rf"\multicolumn{{5}}{{l}}{{\small {text}}} \\"]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


FORMATS: dict[str, Callable[[Sequence[RankedGroup]], str]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
    "markdown": as_markdown,
    "latex": as_latex,
}
"""Values of ``--format``."""
