"""`vidbench tasks which`: the tasks that a number in a paper may belong to, what is open, and the groups."""

from __future__ import annotations

import io
import json

import pytest

from tests.vidbench.cli.test_command_line import assert_refused, run
from vidbench.errors import InputError
from vidbench.leaderboard.boards import leaderboards_folder, read_board
from vidbench.leaderboard.paper_number import open_fields, possible_tasks, published_groups
from vidbench.leaderboard.paper_questions import NOT_STATED, QUESTIONS, fits, read_answers
from vidbench.leaderboard.rows import family
from vidbench.tasks import load_task, task_names

PRED = "--dataset kinetics-600 --kind prediction --frames 16 --context-frames 5 --resolution 64 --metric FVD"


def names(**given):
    answers = read_answers({name.replace("_", "-"): value for name, value in given.items()})
    return [task.name for task in possible_tasks(answers).tasks]


def where(condition):
    """Names of the shipped tasks that meet a condition on task files, read without the questions."""
    return [name for name in task_names() if condition(load_task(name).task)]


def of_k600_at_64(task):
    clips = task.clips
    shape = (clips.num_frames, clips.context_frames, clips.width, clips.height) == (16, 5, 64, 64)
    fvd = any(family(metric) == "FVD" for metric in task.evaluation.metrics)
    return task.data.dataset == "kinetics-600" and task.does.noun == "prediction" and shape and fvd


def test_there_are_eight_questions():
    assert len({each.name for each in QUESTIONS}) == len(QUESTIONS) == 8


def test_a_task_is_found_by_its_own_answers_and_not_by_one_that_is_wrong():
    for name in task_names():
        task = load_task(name).task
        true = {
            "dataset": task.data.dataset.replace("-image-aux1", ""),
            "kind": "prediction" if task.does.given == "context" else task.does.noun,
            "frames": f"{task.clips.num_frames}",
            "context-frames": f"{task.clips.context_frames}",
            "resolution": f"{task.clips.width}x{task.clips.height}",
            "metric": family(task.evaluation.metrics[0]),
            "samples": f"{task.evaluation.num_samples:,}",
            "reference": task.data.reference_split,
        }
        wrong = {
            "dataset": "shapes" if true["dataset"] != "shapes" else "ucf101",
            "kind": "generation" if task.does.given == "clip" else "reconstruction",
            "frames": "7",
            "context-frames": NOT_STATED if task.does.noun == "generation" else "3",
            "resolution": "7x9",
            "metric": "kvd",
            "samples": "7",
            "reference": "elsewhere",
        }
        for question in QUESTIONS:
            assert fits(question, question.read(true[question.name]), task), (name, question.name)
            assert fits(question, NOT_STATED, task)
            if wrong[question.name] != NOT_STATED:
                assert not fits(question, question.read(wrong[question.name]), task), (name, question.name)
        if name == "ucf101-gen-train-fvd":
            of_both = set(names(**true))
    # The other one has its FVD as well.
    assert {"ucf101-gen-train", "ucf101-gen-train-fvd"} <= of_both


def test_a_name_in_a_paper_is_every_id_that_is_printed_so():
    assert names(dataset="ucf101", metric="IS(C3D)") == ["ucf101-gen", "ucf101-gen-train"]
    assert {"bair-pred", "bair-pred-debiased"} <= set(names(dataset="BAIR", metric="FVD"))
    assert names(dataset="bair", metric="fvd-magvit") == []
    for split, name in (("train", "train01"), ("train+test", "all")):
        of_split = where(lambda task, name=name: (task.data.dataset, task.data.reference_split) == ("ucf101", name))
        assert names(dataset="ucf101", reference=split) == of_split
        assert len(of_split) >= 2


def test_without_a_task_the_nearest_are_named_with_what_contradicts_them():
    found = possible_tasks(read_answers({"dataset": "bair", "frames": "31", "context-frames": "3"}))
    assert found.tasks == ()
    against = {task.name: against for task, against in found.nearest}
    assert against["bair-pred"] == against["bair-pred-debiased"] == ("frames", "context-frames")
    assert all(load_task(name).task.data.dataset.startswith("bair") for name in against)


