"""The feature extractors by name, and the location of their weights.

A network file contains one ``torch.nn.Module`` class with the attributes of `vidmetrics.networks.network.Body` and a class
method ``from_tensors(tensors, **settings)``; it is imported when the network is first used.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidmetrics.catalog.network_cards import NETWORKS, VARIANTS, base_network, network_card
from vidmetrics.errors import InputError
from vidmetrics.files import hash_file
from vidmetrics.home import home
from vidmetrics.networks.devices import usable_device
from vidmetrics.weights.proof import is_proven
from vidmetrics.weights.tensor_files import read_tensors, refuse_absent

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network
    from vidmetrics.networks.precision import Precision

__all__ = ["Network", "base_network", "build_body", "default_weights", "is_shipped", "load_network", "network_names"]

_HERE = Path(__file__).parent


def default_weights(name: str) -> Path:
    """Return the default location of a network's weights; the file need not exist.

    Raises:
        InputError: there is no such network; the message suggests the closest name.
    """
    folder = _HERE if network_card(name).embedded else home() / "weights"
    return folder / f"{base_network(name)}.safetensors"


def load_network(
    name: str, weights: Path | None = None, device: str = "cpu", precision: Precision = "exact"
) -> Network:
    """Load a feature extractor.

    >>> import numpy as np, vidmetrics
    >>> network = vidmetrics.load_network("shapes")
    >>> network(np.zeros((2, 12, 32, 32, 3), np.uint8))["logits"].shape
    (2, 24)

    Args:
        name: ``"i3d-kinetics-400"``, ``"i3d-kinetics-600"``, ``"inception-2015-12-05"``, ``"c3d-ucf101"``,
            ``"vjepa-ssv2"``, ``"shapes"`` or ``"shapes-second"``; or a variant of the first as in other FVD code (``"i3d-kinetics-400+videogpt"`` etc., see
            `vidmetrics.catalog.conventions`), which uses the same weights file.
        weights: a ``.safetensors`` or ``.npz`` file; None for the default location.
        device: a torch device string.
        precision: ``"exact"`` is within 1e-5 of float64 and deterministic, ``"fast"`` within 1e-3, or 1e-2 in
            bfloat16 on CPUs (docs/precision.md).

    Raises:
        InputError: unknown name or precision, missing or unreadable weights, weights of another network, or an
            unusable device.
    """
    card, base = network_card(name), base_network(name)
    if precision not in ("exact", "fast"):
        raise InputError(f"Unknown precision '{precision}'; choose 'exact' or 'fast'.")
    path = default_weights(name) if weights is None else Path(weights)
    if weights is None and not path.is_file():
        raise InputError(
            f"The weights of '{base}' ({card.weights}) are not at {path}; run `vidbench weights fetch {base}`, "
            "or `vidbench weights import PATH` if you have them."
        )
    on = usable_device(device)
    refuse_absent(path)
    hashed = hash_file(path)
    with hashed.checked():
        tensors = read_tensors(path)

    from vidmetrics.networks.fast import accelerated
    from vidmetrics.networks.network import Network

    body = build_body(name, tensors).eval().requires_grad_(False)
    try:
        body = body.to(on)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"The device '{device}' cannot be used ({reason}); choose another one.") from error
    body = accelerated(body, on, precision)
    sha256 = hashed.sha256
    proven = _proven(base, sha256) or is_proven(base, tensors, path, sha256)
    return Network(name, body, device=device, precision=precision, weights_sha256=sha256, proven=proven)


def build_body(name: str, tensors: Mapping[str, Any], **settings: Any) -> Any:
    """Build a feature extractor, or a variant of the I3D, from arrays in memory.

    Args:
        name: as for `load_network`.
        tensors: float32 arrays under the names of the network's own weights.
        settings: further arguments of the network's ``from_tensors``, such as the ``widths`` of a C3D.

    Returns:
        The ``torch.nn.Module``, a `vidmetrics.networks.network.Body`.

    Raises:
        InputError: unknown name, or tensors of another network.
    """
    card = network_card(name)
    module, _, class_name = card.target.partition(":")
    cls = getattr(importlib.import_module(f"vidmetrics.networks.{module}"), class_name)
    own = {setting: getattr(card, setting) for setting in card.settings}
    return cls.from_tensors(tensors, **own, **_variant_settings(name), **settings)


def network_names() -> list[str]:
    """Return the names that `load_network` accepts, without the variants, which have no weights of their own."""
    return list(NETWORKS)


def is_shipped(name: str, sha256: str) -> bool:
    """Return whether this SHA-256 is that of the network's weights as shipped with this package."""
    return _proven(name, sha256)


def _variant_settings(name: str) -> dict[str, Any]:
    """Return the additional settings of a variant of the I3D; none for any other name."""
    if name not in VARIANTS:
        return {}
    from vidmetrics.networks.preprocessing import Preprocessing

    convention = VARIANTS[name]
    pixels = Preprocessing(convention.resize, convention.crop)
    return {"pixels": pixels, "batch_norm_eps": convention.batch_norm_eps}


def _proven(name: str, sha256: str) -> bool:
    """Return whether these weights are the ones recorded in this package; False for a network without a record."""
    path = _HERE / "proven.json"
    records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return bool(records.get(name, {}).get("sha256") == sha256)


def __getattr__(name: str) -> Any:
    if name == "Network":
        from vidmetrics.networks.network import Network

        return Network
    raise AttributeError(f"module 'vidmetrics.networks' has no attribute '{name}'")
