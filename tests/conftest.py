"""Fixtures for all tests: a separate home folder, a small task, a slow model, a plausible result."""

from __future__ import annotations

import gc
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.result_texts import result_document
from tests.task_texts import task_text

ROOT = Path(__file__).resolve().parent.parent
_REAL_HOME = os.environ.get("VIDBENCH_HOME")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage neither while tests are collected, which takes a quarter of that time, nor later among them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first: a worker that got one of them last would keep the others waiting."""
    listed = Path(__file__).with_name("longest_first.txt").read_text(encoding="utf-8").split()
    places = {file: place for place, file in enumerate(listed)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


@pytest.fixture(scope="session")
def _homes(tmp_path_factory):
    """Numbered folders; `mktemp` would look through those of all earlier tests for the next number."""
    folder, numbers = tmp_path_factory.mktemp("homes"), itertools.count()
    return (folder / str(number) for number in numbers)


@pytest.fixture(autouse=True)
def _own_home(_homes, monkeypatch):
    """Keep tests from reading or filling the caches of the user who runs them."""
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("VIDBENCH_HOME", str(home))


@pytest.fixture
def real_home(monkeypatch) -> Path:
    """The cache folder of the user who runs the tests; only for reading trained weights."""
    from vidmetrics.home import home

    with monkeypatch.context() as patch:
        if _REAL_HOME is None:
            patch.delenv("VIDBENCH_HOME")
        else:
            patch.setenv("VIDBENCH_HOME", _REAL_HOME)
        return home()


@pytest.fixture
def shared() -> Path:
    """The folder of real videos and published graphs next to the checkout."""
    folder = Path(os.environ.get("VIDBENCH_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no real videos: {folder / 'data'} does not exist (set VIDBENCH_SHARED)")
    return folder


SMALL_TASK = task_text("small-gen", num_clips=96, num_samples=120, metrics=("fvd-shapes", "fid-shapes", "is-shapes"))

# Noise around the class's grey level: cheap, also for the picture encoder of a report, and no two samples are equal.
PLUGIN = """
import os, time
import numpy as np

class Slow:
    def sample(self, request):
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        clips = []
        for seed, label in zip(request.seeds, request.labels):
            rng = np.random.Generator(np.random.Philox(int(seed)))
            noise = rng.integers(0, 80, (request.num_frames, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
            clips.append(noise + 5 * int(label))
        return np.stack(clips).astype(np.uint8)

def load(checkpoint, task, device):
    return Slow()

class Wrong:
    def __init__(self, answer):
        self.answer = answer
    def sample(self, request):
        return self.answer(len(request.seeds), request.num_frames)

def wrong_shape(checkpoint, task, device):
    return Wrong(lambda n, t: np.zeros((n, t, 16, 16, 3), np.uint8))

def wrong_dtype(checkpoint, task, device):
    return Wrong(lambda n, t: np.zeros((n, t, 32, 32, 3), np.float32))
"""


@pytest.fixture(scope="session")
def small_files():
    """Write the small task and the models of `PLUGIN` into a folder."""

    def write(folder: Path) -> None:
        (folder / "small.toml").write_text(SMALL_TASK)
        (folder / "slow_plugin.py").write_text(PLUGIN)

    return write


@pytest.fixture
def small_task(tmp_path):
    """Path of a task file whose run takes seconds."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL_TASK)
    return path


@pytest.fixture
def few_samples(small_task):
    """The small task with so few samples that no clip is probed for the validity panel, which takes most of its time."""
    small_task.write_text(small_task.read_text().replace("num_samples = 120", "num_samples = 31"))
    return small_task


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A module with models, in the current folder."""
    (tmp_path / "slow_plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # A module of an earlier test would bring the weights in its own folder.
    sys.modules.pop("slow_plugin", None)
    yield tmp_path
    sys.modules.pop("slow_plugin", None)


@pytest.fixture(name="result_document")
def _result_document():
    """An official, plausible result of shapes-gen as a document that tests can change."""
    return result_document()
