"""`vidbench leaderboard verify`: make a row of a board again, in an empty cache, and write down from what.

All work goes to one folder, with a home of its own for caches, so that nothing that was computed before takes part. The seeds are
drawn before anything is sampled and kept in the folder: the same command resumes with the same ones.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vidbench.distributed.ranks import process_group
from vidbench.errors import InputError
from vidbench.files import file_sha256, write_text
from vidbench.jobs.claimed_source import (
    claimed_model,
    make_empty_home,
    plan_of_work,
    require_model,
    require_same_clips,
    require_samples,
)
from vidbench.jobs.evaluate import evaluate_model, score_samples
from vidbench.leaderboard.admission import require_admissible
from vidbench.leaderboard.boards import RESULTS, Board, board_names, examine_board, replace_cells
from vidbench.leaderboard.drawn_seeds import draw_seeds, draw_test
from vidbench.leaderboard.flags import flag_cell, ordered_codes, row_flags
from vidbench.leaderboard.ranking import printed_alike
from vidbench.leaderboard.rows import BoardRow
from vidbench.leaderboard.verification import (
    MadeAgain,
    Verification,
    claim_sha256,
    own_flags,
    read_verification,
    verification_path,
)
from vidbench.models.choice import choose_model
from vidbench.progress import Progress
from vidbench.results.schema import Result, read_result
from vidbench.scoring.assemble import metric_values, real_sides
from vidbench.scoring.clip_sources import open_model
from vidbench.scoring.features import Stores
from vidbench.scoring.run import Run, open_run
from vidbench.scoring.run_features import reference_features, sample_features
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task
from vidmetrics.errors import unknown_name
from vidmetrics.home import home, home_at
from vidmetrics.locks import sole_writer
from vidmetrics.regular_files import why_no_file

_PLAN = "verification-plan.json"


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """What a user chooses about a verification.

    Attributes:
        samples: the stored samples of the result.
        model: the model as for `vidbench evaluate`; None for the registered one that the result names.
        replay: take the seeds of the stored log and change nothing, to see whether it can be repeated.
        by: name of the person who runs it, for the log.
        run: data, device and other options of a run; its output folder holds all the work.
    """

    samples: Path | None = None
    model: str | None = None
    replay: bool = False
    by: str = ""
    run: RunOptions


@dataclass(frozen=True)
class _Claim:
    """The rows of one result, with the board and the stored file."""

    board: Board
    rows: tuple[BoardRow, ...]
    result: Result

    @property
    def sha256(self) -> str:
        return self.rows[0].result_sha256


@dataclass(frozen=True)
class VerifiedRows:
    """What a verification found.

    Attributes:
        log: the log.
        path: where it was written.
        differing: metrics whose value was not made again.
        rows: the rows as they stand now.
    """

    log: Verification
    path: Path
    differing: tuple[str, ...]
    rows: tuple[BoardRow, ...]


def verify_row(row_id: str, folder: Path, options: VerifyOptions, progress: Progress) -> VerifiedRows:
    """Make all rows of the result behind a row again, log it, and give them the tier that they have earned.

    A value that is not made again leaves the rows as they were, and so does a replay; the log is then in the output folder only.

    Args:
        row_id: a measured row of any board of the folder.
        folder: the leaderboards folder.
        options: what to make it from.
        progress: where progress is shown.

    Raises:
        InputError: the row, the samples, the model or the data are not those of the result, or cannot be used; see the messages.
    """
    started = time.monotonic()
    claim = _claim(row_id, folder)
    stored = verification_path(folder, claim.sha256)
    replayed = _stored_log(row_id, stored) if options.replay else None
    of_row, loaded = f"result of '{row_id}'", load_task(claim.result.task.name)
    model = "" if options.samples is not None else claimed_model(claim.result.model, options.model, of_row)
    if options.samples is not None:
        require_samples(claim.result.model, options.samples, loaded, options.run, of_row)
    work = options.run.output or Path("runs") / "verifications" / claim.sha256[:12]
    work.mkdir(parents=True, exist_ok=True)
    seeds = _seeds(work, claim, bool(model), replayed)
    make_empty_home(work / "home")
    with sole_writer(work), home_at(work / "home"):
        run = replace(options.run, output=work / "again")
        drawn: list[dict[str, float]] = []
        unchanged = None
        if options.samples is not None:
            again, _ = score_samples(options.samples, claim.result.task.name, run, progress)
        else:
            record = require_model(claim.result.model, model, loaded, run, of_row)
            if record.code_sha256 != claim.result.model.code_sha256:
                progress.say("The code of the model has changed since the result; the log has both digests.")
            again, _ = evaluate_model(model, claim.result.task.name, run, progress)
            drawn, unchanged = _draws(claim, model, seeds, work, run, progress)
    require_same_clips(claim.result.data, again.data, of_row)
    log = _log(claim, again, seeds, drawn, unchanged, options.by, time.monotonic() - started)
    differing = tuple(name for name, value in log.values.items() if not value.agrees(log.tier))
    if replayed is not None:
        pairs = {name: zip(log.values[name].drawn, value.drawn, strict=True) for name, value in replayed.values.items()}
        again_drawn = {name: all(printed_alike(now, then) for now, then in each) for name, each in pairs.items()}
        differing += tuple(name for name, alike in again_drawn.items() if not alike and name not in differing)
    path = work / "verification.json"
    write_text(path, log.model_dump_json(indent=2) + "\n")
    if differing or replayed is not None:
        return VerifiedRows(log, path, differing, claim.rows)
    with sole_writer(folder, inside=True, wait=True):
        # The log comes first: `check` reports a log without its tier; a tier without its log would be unsupported.
        write_text(stored, log.model_dump_json(indent=2) + "\n")
        cells = {
            row.id: {"status": log.tier, "flags": flag_cell([*row.flags_raised, *log.flags])} for row in claim.rows
        }
        replace_cells(claim.board.path, cells)
    return VerifiedRows(log, stored, (), _rows_of(_board(claim.board.path), claim.sha256))


def _stored_log(row_id: str, path: Path) -> Verification:
    if not path.is_file():
        raise InputError(
            f"The row '{row_id}' has no stored log to repeat: {path} {why_no_file(path)}; run the same command without --replay, "
            "which verifies the row and stores one."
        )
    return read_verification(path)


def _board(path: Path) -> Board:
    board, faults = examine_board(path)
    if faults:
        raise InputError(f"{faults[0]} (`vidbench leaderboard check` lists every fault).")
    return board


def _rows_of(board: Board, sha256: str) -> tuple[BoardRow, ...]:
    return tuple(row for row in board.rows if row.result_sha256 == sha256)


def _claim(row_id: str, folder: Path) -> _Claim:
    boards = [_board(folder / f"{name}.csv") for name in board_names(folder)]
    named = {row.id: (board, row) for board in boards for row in board.rows}
    if row_id not in named:
        raise InputError(unknown_name("row", row_id, [each for each, (_, row) in named.items() if row.result_sha256]))
    board, row = named[row_id]
    if row.status == "reported":
        raise InputError(
            f"The row '{row_id}' was printed in a paper, so there is nothing to make again: measure its model with "
            "`vidbench evaluate`, and add that result."
        )
    if row.retracted:
        raise InputError(f"The row '{row_id}' is retracted ({row.retracted}): a retracted row is not verified.")
    path = folder / RESULTS / f"{row.result_sha256}.json"
    if not path.is_file() or file_sha256(path) != row.result_sha256:
        raise InputError(
            f"The stored result {path} is missing or was edited, so it is not known what '{row_id}' claims: restore the file "
            "(`vidbench leaderboard check` lists every fault)."
        )
    result = read_result(path)
    require_admissible(result, str(path))
    return _Claim(board, _rows_of(board, row.result_sha256), result)


def _seeds(work: Path, claim: _Claim, of_model: bool, replayed: Verification | None) -> tuple[int, ...]:
    """Return the seeds of the plan in the folder; draw and write them if it is new.

    Raises:
        InputError: the folder holds something else.
    """
    wanted = {"result_sha256": claim.sha256, "of_model": of_model, "replay": replayed is not None}
    if (plan := plan_of_work(work, _PLAN, wanted, "verification")) is not None:
        return tuple(plan["seeds"])
    seeds: tuple[int, ...] = ()
    if of_model:
        seeds = draw_seeds(claim.result.seed) if replayed is None else replayed.drawn_seeds
    write_text(work / _PLAN, json.dumps(wanted | {"seeds": seeds}) + "\n")
    return seeds


def _draws(
    claim: _Claim, model: str, seeds: Sequence[int], work: Path, run: RunOptions, progress: Progress
) -> tuple[list[dict[str, float]], float]:
    """Return the values with each drawn seed, and the largest share of samples that one left as they were."""
    loaded, values = load_task(claim.result.task.name), []
    official, unchanged = None, 0.0
    for number, seed in enumerate((claim.result.seed, *seeds)):
        output = work / "again" if number == 0 else work / f"seed-{number}"
        with process_group() as ranks:
            of_seed = replace(run, output=output, seed=seed)
            opened = open_run(loaded, of_seed, ranks=ranks, progress=progress, default_name="")
            source, _ = open_model(
                choose_model(model),
                opened.task,
                opened.evaluation,
                seed=seed,
                num_samples=opened.total_samples,
                device=opened.device,
            )
            stores = sample_features(
                opened, source, f"Samples with drawn seed {number} of {len(seeds)}" if number else "Samples"
            )
            if official is None:
                official = stores
                continue
            real = real_sides(opened, reference_features(opened, home()), home())
            values.append(metric_values(opened, stores, real))
            unchanged = max(unchanged, _same_share(opened, official, stores))
    return values, unchanged


def _same_share(run: Run, one: Stores, other: Stores) -> float:
    """Return the share of features that are the same to the last bit, which those of different samples are not."""
    metric = next((metric for metric in run.metrics if metric.network), None)
    if metric is None:
        return 0.0
    same = count = 0
    of_both = (stores[metric.network].read(metric.output) for stores in (one, other))
    for rows, others in zip(*of_both, strict=True):
        same += int(np.all(rows == others, axis=1).sum())
        count += len(rows)
    return same / count


def _log(
    claim: _Claim,
    again: Result,
    seeds: Sequence[int],
    drawn: Sequence[dict[str, float]],
    unchanged: float | None,
    by: str,
    seconds: float,
) -> Verification:
    values = {}
    for name, metric in claim.result.metrics.items():
        of_metric = tuple(each[name] for each in drawn)
        test = draw_test(metric.value, of_metric, metric.higher_is_better, len(claim.result.metrics)) if drawn else None
        values[name] = MadeAgain(claimed=metric.value, again=again.metrics[name].value, drawn=of_metric, test=test)
    return Verification(
        tier="verified" if drawn else "recomputed",
        rows={row.id: claim_sha256(row) for row in claim.rows},
        result_sha256=claim.sha256,
        task=claim.result.task,
        claimed=claim.result.model,
        used=again.model,
        reference_sha256=again.data.reference.sha256,
        evaluation_sha256=again.data.evaluation.sha256,
        networks=again.networks,
        seed=claim.result.seed,
        drawn_seeds=tuple(seeds),
        values=values,
        unchanged=unchanged,
        # What this vidbench sees in the repetition may be more than the stored result says.
        flags=ordered_codes([*row_flags(claim.result), *row_flags(again), *own_flags(values, unchanged)]),
        environment=again.environment,
        by=" ".join(by.split()),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
    )
