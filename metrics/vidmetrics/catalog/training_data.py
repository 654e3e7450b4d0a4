"""What the weights of networks and models have seen: names of training data, and which of it is in which data of a benchmark.

A name is ``DATASET/SPLIT``, or ``DATASET`` if no split is stated. A network that was trained on clips of a task judges them differently
from clips that it has never seen; a model that was trained on held-out clips can repeat them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from vidmetrics.catalog.network_cards import network_card
from vidmetrics.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]*(/[a-z0-9][a-z0-9.+-]*)?")


@dataclass(frozen=True)
class SharedClips:
    """Training data of one name that has clips of another.

    Attributes:
        seen: the training data.
        part: the data that has clips in it.
        share: how many of the clips of `part` are in `seen`, in words.
        source: the paper that says it.
    """

    seen: str
    part: str
    share: str
    source: str


SHARED_CLIPS = (
    SharedClips("kinetics-700/train", "kinetics-600/val", "many", "arXiv 1907.06987"),
    SharedClips("kinetics-700/train", "kinetics-600/test", "many", "arXiv 1907.06987"),
    # Kinetics-710 is the union of the training sets of Kinetics-400, 600 and 700. Lists of it differ in which clips of other splits were
    # taken out, and nobody has stated it of the test split.
    SharedClips("kinetics-710/train", "kinetics-600/train", "most", "arXiv 2211.09552"),
    SharedClips("kinetics-710/train", "kinetics-600/test", "many, unless they were taken out,", "arXiv 1907.06987"),
)
"""Overlaps of datasets that are known, with their source."""


def checked_names(names: object, of: str) -> tuple[str, ...] | None:
    """Return declared names of training data; None stays None, which means that nothing is declared.

    Args:
        names: what was declared.
        of: whose declaration it is, for the sentence of an error.

    Raises:
        InputError: it is not a sequence of such names.
    """
    if names is None:
        return None
    if isinstance(names, (list, tuple)):
        wrong = next((each for each in names if not isinstance(each, str) or not _NAME.fullmatch(each)), None)
        if wrong is None:
            return tuple(names)
        names = wrong
    raise InputError(
        f"The model '{of}' declares trained_on {names!r}: give a tuple of names like 'kinetics-600/train', in lower case, or None if "
        "it is not known."
    )


def seen_by(network: str) -> tuple[str, ...]:
    """Return what a network's published weights were trained on."""
    return network_card(network).trained_on


def seen_of(names: Iterable[str], dataset: str, split: str) -> tuple[str, ...]:
    """Return which of the names of training data have clips of a split, each in words.

    >>> seen_of(["kinetics-700/train"], "kinetics-600", "test")
    ('kinetics-700/train, which has many of the clips of kinetics-600/test (arXiv 1907.06987)',)
    """
    found = []
    for name in names:
        seen, _, part = name.partition("/")
        if seen == dataset and (part in ("", split) or split == "all"):
            found.append(name)
        found += [
            f"{name}, which has {each.share} of the clips of {each.part} ({each.source})"
            for each in SHARED_CLIPS
            if (each.seen, each.part) == (name, f"{dataset}/{split}")
        ]
    return tuple(found)
