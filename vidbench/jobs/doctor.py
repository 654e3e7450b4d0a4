"""Report what is installed and what can run on this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata

from vidbench.errors import InputError
from vidbench.jobs.weights import megabytes, weights_path
from vidbench.models.choice import model_names
from vidbench.tasks import load_task, task_names
from vidbench.version import __version__
from vidmetrics.catalog.definitions import METRICS, MetricDefinition
from vidmetrics.catalog.known_answers import KNOWN_ANSWERS, KnownAnswer
from vidmetrics.home import home
from vidmetrics.networks import base_network, load_network
from vidmetrics.weights.sources import published_networks, source_of

_PACKAGES = ("torch", "numpy", "scipy", "pandas", "av", "pillow", "safetensors", "pydantic", "click", "rich")
_PROVEN = ", proven"
_MOST_NAMED = 8
ABSENT = "no: its weights are absent"
"""The answer for a network without weights."""

_DEMO = "vidbench evaluate --model dvdgan --task shapes-gen"
_MAIN_TASK = "k600-gen"


def environment_report() -> dict[str, dict[str, str]]:
    """Return the sections of the report; each maps names to sentences.

    What is missing stands in ``missing`` once, with what needs it, and ``next`` has one command.
    """
    networks = _networks()
    missing = missing_weights(networks)
    return {
        "versions": {"vidbench": __version__, "python": platform.python_version(), **_versions()},
        "devices": _devices(),
        "folders": {"home": f"{home()} ({'VIDBENCH_HOME' if 'VIDBENCH_HOME' in os.environ else 'default'})"},
        "networks": networks,
        "metrics": {name: _metric(metric, networks) for name, metric in METRICS.items()},
        "tasks": {name: _task(name, networks) for name in task_names()},
        "models": dict.fromkeys(model_names(), "registered"),
        "known answers": {answer.name: _known_answer(answer, networks) for answer in KNOWN_ANSWERS},
        "missing": {name: _need(name) for name in missing},
        "next": {"command": next_command(missing)},
    }


def missing_weights(networks: Mapping[str, str]) -> list[str]:
    """Return the networks whose weights are not here, each once: several metrics read the same with other preprocessing."""
    return list(dict.fromkeys(base_network(name) for name, said in networks.items() if not said.startswith("yes")))


def next_command(missing: Sequence[str]) -> str:
    """Return the command that brings a user on: the weights that tasks need, or the check of the main task's data.

    Weights that no task needs are told above it; some have gigabytes.
    """
    of_tasks = [METRICS[id].uses_network for name in task_names() for id in load_task(name).task.evaluation.metrics]
    missing = [name for name in missing if name in set(map(base_network, of_tasks))]
    published = [name for name in missing if name in published_networks()]
    if published:
        return f"vidbench weights fetch {' '.join(published)}"
    return _DEMO if missing else f"vidbench data scan DIR --task {_MAIN_TASK}"


def _need(network: str) -> str:
    """Return the command that brings a network, and what lacks it."""
    metrics = [name for name, metric in METRICS.items() if base_network(metric.uses_network) == network]
    tasks = [name for name in task_names() if set(load_task(name).task.evaluation.metrics) & set(metrics)]
    needed = f"for {', '.join(metrics)}" + (f"; {_of_tasks(tasks)}" if tasks else "")
    if network not in published_networks():
        return f"reinstall vidbench, {needed}"
    size = megabytes([file.bytes for file in source_of(network).files])
    return f"vidbench weights fetch {network}{f' ({size})' if size != '?' else ''}, {needed}"


def _of_tasks(names: Sequence[str]) -> str:
    """Name tasks, or say how many there are: a list of fifty is not read."""
    return f"tasks {', '.join(names)}" if len(names) <= _MOST_NAMED else f"{len(names)} tasks, such as {names[0]}"


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
    for name in dict.fromkeys(metric.uses_network for metric in METRICS.values() if metric.uses_network):
        try:
            network = load_network(name)
        except InputError as error:
            # The whole sentence would stand there once for each preprocessing.
            absent = not weights_path(base_network(name)).is_file()
            found[name] = ABSENT if absent else f"no: {error}"
        else:
            proof = _PROVEN if network.proven else ", not proven to be the published weights"
            found[name] = f"yes, weights {network.weights_sha256[:12]}{proof}"
    return found


def _is_proven(network: str) -> bool:
    return network.startswith("yes") and network.endswith(_PROVEN)


def _metric(metric: MetricDefinition, networks: dict[str, str]) -> str:
    if not metric.uses_network:
        return "can run on prediction tasks: needs no network"
    return (
        "can run" if networks[metric.uses_network].startswith("yes") else "cannot run: its network has no weights here"
    )


def _task(name: str, networks: dict[str, str]) -> str:
    task = load_task(name).task
    measured = [m for m in task.evaluation.metrics if METRICS[m].uses_network]
    lacking = [m for m in measured if not networks[METRICS[m].uses_network].startswith("yes")]
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
