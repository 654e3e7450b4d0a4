"""`vidbench leaderboard build`: an index, a page for each board, and their data."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from vidbench.errors import InputError
from vidbench.files import failures_named, temporary_name
from vidbench.leaderboard.bibtex import row_bibtex
from vidbench.leaderboard.boards import RESULTS, Board, board_title, stored_metrics, why_unranked
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.flags import FLAGS, reasons_of
from vidbench.leaderboard.ranking import RankedGroup, RankedRow, rank_groups
from vidbench.leaderboard.rows import CONFIDENCES, KNOWN_ERRORS, STATUSES, BoardRow, group_parts, training_words
from vidbench.leaderboard.tables import noise_notes, origin, rank_cell, score_cell, spread_note
from vidbench.leaderboard.training_logs import held_trainings
from vidbench.leaderboard.years_chart import ReferenceLine, years_chart
from vidbench.rendering.numbers import counted, score_text
from vidbench.rendering.templates import html_templates
from vidbench.results.real_clips import floor_text
from vidbench.results.schema import read_result
from vidbench.results.trained_on import seen_sentences
from vidbench.tasks import load_task, task_names
from vidbench.tasks.words import status_sentence
from vidbench.version import __version__
from vidmetrics.locks import remove_leftovers, sole_writer

_FOLDER = resources.files("vidbench.leaderboard.pages")
_MARK = ".vidbench-site"
_LETTER = re.compile(r"[a-z]\d*")
# With fewer points or a single year there is no course to see.
_CHARTED_ROWS, _CHARTED_YEARS = 3, 2


@dataclass(frozen=True)
class _Section:
    """A group on a page: its ranks, its description, its floor and ceiling, and its chart if there is enough to show."""

    group: RankedGroup
    key: str
    words: tuple[str, ...]
    bounds: tuple[ReferenceLine, ...]
    chart: Markup | None


@dataclass(frozen=True)
class _Card:
    """A board on the index: its size, and who leads the group that it opens with."""

    board: Board
    title: str
    num_groups: int
    group: RankedGroup
    words: tuple[str, ...]

    @property
    def leader(self) -> BoardRow | None:
        """Row of rank 1; None if the group ranks nobody."""
        return next((entry.row for entry in self.group.entries if entry.rank == 1), None)

    @property
    def num_tied(self) -> int:
        """Number of rows that the leader is tied with."""
        return next((len(_tied(self.group, entry)) for entry in self.group.entries if entry.rank == 1), 0)

    @property
    def num_claimed(self) -> int:
        """Number of rows of the board that are claimed only."""
        return sum(row.status == "claimed" for row in self.board.rows)

    @property
    def num_ranked(self) -> int:
        """Number of ranked rows of the group."""
        return sum(entry.rank is not None for entry in self.group.entries)


def build_site(folder: Path, output: Path) -> list[Path]:
    """Build the site of a leaderboards folder and return its pages.

    The site is built next to ``output`` and replaces it at the end, so that an interrupted build leaves the old site.

    Raises:
        InputError: a board has a fault, or ``output`` contains something other than such a site.
    """
    boards, findings = check_folder(folder)
    if findings:
        raise InputError(f"{findings[0]} (`vidbench leaderboard check` lists every fault).")
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: give a folder for --output.")
    if output.is_dir() and any(output.iterdir()) and not (output / _MARK).is_file():
        raise InputError(
            f"The folder {output} contains something other than a leaderboard site: give another --output."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with sole_writer(output):
        remove_leftovers(output.parent)
        made, old = temporary_name(output), temporary_name(output)
        try:
            with failures_named(output):
                made.mkdir()
                names = _write(folder, boards, made)
                if output.is_dir():
                    output.replace(old)
                made.replace(output)
        finally:
            if old.is_dir() and not output.exists():
                old.replace(output)
            for left in (made, old):
                shutil.rmtree(left, ignore_errors=True)
    return [output / name for name in names]


def _write(folder: Path, boards: list[Board], site: Path) -> list[str]:
    environment = html_templates(_FOLDER)
    environment.filters["first_and_last"] = lambda years: (
        f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}"
    )
    environment.globals.update(
        style=Markup(_FOLDER.joinpath("style.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        script=Markup(_FOLDER.joinpath("script.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        version=__version__,
        score=score_cell,
        origin=origin,
        rank=rank_cell,
        bound=score_text,
        noise=noise_notes,
        tied=_tied,
        confidences=CONFIDENCES,
        bibtex=row_bibtex,
        known_errors=KNOWN_ERRORS,
        flags=FLAGS,
        reasons=reasons_of,
        statuses=STATUSES,
    )
    boards = [board for board in boards if board.rows]
    titles = {board.name: board_title(board.name) for board in boards}
    for board in boards:
        page = environment.get_template("board.html.jinja").render(
            board=board,
            title=titles[board.name],
            status=_status(board.name),
            titles=titles,
            sections=_sections(folder, board),
            spread_note=spread_note(board.rows),
            training_logs=_training_logs(folder, board),
            seen=_seen(folder, board),
        )
        (site / f"{board.name}.html").write_text(page, encoding="utf-8")
        shutil.copyfile(board.path, site / f"{board.name}.csv")
    cards = [_card(folder, board, titles[board.name]) for board in boards]
    (site / "index.html").write_text(environment.get_template("index.html.jinja").render(cards=cards), encoding="utf-8")
    if (folder / RESULTS).is_dir():
        # One by one, because copytree gathers failures and loses their reasons.
        (site / RESULTS).mkdir()
        for stored in sorted((folder / RESULTS).iterdir()):
            shutil.copyfile(stored, site / RESULTS / stored.name)
    (site / _MARK).write_text(f"vidbench {__version__}\n", encoding="utf-8")
    return ["index.html", *(f"{board.name}.html" for board in boards)]


def _training_logs(folder: Path, board: Board) -> dict[str, tuple[str, ...]]:
    """Return the training logs behind the measured rows that have them, by row."""
    held = held_trainings(folder)
    measured = [row for row in board.rows if row.result_sha256]
    checkpoints = {
        row.id: read_result(folder / RESULTS / f"{row.result_sha256}.json").model.checkpoint_sha256 for row in measured
    }
    return {row: held[digest] for row, digest in checkpoints.items() if digest in held}


def _seen(folder: Path, board: Board) -> dict[str, list[str]]:
    """Return for each measured row what its network and its model have seen of the task's clips."""
    found = {}
    for row in board.rows:
        if row.result_sha256 and row.task in task_names():
            result = read_result(folder / RESULTS / f"{row.result_sha256}.json")
            network = result.metrics[row.metric].network
            own = result.model_copy(update={"networks": {k: v for k, v in result.networks.items() if k == network}})
            found[row.id] = seen_sentences(own, load_task(row.task).task)
    return found


