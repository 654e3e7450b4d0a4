"""The provenance of a result, as rows of a table."""

from __future__ import annotations

import re

from vidbench.data.folders.inventory import unused_in_words
from vidbench.results.schema import DataRecord, Result


def is_digest(text: str) -> bool:
    """Return whether a text is a SHA-256 and nothing else; the page folds it."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def overlap_text(data: DataRecord) -> str:
    """Return whether held-out videos were looked for in the training split, and what was found."""
    found = data.overlap
    if found is None:
        return "not checked: whether held-out videos are in the training split (vidbench data overlap)"
    by = {"names": "by name only", "bytes": "by name and bytes", "frames": "by name, bytes and frames"}[found.searched]
    kinds = ", ".join(f"{count:,} by {kind}" for kind, count in found.kinds.items())
    unread = f"; {found.not_compared:,} could not be read" if found.not_compared else ""
    return (
        f"{found.shared:,} of {found.held_out:,} held-out videos are among {found.training:,} training videos, checked {by}"
        f"{f' ({kinds})' if kinds else ''}{unread}"
    )


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
        ("trained on", None if model.trained_on is None else ", ".join(model.trained_on) or "nothing"),
        ("seed", str(result.seed)),
    ]
    for side, split in (("reference", data.reference), ("held-out", data.evaluation)):
        rows.append((side, f"{split.num_clips:,} clips of split '{split.split}', coverage {split.coverage:.2%}"))
        rows.append((f"{side} clips", split.sha256))
    named = {"scan": "scan manifest", "splits": "both splits"}[data.manifest]
    rows.append((named, data.manifest_sha256))
    rows.append(("in training data", overlap_text(data)))
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
        rows.append((f"{name} trained on", ", ".join(network.trained_on or ()) or None))
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
