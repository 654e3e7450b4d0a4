"""A fixed number of seeded inputs for every parser: accepted, or refused with our error in one sentence."""

from __future__ import annotations

import contextlib

import pytest

from tests.abuse.fuzz.parser import Parser
from tests.abuse.fuzz.parsers import PARSERS
from tests.abuse.fuzz.runner import fuzz
from vidbench.errors import InputError

# Damaged lines and notes are passed over and boards list their faults; none raises.
NEVER_REFUSE = {"board", "scan-journal", "scan-files", "scan-note", "scan-keyframes", "import-record", "download-note"}


@pytest.mark.parametrize("name", PARSERS)
def test_changed_files_are_accepted_or_refused(name, tmp_path):
    parser = PARSERS[name]
    sound = 0
    for sample in parser.samples(tmp_path):
        (tmp_path / f"input{parser.suffix}").write_bytes(sample)
        with contextlib.suppress(InputError):
            parser.parse(tmp_path / f"input{parser.suffix}")
            sound += 1
    assert sound, "no sample is sound, so nothing behind the first check is reached"
    tally = fuzz(parser, tmp_path, seed=0, inputs=parser.inputs, seconds=60)
    assert not tally.failures, "\n".join(f"input {each.number}: {each.what}" for each in tally.failures)
    assert tally.total == parser.inputs
    assert bool(tally.refused) == (name not in NEVER_REFUSE)


def _stubborn(path):
    data = path.read_bytes()
    if data[:1] == b"\x00":
        raise ValueError("not ours")
    if data[:1] == b"\xff":
        bytearray(2**33)
    if data[:1] == b"\x80":
        raise InputError("it is refused")


def test_a_wrong_exception_and_an_allocation_are_found(tmp_path):
    parser = Parser("stubborn", lambda folder: [b"\x01" * 4], _stubborn)
    found = [failure.what for failure in fuzz(parser, tmp_path, seed=0, inputs=2000, seconds=60).failures]
    assert any("ValueError: not ours" in what for what in found)
    assert any("MemoryError" in what for what in found)


def test_a_crash_is_found_and_the_rest_is_still_tried(tmp_path):
    import ctypes

    def crash(path):
        if path.read_bytes()[:1] == b"\x00":
            ctypes.string_at(0)

    parser = Parser("crashing", lambda folder: [b"\x01" * 4], crash)
    tally = fuzz(parser, tmp_path, seed=0, inputs=600, seconds=60)
    assert tally.failures
    assert all("SIGSEGV" in failure.what for failure in tally.failures)
    assert tally.total == 600 or len(tally.failures) == 20


def test_a_parser_that_never_ends_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.abuse.fuzz.runner.SECONDS_PER_INPUT", 0.2)

    def hang(path):
        while path.read_bytes()[:1] == b"\x00":
            pass

    parser = Parser("hanging", lambda folder: [b"\x01" * 4], hang)
    tally = fuzz(parser, tmp_path, seed=0, inputs=60, seconds=60)
    assert all("SIGPROF" in failure.what for failure in tally.failures)
    assert tally.failures
