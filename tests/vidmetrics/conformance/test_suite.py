"""The known-answer suite: ours passes, every known mistake fails and is recognised, and so do other implementations."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

import vidmetrics
from vidmetrics import InputError
from vidmetrics.conformance import recipes
from vidmetrics.conformance.kinds import KINDS, as_answer
from vidmetrics.conformance.mistakes import MISTAKES, with_mistake
from vidmetrics.conformance.mistakes.distances import one_pass_float32
from vidmetrics.conformance.ours import implementation as ours
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.conformance.suite import check, diagnose, explanations, load_implementation, run_suite, unexplained
from vidmetrics.conformance.vectors import FOLDER, decode, deviation, encode, load_vectors, read_vectors

NETWORK_KINDS = tuple(kind for kind in KINDS if kind == "i3d-logits" or kind.endswith("-from-clips"))
VECTORS = load_vectors()
LIGHT = [vector for vector in VECTORS if vector.kind not in NETWORK_KINDS]
# One vector is enough to recognise a mistake of the network; the others take minutes.
ONE_OF_THE_NETWORK = next(v for v in VECTORS if v.name == "i3d/logits-9x20x28")
FVD = next(v for v in VECTORS if v.kind == "fvd-from-clips")


@lru_cache
def declared_tolerances():
    """The tolerances of docs/precision.md by kind; by name for a vector with a row of its own."""
    text = (Path(__file__).parents[3] / "docs" / "precision.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| `([\w/-]+)` \| (\d\S*) \|", text, flags=re.MULTILINE)
    return {name: float(tolerance) for name, tolerance in rows}


def declared_tolerance(vector):
    declared = declared_tolerances()
    return declared.get(vector.name, declared[vector.kind])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
def test_ours_gives_the_known_answer(vector):
    outcome = check(vector, ours)
    assert outcome.verdict == "passed", (outcome.deviation, outcome.message)
    # Others pass within the vector's tolerance; ours must meet the tolerance of docs/precision.md.
    assert outcome.deviation <= declared_tolerance(vector)


def test_precision_is_declared_for_every_kind():
    declared = declared_tolerances()
    assert set(declared) == {*KINDS, "fvd-conventions/fvd-videogpt"}
    assert declared["frechet-from-moments"] == declared["frechet-from-features"] == 1e-9
    assert all(declared_tolerance(vector) <= vector.tolerance for vector in VECTORS)


def test_inputs_are_exact_binary_fractions_and_pinned():
    # The digests detect a changed recipe.
    vector = next(v for v in VECTORS if v.name == "frechet/n256-d16")
    changed = dict(vector.recipe, seed=12)
    with pytest.raises(InputError, match=r"n256-d16.*digest"):
        type(vector)(**{**vars(vector), "recipe": changed}).inputs()
    features = vector.inputs()["features_a"]
    assert np.array_equal(features * 2.0**40, np.round(features * 2.0**40))
    assert features.std() > 0.5


def test_philox_words_are_those_of_the_published_generator():
    # Random123's known answer for philox4x64-10 with zero counter and key (kat_vectors); numpy counts up first.
    words = np.random.Philox(key=0, counter=[2**64 - 1] * 4).random_raw(4)
    assert [hex(int(word)) for word in words] == [
        "0x16554d9eca36314c", "0xdb20fe9d672d0fdc", "0xd7e772cee186176b", "0x7e68b68aec7ba23b",
    ]  # fmt: skip


def test_seeded_variables_are_those_that_tensorflow_ran(seeded_weights):
    mine = seeded_i3d_weights(0)
    assert set(mine) == set(seeded_weights)
    assert all(np.array_equal(mine[name], value) for name, value in seeded_weights.items())


def test_hidden_blocks_are_dense_ill_conditioned_and_do_not_commute():
    inputs = next(v for v in VECTORS if v.name == "frechet/condition-1e12-d400").inputs()
    a, b = inputs["cov_a"], inputs["cov_b"]
    assert a.shape == (400, 400)
    assert np.array_equal(a, a.T)
    assert (a != 0).mean() > 0.9
    for matrix in (a, b):
        values = np.linalg.eigvalsh(matrix)
        assert 1e12 < values[-1] / values[0] < 1e14
    assert np.abs(a @ b - b @ a).max() > 1e-3 * np.abs(a @ b).max()


def mistakes_and_vectors():
    for name, mistake in MISTAKES.items():
        touched = [v for v in LIGHT if v.kind in mistake.answers and name in v.mistakes]
        if touched:
            yield pytest.param(name, touched, id=name)


@pytest.mark.parametrize(("name", "touched"), list(mistakes_and_vectors()))
def test_a_mistake_is_recognised(name, touched):
    outcomes = run_suite(touched, with_mistake(name))
    found = explanations(outcomes)
    if MISTAKES[
        name
    ].rounding:  # the size of its errors differs between machines and resembles that of similar mistakes
        assert MISTAKES[found[0][0]].rounding
        assert any(name in outcome.candidates for outcome in outcomes)
    else:
        assert all(outcome.verdict == "failed" for outcome in outcomes)
        assert found[0][0] == name
        assert len(found[0][1]) == len(outcomes)


@pytest.mark.parametrize("name", list(ONE_OF_THE_NETWORK.mistakes))
def test_a_mistake_of_the_network_is_recognised(name):
    outcome = check(ONE_OF_THE_NETWORK, with_mistake(name))
    assert outcome.verdict == "failed"
    # Antialiasing changes nothing when enlarging; other vectors distinguish it from half-pixel centres.
    assert name in outcome.candidates
    assert outcome.candidates[0] == name or {name, outcome.candidates[0]} == {"antialiased-resize", "half-pixel-resize"}


def test_every_mistake_has_a_vector_that_shows_it():
    shown = {name for vector in VECTORS for name in vector.mistakes}
    assert shown == set(MISTAKES)


def test_recorded_answers_of_fvd_mistakes_tell_them_apart():
    for name, answer in FVD.mistakes.items():
        assert diagnose(FVD, answer)[0] == name, name
    assert {"ddof-0", "half-pixel-resize+ddof-0", "batch-norm-eps-1e-5", "short-side-crop+ddof-0"} <= set(FVD.mistakes)


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.kind in NETWORK_KINDS[2:]], ids=lambda v: v.name)
def test_recorded_answers_of_mistakes_in_whole_metrics_tell_them_apart(vector):
    assert vector.mistakes
    for name, answer in vector.mistakes.items():
        assert diagnose(vector, answer)[0] == name, name


def test_seeded_weights_are_those_of_the_networks():
    from vidmetrics.conformance.seeded_c3d import WIDTHS, c3d_shapes
    from vidmetrics.conformance.seeded_inception import inception_shapes
    from vidmetrics.networks.c3d import C3D
    from vidmetrics.networks.c3d import WIDTHS as PUBLISHED
    from vidmetrics.networks.inception import Inception

    with torch.device("meta"):
        state, narrow = Inception().state_dict(), C3D(WIDTHS).state_dict()
    assert inception_shapes() == {k: tuple(v.shape) for k, v in state.items() if not k.endswith("num_batches_tracked")}
    assert sorted(c3d_shapes().values()) == sorted(tuple(v.shape) for v in narrow.values())
    assert [8 * width for width in list(WIDTHS.values())[:-1]] == list(PUBLISHED.values())[:-1]


def test_expected_fvd_lies_far_from_every_mistake():
    nearest = min(deviation(answer, FVD.expected) for answer in FVD.mistakes.values())
    assert nearest > 10 * FVD.tolerance


@lru_cache
def vector_named(name):
    return next(v for v in VECTORS if v.name == name)


class TestVerdicts:
    vector = vector_named("frechet/n256-d16")
    expected = float(vector.expected["distance"])

    def outcome(self, answer):
        return check(self.vector, lambda kind, inputs, parameters: answer)

    def test_within_and_beyond_the_tolerance(self):
        assert self.outcome(self.expected * (1 + 0.9e-6)).verdict == "passed"
        beyond = self.outcome(np.float32(self.expected * 1.01))
        assert beyond.verdict == "failed"
        assert beyond.deviation == pytest.approx(0.01, rel=1e-3)

    def test_what_no_mistake_explains_is_said_so(self):
        outcome = self.outcome(self.expected * 1.7)
        assert outcome.candidates == ()
        assert explanations([outcome]) == []
        assert unexplained([outcome]) == [outcome]

    def test_not_offered_is_not_passed(self):
        assert self.outcome(NotImplemented).verdict == "not offered"

    @pytest.mark.parametrize("answer", [None, "12", 1 + 2j, {"other": 3.0}, object()])
    def test_no_number_is_an_error(self, answer):
        assert self.outcome(answer).verdict == "error"

    def test_an_exception_is_an_error_with_its_first_line(self):
        def raising(kind, inputs, parameters):
            raise ValueError("Imaginary component 3\nsecond line")

        outcome = check(self.vector, raising)
        line = raising.__code__.co_firstlineno + 1
        where = f"(test_suite.py, line {line})"
        assert (outcome.verdict, outcome.message) == ("error", f"ValueError: Imaginary component 3 {where}")

    def test_nan_and_other_shapes_fail(self):
        assert self.outcome(float("nan")).verdict == "failed"
        assert self.outcome(np.full(3, self.expected)).verdict == "failed"

    def test_an_implementation_may_write_into_its_inputs(self):
        def writing(kind, inputs, parameters):
            inputs["features_a"] -= inputs["features_a"].mean(0)
            parameters["more"] = 1
            return 0.0

        check(self.vector, writing)
        assert check(self.vector, ours).verdict == "passed"

    def test_a_bare_number_is_the_main_part(self):
        vector = vector_named("inception-score/ten-splits")
        assert check(vector, lambda *_: float(vector.expected["mean"])).verdict == "passed"


def test_naive_scores_give_nan_where_a_probability_is_zero():
    outcome = check(vector_named("inception-score/zero-probabilities"), with_mistake("naive-p-log-p"))
    assert np.isnan(outcome.got["mean"])
    assert outcome.candidates == ("naive-p-log-p",)


def test_json_keeps_every_digit():
    answer = {"a": np.array(1 / 3), "b": np.array([[np.nan, 1e-300]])}
    again = decode(json.loads(json.dumps(encode(answer))))
    assert all(np.array_equal(again[name], answer[name], equal_nan=True) for name in answer)


def test_deviation_is_relative_to_the_norm():
    def of(got, expected):
        return deviation(as_answer("resize", np.array(got)), as_answer("resize", np.array(expected)))

    assert of([3.0, 4.5], [3.0, 4.0]) == pytest.approx(0.1)
    assert of([0.5], [0.0]) == 0.5
    assert of([np.nan, 1.0], [np.nan, 1.0]) == 0
    assert of([np.nan, 1.0], [2.0, 1.0]) == np.inf
    assert of([1e200, 2e200], [1e200, 1e200]) == pytest.approx(0.5**0.5)


PROGRAMS = {
    "tensorflow": "TensorFlow",
    "torch_fidelity": "torch-fidelity",
    "chainer": "Chainer",
    "transformers": "vjepa",
}
MADE_LATER = ("jedi", "transformers")
"""Made by themselves, without the program that the others were made with."""


def test_the_files_say_how_they_were_made():
    names = [vector.name for vector in VECTORS]
    assert len(names) == len(set(names)) >= 25
    assert {vector.kind for vector in VECTORS} == set(KINDS)
    for path in FOLDER.glob("*.json"):
        document = json.loads(path.read_text())
        assert document["command"].startswith("python tools/make_conformance_vectors.py")
        assert {"numpy", "mpmath", "torch"} <= set(document["versions"])
        # Every program that an answer of the file comes from is among them.
        words = " ".join(vector["oracle"] for vector in document["vectors"])
        for name, said in PROGRAMS.items():
            assert name in document["versions"] or said not in words, (path.name, name)
        assert path.stem in MADE_LATER or "tensorflow" in document["versions"]
        assert all(vector.oracle for vector in read_vectors(path))


def test_wrong_names_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"Unknown vector 'frechet/n2-d9'; did you mean 'frechet/n2-d8'"):
        load_vectors(["frechet/n2-d9"])
    with pytest.raises(InputError, match="write package"):
        load_implementation("numpy")
    with pytest.raises(InputError, match="cannot be imported"):
        load_implementation("no_such_module_at_all:f")
    with pytest.raises(InputError, match="no callable 'nothing'"):
        load_implementation("json:nothing")
    with pytest.raises(InputError, match="Unknown recipe 'featurs'; did you mean 'features'"):
        recipes.make_inputs({"name": "featurs"})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_fid_here.py").write_text("def answer(kind, inputs, parameters): return NotImplemented\n")
    assert load_implementation("my_fid_here:answer")("moments", {}, {}) is NotImplemented


def test_rounding_mistakes_are_ranked_by_how_far_the_error_is_from_theirs():
    (vector,) = load_vectors(("frechet/n256-d16",))
    value = float(next(iter(vector.expected.values())))

    def answer(relative):
        return as_answer(vector.kind, value * (1 + relative))

    # Errors of 4e-3 between effects of 2e-3 and 12e-3: a factor of two is nearer than one of three, whatever its direction.
    near_and_far = replace(vector, mistakes={"float32-root": answer(12e-3), "float32-throughout": answer(2e-3)})
    assert diagnose(near_and_far, answer(4e-3)) == ("float32-throughout", "float32-root")
    near_and_far = replace(vector, mistakes={"float32-root": answer(2e-3), "float32-throughout": answer(12e-3)})
    assert diagnose(near_and_far, answer(4e-3)) == ("float32-root", "float32-throughout")


@pytest.mark.parametrize("target", ["os:", "os", ":join", "os..path:join", "a-b.path:join", "os.1path:join"])
def test_other_forms_of_a_name_are_refused(target):
    with pytest.raises(InputError, match="does not name an implementation"):
        load_implementation(target)


def test_a_file_in_place_of_a_module_is_told_to_drop_its_suffix():
    with pytest.raises(InputError, match=r"name its module, 'mine:answer'"):
        load_implementation("mine.py:answer")


def test_one_pass_float32_is_the_covariance_where_nothing_cancels():
    rows = np.random.default_rng(0).normal(size=(5, 3))
    mean, covariance = one_pass_float32(rows)
    assert mean == pytest.approx(rows.mean(0), rel=1e-4, abs=1e-6)
    assert covariance == pytest.approx(np.cov(rows.T), rel=1e-4, abs=1e-5)


def test_the_naive_score_is_right_where_no_probability_is_zero():
    logits = np.random.default_rng(0).normal(size=(20, 5))
    answer = MISTAKES["naive-p-log-p"].answers["inception-score"]({"logits": logits}, {"splits": 1})
    assert answer["mean"] == pytest.approx(vidmetrics.inception_score(logits, 1)[0], rel=1e-9)


@pytest.mark.parametrize("name", ["ddof-0", "mean-volume-centred"])
def test_recorded_answers_of_whole_metrics_are_those_of_the_code(name):
    (vector,) = load_vectors(("c3d/fid-n5-n6-36x52",))
    given = MISTAKES[name].answers[vector.kind](vector.inputs(), dict(vector.parameters))
    assert deviation(as_answer(vector.kind, given), vector.mistakes[name]) < 1e-4


def test_hidden_blocks_that_are_not_exact_in_float64_are_refused():
    for octaves in range(30, 56):
        parts = [recipes.hidden_blocks(1, stream, 4, 2, octaves) for stream in (1, 2)]
        signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
        largest = max(np.abs(np.einsum("pk,qk,kij->piqj", signs, signs, part)).max() for part in parts)
        if largest >= 2**53:
            with pytest.raises(InputError, match="fewer octaves"):
                recipes._hidden_block_moments(1, 4, 2, octaves)
            return
        recipes._hidden_block_moments(1, 4, 2, octaves)
    raise AssertionError("no number of octaves was too many")