def test_only_what_decides_the_metric_is_open():
    tasks = [load_task(name).task for name in ("k600-pred", "k600-pred-disjoint")]
    assert set(open_fields(tasks, "FVD")) == {
        "reference split",
        "windows of the reference set",
        "reference set and held-out clips",
    }
    # Frames are compared with those of the held-out clips, which are the same.
    assert open_fields(tasks, "ssim") == {}


def test_published_groups_are_those_of_the_board_that_nothing_contradicts():
    folder = leaderboards_folder(None)
    answers = read_answers(
        {
            "frames": "16",
            "context-frames": "5",
            "resolution": "64",
            "metric": "fvd",
            "samples": "50000",
            "kind": "prediction",
        }
    )
    groups = published_groups(answers, ["k600-pred"], folder)
    rows = [row for row in read_board(folder, "k600-pred").rows if row.status == "reported"]
    magvit = "FVD/frames=16/given=5/64x64/cond=frames/ref=eval-6-clips-per-video/n=50000/protocol=magvit"
    assert groups[magvit] == sum(row.group == magvit for row in rows) > 0
    # Most papers do not state the number, and theirs may be 50,000; rows measured here are not published ones.
    silent = "FVD/frames=16/given=5/64x64/cond=frames"
    assert groups[silent] == sum(row.group == silent for row in rows) > 0
    assert published_groups(read_answers({"metric": "fvd-shapes"}), ["shapes-gen"], folder) == {}
    assert all(group.startswith("FVD/") and "given=0" not in group for group in groups)
    assert published_groups({**answers, "samples": "123"}, ["k600-pred"], folder)[magvit] == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"frames": "16x"}, "'16x' is not a number of frames"),
        ({"frames": "0"}, "give one from 1 on"),
        ({"resolution": "64x"}, "is not a resolution"),
        ({"dataset": "kinetics600"}, "did you mean 'kinetics-600'"),
        ({"kind": "rollouts"}, "Unknown kind 'rollouts'"),
        ({"metric": "FVDD"}, "Unknown metric 'FVDD'"),
        ({"reference": "a b"}, "'a b' is not a split"),
        ({"kind": "generation", "context-frames": "5"}, "A generation with 5 context frames is none"),
        ({"kind": "prediction", "context-frames": "0"}, "A prediction with 0 context frames is none"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_one_sentence(given, said):
    with pytest.raises(InputError, match=said):
        read_answers(given)


def test_options_are_answered_at_once_and_say_which_are_missing(tmp_path):
    done = run("tasks", "which", *PRED.split(), cwd=tmp_path)
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "not answered, and taken as not stated: --samples, --reference" in text
    assert f"{len(where(of_k600_at_64))} tasks that the number may belong to:" in text
    assert "group on the board k600-pred: fvd/frames=16/given=5/64x64/cond=frames/ref=val-50000/n=50000/" in text
    assert "samples: 50000 in each task" in text
    assert "17 rows: FVD/frames=16/given=5/64x64/cond=frames" in text
    document = json.loads(
        run("tasks", "which", *PRED.split(), "--reference", "not-stated", "--json", cwd=tmp_path).stdout
    )
    assert document["missing"] == ["samples"]
    assert [task["name"] for task in document["tasks"]] == where(of_k600_at_64)
    assert document["open"]["answers"]["reference"]["k600-pred-vdm"] == "test"
    assert "reference split" not in document["open"]["fields"]
    assert document["tasks"][0]["ours"]


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_it_asks_again_until_there_is_an_answer(tmp_path, monkeypatch):
    answers = ("bairr", "bair", "prediction", "", "", "", "", "", "")
    monkeypatch.setattr("sys.stdin", _Terminal("\n".join(answers) + "\n"))
    done = run("tasks", "which", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    of_bair = where(lambda task: task.data.dataset.startswith("bair") and task.clips.context_frames > 0)
    assert [task["name"] for task in document["tasks"]] == of_bair
    assert document["missing"] == []
    assert "did you mean 'bair'" in done.stderr
    assert done.stderr.count("?") >= 8


def test_without_options_and_terminal_every_option_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    refused = assert_refused(run("tasks", "which", cwd=tmp_path), "stdin is no terminal")
    assert all(f"--{each.name}" in refused for each in QUESTIONS)
