"""Adding a result file to a leaderboard: its rows, and the stored file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from vidbench.errors import InputError, problem_text
from vidbench.files import write_bytes
from vidbench.leaderboard.admission import require_admissible
from vidbench.leaderboard.boards import RESULTS, append_rows, board_names, board_of_task, examine_board
from vidbench.leaderboard.copies import repeated_result
from vidbench.leaderboard.flags import flag_cell, row_flags
from vidbench.leaderboard.rows import BoardRow, group_of
from vidbench.leaderboard.shared_clips import beside_equals
from vidbench.leaderboard.task_groups import protocol_columns, slug
from vidbench.leaderboard.training_logs import require_led_to, store_logs
from vidbench.results.comparability import real_clips_sha256
from vidbench.results.schema import MetricRecord, Result, read_result, result_path
from vidbench.tasks import load_task
from vidbench.tasks.schema import Task
from vidmetrics.locks import sole_writer
from vidmetrics.regular_files import read_regular, why_no_file


@dataclass(frozen=True)
class Submission:
    """What a result file does not contain.

    Attributes:
        model: name for the table; if empty, the name in the result.
        training: splits the model was trained on, ``none`` for a model without training, ``""`` if unknown.
        extra_data: additional training data, ``""`` if unknown.
        paper: paper of the model.
        arxiv: its arXiv id.
        note: anything else that a reader must know, for the column ``setting``.
        training_logs: logs of `vidbench train` that ended with the checkpoint of the result, to be stored with it.
    """

    model: str = ""
    training: str = ""
    extra_data: str = ""
    paper: str = ""
    arxiv: str = ""
    note: str = ""
    training_logs: tuple[Path, ...] = ()


def result_rows(result: Result, task: Task, sha256: str, submission: Submission) -> list[BoardRow]:
    """Return one row for each metric of a result.

    Args:
        result: the result.
        task: its protocol.
        sha256: digest of the result file.
        submission: what the file does not contain.
    """
    return [_row(result, task, sha256, submission, name, metric) for name, metric in result.metrics.items()]


def add_result(path: Path, folder: Path, submission: Submission) -> list[BoardRow]:
    """Check a result against its task, store it under ``results/``, and append its rows to the task's board.

    Raises:
        InputError: the file is not a result, is not admissible (every objection is named) or was added before, or the
            board has faults.
    """
    # Two at once would each write the board without the rows of the other.
    with sole_writer(folder, inside=True, wait=True):
        return _add(path, folder, submission)


def _add(path: Path, folder: Path, submission: Submission) -> list[BoardRow]:
    content = _read(path)
    result = read_result(path)
    require_admissible(result, str(path))
    sha256 = hashlib.sha256(content).hexdigest()
    board = folder / f"{board_of_task(result.task.name, board_names(folder))}.csv"
    taken: set[str] = set()
    there_rows: tuple[BoardRow, ...] = ()
    if board.is_file():
        found, findings = examine_board(board)
        if findings:
            raise InputError(f"{findings[0]} (`vidbench leaderboard check` lists every fault).")
        there_rows = found.rows
        taken = {row.id for row in there_rows}
        there = next((row for row in found.rows if row.result_sha256 == sha256), None)
        if there:
            raise InputError(
                f"The result {path} is on the board already, as '{there.id}' in {board}; nothing is left to add."
            )
    if submission.training_logs:
        require_led_to(submission.training_logs, result.model.checkpoint_sha256)
    rows = [
        beside_equals(_unless_taken(row, taken), result, there_rows, folder)
        for row in result_rows(result, load_task(result.task.name).task, sha256, submission)
    ]
    same = repeated_result(rows, there_rows)
    if same:
        raise InputError(
            f"The result {path} repeats every score of '{same.id}' in {board}: one run is on a board once, whatever its name."
        )
    stored = folder / RESULTS / f"{sha256}.json"
    write_bytes(stored, content)
    if submission.training_logs and result.model.checkpoint_sha256:
        store_logs(folder, result.model.checkpoint_sha256, submission.training_logs)
    # Rows come last: `check` reports a stored result without rows; a row without its result would be unsupported.
    append_rows(board, rows)
    return rows


def _read(path: Path) -> bytes:
    path = result_path(path)
    if not path.is_file():
        raise InputError(f"The result file {path} {why_no_file(path)}: give the path of a result.json, or its folder.")
    return read_regular(path)


def _row(result: Result, task: Task, sha256: str, submission: Submission, name: str, metric: MetricRecord) -> BoardRow:
    model = _one_line(submission.model or result.model.name)
    fields = {
        "id": slug(f"{model}-{task.name}-{name}-{sha256[:8]}"),
        "status": "claimed",
        "role": "method",
        "model": model,
        "value": metric.value,
        "spread": None if metric.interval is None else (metric.interval[1] - metric.interval[0]) / 2,
        "spread_kind": "" if metric.interval is None else "interval-95",
        "runs": len(metric.runs) if metric.runs else None,
        "year": int(result.execution.finished[:4]),
        **protocol_columns(task, name, metric.num_samples, metric.num_reference),
        "training": submission.training,
        "extra_data": submission.extra_data,
        "group": "",
        "known_error": "image-main" if task.data.dataset == "bair-image-main" else "",
        "setting": (_one_line(submission.note) or task.title) + _imported(result),
        "paper": _one_line(submission.paper),
        "arxiv": submission.arxiv,
        "table": "",
        "source": f"{RESULTS}/{sha256}.json",
        "confidence": "",
        "correction": "",
        "task": task.name,
        "task_version": task.version,
        "fingerprint": result.task.fingerprint,
        "result_sha256": sha256,
        "reference_sha256": real_clips_sha256(result, name),
        "flags": flag_cell(row_flags(result)),
        "cleared": "",
        "retracted": "",
    }
    try:
        row = BoardRow.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(
            f"The {problem['loc'][0]} '{problem['input']}' cannot be used in a leaderboard: {problem_text(problem)}."
        ) from None
    return row.model_copy(update={"group": group_of(row)})


def _imported(result: Result) -> str:
    imported = result.data.imported
    return "" if imported is None else f"; reference statistics from the file {imported.sha256[:12]}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _unless_taken(row: BoardRow, taken: set[str]) -> BoardRow:
    if row.id in taken:
        raise InputError(f"The board already has a row '{row.id}': give the model another name with --name.")
    return row
