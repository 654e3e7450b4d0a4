"""The distance of JEDi by its authors' own function on scikit-learn, and by a sum over all pairs in exact fractions.

    pip install --no-deps videojedi==1.1.0 && pip install numpy scikit-learn
    python tests/oracles/jedi_kernel.py --output tests/golden/jedi_kernel.json

Only the file mmd_polynomial.py of the package videojedi is loaded; it needs numpy and scikit-learn.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
from fractions import Fraction
from pathlib import Path

import numpy as np
import sklearn
from jedi_cases import KERNEL_CASES, kernel_rows


def authors_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return what videojedi's JEDiMetric.compute_metric computes."""
    files = importlib.metadata.files("videojedi") or []
    path = next(file.locate() for file in files if file.name == "mmd_polynomial.py")
    spec = importlib.util.spec_from_file_location("mmd_polynomial", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return float(module.mmd_poly(first, second, degree=2, coef0=0) * 100)


def exact_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the sum over all pairs of rows in fractions, rounded once."""

    def total(a: list[list[Fraction]], b: list[list[Fraction]]) -> Fraction:
        return sum(
            (sum((p * q for p, q in zip(x, y, strict=True)), Fraction(0)) ** 2 for x in a for y in b), Fraction(0)
        )

    a, b = ([[Fraction(float(value)) for value in row] for row in rows] for rows in (first, second))
    n, m = len(a), len(b)
    means = total(a, a) / n**2 + total(b, b) / m**2 - 2 * total(a, b) / (n * m)
    return float(100 * means / first.shape[1] ** 2)


def main() -> None:
    """Write the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the .json file to write")
    args = parser.parse_args()
    answers = {}
    for name, case in KERNEL_CASES.items():
        first, second = kernel_rows(case)
        exact = exact_distance(first, second) if len(first) <= 50 else None
        answers[name] = {"scikit-learn": authors_distance(first, second), "fractions": exact}
        print(name, answers[name])
    record = {
        "command": "python tests/oracles/jedi_kernel.py --output tests/golden/jedi_kernel.json",
        "versions": {
            "videojedi": importlib.metadata.version("videojedi"),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        "seeds": {name: case.seed for name, case in KERNEL_CASES.items()},
        "answers": answers,
    }
    args.output.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
