"""List, fetch, import and verify the weights of the networks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vidbench.errors import InputError
from vidbench.files import file_sha256
from vidbench.progress import Progress
from vidmetrics.networks import default_weights, network_names
from vidmetrics.weights.fetch import fetch, is_offline
from vidmetrics.weights.i3d_variables import crc_table
from vidmetrics.weights.importing import import_weights, imported_weights, network_of
from vidmetrics.weights.proof import import_record_path, prove
from vidmetrics.weights.reading import read_weights
from vidmetrics.weights.sources import PublishedFile, Source, published_networks, source_of, sources
from vidmetrics.weights.tensor_files import read_tensors

QUIET_SECONDS = 3.0
"""How long a download may wait for its first byte before that is said."""


@dataclass(frozen=True)
class Verdict:
    """The finding of `verify` about one network or file.

    Attributes:
        name: a network, or the given path.
        path: path of the weights.
        state: ``"proven"``, ``"not proven"`` or ``"absent"``.
        verdict: one sentence.
        details: for I3D, the comparison tensor by tensor.
    """

    name: str
    path: Path
    state: str
    verdict: str
    details: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether the weights are the published ones."""
        return self.state == "proven"

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON-able dictionary."""
        own = {"name": self.name, "path": str(self.path), "state": self.state, "verdict": self.verdict}
        return {**own, **self.details}


def all_networks() -> list[str]:
    """Return the names of all networks with shipped or published weights."""
    return list(dict.fromkeys([*network_names(), *published_networks()]))


def weights_path(network: str) -> Path:
    """Return the path at which the weights of a network are expected.

    Raises:
        InputError: there is no such network.
    """
    if network in network_names() or network not in published_networks():
        return default_weights(network)
    return imported_weights(network)


def describe_sources() -> list[dict[str, Any]]:
    """Return one row per source of each network."""
    return [
        {
            "network": source.network,
            "source": source.name,
            "here": weights_path(source.network).is_file(),
            "bytes": source.bytes,
            "licence": source.licence,
            "origin": source.origin,
            "paper": source.paper,
            "handle": source.handle,
            "files": [
                {
                    "name": file.name,
                    "bytes": file.bytes,
                    "known_by": file.known_by,
                    "urls": list(file.urls),
                    "path": str(source.folder / file.name),
                }
                for file in source.files
            ],
        }
        for source in sources()
    ]


def megabytes(sizes: Sequence[int | None]) -> str:
    """Format the total size of some files; a plus means that some sizes are unpublished."""
    known = sum(size or 0 for size in sizes)
    return f"{known / 1e6:.1f} MB{'+' * (None in sizes)}" if known else "?"


def fetch_weights(network: str, via: str | None, offline: bool, progress: Progress) -> Path:
    """Download the published files of a network and import them; return the weights.

    Raises:
        InputError: unknown network or source, no internet access, or files that are not the published ones.
    """
    source = source_of(network, via)
    _, path = import_weights(_published(source, offline, progress), network)
    progress.say(f"{network}: imported from {source.origin}")
    return path


def _published(source: Source, offline: bool, progress: Progress) -> list[Path]:
    if source.handle is not None:
        from vidmetrics.weights.tfhub import resolve

        if not is_offline(offline):
            progress.say(f"{source.network}: resolving {source.handle} with tensorflow-hub")
        return [resolve(source.handle, source.folder, offline=offline)]
    for file in source.files:
        if not file.verifiable:
            progress.say(f"{file.name}: no hash has been published, so the download cannot be verified")
        with _Meter(progress, file.name, file.bytes) as meter, _said_while_waiting(progress, file, meter):
            fetch(file, source.folder, meter, offline=offline)
    return [source.folder / name for name in source.imports]


@contextmanager
def _said_while_waiting(progress: Progress, file: PublishedFile, meter: _Meter) -> Iterator[None]:
    """Say after a few seconds without a byte that the download waits, and for whom; it does for minutes."""

    def say() -> None:
        if not meter.started:
            hosts = " and ".join(dict.fromkeys(urlsplit(url).hostname or url for url in file.urls))
            progress.say(
                f"{file.name}: no byte from {hosts} yet; trying for some minutes (no network? Ctrl-C; docs/weights.md says "
                "how to bring the file from another machine)"
            )

    timer = threading.Timer(QUIET_SECONDS, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Meter:
    """Shows a download as a stage, opened at the first byte, when its size is known."""

    def __init__(self, progress: Progress, name: str, size: int | None) -> None:
        self._progress, self._name, self._size = progress, name, size
        self._stage: Any = None
        self._advance: Any = None
        self._shown = 0

    @property
    def started(self) -> bool:
        """Whether a byte has come."""
        return self._stage is not None

    def __enter__(self) -> _Meter:
        return self

    def __call__(self, done: int, total: int | None) -> None:
        kibibytes = done // 1024
        if self._stage is None:
            size = total if total is not None else self._size
            self._stage = self._progress.stage(f"fetching {self._name}", -(-(size or 0) // 1024), unit="KiB")
            self._advance = self._stage.__enter__()
        self._advance(kibibytes - self._shown)
        self._shown = kibibytes

    def __exit__(self, *exception: Any) -> None:
        if self._stage is not None:
            self._stage.__exit__(*exception)


def verify(targets: Sequence[str]) -> list[Verdict]:
    """Check whether weights are the published ones.

    Args:
        targets: networks, or paths that `import` can read; empty for every network.

    Raises:
        InputError: a target is neither, or its file cannot be read.
    """
    known = all_networks()
    return [_verify_network(name) if name in known else _verify_path(name) for name in targets or known]


def _verify_network(name: str) -> Verdict:
    path = weights_path(name)
    if not path.is_file():
        how = f"run `vidbench weights fetch {name}`" if name in published_networks() else "reinstall vidmetrics"
        return Verdict(name, path, "absent", f"absent: {how}", {})
    tensors = read_tensors(path)
    if name in crc_table():
        return _compared(name, path, name, tensors)
    from vidmetrics.networks import is_shipped
    from vidmetrics.weights.proof import imported_from_published

    sha256 = file_sha256(path)
    if is_shipped(name, sha256):
        return Verdict(name, path, "proven", "proven: the file shipped with vidmetrics", {})
    if imported_from_published(name, path, sha256):
        verdict = "proven: imported from the file with the published sha256, and unchanged since"
        return Verdict(name, path, "proven", verdict, {})
    return Verdict(name, path, "not proven", _why_not(name, path), {})


def _why_not(name: str, path: Path) -> str:
    if name not in published_networks():
        return "not proven: not the file shipped with vidmetrics"
    unknown = [file for file in source_of(name).files if not file.verifiable]
    if unknown:
        return f"not proven: of {unknown[0].name} there is {unknown[0].known_by}"
    if not import_record_path(path).is_file():
        return "not proven: there is no import record next to the file; import the published file again"
    return "not proven: imported from a file other than the published one, or changed since"


def _verify_path(target: str) -> Verdict:
    path = Path(target)
    if not path.exists() and not path.parent.joinpath(f"{path.name}.index").is_file():
        raise InputError(
            f"'{target}' is neither a network ({', '.join(all_networks())}) nor an existing path; give one of these."
        )
    tensors = read_weights([path])
    network = network_of(tensors)
    proof = prove(tensors)
    if network in crc_table() or proof.folded:
        return _compared(target, path, network, tensors)
    what = f"weights of {network}" if network else "weights of an unknown network"
    return Verdict(target, path, "not proven", f"not proven: {what}; only I3D is verified tensor by tensor", {})


def _compared(name: str, path: Path, network: str | None, tensors: Any) -> Verdict:
    proof = prove(tensors, network) if network else prove(tensors)
    details = {
        "compared_with": proof.compared_with,
        "equal_tensors": proof.equal,
        "tensors": proof.total,
        "differing": list(proof.differing),
    }
    proven = proof.checkpoint is not None and proof.checkpoint == network
    verdict = proof.verdict
    if proof.checkpoint is not None and not proven and proof.checkpoint in published_networks():
        verdict = f"the weights of {proof.checkpoint}, not of {network}"
    return Verdict(name, path, "proven" if proven else "not proven", verdict, details)
