"""When two results stand together on a metric: the one rule of `vidbench compare` and of the boards.

A board ranks a row only among rows without an obstacle to it, and `compare` names the obstacles. What decides is the protocol (task,
version, fingerprint, counts, pixels), the feature extractor, and the real clips, by their digest; for results of two scans,
by the hash of the scans' manifests, which are of frames and not of files.
"""

from __future__ import annotations

from vidbench.files import digest
from vidbench.results.schema import MetricRecord, NetworkRecord, Result, SplitRecord
from vidbench.tasks import task_names
from vidbench.tasks.loading import measured_task
from vidmetrics.catalog.definitions import METRICS
from vidmetrics.catalog.network_cards import embedded_networks


def real_clips_sha256(result: Result, metric: str) -> str:
    """Return the digest of the real clips behind a score; ``""`` for a metric that has no reference set.

    For a distance to the reference set it is of both splits: the held-out clips give the contexts of a prediction and the floor of
    every distance. Frames are compared with those of the held-out clips alone.
    """
    reference, evaluation = result.data.reference.sha256, result.data.evaluation.sha256
    splits = _splits_of(metric)
    if len(splits) == 2:
        return digest([reference, evaluation])
    return evaluation if splits else ""


def obstacles(a: Result, b: Result, metric: str) -> tuple[str, ...]:
    """Return each reason why the scores of two results on a metric do not stand together; empty if they do."""
    ours, theirs = a.metrics[metric], b.metrics[metric]
    found = [*protocol_obstacles(a, b), *metric_obstacles(metric, ours, theirs)]
    if ours.network in a.networks and ours.network in b.networks:
        found += network_obstacles(ours.network, a, b)
    return (*found, *clip_obstacles(metric, a, b), *official_obstacles(a, b))


def protocol_obstacles(a: Result, b: Result) -> list[str]:
    """Return what differs in task and pixels."""
    found = []
    if a.task.name != b.task.name:
        found.append(f"The tasks differ: {a.task.name} and {b.task.name}.")
    elif a.task.version != b.task.version:
        found.append(f"The versions of {a.task.name} differ: {a.task.version} and {b.task.version}.")
    elif a.task.fingerprint != b.task.fingerprint:
        found.append(
            f"The fingerprints of {a.task.name} v{a.task.version} differ: {a.task.fingerprint[:12]} and "
            f"{b.task.fingerprint[:12]}: two different protocols have the same name."
        )
    if a.pixels.convention != b.pixels.convention:
        found.append(
            f"The pixel conventions differ: frames were converted to RGB by '{a.pixels.convention}' in A and by "
            f"'{b.pixels.convention}' in B."
        )
    return found


def metric_obstacles(name: str, a: MetricRecord, b: MetricRecord) -> list[str]:
    """Return what differs in the counts and the network of a metric."""
    found = []
    if a.num_samples != b.num_samples:
        found.append(
            f"{name} is over {a.num_samples} samples in A and {b.num_samples} in B; its bias depends on that number."
        )
    if a.num_reference != b.num_reference:
        found.append(f"{name} uses {a.num_reference} reference clips in A and {b.num_reference} in B.")
    if a.network != b.network:
        found.append(f"{name} was measured on {a.network} in A and on {b.network} in B.")
    return found


def network_obstacles(name: str, a: Result, b: Result) -> list[str]:
    """Return what differs in a feature extractor that both have.

    Weights that are both proven are the published ones, whatever file holds them; precisions that the task allows are official alike.
    """
    ours, theirs = a.networks[name], b.networks[name]
    found = []
    if ours.weights_sha256 != theirs.weights_sha256 and not _published(name, ours, theirs):
        found.append(f"The weights of {name} differ: {ours.weights_sha256[:12]} and {theirs.weights_sha256[:12]}.")
    if ours.preprocessing != theirs.preprocessing:
        found.append(f"The preprocessing of {name} differs: {ours.preprocessing} and {theirs.preprocessing}.")
    if ours.precision != theirs.precision and not {ours.precision, theirs.precision} <= _allowed(a):
        found.append(f"{name} ran with precision {ours.precision} in A and {theirs.precision} in B.")
    if ours.proven != theirs.proven:
        found.append(f"The weights of {name} are proven only in {'A' if ours.proven else 'B'}.")
    return found


def clip_obstacles(metric: str, a: Result, b: Result) -> list[str]:
    """Return what differs in the real clips behind a metric."""
    # Different files, e.g. in another container, may contain the same frames; only a scan can tell.
    scanned = a.data.manifest == b.data.manifest == "scan" and a.data.manifest_sha256 == b.data.manifest_sha256
    found = []
    for part in _splits_of(metric):
        ours: SplitRecord = getattr(a.data, part)
        theirs: SplitRecord = getattr(b.data, part)
        if ours.split != theirs.split:
            found.append(f"The {part} clips are from the split {ours.split} in A and {theirs.split} in B.")
        if ours.sha256 != theirs.sha256 and not scanned:
            found.append(f"The {part} clips differ: {ours.sha256[:12]} and {theirs.sha256[:12]}.")
        if ours.coverage != theirs.coverage:
            found.append(f"{ours.coverage:.2%} of the {part} clips were available in A and {theirs.coverage:.2%} in B.")
    return found


def official_obstacles(a: Result, b: Result) -> list[str]:
    """Return why only one of two results is official, or why they are unofficial for different reasons."""
    if a.official != b.official:
        side, result = ("A", a) if not a.official else ("B", b)
        return [f"Only {side} is unofficial: {' '.join(result.reasons) or 'no reason is recorded.'}"]
    return [
        f"Only {side} is unofficial because: {reason}"
        for side, ours, theirs in (("A", a, b), ("B", b, a))
        for reason in ours.reasons
        if reason not in theirs.reasons
    ]


def _splits_of(metric: str) -> tuple[str, ...]:
    needs = METRICS[metric].needs_reference if metric in METRICS else "features"
    return {"none": (), "frames": ("evaluation",)}.get(needs, ("reference", "evaluation"))


def _published(name: str, a: NetworkRecord, b: NetworkRecord) -> bool:
    # An embedded network is one file, of which another digest is another network.
    return a.proven and b.proven and name not in embedded_networks()


def _allowed(result: Result) -> set[str]:
    if result.task.name not in task_names():
        return set()
    task = measured_task(result.task.name, result.task.version).task
    return set(task.evaluation.precision) if task.fingerprint == result.task.fingerprint else set()
