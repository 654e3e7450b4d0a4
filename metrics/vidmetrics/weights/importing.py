"""Import of published weights into the safetensors file that a network is loaded from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.network_cards import NETWORKS
from vidmetrics.errors import InputError, unknown_name
from vidmetrics.files import file_sha256, written_whole
from vidmetrics.home import home
from vidmetrics.locks import sole_writer
from vidmetrics.weights.i3d_variables import SCOPE, crc_table, network_variables, variable_shapes
from vidmetrics.weights.lpips_tensors import own_tensors
from vidmetrics.weights.named_tensors import checked_tensors
from vidmetrics.weights.proof import import_record_path, prove
from vidmetrics.weights.reading import files_of, read_weights
from vidmetrics.weights.sources import published_networks
from vidmetrics.weights.videomae_tensors import refuse_other_videomae
from vidmetrics.weights.vjepa_tensors import refuse_other_tensors


def imported_weights(network: str) -> Path:
    """Return the path of a network's imported weights; the file need not exist."""
    return home() / "weights" / f"{network}.safetensors"


def network_of(tensors: Mapping[str, npt.NDArray[Any]]) -> str | None:
    """Return the network that weights belong to, judged by names and shapes; None if it is unknown."""
    given = {name.removeprefix(SCOPE): np.shape(value) for name, value in tensors.items()}
    fitting = [card for card in NETWORKS.values() if card.tensors and set(card.tensors) <= set(given)]
    if len(fitting) > 1:  # the same architecture, trained on several sets of classes
        fitting = [card for card in fitting if given[card.tensors[0]][-1:] == (card.num_classes,)]
    return fitting[0].name if fitting else None


def import_weights(paths: Sequence[Path], network: str | None = None) -> tuple[str, Path]:
    """Read published weights and write them to the file that their network is loaded from.

    A record next to it, ``NETWORK.import.json``, lists the files that were read and their SHA-256.

    Args:
        paths: a TF-Hub module folder, a TensorFlow checkpoint (its prefix or its ``.index``), ``i3d_pretrained_400.pt``,
            ``pt_inception-2015-12-05-6726825d.pth``, ``.npz`` or ``.safetensors``; or several parts of one set of weights.
        network: the network they belong to; None to detect it by names and shapes.

    Returns:
        The network and the file written.

    Raises:
        InputError: unreadable files, or weights of an unknown network or of another than the named one.
    """
    if network is not None and network not in published_networks():
        raise InputError(unknown_name("network", network, published_networks()))
    tensors: Mapping[str, npt.NDArray[Any]] = read_weights(paths)
    where = ", ".join(map(str, paths))
    tensors = own_tensors(tensors, where)
    refuse_other_tensors(tensors, where)
    refuse_other_videomae(tensors, where)
    found = network_of(tensors)
    if found is None:
        raise InputError(
            f"{where} contains the weights of no known network; known networks are {', '.join(published_networks())}."
        )
    if network is not None and found != network:
        raise InputError(f"{where} contains weights of '{found}', not of '{network}'; name '{found}', or no network.")
    if found in crc_table():
        _check_i3d(where, tensors, found)
    files = [file for path in paths for file in files_of(path)]
    read = [{"name": file.name, "bytes": file.stat().st_size, "sha256": file_sha256(file)} for file in files]
    target = imported_weights(found)
    try:
        with sole_writer(target, wait=True):
            _write(found, tensors, read, target)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error}); make room or choose another VIDBENCH_HOME.") from error
    return found, target


def _check_i3d(where: str, tensors: Mapping[str, npt.NDArray[Any]], network: str) -> None:
    remedy = "give DeepMind's checkpoint or i3d_pretrained_400.pt"
    proof = prove(tensors)
    if proof.folded:
        raise InputError(f"The weights of {where} {proof.verdict}; {remedy}.")
    checked_tensors(network_variables(tensors), variable_shapes(network), network, remedy)


def _write(network: str, tensors: Mapping[str, npt.NDArray[Any]], read: list[dict[str, Any]], target: Path) -> None:
    """Write weights and record so that neither is ever incomplete, and a record never accompanies other weights."""
    from safetensors.numpy import save_file

    record = import_record_path(target)
    # The inner file is renamed first.
    with written_whole(record) as note, written_whole(target) as weights:
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, weights)
        content = {"network": network, "weights_sha256": file_sha256(weights), "files": read}
        note.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        record.unlink(missing_ok=True)
