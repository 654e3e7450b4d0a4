"""Rows that count as made again, for tests of ranks: `leaderboard verify` has its own."""

from __future__ import annotations

from pathlib import Path


def call_verified(board: Path) -> None:
    """Turn every claimed row of a board into a verified one."""
    text = board.read_text(encoding="utf-8")
    assert ",claimed,method," in text
    board.write_text(text.replace(",claimed,method,", ",verified,method,"), encoding="utf-8")
