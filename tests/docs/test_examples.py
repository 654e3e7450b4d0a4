"""Every public function has an example in its docstring, and every example of a docstring does what it says."""

from __future__ import annotations

import doctest
import importlib
import inspect
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.house.test_public_names import PACKAGES
from tests.vidbench.cli.test_command_line import run
from tests.vidmetrics.test_one_call import Colours, FrameColours
from vidmetrics.catalog.definitions import function_ids
from vidmetrics.networks.network import Network

ROOT = Path(__file__).resolve().parents[2]


def _public():
    """Return every public function, and every other public object with an example, by its dotted name."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in sorted({*module.__all__, *(dir(module) if package == "vidmetrics" else ())}):
            value = getattr(module, name)
            if inspect.isfunction(value) or (inspect.isclass(value) and ">>>" in (value.__doc__ or "")):
                found[f"{package}.{name}"] = value
    return found


PUBLIC = _public()
OF_METRICS = {f"vidmetrics.{name}" for name in function_ids()}


def _run(name, **variables):
    examples = doctest.DocTestParser().get_doctest(PUBLIC[name].__doc__, dict(variables), name, None, None)
    assert examples.examples, f"{name} has no example"
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        outcome = doctest.DocTestRunner(verbose=False).run(examples, out=told.append)
    assert outcome.failed == 0, "".join(told)
    return len(examples.examples)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what examples name: a task of few clips and its export."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copy(ROOT / "examples" / "third_party_model" / "tiny.toml", folder)
    assert run("data", "export", "--task", "tiny.toml", "--output", "export", cwd=folder).returncode == 0
    return folder


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - OF_METRICS))
def test_the_example_of_a_public_name_runs(name, place, monkeypatch):
    monkeypatch.chdir(place)
    if name == "vidbench.results.read_result" and not Path("runs").exists():
        _run("vidbench.evaluate")
    assert _run(name) > 0


@pytest.mark.parametrize("name", sorted(OF_METRICS))
def test_the_example_of_a_metric_runs(name, monkeypatch):
    """On a stand-in for its network, whose weights are no part of the repository."""

    def load(name, weights=None, device="cpu", precision="exact"):
        body = FrameColours() if name.startswith("inception") else Colours()
        return Network(name, body, device=device, precision=precision, weights_sha256="0" * 64, proven=False)

    monkeypatch.setattr("vidmetrics.networks.load_network", load)
    real, generated = np.random.default_rng(0).integers(0, 256, (2, 64, 16, 11, 11, 3), np.uint8)
    assert _run(name, vidmetrics=importlib.import_module("vidmetrics"), real_clips=real, generated_clips=generated) == 1


def test_a_function_without_an_example_or_with_a_wrong_one_is_found(monkeypatch):
    def wrong():
        """Return 2.

        >>> 1 + 1
        3
        """

    def without():
        """Return 2."""

    monkeypatch.setitem(PUBLIC, "wrong", wrong)
    monkeypatch.setitem(PUBLIC, "without", without)
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        _run("wrong")
    with pytest.raises(AssertionError, match="without has no example"):
        _run("without")


def test_the_help_of_vidmetrics_fits_on_two_screens():
    import pydoc

    import vidmetrics

    lines = pydoc.plain(pydoc.render_doc(vidmetrics)).splitlines()
    assert len(lines) <= 100
    text = "\n".join(lines)
    assert all(word in text for word in ("metric(", "measure(", "update", "value_range", "layout", "vidbench.measure"))
