"""The truncation sweep: the same samples from narrower latents, for models that offer it."""

from __future__ import annotations

from dataclasses import replace

from vidbench.scoring.clip_sources import ClipSource, ModelSource
from vidbench.scoring.run import Run


def truncated_sources(run: Run, source: ClipSource) -> dict[float, ModelSource]:
    """Return a source for each sigma of the task's sweep; none for clips on disk and for models without truncation.

    The seeds, labels and given frames of sample i are those of the score, so that sigma is all that differs.
    """
    if not isinstance(source, ModelSource) or not getattr(source.model, "offers_truncation", False):
        return {}
    return {sigma: replace(source, truncation=sigma) for sigma in run.task.evaluation.truncation_sweep}


def why_no_sweep(sigmas: tuple[float, ...], model_name: str) -> str:
    """Return the sentence for a report without the sweep that its task asks for."""
    asked = ", ".join(f"{sigma:g}" for sigma in sigmas)
    if model_name == "samples":
        return f"The task asks for sigma {asked}; clips that lie on disk have one truncation, which nobody stated here."
    return f"The task asks for sigma {asked}; the model '{model_name}' offers no truncation."
