"""Rows of a stream, sorted into cells and cut into blocks at fixed places, so that sums have the same bits for any batch sizes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.moments import WITHOUT_FLOAT64, check_rows

_BLOCK = 256
"""Rows summed at once: large enough for fast matrix products, and fixed because it decides the last bits."""


class RowBlocks:
    """Sorts the rows of a stream by the cell of their sample, and cuts each cell every `_BLOCK` rows in index order.

    So the sums of a cell have the same bits for any batch sizes, whichever cells the samples are in.

    Args:
        width: numbers per row.
        cell_of_sample: int64 ``[N]``, 0 to ``num_cells - 1``.
        rows_per_sample: rows per sample: 1, or its number of frames.
    """

    def __init__(self, width: int, cell_of_sample: npt.NDArray[np.int64], rows_per_sample: int = 1) -> None:
        refuse_empty(width, len(cell_of_sample), rows_per_sample)
        self.width, self.num_samples, self.rows_per_sample, self.seen = width, len(cell_of_sample), rows_per_sample, 0
        self._cells = cell_of_sample
        self._waiting: dict[int, list[Any]] = {}
        self._held: dict[int, int] = {}

    def check(self, rows: Any, what: str = "features") -> Any:
        """Return the next rows as they are, if they have the right shape and are finite numbers, and are not too many.

        Raises:
            InputError: they are not; names the first such row.
        """
        rows = self._fitting(rows)
        if is_on_gpu(rows):
            if not bool(rows.isfinite().all()):
                check_rows(rows.cpu().numpy(), self.width, what, self.seen, self.rows_per_sample)
        elif rows.dtype.kind != "f" or not np.isfinite(rows).all():
            check_rows(rows, self.width, what, self.seen, self.rows_per_sample)
        return rows

    def push(self, rows: Any) -> list[tuple[int, Any]]:
        """Return the blocks completed by these rows, each with its cell; the last rows of a stream complete all.

        Args:
            rows: real ``[n, width]``; rows that are torch tensors on a GPU are cut there, all of a stream or none.

        Raises:
            InputError: another shape, or more samples than expected.
        """
        rows = self._fitting(rows)
        places = np.arange(self.seen, self.seen + len(rows)) // self.rows_per_sample
        cells = self._cells[places]
        order = np.argsort(cells, kind="stable")
        by_cell = _taken(rows, order)
        found, starts = np.unique(cells[order], return_index=True)
        self.seen += len(rows)
        done: list[tuple[int, Any]] = []
        for cell, start, end in zip(found.tolist(), starts, np.append(starts, len(rows))[1:], strict=True):
            self._waiting.setdefault(cell, []).append(by_cell[start:end])
            self._held[cell] = self._held.get(cell, 0) + int(end - start)
            if self._held[cell] < _BLOCK:
                self._waiting[cell][-1] = _copy(by_cell[start:end])  # a view would hold the whole batch
                continue
            whole = _joined(self._waiting.pop(cell))
            full = len(whole) // _BLOCK * _BLOCK
            done += [(cell, whole[first : first + _BLOCK]) for first in range(0, full, _BLOCK)]
            self._held[cell] = len(whole) - full
            if self._held[cell]:
                self._waiting[cell] = [_copy(whole[full:])]
        if self.seen == self.num_samples * self.rows_per_sample:
            done += [(cell, _joined(self._waiting[cell])) for cell in sorted(self._waiting)]
            self._waiting = {}
        return done

    def check_complete(self) -> None:
        """Refuse a stream that ended early.

        Raises:
            InputError: fewer samples than expected.
        """
        if self.seen != self.num_samples * self.rows_per_sample:
            raise InputError(counting_message(self.seen, self.num_samples, self.rows_per_sample))

    def _fitting(self, rows: Any) -> Any:
        rows = rows if is_on_gpu(rows) else np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise InputError(f"The features have shape {list(rows.shape)}, but [N, {self.width}] is needed.")
        if self.seen + len(rows) > self.num_samples * self.rows_per_sample:
            raise InputError(counting_message(self.seen + len(rows), self.num_samples, self.rows_per_sample))
        return rows


def refuse_empty(width: int, num_samples: int, rows_per_sample: int) -> None:
    """Refuse an estimate of nothing.

    Raises:
        InputError: a number is less than 1.
    """
    if num_samples < 1 or width < 1 or rows_per_sample < 1:
        raise InputError(f"An estimate of {num_samples} samples of size {width} is empty; both must be at least 1.")


def counting_message(rows: int, num_samples: int, rows_per_sample: int) -> str:
    """Return the message for a number of samples other than expected."""
    if rows_per_sample == 1:
        return f"Expected {num_samples} samples but got {rows}; score exactly {num_samples}."
    return f"Expected {num_samples} clips of {rows_per_sample} frames but got {rows} frames; score exactly {num_samples} clips."


def is_on_gpu(rows: Any) -> bool:
    """Return whether rows are a torch tensor on a device with float64, where they are best summed."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(rows, torch.Tensor) and rows.device.type not in WITHOUT_FLOAT64


def _taken(rows: Any, order: npt.NDArray[np.int64]) -> Any:
    if not is_on_gpu(rows):
        return rows[order]
    import torch

    return rows.index_select(0, torch.from_numpy(order).to(rows.device))


def _copy(rows: Any) -> Any:
    return rows.clone() if is_on_gpu(rows) else rows.copy()


def _joined(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if not is_on_gpu(parts[-1]):
        return np.concatenate(parts)
    import torch

    return torch.cat(parts)
