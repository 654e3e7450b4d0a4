"""What a file that is not of its format is instead."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma

import numpy as np
import pytest
from PIL import Image

from vidmetrics.formats.faults import _STARTS, UnreadableError, real_kind, unreadable, what_bytes_are


def _image(kind):
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, kind)
    return stream.getvalue()


ALONE = [
    (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer; `git lfs pull`"),
    (b"/annex/objects/SHA256E-s5--0.npz\n", "a git-annex pointer"),
    (b"\xef\xbb\xbf<!doctype html>", "an HTML page"),
    (b"\n <HTML lang=en>", "an HTML page"),
    (b'<?xml version="1.0"?>', "an XML document"),
    (b"\x93NUMPY\x01\x00", "a numpy array"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (gzip.compress(b"x", mtime=0), "gzip-compressed"),
    (bz2.compress(b"x"), "bzip2-compressed"),
    (lzma.compress(b"x"), "xz-compressed"),
    (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive"),
    (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd\x24\x01", "zstd-compressed"),
    (_image("PNG"), "a PNG image"),
    (_image("JPEG"), "a JPEG image"),
    (_image("GIF"), "a GIF image"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"%PDF-1.7\n", "a PDF document"),
    (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01", "a Matroska or WebM video"),
    (b"\x7fELF\x02\x01\x01", "a program"),
    (b"#!/bin/sh\n", "a script"),
]
"""The first bytes of a file for each of `_STARTS`."""


def test_each_signature_is_that_of_real_files():
    assert [kind for _, kind in _STARTS] == [what_bytes_are(head) for head, _ in ALONE]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        *ALONE,
        (b"", "empty"),
        (bytes(512), "all zeros"),
        (bytes(511) + b"\x01", None),
        (b"<!DOCTYPE HTML>", "an HTML page"),
        (b'{"error": "not found"}', "a JSON text"),
        (b'\xef\xbb\xbf  {"error": 1}\n', "a JSON text"),
        (b'{"error":\x00 1}', None),
        (_image("WEBP"), "a WebP image"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "an AVI video"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a WebP image"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a RIFF file"),
        (b"\0\0\0\x20ftypisom", "an MP4 or QuickTime video"),
        (b"a" * 257 + b"ustar", "a tar archive"),
        (b"name".ljust(257, b"\0") + b"ustar\x0000", "a tar archive"),
        (b"name".ljust(256, b"\0") + b"ustar\x0000", None),
        (b"plain words", None),
    ],
)
def test_known_beginnings_are_named(head, kind, tmp_path):
    found = what_bytes_are(head)
    assert found is None if kind is None else found.startswith(kind)
    (tmp_path / "file").write_bytes(head)
    assert real_kind(tmp_path / "file") == found
    assert real_kind(tmp_path / "absent") is None


def test_other_bytes_say_nothing(tmp_path):
    assert what_bytes_are(b"[data]\n") is None
    assert what_bytes_are(np.random.default_rng(0).bytes(512)) is None
    assert real_kind(tmp_path / "nowhere") is None


def test_the_kind_replaces_the_clause_unless_it_is_the_format_itself(tmp_path):
    (tmp_path / "a").write_bytes(_image("PNG"))
    assert unreadable(tmp_path / "a", "it is cut").clause == "it is a PNG image"
    assert unreadable(tmp_path / "a", "it is cut", own="a PNG").clause == "it is cut"
    assert isinstance(unreadable(tmp_path / "b", "x"), UnreadableError)


def test_a_name_inside_a_file_does_not_break_the_sentence():
    error = UnreadableError("it contains 'a\n\x1b[31mb\u2028é'")
    assert error.clause == r"it contains 'a\u000a\u001b[31mb\u2028é'"
    assert str(error).isprintable()
