"""More or fewer samples than required, and the result of another model: the advice works, and nothing is replaced unasked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vidbench
from tests.task_texts import prediction_text, task_text
from tests.vidbench.cli.test_command_line import run
from vidbench.errors import InputError


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder with a task of six samples, one of predictions, and nine clips."""
    monkeypatch.chdir(tmp_path)
    Path("gen.toml").write_text(task_text("tiny-gen", num_clips=12, num_samples=6, metrics=("fvd-shapes",)))
    clips = np.random.default_rng(0).integers(0, 256, (9, 12, 32, 32, 3), np.uint8)
    np.save("nine.npy", clips)
    np.save("six.npy", clips[:6])
    np.save("four.npy", clips[:4])
    return tmp_path


def said(*arguments):
    done = run(*arguments, "--task", "gen.toml", "--output", "out", "--device", "cpu", cwd=Path.cwd())
    return done.returncode, done.stderr.strip().splitlines()[-1] if done.returncode else done.stdout


def test_the_first_samples_are_scored_unofficially(tiny):
    code, sentence = said("score", "--samples", "nine.npy")
    assert code == 2
    assert sentence.endswith("exactly 6 are required: --first 6 scores the first of them, for an unofficial result.")
    code, sentence = said("score", "--samples", "nine.npy", "--num-samples", "6")
    assert sentence.endswith("--first 6 scores the first of them, for an unofficial result.")
    first = vidbench.score("gen.toml", "nine.npy", output="out", first=6, device="cpu")
    assert "Only the first 6 of 9 samples were scored." in first.reasons
    assert not first.official
    whole = vidbench.score("gen.toml", "six.npy", output="other", device="cpu")
    assert first.metrics["fvd-shapes"].value == whole.metrics["fvd-shapes"].value
    assert not any("Only the first" in reason for reason in whole.reasons)
    code, sentence = said("score", "--samples", "four.npy")
    assert sentence.endswith("write the other 2, or score these with --num-samples 4, for an unofficial result.")
    assert said("score", "--samples", "four.npy", "--num-samples", "4", "--replace")[0] == 0
    code, sentence = said("score", "--samples", "nine.npy", "--num-samples", "4", "--first", "6")
    assert (code, "two numbers of samples: give one of them" in sentence) == (2, True)


def test_the_first_predictions_are_checked_against_their_clips(tiny):
    Path("gen.toml").write_text(prediction_text("tiny-pred", 12, 4, 'ceiling = "copy"\n'))
    done = run("sample", "--model", "copy", "--task", "gen.toml", "--output", "five", "--num-samples", "5", cwd=tiny)
    assert done.returncode == 0, done.stderr
    result = vidbench.score("gen.toml", "five", output="out", first=4, device="cpu")
    assert "Only the first 4 of 5 samples were scored." in result.reasons
    manifest = json.loads(Path("five/manifest.json").read_text())
    manifest["answers"]["context_sha256"][3] = "0" * 64
    Path("five/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="Sample 3 continues other frames"):
        vidbench.score("gen.toml", "five", output="other", first=4, device="cpu")


def test_the_result_of_another_model_is_replaced_only_if_asked(tiny):
    assert said("evaluate", "--model", "noise")[0] == 0
    kept = Path("out/result.json").read_bytes()
    code, sentence = said("evaluate", "--model", "static")
    assert code == 2
    assert "is the result of 'noise' on 'tiny-gen', which has another name: choose another --output, or add" in sentence
    code, sentence = said("score", "--samples", "six.npy")
    assert (code, "another name, samples sha256" in sentence) == (2, True)
    Path("gen.toml").write_text(Path("gen.toml").read_text().replace("tiny-gen", "tiny-other"))
    assert "which has another task:" in said("evaluate", "--model", "noise")[1]
    assert Path("out/result.json").read_bytes() == kept
    assert said("evaluate", "--model", "static", "--replace")[0] == 0
    assert json.loads(Path("out/result.json").read_text())["model"]["name"] == "static"
    assert said("evaluate", "--model", "static")[0] == 0  # the same again
