"""The losses of a run: logged every few steps, and checked for divergence."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dvdgan import checkpoint
from dvdgan.config import Settings
from dvdgan.parallel import World
from dvdgan.training.learning_rate import factor_varies, lr_factor
from dvdgan.training.training_log import TrainingLog
from vidbench.models import InputError


class LossLog:
    """Collects the losses of updates, and writes their means over all processes.

    Attributes:
        note: the last losses and real clips per second, in words; empty before they are known.
    """

    def __init__(
        self, output: Path, settings: Settings, names: tuple[str, ...], world: World, log: TrainingLog, step: int
    ) -> None:
        """Start the clock.

        Args:
            output: output folder of the run, for messages.
            settings: settings of the run.
            names: names of the values of an update.
            world: the processes of the run.
            log: where to write.
            step: steps made so far.
        """
        self._output, self._settings, self._names, self._world, self._log = output, settings, names, world, log
        self.note = ""
        self._rate = ""
        self._pending: list[Tensor] = []
        self._last_line = step, time.monotonic()
        self._diverged_since: int | None = None
        self._diverged_lines = 0

    def add(self, values: Tensor) -> None:
        """Add the values of an update, which stay on the device."""
        self._pending.append(values)
        if values.device.type == "cpu":  # reading them from a GPU would wait for it
            self._remark(values.tolist())

    def _remark(self, values: Sequence[float]) -> None:
        losses = [
            f"{n.removeprefix('loss_')} {v:.3g}" for n, v in zip(self._names, values, strict=True) if n[:5] == "loss_"
        ]
        self.note = ", ".join(["loss " + " ".join(losses), *([self._rate] if self._rate else [])])

    def write(self, step: int) -> None:
        """Log the mean losses since the last line, if there are any; this waits for the device.

        Raises:
            InputError: a loss was not finite, or has diverged.
        """
        if not self._pending:
            return
        stacked = torch.stack(self._pending)
        self._world.average([stacked])
        values, start = stacked.cpu().numpy(), step - len(self._pending)
        self._pending.clear()
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            bad = start + int(np.argmin(finite)) + 1
            raise InputError(
                f"A loss was not finite at step {bad} of the run in {self._output}; {self._last_good(bad - 1)}: train again "
                "with lower learning rates (g_lr, d_lr) in another folder."
            )
        (before, since), now = self._last_line, time.monotonic()
        self._last_line = step, now
        steps_per_s = (step - before) / max(now - since, 1e-9)
        clips_per_s = steps_per_s * self._settings.d_steps * self._settings.batch_size
        self._rate = f"{clips_per_s:.0f} real clips/s"
        losses = {name: round(float(v), 5) for name, v in zip(self._names, values.mean(axis=0), strict=True)}
        self._remark(list(losses.values()))
        rates = {"steps_per_s": round(steps_per_s, 3), "clips_per_s": round(clips_per_s, 1)}
        factor = {"lr_factor": round(lr_factor(self._settings, step - 1), 5)} if factor_varies(self._settings) else {}
        self._log.write({"step": step, **losses, **rates, **factor})
        self._check(start, step, max(abs(v) for name, v in losses.items() if name.startswith("loss_")))

    def _check(self, start: int, step: int, worst: float) -> None:
        """Stop a run whose losses have been beyond the bound for some lines in a row."""
        settings = self._settings
        if worst <= settings.divergence_bound:
            self._diverged_since, self._diverged_lines = None, 0
            return
        if self._diverged_since is None:
            self._diverged_since = start
        self._diverged_lines += 1
        if self._diverged_lines >= settings.divergence_looks:
            raise InputError(
                f"A mean loss was {worst:.4g}, beyond divergence_bound={settings.divergence_bound:g}, in "
                f"{self._diverged_lines} log lines in a row, from step {self._diverged_since + 1} to {step} of the run in "
                f"{self._output}; {self._last_good(self._diverged_since)}: train again with lower learning rates (g_lr, "
                "d_lr) in another folder."
            )

    def _last_good(self, step: int) -> str:
        """The newest state of `step` or before, in words."""
        good = [path for made, path in checkpoint.list_states(self._output) if made <= step]
        return f"the last good state is {good[-1]}" if good else "no earlier state is left"
