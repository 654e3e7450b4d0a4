"""Two nodes, as two launchers on one machine: each has a cache of its own, and the output folder alone is shared."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

import vidbench


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


def _scores(document):
    return {
        name: [metric["value"], *metric["interval"], metric["floor"], metric["ceiling"]]
        for name, metric in document["metrics"].items()
    }


def test_nodes_that_share_the_output_alone_give_the_result_of_one_process(small_task, plugin):
    vidbench.evaluate("slow_plugin:load", str(small_task), output="one", device="cpu")
    launcher = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", "--rdzv-id", "nodes"]
    launcher += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{_free_port()}", "--local-addr", "localhost"]
    command = [sys.executable, *launcher, "-m", "vidbench", "evaluate", "--model", "slow_plugin:load"]
    command += ["--task", str(small_task), "--device", "cpu", "--output", "nodes", "--json"]
    nodes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "VIDBENCH_HOME": str(plugin / home), "OMP_NUM_THREADS": "1"},
        )
        for home in ("home-a", "home-b")
    ]
    outputs = [node.communicate(timeout=300) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], outputs
    # One document and one warning, both from the main rank, which may be on either node.
    [printed] = [stdout for stdout, _ in outputs if stdout.strip()]
    assert sum("The ranks do not share" in stderr for _, stderr in outputs) == 1

    one, two = (json.loads((plugin / name / "result.json").read_text()) for name in ("one", "nodes"))
    assert json.loads(printed) == two
    assert (two["execution"]["num_processes"], one["execution"]["num_processes"]) == (2, 1)
    expected, found = _scores(one), _scores(two)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        assert [value is None for value in found[name]] == [value is None for value in values]
        known = [value is not None for value in values]
        assert np.compress(known, found[name]).tolist() == pytest.approx(np.compress(known, values).tolist(), rel=1e-6)
    for document in (one, two):
        del document["metrics"], document["execution"]
    assert one == two
    # Features of real clips are where both nodes see them, and nothing was written for a later run that would miss half.
    assert list((plugin / "nodes" / "cache" / "features").iterdir())
    assert not [path for home in ("home-a", "home-b") for path in (plugin / home).rglob("features-*")]
