"""What a file that is not of its format is instead, and documents with numbers that no field holds."""

from __future__ import annotations

import pytest

from vidmetrics.formats.documents import parse_toml
from vidmetrics.formats.faults import UnreadableError, real_kind, what_bytes_are


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (bytes(512), "all zeros"),
        (bytes(511) + b"\x01", None),
        (b"\x00\x00\x00\x20ftypisom", "an MP4 or QuickTime video"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "an AVI video"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a WebP image"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a RIFF file"),
        (b"name".ljust(257, b"\0") + b"ustar\x0000", "a tar archive"),
        (b"name".ljust(256, b"\0") + b"ustar\x0000", None),
        (b'\xef\xbb\xbf  {"error": 1}\n', "a JSON text"),
        (b'{"error":\x00 1}', None),
        (b"<!DOCTYPE HTML>", "an HTML page"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"plain words", None),
    ],
)
def test_kinds(head, kind, tmp_path):
    found = what_bytes_are(head)
    assert found is None if kind is None else found.startswith(kind)
    (tmp_path / "file").write_bytes(head)
    assert real_kind(tmp_path / "file") == found
    assert real_kind(tmp_path / "absent") is None


@pytest.mark.parametrize(
    "text", [b"a = 18446744073709551616", b"a = -9223372036854775809", b"[b]\na = [1, [36893488147419103232]]"]
)
def test_a_whole_number_has_64_bits(text):
    with pytest.raises(UnreadableError, match="64"):
        parse_toml(text)
    assert parse_toml(b"a = 9223372036854775807\nb = -9223372036854775808") == {"a": 2**63 - 1, "b": -(2**63)}
