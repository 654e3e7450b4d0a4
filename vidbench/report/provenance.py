"""The provenance of a result, as rows of a table."""

from __future__ import annotations

import re

from vidbench.data.folders.inventory import unused_in_words
from vidbench.results.schema import Result


def is_digest(text: str) -> bool:
    """Return whether a text is a SHA-256 and nothing else; the page folds it."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def provenance(result: Result) -> list[tuple[str, str]]:
    """Return title and text of each row; digests in full, because part of one proves nothing."""
    task, model, data, execution = result.task, result.model, result.data, result.execution
    rows = [
        ("task", f"{task.name} v{task.version}"),
        ("fingerprint", task.fingerprint),
        ("model", model.name),
        ("checkpoint", model.checkpoint_sha256),
        ("code", model.code_sha256),
        ("samples", model.samples_sha256),
        ("parameters", None if model.num_parameters is None else f"{model.num_parameters:,}"),
        ("seed", str(result.seed)),
    ]
    for side, split in (("reference", data.reference), ("held-out", data.evaluation)):
        rows.append((side, f"{split.num_clips:,} clips of split '{split.split}', coverage {split.coverage:.2%}"))
        rows.append((f"{side} clips", split.sha256))
    named = {"scan": "scan manifest", "splits": "both splits"}[data.manifest]
    rows.append((named, data.manifest_sha256))
    if data.imported is not None:
        made = data.imported.environment
        rows.append(
            ("statistics", f"from a file written by vidbench {made.vidbench} on {made.platform}, {made.device}")
        )
        rows.append(("statistics file", data.imported.sha256))
    rows.append(("pixels", result.pixels.convention))
    for place, counts in result.entries.unused.items():
        rows.append((f"not used in {place}", unused_in_words(counts)))
    if result.entries.ignored:
        rows.append(("--ignore", ", ".join(result.entries.ignored)))
    for name, network in result.networks.items():
        proof = "proven" if network.proven else "not proven"
        arithmetic = f"{network.precision}, {network.implementation} arithmetic"
        rows.append((name, f"weights {proof}, {network.preprocessing}, precision {arithmetic}"))
        rows.append((f"{name} weights", network.weights_sha256))
        rows.append((f"{name} licence", network.license))
    environment = result.environment
    rows.append(
        (
            "environment",
            f"vidbench {environment.vidbench}, Python {environment.python}, torch {environment.torch}, "
            f"numpy {environment.numpy}, {environment.platform}, {environment.device}",
        )
    )
    rows.append(
        (
            "execution",
            f"finished {execution.finished}, {execution.seconds:,.0f} s, batch size {execution.batch_size}, "
            f"{execution.num_processes} process{'es' if execution.num_processes > 1 else ''}",
        )
    )
    return [(title, text) for title, text in rows if text is not None]
