"""JSON and TOML as plain values, read so that no document can be understood in two ways.

A number that is not finite, a whole number beyond 64 bits, a key that occurs twice and a byte-order mark are refused: what they
mean differs between readers.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

from vidmetrics.formats.faults import UnreadableError, reason

JSON_LIMIT = 256 * 2**20
"""Maximum size of a JSON document in bytes; the manifest of a million samples with names and digests has 150 MB."""

TOML_LIMIT = 2**18
"""Maximum size of a TOML document in bytes; the longest task file has 6 kB, and tomllib takes quadratic time."""

_MOST_DIGITS = 20
_MOST_DOTS = 256
_TOML_STRINGS = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL)
_SIZES = {1: "B", 2**10: "KiB", 2**20: "MiB"}


def parse_json(data: bytes, where: str = "The document", *, allow_not_finite: bool = False) -> Any:
    """Return the value of a JSON document.

    >>> from vidbench.models import parse_json
    >>> parse_json(b'{"step": 3}')
    {'step': 3}

    Args:
        data: the document, UTF-8.
        where: subject of the sentence in messages.
        allow_not_finite: accept NaN and Infinity, which Python writes although JSON has no such numbers.

    Raises:
        UnreadableError: it is not JSON, or says something that readers understand differently.
    """
    text = _text(data, where, JSON_LIMIT)
    constant = float if allow_not_finite else _refuse_constant
    return _parsed(
        lambda: json.loads(
            text,
            object_pairs_hook=_without_repeated_keys,
            parse_constant=constant,
            parse_int=_whole,
            parse_float=float if allow_not_finite else _finite,
        ),
        where,
    )


def parse_toml(data: bytes, where: str = "The document") -> dict[str, Any]:
    """Return the table of a TOML document.

    Args:
        data: the document, UTF-8.
        where: subject of the sentence in messages.

    Raises:
        UnreadableError: it is not TOML, or has a number that is not finite or does not fit into 64 bits.
    """
    text = _text(data, where, TOML_LIMIT)
    # tomllib needs memory quadratic in the parts of a dotted key: 40 GB for 200 kB of "a.a.a".
    if any(line.count(".") > _MOST_DOTS for line in _TOML_STRINGS.sub("", text).splitlines()):
        raise UnreadableError(f"a line has more than {_MOST_DOTS} dots outside quotes; break the line", where)
    table: dict[str, Any] = _parsed(lambda: tomllib.loads(text, parse_float=_finite), where)
    _parsed(lambda: _refuse_large_numbers(table), where)
    return table


def _text(data: bytes, where: str, limit: int) -> str:
    if len(data) > limit:
        unit, name = max((unit, name) for unit, name in _SIZES.items() if unit <= limit)
        raise UnreadableError(f"it has {len(data):,} bytes, more than {limit // unit} {name}", where)
    if data.startswith(b"\xef\xbb\xbf"):
        raise UnreadableError("it begins with a byte-order mark; save it as UTF-8 without one", where)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("it begins with the byte-order mark of UTF-16; save it as UTF-8 without one", where)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"byte {error.start} is not UTF-8", where) from None


def _parsed(parse: Callable[[], Any], where: str) -> Any:
    try:
        return parse()
    except RecursionError:
        raise UnreadableError("its values are nested too deeply", where) from None
    except (ValueError, MemoryError) as error:  # a TOMLDecodeError and a JSONDecodeError are ValueErrors
        # Python converts texts of up to 4,300 digits.
        large = "integer string conversion" in str(error)
        raise UnreadableError(
            "it has a whole number of thousands of digits" if large else reason(error), where
        ) from None


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key '{name[:80]}' occurs twice")
        found[name] = value
    return found


def _refuse_constant(text: str) -> float:
    raise ValueError(f"it has the number {text}, which JSON does not have")


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _MOST_DIGITS or not _fits(value := int(text)):
        shown = text if len(text) <= 2 * _MOST_DIGITS else f"{text[:_MOST_DIGITS]}…"
        raise ValueError(f"it has the whole number {shown}, which does not fit into 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError(f"it has the number {text[:_MOST_DIGITS]}, which is not finite")
    return value


def _fits(value: int) -> bool:
    return -(2**63) <= value < 2**64


def _refuse_large_numbers(value: Any) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            _refuse_large_numbers(part)
    elif type(value) is int and not _fits(value):
        raise ValueError("it has a whole number that does not fit into 64 bits")
