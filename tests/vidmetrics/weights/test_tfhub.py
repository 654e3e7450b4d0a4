"""Resolving a TF-Hub handle in a separate process, with and without tensorflow-hub."""

from __future__ import annotations

import os

import pytest

from vidmetrics import InputError
from vidmetrics.weights.fetch import OFFLINE_VARIABLE
from vidmetrics.weights.tfhub import resolve

HANDLE = "https://tfhub.dev/deepmind/i3d-kinetics-400/1"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Shadow `tensorflow_hub` by a module with this body."""

    def install(body):
        folder = tmp_path / "fake"
        folder.mkdir(exist_ok=True)
        (folder / "tensorflow_hub.py").write_text(body)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))

    monkeypatch.delenv(OFFLINE_VARIABLE, raising=False)
    return install


def test_the_resolved_folder(fake, tmp_path):
    fake(
        "import os\nprint('noise')\n"
        "def resolve(handle):\n    return os.environ['TFHUB_CACHE_DIR'] + '/' + handle.rsplit('/', 2)[1]\n"
    )
    assert resolve(HANDLE, tmp_path / "cache") == tmp_path / "cache" / "i3d-kinetics-400"
    assert (tmp_path / "cache").is_dir()


def test_a_missing_extra_is_named(fake, tmp_path):
    fake("import a_module_that_is_not_there\n")
    with pytest.raises(InputError, match=r"`--via tfhub` needs tensorflow-hub.*pip install 'vidbench\[tfhub\]'"):
        resolve(HANDLE, tmp_path)


def test_a_failure_ends_in_one_sentence(fake, tmp_path):
    fake("def resolve(handle):\n    raise OSError('the host is gone.')\n")
    with pytest.raises(InputError) as caught:
        resolve(HANDLE, tmp_path)
    assert f"cannot resolve {HANDLE} (OSError: the host is gone)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stall_ends(fake, tmp_path):
    fake("import time\ndef resolve(handle):\n    time.sleep(60)\n")
    with pytest.raises(InputError, match=r"did not resolve .* within 0\.5 s"):
        resolve(HANDLE, tmp_path, timeout_seconds=0.5)


def test_offline_starts_nothing(fake, tmp_path, monkeypatch):
    fake("raise SystemExit('was imported')\n")
    with pytest.raises(InputError, match=r"Offline.*weights import FOLDER"):
        resolve(HANDLE, tmp_path, offline=True)
    monkeypatch.setenv(OFFLINE_VARIABLE, "1")
    with pytest.raises(InputError, match="Offline"):
        resolve(HANDLE, tmp_path)