def _status(name: str) -> str:
    return status_sentence(load_task(name).task) if name in task_names() else ""


def _card(folder: Path, board: Board, title: str) -> _Card:
    groups = rank_groups(board.rows, no_ranks=why_unranked(board.name), stored=stored_metrics(folder))
    return _Card(board, title, len(groups), groups[0], group_words(groups[0].entries[0].row))


def _sections(folder: Path, board: Board) -> list[_Section]:
    found = []
    groups = rank_groups(board.rows, no_ranks=why_unranked(board.name), stored=stored_metrics(folder))
    for i, group in enumerate(groups):
        rows = [entry.row for entry in group.entries if entry.row.role == "method" and entry.row.value > 0]
        rows = [row for row in rows if not row.retracted]
        bounds = _bounds(folder, board, rows) if rows else []
        chart = _chart(group, rows, bounds)
        found.append(_Section(group, f"g{i}", group_words(group.entries[0].row), tuple(bounds), chart))
    return found


def _tied(group: RankedGroup, entry: RankedRow) -> list[str]:
    """Return the names of the rows that a row is tied with."""
    letters = set(_LETTER.findall(entry.ties))
    return [
        other.row.model for other in group.entries if other is not entry and letters & set(_LETTER.findall(other.ties))
    ]


def group_words(row: BoardRow) -> tuple[str, ...]:
    """Describe what the rows of a group have in common; values that are not stated are omitted."""
    parts = group_parts(row)
    spoken = {
        "metric": row.metric,
        "frames": f"{row.frames} frames",
        "context frames": counted(row.context_frames, "context frame") if row.context_frames else "",
        "resolution": row.resolution.replace("x", "×"),
        "conditioning": {
            "class": "class-conditional",
            "none": "unconditional",
            "text": "conditioned on text",
            "text-zero-shot": "zero-shot from text",
            "frames-mean-of-8-tasks": "mean of 8 tasks",
        }.get(row.conditioning, ""),
        "reference": "" if row.reference == "none" else f"against {_clips(row.reference)}",
        "camera": f"camera {row.camera}",
        "samples": "" if row.samples is None else f"{row.samples:,} samples",
        **{"training data": "", "extra data": "", **training_words(row)},
        "sampling": row.sampling.replace("-", " ").replace(" is", " IS"),
        "protocol": f"protocol {row.protocol}",
    }
    return tuple(spoken[name] for name, value in parts.items() if value and spoken[name])


def _clips(reference: str) -> str:
    """Describe a reference set: ``train-4096`` is 4,096 clips of train, other names are words joined by hyphens."""
    split, _, count = reference.rpartition("-")
    return f"{int(count):,} clips of {split}" if count.isdigit() else reference.replace("-", " ")


def _chart(group: RankedGroup, rows: list[BoardRow], bounds: list[ReferenceLine]) -> Markup | None:
    if len(rows) < _CHARTED_ROWS or len({row.year for row in rows}) < _CHARTED_YEARS:
        return None
    label = f"{group.metric} over years, {len(rows)} rows, log axis"
    # Progress can only be claimed where the papers are known to have measured alike.
    chart = years_chart(rows, bounds, label, progress=not group.open)
    return Markup(chart)  # noqa: S704 - every text in it is escaped when drawn


def _bounds(folder: Path, board: Board, rows: list[BoardRow]) -> list[ReferenceLine]:
    """Return floor and ceiling of a stored result of the group, or published scores of real data at the same size."""
    for row in rows:
        if row.status != "reported":
            result = read_result(folder / RESULTS / f"{row.result_sha256}.json")
            metric, sets = result.metrics[row.metric], result.floor_sets_of(row.metric)
            if sets is None:
                floor = ReferenceLine("floor (held-out real clips)", metric.floor or 0.0)
            else:
                label = f"floor ({sets.num_sets} sets of held-out real clips: {floor_text(None, sets)})"
                floor = ReferenceLine(label, sets.mean, sets.deviation or 0.0)
            return [line for line in (floor, ReferenceLine("ceiling", metric.ceiling or 0.0)) if line.value > 0]
    size = (rows[0].metric, rows[0].frames, rows[0].resolution)
    real = [row for row in board.rows if row.role == "real-data" and (row.metric, row.frames, row.resolution) == size]
    return [ReferenceLine(f"real clips: {row.value:g}", row.value) for row in real]
