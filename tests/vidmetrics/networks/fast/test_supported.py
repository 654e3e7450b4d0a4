"""Which GPUs and compilers the fast network supports."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from vidmetrics.networks import fast as fast_networks


@pytest.mark.parametrize(
    ("capability", "version", "supported"),
    [((9, 0), (0, 0), True), ((9, 0), (0, 1), True), ((9, 0), (0, -1), False), ((8, 0), (0, 0), False), ((10, 0), (0, 0), False)],
)  # fmt: skip
def test_which_gpus_and_compilers_are_supported(monkeypatch, capability, version, supported):
    major, minor = (oldest + more for oldest, more in zip(fast_networks.OLDEST_TRITON, version, strict=True))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__=f"{major}.{minor}.0+git"))
    assert fast_networks._supported(torch.device("cuda")) is supported
    monkeypatch.setitem(sys.modules, "triton", None)
    assert not fast_networks._supported(torch.device("cuda"))
