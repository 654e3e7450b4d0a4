"""Whether weights are the published ones: tensor by tensor for I3D, by the imported file for everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.formats.documents import parse_json
from vidmetrics.regular_files import read_regular
from vidmetrics.weights.crc32c import masked_crc32c
from vidmetrics.weights.i3d_variables import LOGITS, crc_table, network_variables
from vidmetrics.weights.sources import sources

IMAGENET = "i3d-kinetics-400-imagenet"


@dataclass(frozen=True)
class Proof:
    """The outcome of comparing a set of weights with the published checkpoints.

    Attributes:
        checkpoint: the published checkpoint with exactly these tensors; None if there is none.
        verdict: the finding, as a sentence without a full stop.
        compared_with: the published checkpoint with the most tensors in common.
        equal: number of tensors equal to that checkpoint's.
        total: number of tensors of that checkpoint.
        differing: names of the tensors that differ, are missing, or are not in that checkpoint.
        folded: whether batch norm is folded into the convolutions, which leaves nothing to compare.
    """

    checkpoint: str | None
    verdict: str
    compared_with: str | None = None
    equal: int = 0
    total: int = 0
    differing: tuple[str, ...] = ()
    folded: bool = False


def prove(tensors: Mapping[str, npt.NDArray[Any]], expected: str = "i3d-kinetics-400") -> Proof:
    """Compare I3D weights with DeepMind's, tensor by tensor.

    The masked CRC-32C of each tensor's float32 bytes, in TensorFlow's layout, is compared with that in the published
    checkpoint's index. Two different sets of 230 tensors do not agree in all of them by accident; a checksum does not protect
    against deliberate deception.

    Args:
        tensors: float32 arrays by their TensorFlow names, with or without the scope; kernels ``[kt, kh, kw, in, out]``,
            batch norm of any shape.
        expected: the checkpoint to report when no other has more tensors in common.
    """
    given = network_variables(tensors)
    if _is_folded(given):
        return Proof(
            None,
            "cannot be proven: batch norm is folded into the convolutions, so no tensor is as it was published",
            folded=True,
        )
    checksums = {name: _checksum(value) for name, value in given.items()}
    found = [_compare(checkpoint, checksums, published) for checkpoint, published in crc_table().items()]
    return max(found, key=lambda proof: (proof.equal, proof.compared_with == expected))


def _compare(checkpoint: str, given: Mapping[str, int | None], published: Mapping[str, int]) -> Proof:
    names = sorted(set(given) | set(published))
    differing = tuple(name for name in names if given.get(name) is None or given[name] != published.get(name))
    equal = sum(name in published for name in names) - sum(name in published for name in differing)
    if differing:
        first = ", ".join(differing[:3]) + ", …" * (len(differing) > 3)
        verdict = f"not DeepMind's values: {len(differing)} of {len(names)} tensors differ from {checkpoint} ({first})"
        return Proof(None, verdict, checkpoint, equal, len(published), differing)
    if checkpoint == IMAGENET:
        verdict = "a port trained from ImageNet (rgb_imagenet), not the FVD network"
    else:
        verdict = f"proven: all {equal} tensors are those of DeepMind's {checkpoint}"
    return Proof(checkpoint, verdict, checkpoint, equal, len(published))


def _checksum(value: npt.NDArray[Any]) -> int | None:
    """Return the checksum of a float32 tensor; None for any other dtype, since all published tensors are float32."""
    value = np.asarray(value)
    if value.dtype != np.float32:
        return None
    return masked_crc32c(np.ascontiguousarray(value, dtype="<f4").tobytes())


def _is_folded(given: Mapping[str, Any]) -> bool:
    biased = [name for name in given if name.endswith("conv_3d/b") and not name.startswith(LOGITS)]
    return bool(biased) and not any("batch_norm" in name for name in given)


def import_record_path(weights: Path) -> Path:
    """Return the path of the record that the import of a weights file wrote."""
    return weights.with_suffix(".import.json")


def imported_from_published(network: str, weights: Path, weights_sha256: str) -> bool:
    """Return whether a weights file was written, on this machine or another, by an import of the published file.

    True means that the record next to the file contains the SHA-256 of the weights, and states that they were imported from
    files with the published SHA-256. This detects other files, damaged files and later changes of the weights. It does not
    detect a forged record, and it trusts the importer; only I3D can be proven tensor by tensor, because checksums of single
    tensors are published only for I3D.

    Args:
        network: name of the network.
        weights: the weights file; its record is in the same folder.
        weights_sha256: current SHA-256 of the weights file.
    """
    path = import_record_path(weights)
    try:
        record = parse_json(read_regular(path))
        if record["network"] != network or record["weights_sha256"] != weights_sha256:
            return False
        read = {str(file["sha256"]) for file in record["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    for source in sources():
        published = {file.sha256 for file in source.files if file.name in source.imports}
        if source.network == network and published and None not in published and published == read:
            return True
    return False


def is_proven(network: str, tensors: Mapping[str, npt.NDArray[Any]], weights: Path, weights_sha256: str) -> bool:
    """Return whether weights read from a file are known to be those published for a network.

    Args:
        network: name of the network.
        tensors: contents of the file.
        weights: the file.
        weights_sha256: SHA-256 of the file.
    """
    if network in crc_table():
        return prove(tensors, network).checkpoint == network
    return imported_from_published(network, weights, weights_sha256)
