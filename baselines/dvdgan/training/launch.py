"""How an update is launched: kernel by kernel, or recorded once as a CUDA graph and replayed from then on."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from dvdgan.fast import fused
from dvdgan.fast.graphs import RecordingError, Replayed
from dvdgan.fast.modes import RECORDED
from dvdgan.training.inputs import UpdateInputs, flatten_inputs, refill_inputs


class Launch:
    """Calls the computation of an update in the mode that the setting `compile` selects.

    Attributes:
        mode: ``none`` (kernel by kernel), ``graphs`` (see `dvdgan.fast.graphs`) or ``fused`` (recorded too, with the
            kernels of `dvdgan.fast.fused`). It becomes ``none`` when recording fails.
    """

    def __init__(self, mode: str, compute: Callable[[UpdateInputs], Tensor]) -> None:
        """Launch nothing yet.

        Args:
            mode: see the class.
            compute: an update; from its inputs on the device to the values to log, without touching host memory.
        """
        self.mode = mode
        self._compute = compute
        self._replayed: Replayed | None = None
        self._note = ""

    def __call__(self, inputs: UpdateInputs) -> Tensor:
        """Compute one update and return its values to log."""
        if self.mode not in RECORDED:
            return self._run(inputs)
        if self._replayed is None:
            self._replayed = Replayed(lambda tensors: self._run(refill_inputs(inputs, tensors)))
        try:
            values = self._replayed(flatten_inputs(inputs))
        except RecordingError as error:
            self._give_up(error)
            return self._run(inputs)
        if failure := fused.take_failure():
            self._note = f"compile=fused failed in part ({failure}); that part runs uncompiled."
        return values

    def take_note(self) -> str:
        """Return, once, a sentence about a launch that could not follow the setting; empty if there is none."""
        note, self._note = self._note, ""
        return note

    def _run(self, inputs: UpdateInputs) -> Tensor:
        with fused.fusing(self.mode == "fused"):
            return self._compute(inputs)

    def _give_up(self, error: RecordingError) -> None:
        first_line = (str(error).strip().splitlines() or [""])[0][:200]
        self._note = (
            f"compile={self.mode} failed ({type(error).__name__}: {first_line}); training continues without it."
        )
        self.mode, self._replayed = "none", None
