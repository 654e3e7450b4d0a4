"""Known-answer vectors: their files, their inputs, and the deviation between answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.kinds import KINDS, Answer
from vidmetrics.conformance.recipes import make_inputs
from vidmetrics.errors import InputError, unknown_name
from vidmetrics.files import arrays_sha256
from vidmetrics.formats.documents import parse_json

VERSION = "v1"
"""The version of the suite; expected values of a version never change."""

FOLDER = Path(__file__).parent / "vectors" / VERSION

_KEYS = {
    "name",
    "kind",
    "title",
    "recipe",
    "inputs_sha256",
    "parameters",
    "expected",
    "tolerance",
    "oracle",
    "mistakes",
}


@dataclass(frozen=True)
class Vector:
    """One question with its known answer.

    Attributes:
        name: ``family/what``, unique in a version.
        kind: see `vidmetrics.conformance.kinds`.
        title: the question in one line.
        recipe: the recipe of its inputs, see `vidmetrics.conformance.recipes`.
        inputs_sha256: digest of these inputs.
        parameters: parameters of the kind.
        expected: the correct answer.
        tolerance: largest `deviation` at which an answer passes.
        oracle: the program that computed the expected answer.
        mistakes: wrong answers of known mistakes, by their ids.
    """

    name: str
    kind: str
    title: str
    recipe: Mapping[str, Any]
    inputs_sha256: str
    parameters: Mapping[str, Any]
    expected: Answer
    tolerance: float
    oracle: str
    mistakes: Mapping[str, Answer]

    def inputs(self) -> dict[str, npt.NDArray[Any]]:
        """Return new copies of the inputs.

        Raises:
            InputError: their bytes differ from those the expected answer was computed from.
        """
        arrays = make_inputs(self.recipe)
        digest = arrays_sha256(arrays)
        if digest != self.inputs_sha256:
            raise InputError(
                f"The inputs of the vector '{self.name}' have the digest {digest[:12]}… where {self.inputs_sha256[:12]}… "
                f"was recorded; numpy {np.__version__} draws other numbers; use another version of it."
            )
        return arrays


def deviation(got: Answer, expected: Answer) -> float:
    """Return the deviation of an answer from the expected one, relative to the latter: the maximum over its parts.

    The deviation of a part is the Euclidean norm of the difference over the norm of the expected part (over 1 if that is
    0). It is infinite if shapes differ, or if one has a NaN or infinity that the other does not have.
    """
    worst = 0.0
    for name, wanted in expected.items():
        if name not in got:
            continue
        given = got[name]
        if given.shape != wanted.shape:
            return float("inf")
        finite = np.isfinite(given) & np.isfinite(wanted)
        same = (given == wanted) | (np.isnan(given) & np.isnan(wanted))
        if not (finite | same).all():
            return float("inf")
        # In units of the largest value, so squares neither overflow nor underflow.
        scale = float(np.abs(wanted[finite]).max(initial=0.0)) or 1.0
        difference = float(np.linalg.norm((given[finite] - wanted[finite]) / scale))
        worst = max(worst, difference / (float(np.linalg.norm(wanted[finite] / scale)) or 1.0))
    return worst


def load_vectors(patterns: Sequence[str] = ()) -> list[Vector]:
    """Return the vectors of the current version with names that match one of the patterns (``*`` as in file names).

    Raises:
        InputError: a pattern matches nothing.
    """
    vectors = [vector for path in sorted(FOLDER.glob("*.json")) for vector in read_vectors(path)]
    for pattern in patterns:
        if not any(fnmatchcase(vector.name, pattern) for vector in vectors):
            raise InputError(unknown_name("vector", pattern, [vector.name for vector in vectors]))
    return [v for v in vectors if not patterns or any(fnmatchcase(v.name, pattern) for pattern in patterns)]


def read_vectors(path: Path) -> list[Vector]:
    """Return the vectors of a file.

    Raises:
        InputError: the file is not a list of vectors.
    """
    try:
        document = parse_json(path.read_bytes())
        return [_vector(entry) for entry in document["vectors"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"The vectors in {path} cannot be read ({error}); restore the file.") from error


def _vector(entry: Mapping[str, Any]) -> Vector:
    if set(entry) != _KEYS:
        raise ValueError(f"keys {sorted(set(entry) ^ _KEYS)} are missing or unknown in '{entry.get('name')}'")
    if entry["kind"] not in KINDS:
        raise ValueError(unknown_name("kind", entry["kind"], KINDS))
    answers = {"expected": decode(entry["expected"])}
    mistakes = {name: decode(value) for name, value in entry["mistakes"].items()}
    return Vector(**{**entry, **answers, "mistakes": mistakes})


def decode(parts: Mapping[str, Any]) -> Answer:
    """Return an answer from JSON: a part is a number, null for NaN, or ``{"shape": [...], "values": [...]}``."""
    answer = {}
    for name, part in parts.items():
        values = part["values"] if isinstance(part, Mapping) else part
        array = np.array(values, np.float64)  # None becomes NaN
        answer[name] = array.reshape(part["shape"]) if isinstance(part, Mapping) else array
    return answer


def encode(answer: Answer, digits: int = 17) -> dict[str, Any]:
    """Return an answer as JSON, see `decode`; arrays with this many significant digits."""

    def number(value: float, precision: int) -> float | None:
        return None if np.isnan(value) else float(f"{value:.{precision}g}")

    return {
        name: number(float(part), 17)
        if part.ndim == 0
        else {"shape": list(part.shape), "values": [number(x, digits) for x in part.ravel().tolist()]}
        for name, part in answer.items()
    }
