"""Report what is installed and what can run on this machine."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from vidbench.errors import InputError
from vidbench.models.choice import model_names
from vidbench.tasks import load_task, task_names
from vidbench.version import __version__
from vidmetrics.catalog.definitions import METRICS, MetricDefinition
from vidmetrics.catalog.known_answers import KNOWN_ANSWERS, KnownAnswer
from vidmetrics.home import home
from vidmetrics.networks import load_network

_PACKAGES = ("torch", "numpy", "scipy", "pandas", "av", "pillow", "safetensors", "pydantic", "click", "rich")
_PROVEN = ", proven"


def environment_report() -> dict[str, dict[str, str]]:
    """Return the sections of the report; each maps names to sentences."""
    networks = _networks()
    return {
        "versions": {"vidbench": __version__, "python": platform.python_version(), **_versions()},
        "devices": _devices(),
        "folders": {"home": f"{home()} ({'VIDBENCH_HOME' if 'VIDBENCH_HOME' in os.environ else 'default'})"},
        "networks": networks,
        "metrics": {name: _metric(metric, networks) for name, metric in METRICS.items()},
        "tasks": {name: _task(name, networks) for name in task_names()},
        "models": dict.fromkeys(model_names(), "registered"),
        "known answers": {answer.name: _known_answer(answer, networks) for answer in KNOWN_ANSWERS},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _devices() -> dict[str, str]:
    import torch

    devices = {"cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads"}
    for index in range(torch.cuda.device_count()):
        devices[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    return devices


def _networks() -> dict[str, str]:
    found = {}
    for name in dict.fromkeys(metric.network for metric in METRICS.values() if metric.network):
        try:
            network = load_network(name)
        except InputError as error:
            found[name] = f"no: {error}"
        else:
            proof = _PROVEN if network.proven else ", not proven to be the published weights"
            found[name] = f"yes, weights {network.weights_sha256[:12]}{proof}"
    return found


def _is_proven(network: str) -> bool:
    return network.startswith("yes") and network.endswith(_PROVEN)


def _metric(metric: MetricDefinition, networks: dict[str, str]) -> str:
    if not metric.network:
        return "can run on prediction tasks: needs no network"
    return "can run" if networks[metric.network].startswith("yes") else "cannot run: its network has no weights here"


def _task(name: str, networks: dict[str, str]) -> str:
    task = load_task(name).task
    measured = [m for m in task.evaluation.metrics if METRICS[m].network]
    lacking = [m for m in measured if not networks[METRICS[m].network].startswith("yes")]
    if lacking:
        return f"cannot run: no weights for {', '.join(lacking)}"
    return "can run" if task.data.embedded else "can run with --data DIR"


def _known_answer(answer: KnownAnswer, networks: dict[str, str]) -> str:
    published = f"{answer.question}: {answer.value:g} ± {answer.tolerance:g}"
    if answer.needs not in networks:
        return f"not run here, as it needs {answer.needs} ({published})"
    if _is_proven(networks[answer.needs]):
        return f"can be computed with tests/vidmetrics/catalog/test_known_answers.py ({published})"
    return f"not run here, as it needs the trained weights of {answer.needs} ({published})"
