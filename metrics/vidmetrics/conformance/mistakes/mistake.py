"""The record of a known mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
Answerer = Callable[[Arrays, dict[str, Any]], Any]


@dataclass(frozen=True)
class Mistake:
    """One mistake found in published code.

    Attributes:
        title: the mistake, as the rest of the sentence "this looks like an implementation that".
        answers: the wrong answer for each kind that the mistake affects.
        rounding: whether its error comes from rounding, so only its size can be recognised, not its digits.
    """

    title: str
    answers: Mapping[str, Answerer]
    rounding: bool = False
