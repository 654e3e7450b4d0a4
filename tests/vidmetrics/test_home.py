"""The folder of caches, for a while another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidmetrics.home import home, home_at


def _look_and_fail(seen):
    with home_at(Path("mine")):
        seen.append(home())
        raise KeyError


@pytest.mark.parametrize("before", [None, "/somewhere"])
def test_another_home_lasts_as_long_as_it_is_asked_for(tmp_path, monkeypatch, before):
    monkeypatch.chdir(tmp_path)
    if before is None:
        monkeypatch.delenv("VIDBENCH_HOME", raising=False)
    else:
        monkeypatch.setenv("VIDBENCH_HOME", before)
    seen = []
    with pytest.raises(KeyError):
        _look_and_fail(seen)
    assert seen == [tmp_path / "mine"]
    assert os.environ.get("VIDBENCH_HOME") == before
