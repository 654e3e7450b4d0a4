"""Rows that count as made again, each with the log that says so, for tests of ranks: `leaderboard verify` has its own."""

from __future__ import annotations

from pathlib import Path

from vidbench.files import write_text
from vidbench.leaderboard.boards import RESULTS, read_board
from vidbench.leaderboard.drawn_seeds import DRAWN_SEEDS, draw_test
from vidbench.leaderboard.rows import BoardRow
from vidbench.leaderboard.verification import MadeAgain, Verification, claim_sha256, verification_path
from vidbench.results.schema import Result, read_result


def call_verified(board: Path) -> None:
    """Turn every claimed row of a board into a verified one, with the log of a model whose seeds all give the same values."""
    text = board.read_text(encoding="utf-8")
    assert ",claimed,method," in text
    board.write_text(text.replace(",claimed,method,", ",verified,method,"), encoding="utf-8")
    rows = [row for row in read_board(board.parent, board.stem).rows if row.status == "verified"]
    for sha256 in sorted({row.result_sha256 for row in rows}):
        result = read_result(board.parent / RESULTS / f"{sha256}.json")
        log = _log(result, [row for row in rows if row.result_sha256 == sha256])
        write_text(verification_path(board.parent, sha256), log.model_dump_json(indent=2) + "\n")


def _log(result: Result, rows: list[BoardRow]) -> Verification:
    values = {}
    for name, metric in result.metrics.items():
        drawn = (metric.value,) * DRAWN_SEEDS
        test = draw_test(metric.value, drawn, metric.higher_is_better, len(result.metrics))
        values[name] = MadeAgain(claimed=metric.value, again=metric.value, drawn=drawn, test=test)
    return Verification(
        tier="verified",
        rows={row.id: claim_sha256(row) for row in rows},
        result_sha256=rows[0].result_sha256,
        task=result.task,
        claimed=result.model,
        used=result.model,
        reference_sha256=result.data.reference.sha256,
        evaluation_sha256=result.data.evaluation.sha256,
        networks=result.networks,
        seed=result.seed,
        drawn_seeds=tuple(range(result.seed + 1, result.seed + 1 + DRAWN_SEEDS)),
        values=values,
        unchanged=0.0,
        flags=rows[0].flags_raised,
        environment=result.environment,
        by="",
        finished="2026-11-30T00:00:00+00:00",
        seconds=0.0,
    )
