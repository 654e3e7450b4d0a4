"""The folder of caches, for a while another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidmetrics.home import home, home_at


@pytest.mark.parametrize("before", [None, "/somewhere"])
def test_another_home_lasts_as_long_as_it_is_asked_for(tmp_path, monkeypatch, before):
    monkeypatch.chdir(tmp_path)
    if before is None:
        monkeypatch.delenv("VIDBENCH_HOME", raising=False)
    else:
        monkeypatch.setenv("VIDBENCH_HOME", before)
    with pytest.raises(KeyError), home_at(Path("mine")):
        assert home() == tmp_path / "mine"
        raise KeyError
    assert os.environ.get("VIDBENCH_HOME") == before
