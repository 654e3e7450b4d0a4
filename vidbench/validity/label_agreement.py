"""Whether clips show the labels that were requested, by the classifier of the metric's network."""

from __future__ import annotations

import numpy as np

from vidbench.results.schema import ValidityRecord
from vidbench.validity.checks import done, not_done

CLEAR = 0.5
"""Probability of a class from which the network counts as recognising it."""
LEAST = 32
"""Clearly recognised clips needed on both sides."""
SHARE = 0.5
"""Share of the agreement of held-out clips below which the check flags."""


def label_agreement(
    logits_NK: np.ndarray, labels_N: np.ndarray, real_logits_MK: np.ndarray, real_labels_M: np.ndarray
) -> ValidityRecord:
    """Compare the classifier's classes with the labels, on samples and on held-out real clips.

    Only clips of which it recognises a class count: a poor model shows no class clearly and is no liar, but clips that
    clearly show other classes than their labels are.

    Args:
        logits_NK: logits of the samples.
        labels_N: labels that the samples were made for, int64.
        real_logits_MK: logits of held-out real clips.
        real_labels_M: their labels, int64.
    """
    clear, right = _clear_and_right(logits_NK, labels_N)
    real_clear, real_right = _clear_and_right(real_logits_MK, real_labels_M)
    chance = 1 / logits_NK.shape[1]
    if real_clear.sum() < LEAST or real_right[real_clear].mean() < max(2 * chance, 0.2):
        return not_done(
            "label-agreement", "The network does not recognise the classes of held-out clips well enough to judge."
        )
    against = float(real_right[real_clear].mean())
    words = (
        f"accuracy {right.mean():.1%} on all samples, {real_right.mean():.1%} on held-out clips, {chance:.1%} by chance"
    )
    if clear.sum() < LEAST:
        return not_done(
            "label-agreement",
            f"The network clearly recognises a class in {int(clear.sum())} samples only, and {LEAST} are needed ({words}).",
        )
    share, threshold = float(right[clear].mean()), SHARE * against
    return done(
        "label-agreement",
        value=share,
        against=against,
        threshold=threshold,
        flagged=share < threshold,
        sentence=f"Of {int(clear.sum()):,} samples with a clearly recognised class, {share:.1%} show that of their label, and "
        f"{against:.1%} of held-out clips (flagged below {threshold:.1%}); {words}.",
    )


def _clear_and_right(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(logits, np.float64)
    values = np.exp(values - values.max(axis=1, keepdims=True))
    highest = 1 / values.sum(axis=1)  # the largest term is 1
    return highest >= CLEAR, values.argmax(axis=1) == labels
