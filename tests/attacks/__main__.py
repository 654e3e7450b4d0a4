"""Run every attack on shapes-gen and shapes-pred at full size and print what became of it: `python -m tests.attacks`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.attacks import clips
from tests.attacks.board import attacked_board


def main() -> None:
    """Print one line per attack: the score that an author would report, and the flags of the row in the best tier."""
    with tempfile.TemporaryDirectory() as folder, attacked_board(Path(folder), None) as board:
        for name in (
            "held_out", "training", "noisy_training", "blurred_training", "shuffled", "stills", "optimised_stills", "fresh",
        ):  # fmt: skip
            fate = board.added(board.scored(name, getattr(clips, name)(board.count)), name)
            if not fate.refused:
                fate = board.in_the_best_tier(board.row_of(name))
            print(
                f"{name:<18} {fate.value:8.4f}  rank {fate.rank}  {', '.join(fate.flags) or fate.refused[:150]}",
                flush=True,
            )
        for name, task in (("futures", "shapes-pred"), ("chosen", "shapes-gen")):
            fate = board.added(board.evaluated(name, task), name)
            if not fate.refused:
                fate = board.in_the_best_tier(board.row_of(name))
            print(
                f"{name:<18} {fate.value:8.4f}  rank {fate.rank}  {', '.join(fate.flags) or fate.refused[:150]}",
                flush=True,
            )


if __name__ == "__main__":
    main()
