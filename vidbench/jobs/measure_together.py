"""Measure several folders of samples against the same real clips, and write them down together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from vidbench.distributed.ranks import ranks_from_environment
from vidbench.errors import InputError
from vidbench.files import check_writable, write_text
from vidbench.jobs.measure import MeasureOptions, measure_clips
from vidbench.progress import Progress
from vidbench.report.measured_page import render_measured
from vidbench.results.measurement import Measurement
from vidbench.samples.clip_folder import refuse_missing
from vidmetrics.metric_objects.statistics_files import Statistics

MEASUREMENT_NAME = "measurement.json"


def measure_together(
    real: Path | Statistics, samples: Sequence[Path], options: MeasureOptions, progress: Progress, output: Path | None
) -> list[Measurement]:
    """Measure each folder of samples; features of the real clips are computed once.

    Args:
        real: real clips, or their statistics.
        samples: one or more folders or files of samples.
        options: what the user chose.
        progress: where progress is shown.
        output: folder for ``measurement.json`` and ``report.html``; None to write neither.

    Raises:
        InputError: as `measure_clips`; a folder of samples is named twice, or the output has a measurement.
    """
    for path in samples:
        refuse_missing(path)
        if list(samples).count(path) > 1:
            raise InputError(f"The samples '{path}' are named twice: name them once.")
    if output is not None:
        check_writable(output)
        if (output / MEASUREMENT_NAME).exists():
            raise InputError(f"The folder {output} already has a measurement: choose another --output, or remove it.")
    found = [measure_clips(real, path, options, progress) for path in samples]
    if output is not None and ranks_from_environment().is_main:
        document = measured_document(found)
        page = render_measured(found, document)
        write_text(output / MEASUREMENT_NAME, document + "\n")
        write_text(output / "report.html", page)
    return found


def measured_document(found: Sequence[Measurement]) -> str:
    """Return the record of one folder of samples as JSON, or of several as ``{"measurements": [...]}``."""
    if len(found) == 1:
        return found[0].to_json()
    return json.dumps({"measurements": [json.loads(each.to_json()) for each in found]}, indent=2, ensure_ascii=False)
