"""Samples that are real clips, and samples that repeat each other, by the keys of their bytes."""

from __future__ import annotations

import numpy as np

from vidbench.results.schema import ValidityRecord
from vidbench.validity.checks import done, not_done

SLACK = 0.001
"""Share of samples above which the checks flag: a dataset can hold a few clips twice, and a model can show a black one."""


def copies(
    sample_keys: np.ndarray,
    reference_keys: np.ndarray | None,
    held_out_keys: np.ndarray | None,
    still: np.ndarray | None = None,
) -> ValidityRecord:
    """Count samples that are a real clip in every byte.

    Args:
        sample_keys: keys of the complete clips of the samples, uint64 ``[N]``.
        reference_keys: keys of the reference clips, uint64; None if they are not known.
        held_out_keys: keys of the held-out clips, uint64; None if they are not known.
        still: for predictions, whether the last context frame, repeated, is the true clip, bool ``[N]``: there everybody is right.
    """
    if reference_keys is None and held_out_keys is None:
        return not_done("copies", "No real clips are available to compare with.")
    counted = np.ones(len(sample_keys), np.bool_) if still is None else ~still
    total = max(1, len(sample_keys))
    found, words = np.zeros(len(sample_keys), np.bool_), []
    for name, keys in (("reference", reference_keys), ("held-out", held_out_keys)):
        if keys is not None:
            same = np.isin(sample_keys, keys) & counted
            found |= same
            words.append(f"{int(same.sum()):,} are one of the {len(np.unique(keys)):,} different {name} clips")
    both = 0.0
    if reference_keys is not None and held_out_keys is not None and len(held_out_keys):
        both = float(np.isin(held_out_keys, reference_keys).mean())
    share, threshold = float(found.sum()) / total, both + SLACK
    return done(
        "copies",
        value=share,
        against=both,
        threshold=threshold,
        flagged=share > threshold,
        sentence=f"Of {len(sample_keys):,} samples {' and '.join(words)}, byte by byte (flagged above {threshold:.2%}).",
    )


def repeats(
    prediction_keys: np.ndarray, context_keys: np.ndarray | None = None, real_keys: np.ndarray | None = None
) -> ValidityRecord:
    """Count samples that equal an earlier one in every byte.

    Args:
        prediction_keys: keys of what the model made of each sample, without context frames; uint64 ``[N]``.
        context_keys: keys of the real clips that samples continue, uint64 ``[N]``: several predictions of one context may be equal,
            since a model need not be random. None if they continue none.
        real_keys: keys of held-out clips, of which some may be equal; None if they are not known.
    """
    pairs = prediction_keys[:, None] if context_keys is None else np.stack([prediction_keys, context_keys], axis=1)
    # One sample of each context, so that what repeats is one prediction for different contexts.
    kept = np.unique(pairs, axis=0)[:, 0]
    distinct, total = len(np.unique(kept)), max(1, len(kept))
    share = 1 - distinct / total
    against = 0.0 if real_keys is None or not len(real_keys) else 1 - len(np.unique(real_keys)) / len(real_keys)
    if context_keys is None:
        # Without contexts nothing was dropped but repeats themselves.
        total = max(1, len(prediction_keys))
        share = 1 - distinct / total
    threshold = against + SLACK
    counted = "samples" if context_keys is None else "different predictions of different contexts"
    return done(
        "repeats",
        value=share,
        against=against,
        threshold=threshold,
        flagged=share > threshold,
        sentence=f"{distinct:,} of {total:,} {counted} are distinct (flagged above {threshold:.2%} of repeats).",
    )
