"""`vidbench reproduce`: every value is computed again, one that was edited is named, and what is not here is refused in a sentence."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.task_texts import task_text
from tests.vidbench.cli.test_command_line import run
from vidbench.jobs.evaluate import evaluate_model, score_samples
from vidbench.progress import Progress
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.run_options import RunOptions

_QUIET = Progress(enabled=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a task file, a result of a model and one of the first samples of an array."""
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "tiny.toml").write_text(task_text("tiny-gen", num_clips=40, num_samples=8, metrics=("fvd-shapes",)))
    clips = np.random.default_rng(3).integers(0, 256, (9, 12, 32, 32, 3), np.uint8)
    np.save(folder / "clips.npy", clips)
    np.save(folder / "others.npy", 255 - clips)
    options = RunOptions(output=folder / "noise", seed=5, num_samples=6, floor_sets=2, device="cpu")
    evaluate_model("noise", str(folder / "tiny.toml"), options, _QUIET)
    options = RunOptions(output=folder / "scored", first=7, device="cpu")
    score_samples(folder / "clips.npy", str(folder / "tiny.toml"), options, _QUIET)
    return folder


def _reproduce(place, tmp_path, result, *more, output="work"):
    return run("reproduce", str(result), "--device", "cpu", "--output", str(tmp_path / output), *more, cwd=place)


def _edited(place, tmp_path, result, *keys, value):
    document = json.loads((place / result / "result.json").read_text())
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value(inner[keys[-1]])
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(document))
    return path


def test_a_result_is_made_again_to_the_last_bit(place, tmp_path):
    done = _reproduce(place, tmp_path, "noise", "--task", "tiny.toml", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["reproduced"]
    assert said["tolerance"]["relative"] == 0
    before = json.loads((place / "noise" / "result.json").read_text())
    again = json.loads((tmp_path / "work" / "again" / "result.json").read_text())
    assert said["values"]["fvd-shapes"]["again"] == before["metrics"]["fvd-shapes"]["value"]
    for part in ("metrics", "model", "data", "seed", "bounds", "reasons"):
        assert again[part] == before[part]
    # Nothing is left that a second reproduction would take in place of a computation.
    assert not list((tmp_path / "work").rglob("features*"))
    assert not (tmp_path / "work" / "home").exists()


def test_an_edited_value_is_named(place, tmp_path):
    metric = ("metrics", "fvd-shapes")
    lie = _edited(place, tmp_path, "noise", *metric, "value", value=lambda value: value * (1 - 1e-3))
    done = _reproduce(place, tmp_path, lie, "--task", "tiny.toml")
    assert done.returncode == 1, done.stderr
    assert "tolerance: equal to the last bit" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if "DIFFERS" in line] == ["fvd-shapes"]
    done = _reproduce(place, tmp_path, lie, "--task", "tiny.toml", "--tolerance", "1e-2")
    assert (done.returncode, "tolerance: within 0.01 of the value (as given)" in done.stdout) == (0, True)
    assert "holds another reproduction" in _reproduce(place, tmp_path, "noise", "--task", "tiny.toml").stderr


def test_an_interrupted_reproduction_is_resumed(place, tmp_path, monkeypatch):
    arguments = ("scored", "--task", "tiny.toml", "--samples", "clips.npy")
    write, written = FeatureStore.write, []

    def interrupted(store, *of_shard):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(store.folder)
        write(store, *of_shard)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureStore, "write", interrupted)
        assert _reproduce(place, tmp_path, *arguments).returncode == 130
    assert list(tmp_path.rglob("features-*"))
    monkeypatch.setattr(FeatureStore, "write", lambda store, *rest: (written.append(store.folder), write(store, *rest)))
    done = _reproduce(place, tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(written)) == len(written)


def test_what_a_result_names_and_is_not_here_is_refused(place, tmp_path):
    task = ("--task", "tiny.toml")
    other = place / "other.toml"
    other.write_text((place / "tiny.toml").read_text().replace("num_samples = 8", "num_samples = 10"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("")

    def edited(*keys, of="noise", value="0" * 64):
        return _edited(place, tmp_path, of, *keys, value=lambda _: value)

    for result, more, words in (
        ("noise", (), "does not ship: give its file with --task FILE"),
        ("noise", ("--task", "other.toml"), "its fingerprint begins with"),
        ("scored", task, "is of stored samples, whose digest begins with"),
        ("scored", (*task, "--samples", "others.npy"), "are not those of the result"),
        ("noise", (*task, "--samples", "clips.npy"), "names no stored samples: make it again with --model"),
        ("noise", (*task, "--model", "plug:load"), "no Python module of that name"),
        ("noise", (*task, "--reference", "s.safetensors"), "used no file of reference statistics: omit --reference"),
        (lambda: edited("model", "name", value="gone"), task, "which is not registered here: give it with --model"),
        (lambda: edited("model", "checkpoint_sha256"), task, "has no checkpoint, and the result"),
        (lambda: edited("data", "evaluation", "sha256"), task, "; give the same data with --data"),
        (lambda: edited("networks", "shapes", "weights_sha256"), task, "they come with the vidbench that measured it"),
        (
            lambda: edited("data", "imported", value={"sha256": "0" * 64, "environment": _environment(place)}),
            task,
            "used a file of reference statistics, whose digest begins with 000000000000: give it with --reference",
        ),
        ("nowhere", task, "give the path of a result.json"),
    ):
        shutil.rmtree(tmp_path / "work", ignore_errors=True)
        done = _reproduce(place, tmp_path, result() if callable(result) else result, *more)
        assert done.returncode == 2, (words, done.stdout)
        assert words in done.stderr
        assert done.stderr.count("Error:") == 1
    done = _reproduce(place, tmp_path, "noise", *task, output="thesis")
    assert "is not empty and holds no reproduction" in done.stderr
    done = _reproduce(place, tmp_path, "noise", *task, "--samples", "clips.npy", "--model", "noise")
    assert "two ways to make a result again" in done.stderr


def _environment(place):
    return json.loads((place / "noise" / "result.json").read_text())["environment"]
