"""How networks compute in training: the type of convolutions, and compiling where it pays, by setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from dvdgan.config import Settings
from vidbench.models import InputError


def compute_dtype(settings: Settings, device: torch.device) -> torch.dtype:
    """Type of the convolutions in training."""
    if settings.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if settings.precision == "bfloat16" else torch.float32


RECORDED = ("graphs", "fused")
"""The modes in which an update is one recording."""


def choose_mode(setting: str, device: torch.device, alone: bool) -> str:
    """What a choice of the setting `compile` means.

    Args:
        setting: the choice; any but ``auto`` stands.
        device: where the training runs.
        alone: whether one process makes the update in one part. Only then is an update one recording: exchanges with
            other processes are not recorded.

    Raises:
        InputError: graphs are asked for where they cannot be.
    """
    possible = device.type == "cuda" and alone
    if setting in RECORDED and not possible:
        raise InputError(
            f"Setting compile={setting} means a recorded update: one GPU, one process, accumulate=1; set compile=auto."
        )
    if setting != "auto":
        return setting
    return "graphs" if possible else "none"


class Compiled:
    """The form in which each network is called: compiled, or as it is.

    The networks keep their parameters; only calls go another way. Weights are normalised outside of them and come in
    as inputs, so a compiled network holds for every step.

    Attributes:
        mode: ``none``, ``graphs`` (see `dvdgan.fast.graphs`), ``fused`` (that, and see `dvdgan.fast.fused`), ``default`` or
            ``reduce-overhead``.
        proven: whether an update has gone through in this mode.
    """

    def __init__(self, mode: str, networks: tuple[nn.Module, ...]) -> None:
        self.mode = mode
        self._calls: dict[int, Callable[..., Any]] = {id(network): network for network in networks}
        self._networks = networks
        self.proven = self.mode == "none"
        if self.mode in ("default", "reduce-overhead"):
            # Batches have one size each for real and fake together and for fake alone: one graph for each, no guards
            # on sizes.
            self._calls = {id(network): torch.compile(network, mode=self.mode, dynamic=False) for network in networks}

    def __call__(self, network: nn.Module) -> Callable[..., Any]:
        """The form of one of the networks."""
        return self._calls[id(network)]

    def begin_step(self) -> None:
        """Tell CUDA graphs that results of earlier calls may be overwritten."""
        if self.mode == "reduce-overhead":
            torch.compiler.cudagraph_mark_step_begin()

    def give_up(self) -> None:
        """Call the networks as they are from now on."""
        self.mode, self.proven = "none", True
        self._calls = {id(network): network for network in self._networks}
