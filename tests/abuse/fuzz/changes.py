"""Changes of bytes, drawn from a seed: bits, numbers, lengths, cuts, repetitions, and the tokens of text formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

_BYTES = (0, 1, 0x7F, 0x80, 0xFF)
_NUMBERS = (0, 1, -1, 2**7, 2**8 - 1, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1)
_TOKENS = (
    b"null", b"true", b"NaN", b"nan", b"Infinity", b"-inf", b"1e999", b"-1", b"0", b"1" * 400, b"18446744073709551616", b'""', b"{}",
    b"[]", b"[" * 400, b"{" * 100, b'"' * 3, b"\\u0000", b"\\ud800", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n\n",
    b"=", b"=HYPERLINK(1)", b"\x1b[31m", b",,,,", b"..", b"../..", b"os:system", b"1979-05-27", b"'''", b'"""', b"#",
)  # fmt: skip
_LARGEST = 2**18


def changed(data: bytes, others: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Return data with one to eight changes.

    Args:
        data: sound content.
        others: further content of the same format, to splice with.
        rng: the source of every choice.
    """
    if data[:1] == b"{" and rng.random() < 0.6:
        document = _changed_document(data, rng)
        if document is not None:
            return document
    result = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if rng.random() < 0.7 else 1):
        _CHANGES[int(rng.integers(len(_CHANGES)))](result, others, rng)
    return bytes(result[:_LARGEST])


_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "a", "x" * 5000, "\x1b[31m",
    "\ud800", "../..", "os:system", "auto", "1", [], {}, [[]], [None], [1, 2], [{}], {"a": 1}, [[1], [2]], [0] * 2000, ["a"] * 3,
)  # fmt: skip


def _changed_document(data: bytes, rng: np.random.Generator) -> bytes | None:
    """Return a JSON document with other values, keys or types at one to three places."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    for _ in range(int(rng.integers(1, 4))):
        owners = list(_owners(document))
        if not owners:
            break
        owner = owners[int(rng.integers(len(owners)))]
        keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
        key = keys[int(rng.integers(len(keys)))]
        value = _VALUES[int(rng.integers(len(_VALUES)))]
        kind = rng.random()
        if kind < 0.75:
            owner[key] = value
        elif kind < 0.9 or isinstance(owner, list):
            del owner[key]
        else:
            owner[str(value)[:20]] = owner.pop(key)
    return json.dumps(document).encode()


def _owners(value: Any) -> Iterator[Any]:
    """Yield every object and array of a document that is not empty."""
    if isinstance(value, (dict, list)) and value:
        yield value
        for part in value.values() if isinstance(value, dict) else value:
            yield from _owners(part)


def _place(data: bytearray, rng: np.random.Generator) -> int:
    # Headers are at the beginning and directories at the end, and values between them mostly alike.
    if not data:
        return 0
    kind, edge = rng.random(), min(len(data), 256)
    if kind < 0.4:
        return int(rng.integers(edge))
    return len(data) - 1 - int(rng.integers(edge)) if kind < 0.6 else int(rng.integers(len(data)))


def _flip(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _byte(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    if data:
        data[_place(data, rng)] = _BYTES[int(rng.integers(len(_BYTES)))]


def _number(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    size = int(rng.choice([2, 4, 8]))
    value = _NUMBERS[int(rng.integers(len(_NUMBERS)))] % 2 ** (8 * size)
    at = _place(data, rng)
    data[at : at + size] = value.to_bytes(size, "little" if rng.random() < 0.7 else "big")


def _cut(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    at = _place(data, rng)
    if rng.random() < 0.3:
        del data[at:]
    else:
        del data[at : at + int(rng.integers(1, 64))]


def _repeat(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    at, size = _place(data, rng), int(rng.integers(1, 128))
    data[at:at] = data[at : at + size] * int(rng.choice([1, 2, 50]))


def _insert(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    at = _place(data, rng)
    data[at:at] = rng.bytes(int(rng.integers(1, 16)))


def _token(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    at, token = _place(data, rng), _TOKENS[int(rng.integers(len(_TOKENS)))]
    data[at : at + int(rng.choice([0, 1, len(token)]))] = token


def _value(data: bytearray, _: Sequence[bytes], rng: np.random.Generator) -> None:
    """Replace the text between two separators, or a run of digits."""
    at = _place(data, rng)
    starts = [data.rfind(mark, 0, at) for mark in b':=[,{ "']
    start = max(starts) + 1
    ends = [end for mark in b',]}\n "' if (end := data.find(mark, start)) >= 0]
    end = min(ends, default=len(data))
    if end - start <= 200:
        data[start:end] = _TOKENS[int(rng.integers(len(_TOKENS)))]


def _splice(data: bytearray, others: Sequence[bytes], rng: np.random.Generator) -> None:
    other = others[int(rng.integers(len(others)))]
    at = _place(data, rng)
    start = int(rng.integers(len(other) + 1))
    data[at : at + int(rng.integers(64))] = other[start : start + int(rng.integers(1, 128))]


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], np.random.Generator], None], ...] = (
    _flip, _flip, _byte, _number, _number, _cut, _repeat, _insert, _token, _token, _value, _value, _value, _splice,
)  # fmt: skip
