"""Write the conformance vectors: expected values from oracles, and the values that each known mistake produces.

    python tools/conformance_tensorflow.py --shared ../shared --output build/conformance_tensorflow.npz   # with TensorFlow
    python tools/conformance_torch_fidelity.py …   # in a separate environment, see there
    python tools/conformance_chainer.py …          # likewise
    python tools/make_conformance_vectors.py --answers build

Expected values never come from the code under test: tools/conformance_oracles.py has the 60-digit arithmetic, the
three other tools run the networks. Mistaken values come from `vidmetrics.conformance.mistakes`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import torch
from conformance_oracles import ORACLES, frechet_from_rows, inception_score, kernel_mmd
from conformance_specs import BY_CHAINER, BY_TENSORFLOW, BY_TORCH_FIDELITY, BY_TRANSFORMERS, SPECS, Spec

from vidmetrics.conformance.kinds import Answer, as_answer
from vidmetrics.conformance.mistakes import MISTAKES
from vidmetrics.conformance.recipes import make_inputs
from vidmetrics.conformance.vectors import FOLDER, deviation, encode
from vidmetrics.files import arrays_sha256, write_text

COMMAND = "python tools/make_conformance_vectors.py --answers build"
ORACLE_OF_NETWORK = {
    **dict.fromkeys(BY_TENSORFLOW, "tensorflow"),
    **dict.fromkeys(BY_TORCH_FIDELITY, "torch_fidelity"),
    **dict.fromkeys(BY_CHAINER, "chainer"),
    **dict.fromkeys(BY_TRANSFORMERS, "transformers"),
}
NETWORKS = {
    "tensorflow": "the graph of TF-Hub deepmind/i3d-kinetics-400 with seeded variables",
    "torch_fidelity": "FeatureExtractorInceptionV3 with seeded weights",
    "transformers": "the authors' classes with seeded weights",
    "chainer": "the network of TGANv2 put together from its functions, with seeded weights",
}
DDOF_0 = ("fvd-styleganv", "fvd-cdfvd")

Answers = dict[str, dict[str, np.ndarray]]
"""Arrays written by each network oracle, by oracle name and then by array name."""


def _expected(spec: Spec, inputs: dict[str, np.ndarray], answers: Answers) -> tuple[Any, str]:
    """Return the expected value and a description of its oracle."""
    if spec.kind in ORACLES:
        words, oracle = ORACLES[spec.kind]
        settings = {
            key: spec.parameters[key]
            for key in ("splits", "degree", "gamma", "coef0", "scale")
            if key in spec.parameters
        }
        return oracle(inputs, spec.recipe, **settings), f"mpmath {mpmath.__version__}: {words}"
    name = ORACLE_OF_NETWORK[spec.kind]
    if name not in answers:
        raise SystemExit(f"The {name} answers for {spec.name} are missing; run tools/conformance_{name}.py first.")
    of, versions = answers[name], str(answers[name]["versions"])
    if spec.kind == "resize":
        return of[f"{spec.name}:frames"], f"{versions}: tf.compat.v1.image.resize_bilinear"
    network = f"{versions}: {NETWORKS[name]}"
    if spec.kind == "i3d-logits" or spec.kind in BY_TRANSFORMERS:
        return of[f"{spec.name}:clips"], network
    exact = f"{network}; mpmath {mpmath.__version__}: the exact features in 60 digits"
    if f"{spec.name}:clips" in of:
        return inception_score({"logits": of[f"{spec.name}:clips"]}, spec.recipe, spec.parameters["splits"]), exact
    sides = [of[f"{spec.name}:{side}_clips"].astype(np.float64) for side in ("real", "generated")]
    if spec.kind == "kid-from-clips":
        kernel = {key: spec.parameters[key] for key in ("degree", "gamma", "coef0")}
        return kernel_mmd(dict(zip(("features_a", "features_b"), sides, strict=True)), spec.recipe, **kernel), exact
    convention = spec.parameters.get("convention")
    if convention == "fvd-videogpt":
        peer = answers["torch_fidelity"]
        words = f"{peer['versions']}: cdfvd.third_party.i3d.utils.frechet_distance of these logits in float32"
        return float(peer[f"{spec.name}:distance"]), f"{network}; {words}"
    if spec.kind == "fvd-from-clips":
        exact = exact.replace("features", "logits")
    return frechet_from_rows(*sides, ddof=0 if convention in DDOF_0 else 1), exact


@lru_cache
def _by_convention(name: str, recipe: str) -> Any:
    """Return a mistake's answer for a pair of clips; it ignores the convention, so vectors on the same clips share it."""
    return MISTAKES[name].answers["fvd-convention-from-clips"](make_inputs(json.loads(recipe)), {})


