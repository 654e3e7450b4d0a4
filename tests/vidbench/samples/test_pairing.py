"""What samples say of their clips against the task and its data: refusals, reasons, and what is left alone."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.errors import InputError
from vidbench.kinds import KINDS, implied_kind
from vidbench.samples.manifest import Answers, TaskStamp
from vidbench.samples.pairing import (
    check_answers,
    context_digests,
    names_clips,
    refuse_other_context,
    task_answers,
    task_stamp,
)

DATA, OTHER = "d" * 64, "e" * 64
IDS, CLASSES = ("a#0", "b#0", "c#0"), ("run", "walk")
EVALUATION = SimpleNamespace(
    identity_sha256=DATA, class_names=CLASSES, clip_ids=lambda indices: tuple(IDS[i] for i in indices),
    captions=lambda indices: tuple((f"text of {IDS[i]}",) for i in indices),
)  # fmt: skip


def a_task(context_frames=1, labels="none", prompts="none"):
    return SimpleNamespace(
        name="small-pred", version=2, fingerprint="f" * 64, clips=SimpleNamespace(context_frames=context_frames),
        does=KINDS[implied_kind(context_frames)],
        evaluation=SimpleNamespace(labels=labels, seed=7, prompts=prompts), data=SimpleNamespace(evaluation_split="test"),
    )  # fmt: skip


STAMP = TaskStamp(name="small-pred", version=2, fingerprint="f" * 64)
SAID = Answers(split="test", data_sha256=DATA, ids=IDS, context_sha256=(DATA,) * 3, class_names=CLASSES, seed=7)


def check(task=None, stamp=STAMP, answers=SAID, **changes):
    manifest = SimpleNamespace(task=stamp, answers=answers and answers.model_copy(update=changes))
    return check_answers(manifest, Path("out.npz"), task or a_task(), EVALUATION, 3)


def test_what_agrees_is_accepted_without_a_reason():
    assert check() == ()
    assert check(seed=None) == ()
    assert check_answers(None, Path("out.npz"), a_task(context_frames=0), EVALUATION, 3) == ()


def test_what_is_written_is_accepted():
    for task in (a_task(), a_task(0, "evaluation"), a_task(0, "balanced"), a_task(0, prompts="first")):
        answers = task_answers(task, EVALUATION, 3, 7, (DATA,) * 3 if task.clips.context_frames else None)
        assert check(task, task_stamp(task), answers) == ()
        assert (answers.ids is None) == (not names_clips(task)) == (answers.data_sha256 is None)
        assert answers.class_names == (None if task.evaluation.labels == "none" else CLASSES)


@pytest.mark.parametrize(
    ("context_frames", "labels", "tied"), [(1, "none", True), (0, "evaluation", True), (0, "balanced", False)]
)
def test_which_tasks_name_clips(context_frames, labels, tied):
    task = a_task(context_frames, labels)
    assert names_clips(task) is tied
    # A task that does not pair samples with clips ignores other data and other clips.
    if tied:
        with pytest.raises(InputError, match="clips of other data"):
            check(task, data_sha256=OTHER)
    else:
        assert check(task, data_sha256=OTHER, ids=IDS[::-1]) == ()


def test_other_text_is_refused_and_unstated_text_is_a_reason():
    task, said = a_task(0, prompts="first"), tuple(f"text of {name}" for name in IDS)
    assert names_clips(task)
    assert check(task, prompts=said) == ()
    assert check(prompts=said) == ()  # this task gives no text
    with pytest.raises(InputError, match=r"from other text than .* \(number 1 is 'x' instead of 'text of b#0'\)"):
        check(task, prompts=(said[0], "x", said[2]))
    for manifest_answers in (None, SAID):
        (reason,) = check(task, answers=manifest_answers)
        assert "do not state the text" in reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": "train"}, "belong to clips of the split 'train', but the task 'small-pred' uses 'test'"),
        ({"class_names": ("walk", "run")}, "number 0 is 'walk' instead of 'run'"),
        ({"class_names": ("run",)}, "1 are named but there are 2"),
        ({"ids": ("a#0", "c#0", "b#0")}, "the same clips in another order; number 1 is 'c#0' instead of 'b#0'"),
        ({"ids": ("a#0", "b#0", "d#0")}, "not the same clips; number 2 is 'd#0' instead of 'c#0'"),
        ({"ids": IDS[:2]}, "not the same clips; 2 are named but there are 3"),
        ({"data_sha256": OTHER}, f"other data \\(sha256 {OTHER[:12]}, while the split 'test' here has {DATA[:12]}"),
    ],
)
def test_other_clips_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        check(**changes)


def test_another_task_is_refused():
    with pytest.raises(InputError, match=r"task 'small-pred' \(version 1\) with fingerprint eeeeeeeeeeee, not for"):
        check(stamp=TaskStamp(name="small-pred", version=1, fingerprint="e" * 64))


def test_what_is_not_stated_or_drawn_from_another_seed_is_a_reason():
    (missing,) = check(stamp=None, ids=None, context_sha256=None)
    assert "the task's fingerprint, the ids of the clips, the digests of the context frames, so nobody" in missing
    (missing,) = check(data_sha256=None)
    assert "do not state the digest of the data, so nobody" in missing
    (missing,) = check(answers=None)
    assert "ids of the clips, the digest of the data, the digests of the context frames" in missing
    assert check(a_task(0, "evaluation"), stamp=None, ids=None) == ()
    assert check(seed=8) == ("The samples come from seed 8, but the task requires 7.",)
    assert len(check(seed=8, ids=None)) == 2


def test_other_context_frames_are_refused_by_number():
    context = np.random.default_rng(0).integers(0, 256, (4, 2, 3, 3, 3), dtype=np.uint8)
    digests = context_digests(context)
    assert digests == [sha256(bytes(clip.flatten().tolist())).hexdigest() for clip in context]
    refuse_other_context(digests, np.array([3, 1]), context[[3, 1]])
    with pytest.raises(InputError, match=f"Sample 1 continues other frames \\(sha256 {digests[1][:12]}"):
        refuse_other_context(digests, np.array([0, 1]), context[[0, 2]])
