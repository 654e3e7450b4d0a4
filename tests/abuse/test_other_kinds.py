"""Stored files of every kind are replaced by a pipe, a link that leads nowhere or a folder: said aloud, and nothing waits forever.

Pipes are the ones that matter: opening one waits until another program opens its other end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.abuse.rows._inputs import result
from tests.abuse.runner import Limits, Outcome, run_limited
from tests.abuse.small import MODEL, SETTINGS, TASK, run, score
from tests.abuse.test_bit_flips import CACHES, EVALUATE
from tests.task_texts import task_text

LIMITS = Limits(wall_seconds=40.0)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def folder(path: Path) -> None:
    path.mkdir()


WORDS = {pipe: "a pipe and not a file", nowhere: "a link that leads nowhere", folder: "a folder and not a file"}
KINDS = pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)


def replaced(path: Path, kind: Callable[[Path], None]) -> None:
    path.unlink()
    kind(path)


def limited(where: Path, *arguments: str) -> Outcome:
    ended = run_limited(arguments, where, limits=LIMITS)
    assert ended.code is not None, f"waits forever: {arguments}"
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A finished run: its folder and its score."""
    where = tmp_path_factory.mktemp("evaluated")
    (where / "mine.py").write_text(MODEL)
    return where, score(where, *EVALUATE)


@KINDS
def test_what_is_no_file_in_place_of_a_cache_is_said(evaluated, kind):
    where, undisturbed = evaluated
    originals: dict[Path, bytes] = {}
    for pattern, _ in CACHES.values():
        path = sorted(where.glob(pattern))[0]
        originals[path] = path.read_bytes()
        replaced(path, kind)
    ended = run(where, *EVALUATE, "--json")
    if kind is folder:
        # Nothing of somebody else's is removed.
        assert ended.code == 2
        assert "is a folder where a stored file belongs: move or remove it" in ended.stderr
        assert any(str(path.relative_to(where)) in ended.stderr for path in originals)
        for path, content in originals.items():
            path.rmdir()
            path.write_bytes(content)
    else:
        assert ended.code == 0, ended.stderr
        assert f'"value": {undisturbed}' in ended.stdout
        for _, words in CACHES.values():
            (line,) = (line for line in ended.stderr.splitlines() if f"Warning: {words}" in line)
            assert WORDS[kind] in line
    for path, content in originals.items():
        assert path.read_bytes() == content, path


@KINDS
def test_a_note_that_features_are_in_doubt_is_not_overlooked(evaluated, kind):
    """Features whose note cannot be read were reused as if there were no note."""
    where, undisturbed = evaluated
    path = next(where.glob("out/features/*")) / "not-reused.txt"
    kind(path)
    ended = run(where, *EVALUATE, "--json")
    if kind is folder:
        path.rmdir()
        assert ended.code == 2
        assert "not-reused.txt" in ended.stderr
        run(where, *EVALUATE)
        return
    assert ended.code == 0, ended.stderr
    assert f"the reason in {path.relative_to(where)} cannot be read (it is {WORDS[kind]})" in ended.stderr
    assert f'"value": {undisturbed}' in ended.stdout
    assert not path.is_symlink()
    assert not path.exists()


@KINDS
def test_a_journal_a_note_or_a_list_of_a_scan(tmp_path, kind):
    from tests.abuse.test_replaced_files import clips, write_videos

    write_videos(tmp_path / "videos", clips(1)[:4])
    scan = ("data", "scan", "videos", "--output", "scan", "--workers", "1")
    assert limited(tmp_path, *scan).code == 0
    (journal,) = (tmp_path / "scan").glob("journal-*.jsonl")
    replaced(journal, kind)
    ended = limited(tmp_path, *scan)
    assert ended.code == 2
    assert f"{journal.relative_to(tmp_path)} cannot be read (it is {WORDS[kind]})" in ended.stderr


@KINDS
@pytest.mark.parametrize("name", ["plan.json", "written.jsonl"])
def test_the_plan_and_the_notes_of_an_interrupted_export(tmp_path, kind, name):
    text = task_text("continued", num_clips=8, num_samples=4, metrics=("fid-shapes",), context_frames=4, labels="none")
    (tmp_path / "task.toml").write_text(text)
    export = ("data", "export", "--task", "task.toml", "--output", "ex")
    working = tmp_path / ".ex.partial"
    _interrupt(tmp_path, export)
    assert (working / "written.jsonl").is_file()
    replaced(working / name, kind)
    ended = limited(tmp_path, *export)
    if name == "plan.json":
        assert ended.code == 0, ended.stderr
        assert (
            f"Warning: The plan of an interrupted export, .ex.partial/plan.json, cannot be read (it is {WORDS[kind]})"
            in ended.stderr
        )
        assert not working.exists()
    else:
        assert ended.code == 2
        assert f".ex.partial/written.jsonl cannot be read (it is {WORDS[kind]})" in ended.stderr


def _interrupt(where: Path, arguments: tuple[str, ...]) -> None:
    """Run an export that is interrupted before its manifest."""
    with pytest.MonkeyPatch.context() as patch:

        def interrupted(*_):
            raise KeyboardInterrupt

        patch.setattr("vidbench.jobs.export._write_manifest", interrupted)
        assert limited(where, *arguments).code == 130


@KINDS
def test_the_log_of_a_training_run(tmp_path, kind):
    (tmp_path / "task.toml").write_text(TASK)
    kind_path = tmp_path / "out" / "train.jsonl"
    kind_path.parent.mkdir()
    kind(kind_path)
    ended = limited(
        tmp_path, "train", "--model", "dvdgan", "--task", "task.toml", "--output", "out", "--steps", "1", *SETTINGS,
    )  # fmt: skip
    assert ended.code == 2
    assert "train.jsonl" in ended.stderr


@KINDS
@pytest.mark.parametrize(
    "command",
    [
        "check boards",
        "show shapes-gen --leaderboards boards",
        "build --output site --leaderboards boards",
        "add result.json --leaderboards boards --training train --extra-data none",
    ],
)
def test_a_board(tmp_path, kind, command):
    result(tmp_path / "result.json")
    (tmp_path / "boards").mkdir()
    kind(tmp_path / "boards" / "shapes-gen.csv")
    ended = limited(tmp_path, "leaderboard", *command.split())
    assert ended.code in (1, 2), ended.stdout
    assert f"it is {WORDS[kind]}" in ended.stderr + ended.stdout
    assert not (tmp_path / "site").exists()