def _answer_of(name: str, spec: Spec, inputs: dict[str, np.ndarray]) -> Any:
    if spec.kind == "fvd-convention-from-clips":
        return _by_convention(name, json.dumps(spec.recipe))
    return MISTAKES[name].answers[spec.kind](inputs, dict(spec.parameters))


def _mistaken(spec: Spec, inputs: dict[str, np.ndarray], expected: Answer) -> dict[str, Answer]:
    """Return the answer of each mistake that can be distinguished from the correct one."""
    found = {}
    for name, mistake in MISTAKES.items():
        if spec.kind not in mistake.answers:
            continue
        try:
            with np.errstate(all="ignore"):
                answer = as_answer(spec.kind, _answer_of(name, spec, inputs))
        except (ValueError, np.linalg.LinAlgError) as error:
            print(f"{spec.name}: {name} returns nothing ({error})", file=sys.stderr)
            continue
        # A differing shape is detected separately, and JSON has no infinity.
        differs = deviation(answer, expected) > (1 if mistake.rounding else 3) * spec.tolerance
        if differs and not any(np.isinf(part).any() for part in answer.values()):
            found[name] = answer
    return found


def _vector(spec: Spec, answers: Answers) -> dict[str, Any]:
    started = time.monotonic()
    inputs = make_inputs(spec.recipe)
    answer, oracle = _expected(spec, inputs, answers)
    expected = as_answer(spec.kind, answer)
    mistakes = _mistaken(spec, inputs, expected)
    of_a_network = spec.kind in ORACLE_OF_NETWORK
    digits = 9 if of_a_network else 17
    print(f"{spec.name}: {time.monotonic() - started:.1f} s, {len(mistakes)} mistakes show", file=sys.stderr)
    return {
        "name": spec.name,
        "kind": spec.kind,
        "title": spec.title,
        "recipe": spec.recipe,
        "inputs_sha256": arrays_sha256(inputs),
        "parameters": spec.parameters,
        "expected": encode(expected, digits),
        "tolerance": spec.tolerance,
        "oracle": oracle,
        "mistakes": {name: encode(wrong, 5 if of_a_network else 12) for name, wrong in mistakes.items()},
    }


def main() -> None:
    """Parse the command line, compute the vectors and write one file per family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--answers", type=Path, required=True, help="folder with the conformance_*.npz files of the other tools"
    )
    parser.add_argument("--family", action="append", help="write only this family; repeatable")
    args = parser.parse_args()
    answers: Answers = {}
    for path in sorted(args.answers.glob("conformance_*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            answers[path.stem.removeprefix("conformance_")] = {name: archive[name] for name in archive.files}

    families = defaultdict(list)
    for spec in SPECS:
        family = spec.name.split("/")[0]
        if not args.family or family in args.family:
            families[family].append(_vector(spec, answers))
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "mpmath": mpmath.__version__,
        "torch": torch.__version__,
        **{name: str(of["versions"]) for name, of in answers.items()},
        "machine": platform.machine(),
    }
    for family, vectors in families.items():
        path = FOLDER / f"{family}.json"
        write_text(path, _pretty({"command": COMMAND, "versions": versions, "vectors": vectors}))


def _pretty(document: dict[str, Any]) -> str:
    """Format as indented JSON with each list of numbers on one line."""
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
