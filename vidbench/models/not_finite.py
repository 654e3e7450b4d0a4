"""Refusing models whose weights or outputs are NaN: as uint8 they would be black clips, which score without complaint."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn


def require_finite(model: object, name: str) -> None:
    """Check the torch modules of a model now, and their outputs whenever they are called.

    Modules are found in the model itself and in its attributes, also in lists and dictionaries. Parameters must be finite.
    Buffers and outputs must not be NaN; infinities are allowed there, because attention masks have them.

    Args:
        model: any object with ``sample(request)``.
        name: its name, for messages.

    Raises:
        InputError: a weight is not finite. A call of a module raises it later if its output has a NaN.
    """
    if "torch" not in sys.modules:
        return  # a model that has not imported torch has no modules
    for place, module in _modules(model):
        _check_weights(place, module, name)
        _check_outputs(place, module, name)


def _modules(model: object) -> Iterator[tuple[str, nn.Module]]:
    from torch import nn

    if isinstance(model, nn.Module):
        yield "", model
        return
    for place, value in getattr(model, "__dict__", {}).items():
        members: Iterable[tuple[str, Any]] = [(place, value)]
        if isinstance(value, Mapping):
            members = [(f"{place}.{key}", member) for key, member in value.items()]
        elif isinstance(value, list | tuple):
            members = [(f"{place}.{number}", member) for number, member in enumerate(value)]
        yield from ((where, member) for where, member in members if isinstance(member, nn.Module))


def _check_weights(place: str, module: nn.Module, name: str) -> None:
    import torch
    from torch.nn.parameter import is_lazy

    named: list[tuple[str, Tensor, bool]] = [(key, tensor, True) for key, tensor in module.named_parameters()]
    named += [(key, tensor, False) for key, tensor in module.named_buffers()]
    for key, tensor, is_weight in named:
        if is_lazy(tensor) or not _floats(tensor):
            continue
        values = _comparable(tensor.detach())
        good = torch.isfinite(values) if is_weight else ~torch.isnan(values)
        if good.all():
            continue
        raise InputError(
            f"The weights of the model '{name}' are not finite: '{'.'.join(filter(None, (place, key)))}' has NaN or infinity "
            f"at {int((~good).sum())} of {tensor.numel()} places; give another checkpoint."
        )


def _check_outputs(place: str, module: nn.Module, name: str) -> None:
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        return

    def check(module: nn.Module, inputs: Any, output: Any) -> None:
        for tensor in _tensors(output):
            if _floats(tensor) and torch.isnan(_comparable(tensor)).any():
                where = f"'{place}'" if place else "the network"
                raise InputError(
                    f"The model '{name}' computed NaN (output of {where}), which would become black or arbitrary pixels: give "
                    "another checkpoint, or check the model."
                )

    module.register_forward_hook(check)


def _tensors(output: Any) -> Iterator[Tensor]:
    import torch

    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from _tensors(value)


def _floats(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _comparable(tensor: Tensor) -> Tensor:
    """Return a tensor that can be compared; 8-bit floats cannot."""
    return tensor.float() if tensor.is_floating_point() and tensor.element_size() == 1 else tensor
