"""Write the known-answer vectors: expected values by oracles, and what every known mistake answers instead.

    python tools/conformance_tensorflow.py --shared ../shared --output build/conformance_tensorflow.npz   # with TensorFlow
    python tools/make_conformance_vectors.py --tensorflow build/conformance_tensorflow.npz

Expected values never come from the code that is to be tested: see tools/conformance_oracles.py for 60-digit arithmetic
and tools/conformance_tensorflow.py for the graph. The answers of mistakes come from `vidmetrics.conformance.mistakes`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import torch
from conformance_oracles import ORACLES, frechet_from_rows
from conformance_specs import BY_TENSORFLOW, SPECS, Spec

from vidmetrics.conformance.kinds import Answer, as_answer
from vidmetrics.conformance.mistakes import MISTAKES
from vidmetrics.conformance.recipes import inputs_sha256, make_inputs
from vidmetrics.conformance.vectors import FOLDER, deviation, encode

COMMAND = "python tools/make_conformance_vectors.py --tensorflow build/conformance_tensorflow.npz"


def _expected(spec: Spec, inputs: dict[str, np.ndarray], tensorflow: dict[str, np.ndarray]) -> tuple[Any, str]:
    """Return the expected answer and what computed it."""
    if spec.kind not in BY_TENSORFLOW:
        words, oracle = ORACLES[spec.kind]
        settings = {
            key: spec.parameters[key] for key in ("splits", "degree", "gamma", "coef0") if key in spec.parameters
        }
        return oracle(inputs, spec.recipe, **settings), f"mpmath {mpmath.__version__}: {words}"
    versions = str(tensorflow["versions"])
    if spec.kind == "resize":
        return tensorflow[f"{spec.name}:frames"], f"{versions}: tf.compat.v1.image.resize_bilinear"
    graph = f"{versions}: the graph of TF-Hub deepmind/i3d-kinetics-400 with seeded variables"
    if spec.kind == "i3d-logits":
        return tensorflow[f"{spec.name}:clips"], graph
    rows = [tensorflow[f"{spec.name}:{side}"].astype(np.float64) for side in ("real_clips", "generated_clips")]
    words = ORACLES["frechet-from-features"][0].replace("features", "logits")
    return frechet_from_rows(*rows), f"{graph}; mpmath {mpmath.__version__}: {words}"


def _mistaken(spec: Spec, inputs: dict[str, np.ndarray], expected: Answer) -> dict[str, Answer]:
    """Return what each mistake answers, where that can be told from the right answer."""
    found = {}
    for name, mistake in MISTAKES.items():
        if spec.kind not in mistake.answers:
            continue
        try:
            with np.errstate(all="ignore"):
                answer = as_answer(spec.kind, mistake.answers[spec.kind](inputs, dict(spec.parameters)))
        except (ValueError, np.linalg.LinAlgError) as error:
            print(f"{spec.name}: {name} gives no answer ({error})", file=sys.stderr)
            continue
        # Shapes that differ are a finding of their own, and infinite values are no JSON.
        differs = deviation(answer, expected) > (1 if mistake.rounding else 3) * spec.tolerance
        if differs and not any(np.isinf(part).any() for part in answer.values()):
            found[name] = answer
    return found


def _vector(spec: Spec, tensorflow: dict[str, np.ndarray]) -> dict[str, Any]:
    started = time.monotonic()
    inputs = make_inputs(spec.recipe)
    answer, oracle = _expected(spec, inputs, tensorflow)
    expected = as_answer(spec.kind, answer)
    mistakes = _mistaken(spec, inputs, expected)
    digits = 9 if spec.kind in BY_TENSORFLOW else 17
    print(f"{spec.name}: {time.monotonic() - started:.1f} s, {len(mistakes)} mistakes show", file=sys.stderr)
    return {
        "name": spec.name,
        "kind": spec.kind,
        "title": spec.title,
        "recipe": spec.recipe,
        "inputs_sha256": inputs_sha256(inputs),
        "parameters": spec.parameters,
        "expected": encode(expected, digits),
        "tolerance": spec.tolerance,
        "oracle": oracle,
        "mistakes": {name: encode(wrong, 5 if spec.kind in BY_TENSORFLOW else 12) for name, wrong in mistakes.items()},
    }


def main() -> None:
    """Parse the command line, compute, write one file per family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensorflow", type=Path, required=True, help="what tools/conformance_tensorflow.py wrote")
    parser.add_argument("--family", action="append", help="write only this family (may be repeated)")
    args = parser.parse_args()
    with np.load(args.tensorflow, allow_pickle=False) as archive:
        tensorflow = {name: archive[name] for name in archive.files}

    families = defaultdict(list)
    for spec in SPECS:
        family = spec.name.split("/")[0]
        if not args.family or family in args.family:
            families[family].append(_vector(spec, tensorflow))
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "mpmath": mpmath.__version__,
        "torch": torch.__version__,
        "tensorflow": str(tensorflow["versions"]),
        "machine": platform.machine(),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    for family, vectors in families.items():
        path = FOLDER / f"{family}.json"
        temporary = path.with_suffix(".partial")
        temporary.write_text(_pretty({"command": COMMAND, "versions": versions, "vectors": vectors}), encoding="utf-8")
        temporary.replace(path)


def _pretty(document: dict[str, Any]) -> str:
    """Indent, but keep lists of numbers on one line."""
    lists: list[str] = []

    def hide(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: hide(part) for key, part in value.items()}
        if isinstance(value, list) and not any(isinstance(part, dict) for part in value):
            lists.append(json.dumps(value))
            return f"@{len(lists) - 1}@"
        return [hide(part) for part in value] if isinstance(value, list) else value

    text = json.dumps(hide(document), indent=1)
    for index, line in enumerate(lists):
        text = text.replace(f'"@{index}@"', line)
    return text + "\n"


if __name__ == "__main__":
    main()
