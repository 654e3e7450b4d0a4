"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_REAL_HOME = os.environ.get("VIDBENCH_HOME")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """No test may read or fill the caches of whoever runs it."""
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def real_home(monkeypatch) -> Path:
    """The folder of caches of whoever runs the tests, for reading trained weights alone."""
    from vidmetrics.home import home

    with monkeypatch.context() as patch:
        if _REAL_HOME is None:
            patch.delenv("VIDBENCH_HOME")
        else:
            patch.setenv("VIDBENCH_HOME", _REAL_HOME)
        return home()


@pytest.fixture
def shared() -> Path:
    """The folder of real videos and published graphs that lies beside a checkout."""
    folder = Path(os.environ.get("VIDBENCH_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"real videos are not here: no {folder / 'data'} (set VIDBENCH_SHARED)")
    return folder
