"""The adapters on docs/ci.md, as a reader writes them."""

from __future__ import annotations

import importlib
import re
import sys
import types
from pathlib import Path

import torch

from vidmetrics.conformance.suite import check
from vidmetrics.conformance.vectors import load_vectors

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")


def block(name):
    (text,) = re.findall(rf"```python\n# {name}\.py\n(.*?)```", PAGE, flags=re.DOTALL)
    return text


def test_adapters_are_three_lines():
    for name in ("metric_adapter", "video_adapter"):
        assert len([line for line in block(name).splitlines() if line]) == 3


def test_the_adapter_of_videos_runs(tmp_path, monkeypatch):
    (vector,) = load_vectors(("fvd/*",))
    seen = []

    def fvd(real, fake):
        seen.extend(
            [tuple(real.shape), tuple(fake.shape), float(real.min()) >= -1, state["logits.conv3d.bias"].sum() != 0]
        )
        return float(vector.expected["distance"])

    state = {"logits.conv3d.bias": torch.zeros(400)}
    i3d = types.SimpleNamespace(state_dict=lambda: state, load_state_dict=state.update)
    project = types.ModuleType("my_project")
    project.fvd, project.i3d = fvd, i3d
    monkeypatch.setitem(sys.modules, "my_project", project)
    (tmp_path / "video_adapter.py").write_text(block("video_adapter"))
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        outcome = check(vector, importlib.import_module("video_adapter").answer)
    finally:
        sys.modules.pop("video_adapter", None)
    assert outcome.verdict == "passed", outcome.message
    assert seen == [(5, 3, 9, 20, 28), (6, 3, 9, 20, 28), True, True]
    assert not state["logits.conv3d.bias"].any()
