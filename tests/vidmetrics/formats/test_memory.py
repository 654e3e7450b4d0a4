"""The memory of the machine, and the refusal of work that needs more."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from vidmetrics.errors import InputError
from vidmetrics.formats import memory
from vidmetrics.formats.memory import gigabytes, memory_bytes, refuse_more_than_memory


def test_it_is_no_more_than_the_kernel_says():
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert 0 < memory_bytes() <= total


def test_a_limit_on_the_address_space_counts():
    program = "from vidmetrics.formats.memory import memory_bytes; print(memory_bytes())"
    limits = (3 * 10**9, 3 * 10**9)
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits),
    )  # fmt: skip
    assert int(done.stdout) <= 3 * 10**9


def test_a_limit_of_a_container_counts(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("123456789\n")
    (tmp_path / "unlimited").write_text("max\n")
    files = tuple(tmp_path / name for name in ("unlimited", "memory.max", "nowhere"))
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", files)
    assert memory_bytes() == 123456789


def test_both_figures_are_named(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 24 * 10**9)
    refuse_more_than_memory(24 * 10**9, "A batch", "lower it")
    with pytest.raises(InputError) as caught:
        refuse_more_than_memory(412 * 10**9, "A batch", "lower it")
    assert str(caught.value) == "A batch needs 412 GB, and this machine has 24 GB of memory: lower it."
    assert gigabytes(1_500_000_000) == "1.5 GB"
