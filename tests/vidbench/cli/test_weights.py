"""`vidbench weights`: stdout, stderr and exit codes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from tests.forked import run_python
from vidbench.cli import cli
from vidbench.errors import InputError
from vidmetrics.weights import proof
from vidmetrics.weights import sources as sources_module
from vidmetrics.weights.i3d_variables import SCOPE
from vidmetrics.weights.sources import PublishedFile, Source

TESTS = Path(__file__).resolve().parents[2]


def _oracle(name):
    spec = importlib.util.spec_from_file_location(name, TESTS / "oracles" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _straight_to_the_server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "VIDBENCH_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def run():
    """Run `vidbench weights ...` within this process; bad input raises InputError."""

    def invoke(*arguments):
        return CliRunner().invoke(cli, ["weights", *map(str, arguments)], catch_exceptions=False)

    return invoke


@pytest.fixture(scope="module")
def seeded():
    """I3D weights with the right names and shapes that are not DeepMind's."""
    record = json.loads((TESTS / "golden" / "i3d_seeded_logits.json").read_text())
    return _oracle("i3d_cases").seeded_weights(record["shapes"], record["weights_seed"])


@pytest.fixture
def module(tmp_path, seeded):
    _oracle("checkpoint_writer").write_module(tmp_path / "module", seeded)
    return tmp_path / "module"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server with C3D under a published hash, the only published source."""
    path = tmp_path / "c3d.npz"
    np.savez(path, **{"conv1a/W": np.ones((64, 64), np.float32), "mean": np.zeros(3, np.float32)})
    server = _oracle("rude_server").RudeServer(path.read_bytes())
    sha256 = hashlib.sha256(server.content).hexdigest()
    file = PublishedFile("c3d.npz", (f"{server.url}/c3d.npz",), len(server.content), sha256)
    source = Source("c3d-ucf101", "here", (file,), ("c3d.npz",), None, "a test", "none", "none")
    for where in ("vidbench.jobs.weights.sources", "vidmetrics.weights.proof.sources"):
        monkeypatch.setattr(where, lambda: (source,))
    monkeypatch.setattr(sources_module, "sources", lambda: (source,))
    yield server
    server.close()


def test_list_names_every_source(run):
    plain, rows = run("list"), json.loads(run("list", "--json").stdout)
    assert {row["network"] for row in rows} == set(sources_module.published_networks())
    assert all(not row["here"] for row in rows)
    for row in rows:
        assert row["network"] in plain.stdout
        assert row["licence"] in plain.stdout
        assert all(file["urls"] and file["known_by"] for file in row["files"])
    [data] = [file for row in rows for file in row["files"] if (file["bytes"], row["source"]) == (50818176, "deepmind")]
    assert data["known_by"] == "git blob id fa7df95674dbf3579e7fccd954e51e706b4734c1"


def test_where(run, monkeypatch, tmp_path):
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path))
    expected = tmp_path / "weights" / "i3d-kinetics-600.safetensors"
    assert run("where", "i3d-kinetics-600").stdout == f"{expected}\n"
    rows = {row["network"]: row for row in json.loads(run("where", "--json").stdout)}
    assert rows["i3d-kinetics-600"] == {"network": "i3d-kinetics-600", "path": str(expected), "here": False}
    assert rows["shapes"]["here"]
    assert set(rows) >= {"shapes", *sources_module.published_networks()}
    assert len(run("where").stdout.splitlines()) == len(rows)
    with pytest.raises(InputError, match="did you mean 'i3d-kinetics-600'"):
        run("where", "i3d-kinetics600")


def test_seeded_weights_are_not_deepminds(run, module):
    done = run("import", module)
    assert done.exit_code == 0
    assert done.stdout == run("where", "i3d-kinetics-400").stdout
    assert "imported i3d-kinetics-400" in done.stderr
    for target in ("i3d-kinetics-400", module, done.stdout.strip()):
        verdict = run("verify", target)
        assert verdict.exit_code == 1
        assert "not DeepMind's values: 230 of 230 tensors differ" in verdict.stdout
    said = run("verify", "i3d-kinetics-400", "--json")
    assert said.exit_code == 1
    [row] = json.loads(said.stdout)
    assert (row["state"], row["equal_tensors"], row["tensors"]) == ("not proven", 0, 230)
    assert len(row["differing"]) == 230


def test_verify_without_arguments_forgives_only_what_is_absent(run, module):
    assert run("verify").exit_code == 0
    assert "absent: run `vidbench weights fetch i3d-kinetics-400`" in run("verify").stdout
    assert run("verify", "i3d-kinetics-400").exit_code == 1
    assert run("verify", "shapes").exit_code == 0
    run("import", module)
    done = run("verify")
    assert done.exit_code == 1
    assert "not DeepMind's" in done.stdout
    assert "proven: the file shipped with vidmetrics" in done.stdout


def test_published_values_are_proven(run, module, seeded, monkeypatch):
    writer = _oracle("checkpoint_writer")
    table = dict(proof.crc_table())
    table["i3d-kinetics-400"] = {
        name.removeprefix(SCOPE): writer.masked(value.tobytes()) for name, value in seeded.items()
    }
    monkeypatch.setattr(proof, "crc_table", lambda: table)
    run("import", module)
    done = run("verify", "i3d-kinetics-400")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "proven: all 230 tensors are those of DeepMind's i3d-kinetics-400" in done.stdout
    # Under another network's name the same tensors are not proven.
    path = run("where", "i3d-kinetics-400").stdout.strip()
    Path(path).rename(Path(path).with_stem("i3d-kinetics-600"))
    done = run("verify", "i3d-kinetics-600")
    assert done.exit_code == 1
    assert "the weights of i3d-kinetics-400, not of i3d-kinetics-600" in done.stdout


def test_verify_takes_networks_and_paths_alone(run, tmp_path):
    with pytest.raises(InputError, match=r"'i3d' is neither a network \(.*\) nor an existing path"):
        run("verify", "i3d")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    done = run("verify", tmp_path / "other.npz")
    assert done.exit_code == 1
    assert "weights of an unknown network" in done.stdout


def test_fetch_imports_what_it_has_verified(run, published):
    done = run("fetch", "c3d-ucf101")
    assert done.exit_code == 0
    target = Path(done.stdout.strip())
    assert target == Path(run("where", "c3d-ucf101").stdout.strip())
    assert set(load_file(target)) == {"conv1a/W", "mean"}
    assert "fetching c3d.npz" in done.stderr
    assert "done in" in done.stderr
    verdict = run("verify", "c3d-ucf101")
    assert verdict.exit_code == 0
    assert "imported from the file with the published sha256" in verdict.stdout
    assert run("fetch", "c3d-ucf101", "--offline").exit_code == 0
    assert len(published.seen) == 1


def test_wrong_bytes_import_nothing(run, published):
    published.content = published.content[:-1] + b"?"
    with pytest.raises(InputError, match=r"could not be fetched \(127.0.0.1:\d+: its sha256 is .* instead of"):
        run("fetch", "c3d-ucf101")
    assert not Path(run("where", "c3d-ucf101").stdout.strip()).exists()


def test_offline_says_where_to_put_what(run, monkeypatch, tmp_path):
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path))
    expected = tmp_path / "weights" / "sources" / "inception-2015-12-05" / "pytorch-fid"
    with pytest.raises(InputError) as caught:
        run("fetch", "inception-2015-12-05", "--offline")
    assert str(expected / "pt_inception-2015-12-05-6726825d.pth") in str(caught.value)
    assert "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2" in str(caught.value)
    monkeypatch.setenv("VIDBENCH_OFFLINE", "1")
    for more in ((), ("--via", "tfhub"), ("--via", "videogpt")):
        with pytest.raises(InputError, match="Offline"):
            run("fetch", "i3d-kinetics-400", *more)


def test_a_refusal_is_one_sentence_on_stderr(tmp_path):
    done = run_python(["-m", "vidbench", "weights", "fetch", "i3d-kinetics-400", "--offline"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: Offline, and ")


def test_a_download_that_waits_says_so_and_goes_on(run, published, monkeypatch):
    from vidbench.jobs import weights

    def slow(file, folder, meter, offline):
        while not said:
            threading.Event().wait(0.01)
        return fetch(file, folder, meter, offline=offline)

    said, fetch = [], weights.fetch
    assert weights.QUIET_SECONDS < 5
    monkeypatch.setattr(weights, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(weights, "fetch", slow)
    monkeypatch.setattr(weights.Progress, "say", lambda self, text: said.append(text))
    run("fetch", "c3d-ucf101")
    assert said[0].startswith("c3d.npz: no byte from 127.0.0.1 yet; trying for some minutes")
    assert said[-1] == "c3d-ucf101: imported from a test"


def test_unknown_names(run):
    with pytest.raises(InputError, match="did you mean 'i3d-kinetics-400'"):
        run("fetch", "i3d-kinetics400")
    with pytest.raises(InputError, match=f"Unknown network '{'a' * 100}'; known"):
        run("fetch", "a" * 5000)
    with pytest.raises(InputError, match="source of 'i3d-kinetics-400' 'google'"):
        run("fetch", "i3d-kinetics-400", "--via", "google")


def test_doctor_lists_the_known_answers_that_did_not_run():
    from vidbench.jobs.doctor import environment_report
    from vidmetrics.catalog.known_answers import KNOWN_ANSWERS

    answers = environment_report()["known answers"]
    assert list(answers) == [answer.name for answer in KNOWN_ANSWERS]
    assert all(said.startswith("not run here, as it needs") for said in answers.values())
    assert "the trained weights of i3d-kinetics-400 (FVD of 16 clips of 15 frames" in answers["fvd-example"]


def test_a_result_on_unproven_weights_says_so(run, module, tmp_path):
    import vidbench

    run("import", module)
    task = tmp_path / "tiny.toml"
    task.write_text(TINY_TASK)
    result = vidbench.evaluate(model="noise", task=str(task), output=tmp_path / "out")
    assert result.networks["i3d-kinetics-400"].proven is False
    assert "The weights of 'i3d-kinetics-400' are not proven to be the published ones." in result.reasons


TINY_TASK = """
name = "tiny"
version = 1
title = "So few clips that even I3D takes seconds"
[data]
dataset = "shapes"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 9
height = 16
width = 16
resize = "none"
crop = "none"
[reference]
num_clips = 2
[evaluation]
num_samples = 2
labels = "balanced"
metrics = ["fvd"]
"""
