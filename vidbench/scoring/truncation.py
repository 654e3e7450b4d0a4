"""The truncation sweep: the same samples from truncated latents, for models that support it."""

from __future__ import annotations

from dataclasses import replace

from vidbench.scoring.clip_sources import ClipSource, ModelSource
from vidbench.scoring.run import Run


def truncated_sources(run: Run, source: ClipSource) -> dict[float, ModelSource]:
    """Return a source per sigma of the task's sweep; empty for clips on disk and models without truncation.

    Sample i has the same seed, label and context frames as in the score, so only sigma differs.
    """
    if not isinstance(source, ModelSource) or not getattr(source.model, "offers_truncation", False):
        return {}
    return {sigma: replace(source, truncation=sigma) for sigma in run.task.evaluation.truncation_sweep}


def why_no_sweep(sigmas: tuple[float, ...], model_name: str) -> str:
    """Return the reason why a report lacks the sweep of its task."""
    sweep = ", ".join(f"{sigma:g}" for sigma in sigmas)
    if model_name == "samples":
        return f"The task has a sweep over sigma {sweep}; clips on disk have a single, unknown truncation."
    return f"The task has a sweep over sigma {sweep}; the model '{model_name}' does not support truncation."
