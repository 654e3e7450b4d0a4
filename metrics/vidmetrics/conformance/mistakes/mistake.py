"""What a known mistake is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
Answerer = Callable[[Arrays, dict[str, Any]], Any]


@dataclass(frozen=True)
class Mistake:
    """One way of being wrong that has been seen in published code.

    Attributes:
        title: what the code does wrong, to follow "this looks like an implementation that".
        answers: the wrong answer for each kind that the mistake touches.
        rounding: its error comes from rounding, so that only its size can be recognised, not its digits.
    """

    title: str
    answers: Mapping[str, Answerer]
    rounding: bool = False
