"""`vidbench export-result` and `vidbench tasks export`: what is printed, written, and asked for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from tests.task_texts import task_text
from vidbench.cli.evaluate import command as evaluate
from vidbench.cli.export_result import command
from vidbench.cli.tasks import command as tasks_command
from vidbench.errors import InputError
from vidbench.jobs.export_result import clip_scores
from vidbench.results.comparison import load
from vidbench.tasks import task_names
from vidbench.tasks.rehearsals import PREFIX, REASON

_ROOT = Path(__file__).resolve().parents[3]
_RESULT = next((_ROOT / "leaderboards" / "results").glob("d4f24596*.json"))
_WHO = ["--model-id", "someone/a-model", "--organization", "We", "--relationship", "first_party"]


def _invoke(*arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a run whose task has metrics of single clips."""
    folder = tmp_path_factory.mktemp("run")
    task = task_text(
        "small-pred",
        context_frames=4,
        num_clips=24,
        num_samples=24,
        labels="evaluation",
        metrics=("psnr", "ssim"),
        more='ceiling = "copy"\n',
    )
    (folder / "task.toml").write_text(task)
    arguments = ["--model", "copy", "--task", str(folder / "task.toml"), "--output", str(folder / "out")]
    CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    return folder / "out"


def test_lines_are_the_scores_of_the_clips_of_the_run(run, tmp_path):
    result = load(run)
    scores = clip_scores(run, result)
    assert set(scores) == {"psnr", "ssim"}
    for name, values in scores.items():
        assert len(values) == 24
        assert np.mean(values) == pytest.approx(result.metrics[name].value, rel=1e-6)
    done = _invoke(run, "--format", "every-eval-ever", *_WHO, "--output", tmp_path)
    assert done.exit_code == 0, done.output
    record_path, lines_path = map(Path, done.output.split())
    record = json.loads(record_path.read_text())
    lines = lines_path.read_bytes()
    assert record["detailed_evaluation_results"]["checksum"] == hashlib.sha256(lines).hexdigest()
    assert tmp_path / record["detailed_evaluation_results"]["file_path"] == lines_path
    assert record["detailed_evaluation_results"]["total_rows"] == 2 * 24 == len(lines.splitlines())
    for name, document in (("eval", record), ("instance_level_eval", json.loads(lines.splitlines()[-1]))):
        schema = json.loads((_ROOT / "tests" / "golden" / "every_eval_ever" / f"{name}.schema.json").read_text())
        jsonschema.Draft7Validator(schema).validate(document)


def test_scores_of_another_run_are_not_taken(run):
    result = load(run)
    other = result.metrics["psnr"].model_copy(update={"value": result.metrics["psnr"].value + 1})
    changed = result.model_copy(update={"metrics": {**result.metrics, "psnr": other}})
    assert set(clip_scores(run, changed)) == {"ssim"}


def test_a_result_without_scores_of_clips_has_no_lines(tmp_path):
    done = _invoke(_RESULT, "--format", "every-eval-ever", *_WHO, "--output", tmp_path)
    (path,) = map(Path, done.output.split())
    assert "detailed_evaluation_results" not in json.loads(path.read_text())
    printed = json.loads(_invoke(_RESULT, "--format", "every-eval-ever", *_WHO).output)
    assert printed["evaluation_results"] == json.loads(path.read_text())["evaluation_results"]


def test_eval_results_are_written_where_the_hub_reads_them(tmp_path):
    arguments = (_RESULT, "--format", "hf-eval-results", "--dataset", "someone/videos")
    done = _invoke(*arguments, "--output", tmp_path / "model")
    assert done.exit_code == 0, done.output
    (path,) = map(Path, done.output.splitlines())
    task = load(_RESULT).task
    assert path == tmp_path / "model" / ".eval_results" / f"{task.name}-v{task.version}.yaml"
    assert path.read_text() == _invoke(*arguments).output
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


@pytest.mark.parametrize("mark", ["name", "reason"])
@pytest.mark.parametrize(
    "form", [("hf-eval-results", "--dataset", "a/b"), ("every-eval-ever", *_WHO)], ids=["hub", "eee"]
)
def test_a_rehearsal_is_not_exported(form, mark, tmp_path):
    document = json.loads(_RESULT.read_text())
    if mark == "name":
        document["task"]["name"] = f"{PREFIX}{document['task']['name']}"
    else:
        document |= {"official": False, "reasons": [REASON]}
    (tmp_path / "result.json").write_text(json.dumps(document))
    refused = _invoke(tmp_path / "result.json", "--format", *form, "--output", tmp_path / "out")
    assert isinstance(refused.exception, InputError)
    assert "it is a rehearsal, with made-up videos and random networks" in str(refused.exception)
    assert not refused.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "hf-eval-results"], ["--dataset OWNER/NAME"]),
        (["--format", "every-eval-ever"], ["--model-id", "--organization", "--relationship first_party|"]),
        (["--format", "every-eval-ever", "--model-id", "a/b"], ["--organization", "--relationship"]),
        (["--format", "hf-eval-results", "--dataset", "x"], ["give OWNER/NAME"]),
    ],
)
def test_what_a_result_does_not_contain_is_asked_for(arguments, words):
    refused = _invoke(_RESULT, *arguments)
    assert isinstance(refused.exception, InputError)
    for word in words:
        assert word in str(refused.exception)


def test_other_catalogues_read_what_is_exported(tmp_path):
    """Run mlcroissant and huggingface_hub, which have an environment of their own (`make test-exports`)."""
    python = os.environ.get("VIDBENCH_EXPORT_READERS")
    if not python:
        pytest.skip("the readers are not here: `make test-exports` sets them up")
    for name in task_names():
        for style, suffix in (("croissant", "croissant.json"), ("hf-benchmark", "eval.yaml")):
            text = CliRunner().invoke(tasks_command, ["export", name, "--format", style]).output
            (tmp_path / f"{name}.{suffix}").write_text(text)
    text = _invoke(_RESULT, "--format", "hf-eval-results", "--dataset", "someone/videos").output
    (tmp_path / "result.eval_results.yaml").write_text(text)
    program = _ROOT / "tests" / "oracles" / "export_readers.py"
    done = subprocess.run([python, program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{len(task_names())} croissant, {len(task_names())} benchmarks, 3 results"
