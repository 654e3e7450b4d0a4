"""Run the whole study: train, tune, extract, analyse. Interrupted, the same command resumes.

python -m studies.protocols --data DIR --output DIR
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch

from studies.protocols.analysis import study
from studies.protocols.collect import StudySettings
from studies.protocols.features import FeatureStore, seeded_extractor
from studies.protocols.models import find_checkpoints
from studies.protocols.page import draw, tables
from studies.protocols.record import record_of, write_record
from studies.protocols.training import train_checkpoints
from vidbench.errors import InputError
from vidbench.files import write_text


def main(arguments: list[str] | None = None) -> None:
    """Write ``results.json``, ``tables.md`` and ``flips.svg`` into the output folder, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m studies.protocols", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the Weizmann folder")
    parser.add_argument("--output", type=Path, required=True, help="checkpoints, features and results; resumed from")
    parser.add_argument("--num-samples", type=int, default=128, help="clips per model")
    parser.add_argument("--windows-per-video", type=int, default=8, help="half of them are the base's reference")
    parser.add_argument("--all-windows-step", type=int, default=1, help="frames between the starts of 'all-windows'")
    parser.add_argument("--network-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the convolutions")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="threads for clips and distances")
    chosen = parser.parse_args(arguments)
    # Features are of a number of clips and a precision, so a study of another size has a folder of its own.
    folder = chosen.output / (
        f"{chosen.num_samples}-samples-{chosen.windows_per_video}-windows-step-{chosen.all_windows_step}"
    )
    seconds: dict[str, float] = {}

    def say(line: str) -> None:
        print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)

    try:
        began = time.monotonic()
        trained = train_checkpoints(chosen.data, chosen.output / "checkpoints", chosen.device)
        seconds["training"] = time.monotonic() - began
        say(f"six checkpoints are there, {len(trained)} of them trained now")
        settings = StudySettings(
            data=chosen.data,
            checkpoints=find_checkpoints(chosen.output / "checkpoints"),
            num_samples=chosen.num_samples,
            per_video=chosen.windows_per_video,
            step=chosen.all_windows_step,
            network_seeds=tuple(chosen.network_seeds),
            precision=chosen.precision,
            device=chosen.device,
            workers=chosen.workers,
        )
        store = FeatureStore(folder / "features", lambda choice: seeded_extractor(choice, settings.device), say)
        began = time.monotonic()
        found = study(settings, store)
        seconds["study"] = time.monotonic() - began
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    write_record(folder / "results.json", record_of(settings, store, found, seconds, trained))
    write_text(folder / "tables.md", tables(found))
    write_text(folder / "flips.svg", draw(found))
    print(tables(found))


if __name__ == "__main__":
    main()
