"""Text from data, made safe to show: for each medium one function that writes invisible and active characters visibly.

Names of files, models and rows come from strangers. Control characters would move the cursor of a terminal or forge a line,
bidirectional and zero-width ones make one name look like another, and a spreadsheet runs a cell that begins like a formula.
"""

from __future__ import annotations

import re

# C0 except tab and newline, DEL and C1; soft hyphen, Arabic letter mark, Hangul and Mongolian fillers; zero-width and
# bidirectional characters, separators of lines and paragraphs, the byte-order mark, interlinear and tag characters;
# lone surrogates, which stand for bytes of a file name that are not UTF-8.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff\ud800-\udfff"
)
_IN_TEXT = re.compile(f"[{_HIDDEN}]")
_IN_LINE = re.compile(f"[{_HIDDEN}\t\n]")
_FORMULA = tuple("=+-@\t\r")


def printable_text(text: str) -> str:
    r"""Return text with hidden characters as ``\uXXXX``, as JSON writes them; tabs and newlines stay."""
    return _IN_TEXT.sub(_escaped, text)


def printable_line(text: str) -> str:
    r"""Return text that occupies one line: hidden characters, tabs and newlines as ``\uXXXX``."""
    return _IN_LINE.sub(_escaped, text)


def hidden_characters(text: str) -> list[str]:
    """Return what a cell or a name must not contain, each as ``U+XXXX``; empty if everything is visible."""
    return [f"U+{ord(character):04X}" for character in dict.fromkeys(_IN_LINE.findall(text))]


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would run a cell; a number with a sign is none."""
    if not text.startswith(_FORMULA):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def csv_cell(text: str) -> str:
    """Return a cell that a spreadsheet shows instead of running: one line, and an apostrophe before a formula."""
    cell = printable_line(text)
    return f"'{cell}" if is_formula(cell) else cell


def markdown_text(text: str) -> str:
    """Return one line without markup: in a table, a list or a sentence it reads as it is."""
    return re.sub(r"([\\`*_\[\]<>|#~$])", r"\\\1", printable_line(text))


def escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    r"""Handle a character that an output stream cannot encode: write ``\uXXXX``, in pairs beyond U+FFFF, as JSON does."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_escape(character) for character in text), error.end


def _escaped(found: re.Match[str]) -> str:
    return _escape(found[0])


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
