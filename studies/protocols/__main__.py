"""Run the whole study: train, tune, extract, analyse. Interrupted, the same command resumes.

python -m studies.protocols --data DIR --output DIR
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

from studies.protocols.analysis import study
from studies.protocols.collect import StudySettings
from studies.protocols.features import FeatureStore, seeded_extractor
from studies.protocols.models import find_checkpoints
from studies.protocols.page import draw, tables
from studies.protocols.protocols import SAMPLE_CHANGES
from studies.protocols.record import record_of, write_record
from studies.protocols.training import train_checkpoints
from vidbench.errors import InputError
from vidbench.files import write_text


def main(arguments: list[str] | None = None) -> None:
    """Write ``results.json``, ``tables.md`` and ``flips.svg`` into the output folder, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m studies.protocols", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the Weizmann folder")
    parser.add_argument("--output", type=Path, required=True, help="checkpoints, features and results; resumed from")
    parser.add_argument("--num-samples", type=int, default=96, help="clips per model")
    parser.add_argument("--windows-per-video", type=int, default=6, help="half of them are the base's reference")
    parser.add_argument("--network-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--other-changes",
        nargs="+",
        choices=tuple(SAMPLE_CHANGES),
        default=list(SAMPLE_CHANGES),
        help="changes of the samples that the networks after the first see",
    )
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the convolutions")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = parser.parse_args(arguments)

    def say(line: str) -> None:
        print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)

    try:
        train_checkpoints(chosen.data, chosen.output / "checkpoints", chosen.device)
        settings = StudySettings(
            data=chosen.data,
            checkpoints=find_checkpoints(chosen.output / "checkpoints"),
            num_samples=chosen.num_samples,
            per_video=chosen.windows_per_video,
            network_seeds=tuple(chosen.network_seeds),
            other_changes=tuple(chosen.other_changes),
            precision=chosen.precision,
            device=chosen.device,
        )
        store = FeatureStore(chosen.output / "features", lambda choice: seeded_extractor(choice, settings.device), say)
        found = study(settings, store)
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    write_record(chosen.output / "results.json", record_of(settings, store, found))
    write_text(chosen.output / "tables.md", tables(found))
    write_text(chosen.output / "flips.svg", draw(found))
    print(tables(found))


if __name__ == "__main__":
    main()
