"""Where `make demo` takes torch from: an index on this machine stands for PyTorch's."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import importlib.util
import os
import socket
import threading
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("install_torch", ROOT / "tools" / "install_torch.py")
install_torch = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(install_torch)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing on stderr."""


def make_wheel(folder, version):
    """Write a wheel of torch that holds 5,000 random bytes; returns its size."""
    info = f"torch-{version}.dist-info"
    path = folder / f"torch-{version}-py3-none-any.whl"
    parts = {
        "torch/body": base64.b64encode(hashlib.shake_128(b"").digest(3750)),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {**parts, f"{info}/RECORD": b""}.items():
            wheel.writestr(name, content)
    return path.stat().st_size


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index with torch 9.9.9, as a web server of this process; its address and the bytes of the wheel."""
    root = tmp_path_factory.mktemp("index")
    folder = root / "torch"
    folder.mkdir()
    size = make_wheel(folder, "9.9.9+cpu")
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", size
        server.shutdown()
        thread.join()


@pytest.fixture
def constraint(tmp_path):
    (tmp_path / "constraints.txt").write_text("")
    return str(tmp_path / "constraints.txt")


@pytest.fixture(autouse=True)
def pip_of_its_own(monkeypatch):
    """No settings of this machine's pip."""
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def on_linux(monkeypatch):
    """A Linux machine without a driver."""
    monkeypatch.setattr(install_torch, "why_default", lambda: "")


def test_the_index_of_cpu_builds_is_taken_where_it_answers(index, constraint, on_linux, monkeypatch):
    address, size = index
    monkeypatch.setattr(install_torch, "CPU_INDEX", address)
    source = install_torch.choose_source("9.9.9", constraint)
    assert source.arguments[-1] == "torch==9.9.9"
    assert source.arguments[:3] == ["--no-deps", "--index-url", address]
    assert source.reason == f"{address}, no NVIDIA driver here"
    assert (source.megabytes, source.packages) == (size / 1e6, 1)


def test_an_index_without_this_torch_is_no_source(index, constraint, on_linux):
    with pytest.raises(SystemExit) as refused:
        install_torch.choose_source("9.9.8", constraint, index[0])
    assert f"TORCH_INDEX: {index[0]} has no torch 9.9.8 for Python 3." in str(refused.value)


def test_the_default_index_follows_within_seconds(constraint, on_linux, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(install_torch, "CPU_INDEX", address)
        monkeypatch.setattr(install_torch, "SECONDS", 0.2)
        monkeypatch.setattr(install_torch, "download_size", lambda arguments: (2612.3, 27))
        start = time.monotonic()
        source = install_torch.choose_source("9.9.9", constraint)
        assert time.monotonic() - start < 2
    assert source.arguments == ["torch==9.9.9", "--constraint", constraint]
    assert source.reason.startswith(f"the default index, as {address} does not answer (")
    assert install_torch.size_in_words(source) == "2.6 GB to download, 27 packages"


def test_a_given_index_that_does_not_answer_is_refused(constraint):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(SystemExit, match=f"TORCH_INDEX: {address} does not answer .*; name another index"):
        install_torch.choose_source("9.9.9", constraint, address)
    with pytest.raises(SystemExit, match="it is no http address"):
        install_torch.choose_source("9.9.9", constraint, "file:///etc")


def test_a_driver_or_another_system_keeps_the_default(tmp_path, constraint, monkeypatch):
    (tmp_path / "nvidiactl").write_text("")
    monkeypatch.setattr(install_torch, "download_size", lambda arguments: (None, 0))
    monkeypatch.setattr(install_torch.sys, "platform", "linux")
    assert install_torch.why_default([str(tmp_path / "nvidiactl")]) == "as an NVIDIA driver is here"
    monkeypatch.setattr(install_torch.shutil, "which", lambda name: None)
    assert install_torch.why_default([str(tmp_path / "absent")]) == ""
    monkeypatch.setattr(install_torch.sys, "platform", "darwin")
    source = install_torch.choose_source("9.9.9", constraint)
    assert source.reason == "the default index, which has no CUDA for this system"
    assert install_torch.size_in_words(source) == "the size of the download is unknown"
    assert (
        install_torch.choose_source("9.9.9", constraint, "default").reason == "the default index, as TORCH_INDEX says"
    )


def test_what_is_installed_is_not_installed_again(constraint, monkeypatch, capfd):
    monkeypatch.setattr(install_torch.metadata, "version", lambda name: "9.9.9+cpu")
    monkeypatch.setattr(install_torch, "choose_source", lambda *_: pytest.fail("an index was asked"))
    assert install_torch.main(["9.9.9", "--constraint", constraint]) == 0
    assert capfd.readouterr() == ("", "")


def test_pip_runs_with_a_given_index_whatever_the_machine_has_after_it_was_said(index, constraint, monkeypatch, capfd):
    commands = []
    run = install_torch.subprocess.run

    def installing(command, **options):
        if "--dry-run" in command:
            return run(command, **options)
        commands.append(command[1:])
        return install_torch.subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(install_torch.subprocess, "run", installing)
    monkeypatch.setattr(install_torch, "installed_torch", lambda: None)
    monkeypatch.setattr(install_torch, "why_default", lambda: "as an NVIDIA driver is here")
    assert install_torch.main(["9.9.9", "--constraint", constraint, "--index", index[0]]) == 7
    assert commands[0][:3] == ["-m", "pip", "install"]
    assert commands[0][-1] == "torch==9.9.9"
    assert index[0] in commands[0]
    said = f"== torch 9.9.9: {index[0]}, as TORCH_INDEX says; 0 MB to download, 1 package\n"
    assert capfd.readouterr().out == said
