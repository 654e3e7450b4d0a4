"""JSON and TOML: one meaning, or a sentence."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tomllib

import pytest

from vidmetrics.formats.documents import parse_json, parse_toml
from vidmetrics.formats.faults import UnreadableError

DOCUMENT = {"a": [1, -(2**63), 2**64 - 1, 0.5, None, True, "é", {"b": []}], "c": {}}


def test_sound_documents_are_what_the_standard_library_reads():
    assert parse_json(json.dumps(DOCUMENT).encode()) == DOCUMENT
    text = b'a = 1\nb = [1.5, "x.y.z"]\n[c.d]\ne = 1979-05-27\n'
    assert parse_toml(text) == tomllib.loads(text.decode())


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (b"", "Expecting value"),
        (b'{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        (b'{"x": {"a": 1, "b": 1, "a": 1}}', "the key 'a' occurs twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"1e999", "not finite"),
        (b"18446744073709551616", "64 bits"),
        (b"-9223372036854775809", "64 bits"),
        (b"1" * 5000, "64 bits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\xef\xbb\xbf{}", "byte-order mark"),
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b'"\xff"', "byte 1 is not UTF-8"),
    ],
)
def test_json_that_readers_understand_differently_is_refused(text, clause):
    with pytest.raises(UnreadableError, match=clause) as caught:
        parse_json(text, "The file x")
    assert str(caught.value).startswith("The file x cannot be read (")


def test_a_repeated_key_among_many_is_found():
    # One search per key took minutes.
    keys = [f'"{number}": 0' for number in range(100_000)]
    assert len(parse_json(f"{{{', '.join(keys)}}}".encode())) == 100_000
    with pytest.raises(UnreadableError, match="the key '99999' occurs twice"):
        parse_json(f"{{{', '.join([*keys, keys[-1]])}}}".encode())


def test_numbers_that_are_not_finite_are_read_on_request():
    found = parse_json(b"[NaN, Infinity, 1e999]", allow_not_finite=True)
    assert found[0] != found[0]
    assert found[1:] == [float("inf")] * 2


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (b"a = 18446744073709551616", "64 bits"),
        (b"a = -9223372036854775809", "64 bits"),
        (b"a = [[{b = 36893488147419103232}]]", "64 bits"),
        (b"[b]\na = [1, [36893488147419103232]]", "64 bits"),
        (b"a = " + b"9" * 5000, "thousands of digits"),
        (b"a = nan", "not finite"),
        (b"a = " + b"[" * 3000, "nested too deeply"),
        (b"a" + b".a" * 300 + b" = 1", "dots"),
        (b"a = [" + b"0.5, " * 257 + b"]", "a line has more than 256 dots outside quotes; break the line"),
        (b'"a"' + b'."a"' * 300 + b" = 1", "dots"),
        (b"a = 1\na = 2", "overwrite"),
        (b"#" * 2**19, "256 KiB"),
    ],
)
def test_toml_that_is_no_document_is_refused(text, clause):
    with pytest.raises(UnreadableError, match=clause):
        parse_toml(text)


def test_a_long_list_of_decimals_is_read_in_several_lines():
    assert parse_toml(b"a = [" + b"0.5,\n" * 257 + b"]") == {"a": [0.5] * 257}


def test_a_whole_number_has_64_bits():
    assert parse_toml(b"a = 9223372036854775807\nb = -9223372036854775808") == {"a": 2**63 - 1, "b": -(2**63)}


def test_dots_in_texts_and_comments_are_no_keys():
    dots = "." * 1000
    assert parse_toml(f"a = '''{dots}'''\nb = \"{dots}\"\n# {dots}".encode()) == {"a": dots, "b": dots}


def test_the_dots_of_a_whole_file_fit_into_memory():
    # 200 kB of dots in one line took 40 GB; the worst file that the limit on a line allows stays below 2 GB.
    program = r"""
from vidmetrics.formats.documents import parse_toml
lines = "\n".join(f"k{number}" + ".a" * 256 + " = 1" for number in range(490))
assert len(parse_toml(lines.encode())) == 490
"""
    limits = (2 * 2**30, 2 * 2**30)
    subprocess.run(
        [sys.executable, "-c", program], check=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits)
    )


@pytest.mark.parametrize(("parse", "limit", "words"), [(parse_json, 2**28, "256 MiB"), (parse_toml, 2**18, "256 KiB")])
def test_limits_of_documents(parse, limit, words):
    class Counted(bytes):
        """A document that says how long it is."""

        said = limit

        def __len__(self):
            return self.said

    content = Counted(b"{}" if parse is parse_json else b"")
    assert parse(content) == {}
    Counted.said = limit + 1
    with pytest.raises(UnreadableError, match=f"it has {limit + 1:,} bytes, more than {words}"):
        parse(content)
