"""The log of `vidbench leaderboard verify`: all that a row was made again from, and what came out.

It is stored as ``verifications/SHA256.json`` of a leaderboards folder, named by the result file that it is about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vidbench.errors import InputError
from vidbench.files import digest
from vidbench.json_models import InvalidDocumentError, model_from_json
from vidbench.leaderboard.boards import Board, BoardFault
from vidbench.leaderboard.drawn_seeds import DRAWN_SEEDS, DrawTest, draw_test
from vidbench.leaderboard.flags import ordered_codes
from vidbench.leaderboard.ranking import printed_alike
from vidbench.leaderboard.rows import RANKED_TIERS, BoardRow
from vidbench.results.schema import EnvironmentRecord, ModelRecord, NetworkRecord, TaskRecord
from vidmetrics.catalog.definitions import METRICS
from vidmetrics.regular_files import read_regular, why_no_file

VERIFICATIONS = "verifications"
"""Folder of the logs inside a leaderboards folder."""

EQUAL = 1e-6
"""Relative difference up to which a value from stored samples is the claimed one: only the sums of the networks differ."""

UNCHANGED_SHARE = 0.01
"""Share of samples that may be the same for two seeds before the model counts as one that ignores them."""

# What the claim of a row consists of; reviews and wording may change without a new verification.
_CLAIM = (
    "id", "model", "metric", "value", "spread", "frames", "context_frames", "resolution", "conditioning", "samples", "training",
    "extra_data", "sampling", "protocol", "task", "task_version", "fingerprint", "result_sha256", "reference_sha256",
)  # fmt: skip


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MadeAgain(_Record):
    """One metric."""

    claimed: float = Field(description="Value of the row.")
    again: float = Field(description="Value that was made again, with the task's seed.")
    drawn: tuple[float, ...] = Field(default=(), description="Values with the drawn seeds, in their order.")
    test: DrawTest | None = Field(default=None, description="Claimed value against the drawn ones.")

    def agrees(self, tier: str) -> bool:
        """Return whether the two are the same value: for samples within `EQUAL`, for a model as far as boards print it.

        The same model on another processor makes samples with a few other pixels.
        """
        if tier == "verified":
            return printed_alike(self.claimed, self.again)
        return math.isclose(self.claimed, self.again, rel_tol=EQUAL)


class Verification(_Record):
    """One result made again."""

    format: Literal["vidbench-verification-1"] = "vidbench-verification-1"
    tier: Literal["recomputed", "verified"] = Field(
        description="Made again from samples, or from a checkpoint or code."
    )
    rows: dict[str, str] = Field(description="Digest of the claim of each row of the result, by id.")
    result_sha256: str = Field(description="Digest of the stored result file.")
    task: TaskRecord
    claimed: ModelRecord = Field(description="The model in the stored result.")
    used: ModelRecord = Field(description="The model, checkpoint, code or samples that it was made again from.")
    reference_sha256: str = Field(description="Digest of the real clips.")
    evaluation_sha256: str = Field(description="Digest of the held-out clips.")
    networks: dict[str, NetworkRecord]
    seed: int = Field(description="The task's seed.")
    drawn_seeds: tuple[int, ...] = Field(description="Sampling seeds drawn for this verification; none for samples.")
    values: dict[str, MadeAgain] = Field(description="By metric id.")
    unchanged: float | None = Field(
        description="Largest share of samples that a drawn seed left as they were; null for samples."
    )
    flags: tuple[str, ...] = Field(description="What the claim and its repetition bring to the rows.")
    environment: EnvironmentRecord
    by: str = Field(description="Who ran it, in their own words; empty if they gave no name.")
    finished: str = Field(description="UTC, ISO 8601.")
    seconds: float


def claim_sha256(row: BoardRow) -> str:
    """Return the digest of what a row claims; status, flags and wording are no part of it."""
    return digest({name: getattr(row, name) for name in _CLAIM})


def own_flags(values: Mapping[str, MadeAgain], unchanged: float | None) -> tuple[str, ...]:
    """Return the flags that follow from drawn seeds.

    Args:
        values: the metrics.
        unchanged: as in `Verification`.
    """
    found = []
    if unchanged is not None and unchanged > UNCHANGED_SHARE:
        found.append("seed-ignored")
    if any(value.test is not None and value.test.outlier for value in values.values()):
        found.append("seed-outlier")
    return ordered_codes(found)


def verification_path(folder: Path, result_sha256: str) -> Path:
    """Return the file of the log about a result."""
    return folder / VERIFICATIONS / f"{result_sha256}.json"


def read_verification(path: Path) -> Verification:
    """Read a log.

    Raises:
        InputError: it is missing or not valid; names the file and the key.
    """
    if not path.is_file():
        raise InputError(f"The verification {path} {why_no_file(path)}: `vidbench leaderboard verify` writes it.")
    try:
        return model_from_json(Verification, read_regular(path))
    except InvalidDocumentError as error:
        raise InputError(f"The verification {path} is not valid at '{error.place}': {error.problem}.") from None


def log_faults(folder: Path, board: Board, row: BoardRow, line: int) -> list[BoardFault]:
    """Return what is wrong with the log behind a row whose tier needs one."""

    def fault(column: str, message: str) -> BoardFault:
        return BoardFault(str(board.path), line, column, message)

    if row.status not in RANKED_TIERS:
        return []
    try:
        log = read_verification(verification_path(folder, row.result_sha256))
    except InputError as error:
        return [fault("status", f"'{row.status}' needs a log: {str(error).rstrip('.')}")]
    if log.result_sha256 != row.result_sha256:
        return [fault("status", f"the log is about the result {log.result_sha256[:12]}")]
    if log.tier != row.status:
        return [fault("status", f"is '{row.status}' but its log says '{log.tier}'")]
    if log.rows.get(row.id) != claim_sha256(row):
        return [fault("status", "the log is about another claim than this row: its digest differs; verify it again")]
    value = log.values.get(row.metric)
    if value is None or value.claimed != row.value:
        return [fault("value", f"the log does not have {row.value!r} as the claimed value")]
    found = [fault("status", problem) for problem in _inconsistent(log, row.metric, value)]
    lost = [code for code in log.flags if code not in row.flags_raised]
    return found + [fault("flags", f"the log has the flag '{code}', which the row does not show") for code in lost]


def _inconsistent(log: Verification, metric: str, value: MadeAgain) -> list[str]:
    """Return where a log contradicts itself: what can be computed from its numbers is computed again."""
    found = []
    if not value.agrees(log.tier):
        found.append(f"its log made {value.again!r} again, which is not the claimed value")
    if log.tier == "verified":
        seeds = set(log.drawn_seeds) - {log.seed}
        if len(seeds) < DRAWN_SEEDS or len(value.drawn) != len(log.drawn_seeds):
            return [
                *found,
                f"its log has {len(seeds)} drawn seeds, and 'verified' needs {DRAWN_SEEDS} with their values",
            ]
        test = draw_test(value.claimed, value.drawn, METRICS[metric].higher_is_better, len(log.values))
        if value.test is None or not math.isclose(
            test.probability, value.test.probability, rel_tol=1e-6, abs_tol=1e-12
        ):
            found.append("its log has another test than its drawn values give")
    missing = [code for code in own_flags(log.values, log.unchanged) if code not in log.flags]
    return found + [f"its log lacks the flag '{code}', which its numbers bring" for code in missing]


def stray_logs(folder: Path, boards: list[Board]) -> list[BoardFault]:
    """Return the logs that no row of a verified tier refers to; a signature has the name of its log and a suffix."""
    known = {row.result_sha256 for board in boards for row in board.rows if row.status in RANKED_TIERS}
    return [
        BoardFault(str(path), 0, "", "no row of any board has the tier that this log is about")
        for path in sorted((folder / VERIFICATIONS).glob("*"))
        if path.name.partition(".")[0] not in known or ".json" not in path.name
    ]
