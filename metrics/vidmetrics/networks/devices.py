"""The devices that a network can compute on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    import torch

_ACCELERATORS = ("cuda", "mps", "xpu")


def usable_device(name: str) -> torch.device:
    """Return the torch device of a name, if this machine has it.

    Args:
        name: ``"cpu"``, ``"cuda"``, ``"cuda:N"``, or ``"mps"`` or ``"xpu"`` where torch has them.

    Raises:
        InputError: no torch device has this name, it does not compute (``"meta"``), or this machine does not have it.
    """
    import torch

    try:
        device = torch.device(name)
    except (RuntimeError, ValueError, TypeError):
        raise InputError(f"There is no torch device '{name}': use --device cpu or --device cuda.") from None
    if device.type == "cpu":
        if device.index:
            raise InputError(f"There is no device '{name}', because all processors are one device: use --device cpu.")
        return device
    if device.type not in _ACCELERATORS:
        raise InputError(f"The device '{name}' does not compute clips: use --device cpu or --device cuda.")
    module = getattr(torch, device.type)
    if not module.is_available():
        raise InputError(f"--device {name} is not available, because torch sees no GPU: use --device cpu.")
    count = module.device_count()
    if device.index is not None and device.index >= count:
        raise InputError(
            f"--device {name} is not available, because torch sees {count} of them, from 0: use a lower number."
        )
    return device
