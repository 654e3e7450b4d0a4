"""Which clips samples belong to and which frames they continue: recorded when written, checked when scored."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.data.prompts import sample_prompts
from vidbench.errors import InputError
from vidbench.kinds import KINDS, Kind
from vidbench.samples.manifest import Answers, SamplesManifest, TaskStamp
from vidbench.tasks.schema import Task


def task_stamp(task: Task) -> TaskStamp:
    """Return name, version and fingerprint of a task."""
    return TaskStamp(name=task.name, version=task.version, fingerprint=task.fingerprint)


def names_clips(task: Task) -> bool:
    """Return whether sample i belongs to clip i of the held-out split, by what its model is given of it, its label or its prompt."""
    evaluation = task.evaluation
    return task.does.given != "nothing" or evaluation.labels == "evaluation" or evaluation.prompts != "none"


def context_digests(context_NTHWC: np.ndarray) -> list[str]:
    """Return the SHA-256 of the frames that are given of each clip, uint8 ``[N, T, H, W, 3]`` in C order."""
    return [sha256(context_THWC.tobytes()).hexdigest() for context_THWC in context_NTHWC]


def task_answers(
    task: Task, evaluation: ClipDataset, num_samples: int, seed: int, context_sha256: Sequence[str] | None
) -> Answers:
    """Return which clips the first samples of a task belong to.

    Args:
        task: the protocol.
        evaluation: the held-out clips.
        num_samples: number of samples.
        seed: seed that the seeds of the samples are derived from.
        context_sha256: `context_digests` of all samples; None for a task whose models are given nothing.
    """
    tied = names_clips(task)
    return Answers(
        split=task.data.evaluation_split,
        data_sha256=evaluation.identity_sha256 if tied else None,
        ids=evaluation.clip_ids(np.arange(num_samples)) if tied else None,
        context_sha256=None if context_sha256 is None else tuple(context_sha256),
        prompts=sample_prompts(task, np.arange(num_samples), evaluation),
        class_names=evaluation.class_names if task.evaluation.labels != "none" else None,
        seed=seed,
    )


def check_answers(
    manifest: SamplesManifest | None, path: Path, task: Task, evaluation: ClipDataset, num_samples: int
) -> tuple[str, ...]:
    """Check the clips named by the samples against the task and its data.

    The frames that models are given are compared while the samples are read, see `refuse_other_context`.

    Args:
        manifest: the samples' manifest; None for forms without one.
        path: path of the samples, for error messages.
        task: the task they are scored on.
        evaluation: its held-out clips.
        num_samples: number of samples, all of which are scored.

    Returns:
        Reasons why the result is unofficial: what the samples do not state.

    Raises:
        InputError: they belong to another task, other data, other clips, the clips in another order, or other classes.
    """
    stamp = manifest.task if manifest else None
    answers = manifest.answers if manifest else None
    if stamp is not None and stamp.fingerprint != task.fingerprint:
        raise InputError(
            f"The samples in {path} were generated for the task '{stamp.name}'{_version(stamp.version)} with fingerprint "
            f"{stamp.fingerprint[:12]}, not for '{task.name}' (version {task.version}) with {task.fingerprint[:12]}: score "
            "them on their own task or sample for this one."
        )
    if answers is not None:
        _check_clips(answers, path, task, evaluation, num_samples)
    missing = [] if task.does.given == "nothing" else _unsaid(stamp, answers, task.does)
    reasons = []
    if task.evaluation.prompts != "none" and (answers is None or answers.prompts is None):
        reasons.append(
            "The samples do not state the text that each was generated from, so it is unknown whether it is that of the task; "
            "`vidbench data export` writes what they must state."
        )
    if missing:
        reasons.append(
            f"The samples do not state {', '.join(missing)}, so nobody can check that each {task.does.relates} its own clip; "
            "`vidbench data export` writes what they must state."
        )
    if answers is not None and answers.seed not in (None, task.evaluation.seed):
        reasons.append(f"The samples come from seed {answers.seed}, but the task requires {task.evaluation.seed}.")
    return tuple(reasons)


def _version(version: int | None) -> str:
    return "" if version is None else f" (version {version})"


def _unsaid(stamp: TaskStamp | None, answers: Answers | None, does: Kind) -> list[str]:
    said = {
        "the task's fingerprint": stamp,
        "the ids of the clips": answers and answers.ids,
        "the digest of the data": answers and answers.data_sha256,
        f"the digests of the {does.given_words}": answers and answers.context_sha256,
    }
    return [name for name, value in said.items() if value is None]


def _check_clips(answers: Answers, path: Path, task: Task, evaluation: ClipDataset, num_samples: int) -> None:
    split = task.data.evaluation_split
    if answers.split != split:
        raise InputError(
            f"The samples in {path} belong to clips of the split '{answers.split}', but the task '{task.name}' uses "
            f"'{split}': export that split and sample again."
        )
    if answers.class_names is not None and answers.class_names != evaluation.class_names:
        raise InputError(
            f"The samples in {path} number their classes differently from the task '{task.name}' "
            f"({_first_difference(answers.class_names, evaluation.class_names)}): sample from a new export."
        )
    # A task that does not pair samples with clips ignores what the samples say about them.
    if not names_clips(task):
        return
    if answers.ids is not None:
        ids = evaluation.clip_ids(np.arange(num_samples))
        if answers.ids != ids:
            order = "the same clips in another order" if sorted(answers.ids) == sorted(ids) else "not the same clips"
            raise InputError(
                f"The samples in {path} do not match the clips of the task '{task.name}' one by one ({order}; "
                f"{_first_difference(answers.ids, ids)}): keep the order of the export."
            )
    prompts = None if answers.prompts is None else sample_prompts(task, np.arange(num_samples), evaluation)
    if answers.prompts is not None and prompts is not None and answers.prompts != prompts:
        raise InputError(
            f"The samples in {path} were generated from other text than the task '{task.name}' gives "
            f"({_first_difference(answers.prompts, prompts)}): use the prompts of the export."
        )
    if answers.data_sha256 not in (None, evaluation.identity_sha256):
        raise InputError(
            f"The samples in {path} belong to clips of other data (sha256 {str(answers.data_sha256)[:12]}, while the split "
            f"'{split}' here has {evaluation.identity_sha256[:12]}): score with the data folder of the export, or export again."
        )


def _first_difference(said: Sequence[str], wanted: Sequence[str]) -> str:
    if len(said) != len(wanted):
        return f"{len(said)} are named but there are {len(wanted)}"
    place = next(place for place, pair in enumerate(zip(said, wanted, strict=True)) if pair[0] != pair[1])
    return f"number {place} is '{said[place]}' instead of '{wanted[place]}'"


def refuse_other_context(
    context_sha256: Sequence[str], indices: np.ndarray, context_NTHWC: np.ndarray, does: Kind = KINDS["predict"]
) -> None:
    """Refuse samples that were made from other frames than those of the data.

    Args:
        context_sha256: digests stated by the samples, one per sample.
        indices: int64 ``[N]``, the samples to check.
        context_NTHWC: what models are given for these indices, uint8 ``[N, T, H, W, 3]``.
        does: the kind of the task.

    Raises:
        InputError: the digests differ; names the first such sample.
    """
    for index, found in zip(indices.tolist(), context_digests(context_NTHWC), strict=True):
        if context_sha256[index] != found:
            raise InputError(
                f"Sample {index} {does.relates} other frames (sha256 {context_sha256[index][:12]}) than the data has "
                f"({found[:12]}): the export was changed, or this machine decodes the video differently, so export again."
            )
