"""Text from data is shown so that nothing hidden in it takes effect."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest

from vidbench.rendering.printable import (
    csv_cell,
    escape_unencodable,
    hidden_characters,
    is_formula,
    markdown_text,
    printable_line,
    printable_text,
)

HIDDEN = {
    "escape": "\x1b[2J",
    "bell": "\a",
    "return": "\r",
    "delete": "\x7f",
    "one-byte CSI": "\x9b31m",
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "zero width space": "\u200b",
    "joiner": "\u200d",
    "line separator": "\u2028",
    "byte-order mark": "\ufeff",
    "tag letter": "\U000e0041",
    "byte that is not UTF-8": "\udcff",
}


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_hidden_characters_are_written_as_json_writes_them(hidden):
    shown = printable_text(f"a{hidden}b")
    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == f"a{hidden}b"
    assert hidden_characters(hidden)


def test_every_control_and_format_character_of_unicode_is_hidden():
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(chr(code)) in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        ):  # fmt: skip
            assert printable_line(chr(code)) != chr(code), hex(code)


@pytest.mark.parametrize("text", ["DVD-GAN (k = 8) ± 1.2", "größer, 模型, مدل, e\u0301", "🙂", "≥ → “x”"])
def test_visible_text_stays(text):
    assert printable_line(text) == text
    assert hidden_characters(text) == []


def test_newlines_stay_in_text_and_not_in_a_line():
    assert printable_text("a\tb\nc") == "a\tb\nc"
    assert printable_line("a\tb\nc") == "a\\u0009b\\u000ac"


@pytest.mark.parametrize("cell", ["=1+1", '=HYPERLINK("http://x")', "+cmd|' /C calc'!A0", "@SUM(A1)", "-2+3"])
def test_a_formula_is_not_run(cell):
    assert is_formula(cell)
    buffer = io.StringIO()
    csv.writer(buffer).writerow([csv_cell(cell)])
    assert next(csv.reader(io.StringIO(buffer.getvalue())))[0].startswith("'")


@pytest.mark.parametrize("cell", ["-0.5", "+3", "1e-3", "a=b", "DVD-GAN", ""])
def test_numbers_and_words_are_no_formulas(cell):
    assert not is_formula(cell)
    assert csv_cell(cell) == cell


def test_markdown_is_not_marked_up():
    assert markdown_text("a|b <b>[x](javascript:1)`\n# c") == "a\\|b \\<b\\>\\[x\\](javascript:1)\\`\\\\u000a\\# c"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_stream_cannot_encode_is_still_json(encoding):
    import codecs

    codecs.register_error("test-escape", escape_unencodable)
    document = {"model": "größer ≥ 🙂"}
    text = json.dumps(document, ensure_ascii=False).encode(encoding, "test-escape").decode(encoding)
    assert json.loads(text) == document
