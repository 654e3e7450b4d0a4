"""Whether the samples of a run lie nearer to its reference clips than to held-out ones; see `vidmetrics.statistics.exchangeability`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vidbench.results.real_clips import NearestRecord
from vidbench.scoring.features import FeatureStore, Stores
from vidbench.scoring.run import Run
from vidmetrics.statistics.exchangeability import count_sides

MOST_SAMPLES = 1024
"""Samples compared, those with the least keys, so that nobody chooses them by their order; more take as many times longer."""


def nearest_records(run: Run, samples: Stores, reference: Stores, floor: Stores | None) -> dict[str, NearestRecord]:
    """Compare the samples with both sides, by network.

    Predictions and reconstructions are left out: what their models are given are held-out clips, or even reference clips, so a side is no
    label that could have been dealt out at random. So are networks with a row for each frame.

    Args:
        run: the run.
        samples: features of the samples.
        reference: features of the reference clips; empty if their statistics were imported.
        floor: features of the held-out clips of the floor; None without them.
    """
    if run.task.given_frames or floor is None:
        return {}
    records = {}
    for name, network in run.networks.items():
        outputs = [
            metric.output for metric in run.metrics if metric.network == name and metric.needs_reference != "none"
        ]
        if name not in reference or not outputs or network.rows_per_clip(run.task.clips.num_frames) > 1:
            continue
        # Of several outputs the largest, which tells most clips apart.
        output = max(outputs, key=lambda output: network.outputs[output])
        rows = _drawn(samples[name], output)
        counts = count_sides(rows, reference[name].read(output), floor[name].read(output))
        records[name] = NearestRecord(
            output=output,
            num_samples=len(rows),
            num_reference=counts.num_reference,
            num_held_out=counts.num_held_out,
            found=counts.found,
            found_in_reference=counts.found_in_reference,
        )
    return records


def _drawn(store: FeatureStore, output: str) -> np.ndarray:
    chosen = np.sort(np.argsort(store.keys(), kind="stable")[:MOST_SAMPLES])
    return np.concatenate(list(_chosen_rows(store, output, chosen)))


def _chosen_rows(store: FeatureStore, output: str, chosen: np.ndarray) -> Iterator[np.ndarray]:
    start = 0
    for rows in store.read(output):
        yield rows[chosen[(chosen >= start) & (chosen < start + len(rows))] - start]
        start += len(rows)
