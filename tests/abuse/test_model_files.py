"""Whatever decides the clips of a model changes between two runs: the second one never reuses the features of the first."""

from __future__ import annotations

import json

import pytest

from tests.abuse.small import MODEL, run, score, trained

EVALUATE = ("evaluate", "--model", "mine:load", "--output", "out")
HELPER = "SCALE = 1\n"


def write_npy(path, value):
    import numpy as np

    np.save(path, np.array(value))


def write_safetensors(path, value):
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"scale": np.array(value)}, path)


MODELS = {
    "a module that it imports": (
        MODEL.replace("Model(1)", "Model(helper.SCALE)").replace("import numpy", "import helper\nimport numpy"),
        lambda folder, value: (folder / "helper.py").write_text(f"SCALE = {value}\n"),
    ),
    "a name of a module imported in a function": (
        MODEL.replace("        shape =", "        from deep.helper import SCALE; self.scale = SCALE\n        shape ="),
        lambda folder, value: write_package(folder / "deep", value),
    ),
    "a weights file next to it": (
        MODEL.replace("Model(1)", "Model(np.load('weights.npy'))"),
        lambda folder, value: write_npy(folder / "weights.npy", value),
    ),
    "a weights file that is opened unseen": (
        MODEL.replace("    return Model(1)", "    from safetensors.numpy import load_file\n    return Model(load_file('w.safetensors')['scale'])"),
        lambda folder, value: write_safetensors(folder / "w.safetensors", value),
    ),
    "a file elsewhere": (
        MODEL.replace("Model(1)", "Model(float(open('settings/scale.txt').read()))"),
        lambda folder, value: write_text(folder / "settings" / "scale.txt", str(value)),
    ),
    "a file read while sampling": (
        MODEL.replace("        shape =", "        self.scale = float(open('late.txt').read())\n        shape ="),
        lambda folder, value: write_text(folder / "late.txt", str(value)),
    ),
}  # fmt: skip


def write_text(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def write_package(folder, value):
    write_text(folder / "__init__.py", "")
    write_text(folder / "helper.py", f"SCALE = {value}\n")


@pytest.mark.parametrize("what", MODELS)
def test_what_decides_the_clips_decides_the_key(tmp_path, what):
    text, change = MODELS[what]
    (tmp_path / "mine.py").write_text(text)
    change(tmp_path, 1)
    first = score(tmp_path, *EVALUATE)
    again = run(tmp_path, *EVALUATE, "--json")
    record = json.loads(again.stdout)
    assert record["metrics"]["fid-shapes"]["value"] == first
    reused = "16 clips were measured before" in again.stderr.partition("Reference clips")[0]
    assert reused == (record["model"]["not_reused"] is None) == (what != "a file read while sampling")
    assert reused or "it read" in again.stderr
    change(tmp_path, 2)
    changed = score(tmp_path, *EVALUATE)
    assert changed != first
    (tmp_path / "home").rename(tmp_path / "old home")
    (tmp_path / "out").rename(tmp_path / "old out")
    assert score(tmp_path, *EVALUATE) == changed


def test_the_features_of_a_checkpoint_that_states_its_digest_are_reused(tmp_path):
    trained(tmp_path).rename(tmp_path / "copy.safetensors")
    command = ("evaluate", "--model", "dvdgan:copy.safetensors", "--output", "out")
    first = score(tmp_path, *command)
    again = run(tmp_path, *command, "--json")
    record = json.loads(again.stdout)
    assert record["metrics"]["fid-shapes"]["value"] == first
    assert record["model"]["not_reused"] is None
    assert "16 clips were measured before" in again.stderr.partition("Reference clips")[0]
